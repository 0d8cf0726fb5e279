//! JSON Schemas of plugins, and what is wrong with a document in words that keep its values.

mod bounds;

use chancery_domain::template::Issue;
use jsonschema::{Draft, PatternOptions, ValidationError, error::ValidationErrorKind};
use serde_json::Value;

/// More than this helps nobody to repair a document.
const MAX_ISSUES: usize = 50;

/// A compiled JSON Schema.
#[derive(Debug)]
pub(crate) struct Schema(jsonschema::Validator);

impl Schema {
    /// Compiles a schema (draft 2020-12); the error says what is wrong with it.
    ///
    /// References to other documents do not resolve: this crate is built without a way to
    /// fetch them. Patterns are matched in linear time: they come from plugins and meet data
    /// from strangers.
    pub(crate) fn compile(schema: &Value) -> Result<Self, String> {
        bounds::check(schema)?;
        jsonschema::options()
            .with_draft(Draft::Draft202012)
            .should_validate_formats(true)
            .should_ignore_unknown_formats(true)
            .with_pattern_options(PatternOptions::regex().size_limit(256 << 10))
            .build(schema)
            .map(Self)
            .map_err(|error| error.to_string())
    }

    /// What is wrong with `document`; nothing when it is valid.
    pub(crate) fn issues(&self, document: &Value) -> Vec<Issue> {
        self.0.iter_errors(document).flat_map(|error| explain(&error)).take(MAX_ISSUES).collect()
    }
}

/// Issues name the place and the rule, never the value: they reach logs, values do not.
fn explain(error: &ValidationError<'_>) -> Vec<Issue> {
    let at = error.instance_path().as_str();
    let issue = |pointer: String, code: &str, message: String| Issue { pointer, code: code.into(), message };
    let one = |code: &str, message: String| vec![issue(at.to_owned(), code, message)];
    match error.kind() {
        ValidationErrorKind::AdditionalProperties { unexpected }
        | ValidationErrorKind::UnevaluatedProperties { unexpected } => unexpected
            .iter()
            .map(|name| {
                issue(
                    member(at, name),
                    "unknown-member",
                    "nothing of this name is expected here; leave it out".into(),
                )
            })
            .collect(),
        ValidationErrorKind::Required { property } => {
            let name = property.as_str().unwrap_or_default();
            vec![issue(member(at, name), "required", "is required".into())]
        }
        ValidationErrorKind::Type { kind } => one("wrong-type", format!("must be {}", types(kind))),
        ValidationErrorKind::Format { format } => one("wrong-format", format!("must be a valid {format}")),
        ValidationErrorKind::Pattern { pattern } => one("wrong-format", format!("must match `{pattern}`")),
        ValidationErrorKind::Enum { options } => one("not-allowed", format!("must be one of {options}")),
        ValidationErrorKind::Constant { expected_value } => {
            one("not-allowed", format!("must be {expected_value}"))
        }
        ValidationErrorKind::MinLength { limit } => {
            one("too-short", format!("must have at least {}", characters(*limit)))
        }
        ValidationErrorKind::MaxLength { limit } => {
            one("too-long", format!("must have at most {}", characters(*limit)))
        }
        ValidationErrorKind::MinItems { limit } => {
            one("too-few", format!("must have at least {limit} entries"))
        }
        ValidationErrorKind::MaxItems { limit } => {
            one("too-many", format!("must have at most {limit} entries"))
        }
        ValidationErrorKind::UniqueItems => one("duplicate", "must not have the same entry twice".into()),
        ValidationErrorKind::Minimum { limit } => one("too-small", format!("must be at least {limit}")),
        ValidationErrorKind::Maximum { limit } => one("too-large", format!("must be at most {limit}")),
        // What `"additionalProperties": false` alone becomes.
        ValidationErrorKind::FalseSchema => {
            one("unknown-member", "nothing is expected here; leave it out".into())
        }
        kind => one("invalid", format!("breaks the rule `{}` of the schema", kind.keyword())),
    }
}

fn types(kind: &jsonschema::error::TypeKind) -> String {
    match kind {
        jsonschema::error::TypeKind::Single(one) => format!("of type {one}"),
        jsonschema::error::TypeKind::Multiple(several) => {
            let names: Vec<String> = several.iter().map(|one| one.to_string()).collect();
            format!("of type {}", names.join(" or "))
        }
    }
}

fn characters(count: u64) -> String {
    if count == 1 { "1 character".into() } else { format!("{count} characters") }
}

