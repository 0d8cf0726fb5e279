//! A national identity card: who somebody is, by number and nationality.
//!
//! Shows a derived claim: whether the holder has come of age follows from the day of birth, so that
//! it can be shown without it.

use chancery_plugin_sdk::prelude::*;

/// The card.
pub struct NationalId;

chancery_plugin_sdk::export!(
    NationalId,
    vectors: ["everything", "the-day-before-coming-of-age", "not-born-yet"]
);

impl CredentialTemplate for NationalId {
    fn describe(_: Value) -> Result<Definition, Fault> {
        Ok(Definition::new("national-id")
            .display(
                Display::new("en", "National ID")
                    .description("Shows who you are.")
                    .colors("#1d4e89", "#ffffff"),
            )
            .display(
                Display::new("de", "Personalausweis")
                    .description("Zeigt, wer Sie sind.")
                    .colors("#1d4e89", "#ffffff"),
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
                Field::text("national_id_number")
                    .mandatory()
                    .label("en", "ID number")
                    .label("de", "Ausweisnummer"),
            )
            .field(
                Field::text("nationality")
                    .mandatory()
                    .label("en", "Nationality")
                    .label("de", "Staatsangehörigkeit"),
            )
            .field(
                Field::boolean("age_over_18")
                    .mandatory()
                    .label("en", "Age 18 or over")
                    .label("de", "Mindestens 18 Jahre alt"),
            )
            .sd_jwt("urn:chancery:national-id:1", |claims| {
                claims
                    .selective("given_name")
                    .selective("family_name")
                    .selective("birth_date")
                    .selective("national_id_number")
                    .selective("nationality")
                    .selective("age_over_18")
            })
            .subject_schema(json!({
                "$schema": "https://json-schema.org/draft/2020-12/schema",
                "type": "object",
                "properties": {
                    "given_name": {"type": "string", "minLength": 1, "maxLength": 150, "examples": ["Ada"]},
                    "family_name": {"type": "string", "minLength": 1, "maxLength": 150, "examples": ["Lovelace"]},
                    "birth_date": {"type": "string", "format": "date", "examples": ["1985-12-10"]},
                    "national_id_number": {"type": "string", "minLength": 1, "maxLength": 64, "examples": ["L01X00T47"]},
                    "nationality": {"type": "string", "pattern": "^[A-Z]{2}$", "examples": ["GB"]}
                },
                "required": [
                    "given_name", "family_name", "birth_date",
                    "national_id_number", "nationality"
                ],
                "additionalProperties": false
            }))
            .validity_days(365))
    }

    fn prepare(request: Request, context: Context) -> Result<Outcome, Fault> {
        let today = Day::at(context.now);
        let born = request.day("birth_date");
        let mut dataset = request.subject;
        Ok(match born {
            None => refuse("not-a-date", "must be a day that exists, as YYYY-MM-DD"),
            Some(born) if born > today => refuse("in-the-future", "must not be later than today"),
            Some(born) => {
                dataset.insert("age_over_18".into(), (born.age_on(today) >= 18).into());
                Outcome::Issue(dataset.into())
            }
        })
    }
}

fn refuse(code: &str, message: &str) -> Outcome {
    Outcome::Refuse(vec![Issue::new("/birth_date", code, message)])
}
