//! A driving licence: who may drive what.
//!
//! Shows an array whose elements are withheld one by one: a car rental needs to see B, not C1E. The
//! document of ISO/IEC 18013-5 is `mobile-driving-licence`.

use chancery_plugin_sdk::{ValueKind, prelude::*};

/// The licence.
pub struct DriversLicense;

chancery_plugin_sdk::export!(
    DriversLicense,
    vectors: ["everything", "only-what-is-required", "it-has-ended"]
);

impl CredentialTemplate for DriversLicense {
    fn describe(_: Value) -> Result<Definition, Fault> {
        Ok(Definition::new("drivers-license")
            .display(
                Display::new("en", "Driving licence")
                    .description("Shows what you may drive.")
                    .colors("#8a4b6b", "#ffffff"),
            )
            .display(
                Display::new("de", "Führerschein")
                    .description("Zeigt, was Sie fahren dürfen.")
                    .colors("#8a4b6b", "#ffffff"),
            )
            .field(
                Field::text("licence_number")
                    .mandatory()
                    .label("en", "Licence number")
                    .label("de", "Führerscheinnummer"),
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
                Field::new("categories", ValueKind::Array)
                    .mandatory()
                    .label("en", "Categories")
                    .label("de", "Klassen"),
            )
            .field(Field::date("issue_date").label("en", "Date of issue").label("de", "Ausstellungsdatum"))
            .field(
                Field::date("expiry_date")
                    .mandatory()
                    .label("en", "Date of expiry")
                    .label("de", "Ablaufdatum"),
            )
            .field(
                Field::text("issuing_authority")
                    .label("en", "Issuing authority")
                    .label("de", "Ausstellende Behörde"),
            )
            .sd_jwt("urn:chancery:drivers-license:1", |claims| {
                claims
                    .selective("licence_number")
                    .selective("given_name")
                    .selective("family_name")
                    .selective("birth_date")
                    .elements("categories")
                    .selective("issue_date")
                    .selective("expiry_date")
                    .selective("issuing_authority")
            })
            .subject_schema(json!({
                "$schema": "https://json-schema.org/draft/2020-12/schema",
                "type": "object",
                "properties": {
                    "licence_number": {"type": "string", "minLength": 1, "maxLength": 64, "examples": ["B072RRE2I55"]},
                    "given_name": {"type": "string", "minLength": 1, "maxLength": 150, "examples": ["Ada"]},
                    "family_name": {"type": "string", "minLength": 1, "maxLength": 150, "examples": ["Lovelace"]},
                    "birth_date": {"type": "string", "format": "date", "examples": ["1985-12-10"]},
                    "categories": {
                        "type": "array", "minItems": 1, "uniqueItems": true,
                        "items": {"enum": [
                            "AM", "A1", "A2", "A", "B1", "B", "BE", "C1", "C1E", "C", "CE", "D1", "D1E", "D", "DE", "L", "T"
                        ]},
                        "examples": [["B"]]
                    },
                    "issue_date": {"type": "string", "format": "date"},
                    "expiry_date": {"type": "string", "format": "date", "examples": ["2034-01-14"]},
                    "issuing_authority": {"type": "string", "minLength": 1, "maxLength": 150}
                },
                "required": [
                    "licence_number", "given_name", "family_name",
                    "birth_date", "categories", "expiry_date"
                ],
                "additionalProperties": false
            }))
            .validity_days(365))
    }

    fn prepare(request: Request, context: Context) -> Result<Outcome, Fault> {
        let expires = request.day("expiry_date");
        if expires.is_some_and(|expires| expires < Day::at(context.now)) {
            let message = "must not be before today; an expired licence is not issued";
            return Ok(Outcome::Refuse(vec![Issue::new("/expiry_date", "in-the-past", message)]));
        }
        Ok(Outcome::Issue(Dataset::from(request.subject).good_through(expires)))
    }
}