/// The pointer to a member (RFC 6901 §3: `~` and `/` are escaped).
pub(crate) fn member(at: &str, name: &str) -> String {
    format!("{at}/{}", name.replace('~', "~0").replace('/', "~1"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn issues(schema: &Value, document: &Value) -> Vec<(String, String)> {
        Schema::compile(schema).unwrap().issues(document).into_iter().map(|i| (i.pointer, i.code)).collect()
    }

    #[test]
    fn an_unknown_member_is_named_by_pointer() {
        let schema = json!({"type": "object", "properties": {"a": {}}, "additionalProperties": false});
        let found = issues(&schema, &json!({"a": 1, "b/c": 2, "d~": 3}));
        assert_eq!(
            found,
            [
                ("/b~1c".to_owned(), "unknown-member".to_owned()),
                ("/d~0".to_owned(), "unknown-member".to_owned())
            ]
        );
    }

    #[test]
    fn a_missing_member_is_named_by_pointer() {
        let schema = json!({"properties": {"a": {"required": ["b"]}}});
        assert_eq!(issues(&schema, &json!({"a": {}})), [("/a/b".to_owned(), "required".to_owned())]);
    }

    #[test]
    fn no_message_repeats_a_value() {
        let schema = json!({"properties": {
            "a": {"type": "integer"}, "b": {"format": "date"}, "c": {"pattern": "^x$"}, "d": {"enum": ["x"]},
            "e": {"maxLength": 1}, "f": {"not": {}}, "g": {"oneOf": [{"const": 1}, {"const": 2}]},
            "h": {"propertyNames": {"maxLength": 2}}, "i": {"const": 3}, "j": {"contains": {"const": 1}}
        }});
        let secret = "Erika Mustermann";
        let document: Value = ["a", "b", "c", "d", "e", "f", "g", "i"]
            .into_iter()
            .map(|name| (name.to_owned(), json!(secret)))
            .chain([("h".to_owned(), json!({secret: 1})), ("j".to_owned(), json!([secret]))])
            .collect();
        let issues = Schema::compile(&schema).unwrap().issues(&document);
        assert_eq!(issues.len(), 10);
        for issue in issues {
            assert!(!issue.message.contains(secret), "{issue:?}");
        }
    }

    #[test]
    fn remote_references_are_refused() {
        for reference in ["https://example.com/schema.json", "file:///etc/passwd", "other.json"] {
            assert!(Schema::compile(&json!({"$ref": reference})).is_err(), "{reference}");
        }
    }

    #[test]
    fn a_reference_within_the_document_resolves() {
        let schema =
            json!({"$defs": {"name": {"minLength": 1}}, "properties": {"a": {"$ref": "#/$defs/name"}}});
        assert_eq!(issues(&schema, &json!({"a": ""})), [("/a".to_owned(), "too-short".to_owned())]);
    }

    #[test]
    fn a_schema_cannot_burn_time_or_memory() {
        let loops = json!({"$ref": "#"});
        let long_way_round =
            json!({"$defs": {"a": {"items": {"$ref": "#/$defs/b"}}, "b": {"not": {"$ref": "#/$defs/a"}}}});
        let doubling: serde_json::Map<String, Value> = (0..40)
            .map(|n| {
                let next = json!({"$ref": format!("#/$defs/d{}", n + 1)});
                (format!("d{n}"), json!({"allOf": [next, next]}))
            })
            .chain([("d40".to_owned(), json!({"type": "object"}))])
            .collect();
        let doubling = json!({"$defs": doubling, "$ref": "#/$defs/d0"});
        let patterns: Vec<Value> = (0..1_000).map(|_| json!({"pattern": "^\\w{500}$"})).collect();
        let patterns = json!({"allOf": patterns});
        let elsewhere = json!({"$id": "https://example.com/a", "$dynamicRef": "#b"});
        let deep = (0..1_000).fold(json!({}), |inner, _| json!({"not": inner}));
        // Each step is short, and known before the step that leads to it.
        let chain: serde_json::Map<String, Value> = (0..500)
            .rev()
            .map(|n| (format!("c{n}"), json!({"not": {"$ref": format!("#/$defs/c{}", n + 1)}})))
            .collect();
        let mut chain = json!({"$defs": chain, "$ref": "#/$defs/c0"});
        chain["$defs"]["c500"] = json!({});
        for schema in [loops, long_way_round, doubling, patterns, elsewhere, deep, chain] {
            Schema::compile(&schema).unwrap_err();
        }
    }

    #[test]
    fn a_pattern_cannot_burn_time() {
        let schema = json!({"pattern": "^(a+)+$"});
        assert_eq!(issues(&schema, &json!(format!("{}!", "a".repeat(50_000)))).len(), 1);
        assert!(Schema::compile(&json!({"pattern": r"(a)\1"})).is_err(), "backtracking would be needed");
    }

    #[test]
    fn days_that_do_not_exist_are_no_dates() {
        assert_eq!(issues(&json!({"format": "date"}), &json!("2026-02-29")).len(), 1);
        assert_eq!(issues(&json!({"format": "date"}), &json!("2024-02-29")).len(), 0);
    }
}
