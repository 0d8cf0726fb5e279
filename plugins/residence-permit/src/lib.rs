//! A residence permit: who may stay, on what grounds, from when until when.
//!
//! Shows issues at more than one place: everything that is wrong is said at once.

use chancery_plugin_sdk::prelude::*;

/// The permit.
pub struct ResidencePermit;

chancery_plugin_sdk::export!(
    ResidencePermit,
    vectors: ["everything", "two-things-are-wrong"]
);

impl CredentialTemplate for ResidencePermit {
    fn describe(_: Value) -> Result<Definition, Fault> {
        Ok(Definition::new("residence-permit")
            .display(
                Display::new("en", "Residence permit")
                    .description("Shows that you may stay.")
                    .colors("#2f6b4f", "#ffffff"),
            )
            .display(
                Display::new("de", "Aufenthaltstitel")
                    .description("Zeigt, dass Sie bleiben dürfen.")
                    .colors("#2f6b4f", "#ffffff"),
            )
            .field(
                Field::text("permit_number")
                    .mandatory()
                    .label("en", "Permit number")
                    .label("de", "Nummer"),
            )
            .field(
                Field::text("permit_type")
                    .mandatory()
                    .label("en", "Type of permit")
                    .label("de", "Art des Titels"),
            )
            .field(Field::text("given_name").mandatory().label("en", "Given name").label("de", "Vorname"))
            .field(Field::text("family_name").mandatory().label("en", "Family name").label("de", "Nachname"))
            .field(
                Field::date("birth_date")
                    .mandatory()
                    .label("en", "Date of birth")
                    .label("de", "Geburtsdatum"),
            )
            .field(
                Field::text("nationality")
                    .mandatory()
                    .label("en", "Nationality")
                    .label("de", "Staatsangehörigkeit"),
            )
            .field(Field::date("valid_from").mandatory().label("en", "Valid from").label("de", "Gültig ab"))
            .field(
                Field::date("valid_until")
                    .mandatory()
                    .label("en", "Valid until")
                    .label("de", "Gültig bis"),
            )
            .sd_jwt("urn:chancery:residence-permit:1", |claims| {
                claims
                    .selective("permit_number")
                    .selective("permit_type")
                    .selective("given_name")
                    .selective("family_name")
                    .selective("birth_date")
                    .selective("nationality")
                    .selective("valid_from")
                    .selective("valid_until")
            })
            .subject_schema(json!({
                "$schema": "https://json-schema.org/draft/2020-12/schema",
                "type": "object",
                "properties": {
                    "permit_number": {"type": "string", "minLength": 1, "maxLength": 64, "examples": ["Y01X00T47"]},
                    "permit_type": {
                        "enum": ["temporary", "permanent", "eu-long-term", "blue-card", "family", "study", "work", "other"],
                        "examples": ["work"]
                    },
                    "given_name": {"type": "string", "minLength": 1, "maxLength": 150, "examples": ["Ada"]},
                    "family_name": {"type": "string", "minLength": 1, "maxLength": 150, "examples": ["Lovelace"]},
                    "birth_date": {"type": "string", "format": "date", "examples": ["1985-12-10"]},
                    "nationality": {"type": "string", "pattern": "^[A-Z]{2}$", "examples": ["GB"]},
                    "valid_from": {"type": "string", "format": "date", "examples": ["2024-01-15"]},
                    "valid_until": {"type": "string", "format": "date", "examples": ["2034-01-14"]}
                },
                "required": [
                    "permit_number", "permit_type", "given_name", "family_name",
                    "birth_date", "nationality", "valid_from", "valid_until"
                ],
                "additionalProperties": false
            }))
            .validity_days(365))
    }

    fn prepare(request: Request, context: Context) -> Result<Outcome, Fault> {
        let today = Day::at(context.now);
        let mut issues = Vec::new();
        if request.day("birth_date").is_some_and(|born| born > today) {
            issues.push(Issue::new("/birth_date", "in-the-future", "must not be later than today"));
        }
        let ends = request.day("valid_until");
        match (request.day("valid_from"), ends) {
            (Some(from), Some(until)) if until < from => {
                issues.push(Issue::new(
                    "/valid_until",
                    "before-its-begin",
                    "must not be before `valid_from`",
                ));
            }
            (_, Some(until)) if until < today => {
                let message = "must not be before today; a permit that has ended is not issued";
                issues.push(Issue::new("/valid_until", "in-the-past", message));
            }
            _ => {}
        }
        Ok(if issues.is_empty() {
            Outcome::Issue(Dataset::from(request.subject).good_through(ends))
        } else {
            Outcome::Refuse(issues)
        })
    }
}
