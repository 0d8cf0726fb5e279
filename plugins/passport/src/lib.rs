//! A passport: who may travel, on which document, until when.
//!
//! Shows a rule between two fields, and one with the time: a passport ends after it begins, and one
//! that has ended is not issued.

use chancery_plugin_sdk::prelude::*;

/// The passport.
pub struct Passport;

chancery_plugin_sdk::export!(
    Passport,
    vectors: ["everything", "only-what-is-required", "it-ends-before-it-begins", "it-has-ended"]
);

impl CredentialTemplate for Passport {
    fn describe(_: Value) -> Result<Definition, Fault> {
        Ok(Definition::new("passport")
            .display(
                Display::new("en", "Passport")
                    .description("Shows your travel document.")
                    .colors("#5e2129", "#ffffff"),
            )
            .display(
                Display::new("de", "Reisepass")
                    .description("Zeigt Ihr Reisedokument.")
                    .colors("#5e2129", "#ffffff"),
            )
            .field(
                Field::text("passport_number")
                    .mandatory()
                    .label("en", "Passport number")
                    .label("de", "Passnummer"),
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
            .field(
                Field::text("issuing_country")
                    .mandatory()
                    .label("en", "Issuing country")
                    .label("de", "Ausstellendes Land"),
            )
            .field(Field::date("issue_date").label("en", "Date of issue").label("de", "Ausstellungsdatum"))
            .field(
                Field::date("expiry_date")
                    .mandatory()
                    .label("en", "Date of expiry")
                    .label("de", "Ablaufdatum"),
            )
            .sd_jwt("urn:chancery:passport:1", |claims| {
                claims
                    .selective("passport_number")
                    .selective("given_name")
                    .selective("family_name")
                    .selective("birth_date")
                    .selective("nationality")
                    .selective("issuing_country")
                    .selective("issue_date")
                    .selective("expiry_date")
            })
            .subject_schema(json!({
                "$schema": "https://json-schema.org/draft/2020-12/schema",
                "type": "object",
                "properties": {
                    "passport_number": {"type": "string", "pattern": "^[A-Z0-9]{1,20}$", "examples": ["C01X00T47"]},
                    "given_name": {"type": "string", "minLength": 1, "maxLength": 150, "examples": ["Ada"]},
                    "family_name": {"type": "string", "minLength": 1, "maxLength": 150, "examples": ["Lovelace"]},
                    "birth_date": {"type": "string", "format": "date", "examples": ["1985-12-10"]},
                    "nationality": {"type": "string", "pattern": "^[A-Z]{2}$", "examples": ["GB"]},
                    "issuing_country": {"type": "string", "pattern": "^[A-Z]{2}$", "examples": ["GB"]},
                    "issue_date": {"type": "string", "format": "date", "examples": ["2024-01-15"]},
                    "expiry_date": {"type": "string", "format": "date", "examples": ["2034-01-14"]}
                },
                "required": [
                    "passport_number", "given_name", "family_name", "birth_date",
                    "nationality", "issuing_country", "expiry_date"
                ],
                "additionalProperties": false
            }))
            .validity_days(365))
    }

    fn prepare(request: Request, context: Context) -> Result<Outcome, Fault> {
        Ok(match (request.day("issue_date"), request.day("expiry_date")) {
            (Some(issued), Some(expires)) if expires < issued => {
                refuse("before-its-issue", "must not be before the date of issue")
            }
            (_, Some(expires)) if expires < Day::at(context.now) => {
                refuse("in-the-past", "must not be before today; an expired passport is not issued")
            }
            (_, expires) => Outcome::Issue(Dataset::from(request.subject).good_through(expires)),
        })
    }
}

fn refuse(code: &str, message: &str) -> Outcome {
    Outcome::Refuse(vec![Issue::new("/expiry_date", code, message)])
}
