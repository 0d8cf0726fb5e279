//! Shows that somebody is a member.

use chancery_plugin_sdk::prelude::*;

/// The credential type.
pub struct {{project-name | upper_camel_case}};

chancery_plugin_sdk::export!(
    {{project-name | upper_camel_case}},
    vectors: ["a-member", "not-yet-a-member"]
);

impl CredentialTemplate for {{project-name | upper_camel_case}} {
    fn describe(_: Value) -> Result<Definition, Fault> {
        Ok(Definition::new("{{project-name}}")
            .display(
                Display::new("en", "Membership")
                    .description("Shows that you are a member.")
                    .colors("#12355b", "#ffffff"),
            )
            .field(Field::text("given_name").mandatory().label("en", "Given name"))
            .field(Field::text("family_name").mandatory().label("en", "Family name"))
            .field(Field::date("member_since").mandatory().label("en", "Member since"))
            // The type's name for verifiers: yours alone, and never another meaning.
            .sd_jwt("urn:example:{{project-name}}:1", |claims| {
                claims.selective("given_name").selective("family_name").selective("member_since")
            })
            .subject_schema(json!({
                "$schema": "https://json-schema.org/draft/2020-12/schema",
                "type": "object",
                "properties": {
                    "given_name": {"type": "string", "minLength": 1, "examples": ["Ada"]},
                    "family_name": {"type": "string", "minLength": 1, "examples": ["Lovelace"]},
                    "member_since": {"type": "string", "format": "date", "examples": ["2024-01-15"]}
                },
                "required": ["given_name", "family_name", "member_since"],
                "additionalProperties": false
            }))
            .validity_days(365))
    }

    fn prepare(request: Request, context: Context) -> Result<Outcome, Fault> {
        // What a schema cannot say. The time is an argument: there is no other clock.
        if request.day("member_since").is_some_and(|day| day > Day::at(context.now)) {
            let issue = Issue::new("/member_since", "in-the-future", "must not be later than today");
            return Ok(Outcome::Refuse(vec![issue]));
        }
        Ok(Outcome::Issue(request.subject.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_type_has_the_name_of_the_plugin() {
        let definition = {{project-name | upper_camel_case}}::describe(json!({})).unwrap();
        assert_eq!(definition.configuration_id, env!("CARGO_PKG_NAME"));
    }
}
