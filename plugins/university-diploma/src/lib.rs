//! A diploma: who took which degree, where and when.
//!
//! Shows a rule that a schema cannot express: nobody graduates tomorrow. The time comes with
//! the request; a template has no clock of its own.

use chancery_plugin_sdk::W3cProjection;
use chancery_plugin_sdk::prelude::*;

/// The diploma.
pub struct UniversityDiploma;

chancery_plugin_sdk::export!(
    UniversityDiploma,
    vectors: ["everything", "graduates-today", "graduates-tomorrow"]
);

impl CredentialTemplate for UniversityDiploma {
    fn describe(_: Value) -> Result<Definition, Fault> {
        Ok(Definition::new("university-diploma")
            .display(
                Display::new("en", "University diploma")
                    .description("Shows the degree that you took.")
                    .colors("#5b1a2e", "#ffffff"),
            )
            .display(
                Display::new("de", "Hochschulabschluss")
                    .description("Zeigt Ihren Studienabschluss.")
                    .colors("#5b1a2e", "#ffffff"),
            )
            .field(Field::text("given_name").mandatory().label("en", "Given name").label("de", "Vorname"))
            .field(Field::text("family_name").mandatory().label("en", "Family name").label("de", "Nachname"))
            .field(Field::text("degree").mandatory().label("en", "Degree").label("de", "Abschluss"))
            .field(
                Field::text("institution").mandatory().label("en", "Institution").label("de", "Hochschule"),
            )
            .field(
                Field::date("graduation_date")
                    .mandatory()
                    .label("en", "Date of graduation")
                    .label("de", "Datum des Abschlusses"),
            )
            .sd_jwt("urn:chancery:university-diploma:1", |claims| {
                claims
                    .selective("given_name")
                    .selective("family_name")
                    .selective("degree")
                    .selective("institution")
                    .selective("graduation_date")
            })
            .w3c(W3cProjection {
                types: vec!["UniversityDiploma".to_owned()],
                // Terms of ours that no vocabulary defines.
                contexts: vec!["https://www.w3.org/ns/credentials/undefined-terms/v2".to_owned()],
                claims: ["given_name", "family_name", "degree", "institution", "graduation_date"]
                    .map(|name| (name.to_owned(), vec![name.to_owned()]))
                    .to_vec(),
            })
            .subject_schema(json!({
                "$schema": "https://json-schema.org/draft/2020-12/schema",
                "type": "object",
                "properties": {
                    "given_name": {"type": "string", "minLength": 1, "maxLength": 150, "examples": ["Ada"]},
                    "family_name": {"type": "string", "minLength": 1, "maxLength": 150, "examples": ["Lovelace"]},
                    "degree": {"type": "string", "minLength": 1, "maxLength": 150, "examples": ["Analyst"]},
                    "institution": {"type": "string", "minLength": 1, "maxLength": 150, "examples": ["University of London"]},
                    "graduation_date": {"type": "string", "format": "date", "examples": ["1842-10-10"]}
                },
                "required": ["given_name", "family_name", "degree", "institution", "graduation_date"],
                "additionalProperties": false
            }))
            .validity_days(5 * 365))
    }

    fn prepare(request: Request, context: Context) -> Result<Outcome, Fault> {
        let graduated = request.day("graduation_date");
        Ok(match graduated {
            None => refuse("not-a-date", "must be a day that exists, as YYYY-MM-DD"),
            Some(day) if day > Day::at(context.now) => {
                refuse("in-the-future", "must not be later than today")
            }
            Some(_) => Outcome::Issue(request.subject.into()),
        })
    }
}

fn refuse(code: &str, message: &str) -> Outcome {
    Outcome::Refuse(vec![Issue::new("/graduation_date", code, message)])
}
