//! A certificate of completion: who finished which course, and when.
//!
//! Shows a claim that is always visible: a certificate that does not say for which course is none.

use chancery_plugin_sdk::{ValueKind, prelude::*};

/// The certificate.
pub struct CourseCompletion;

chancery_plugin_sdk::export!(
    CourseCompletion,
    vectors: ["everything", "not-finished-yet"]
);

impl CredentialTemplate for CourseCompletion {
    fn describe(_: Value) -> Result<Definition, Fault> {
        Ok(Definition::new("course-completion")
            .display(
                Display::new("en", "Course completion")
                    .description("Shows which course you finished.")
                    .colors("#6b4f1d", "#ffffff"),
            )
            .display(
                Display::new("de", "Kursabschluss")
                    .description("Zeigt, welchen Kurs Sie abgeschlossen haben.")
                    .colors("#6b4f1d", "#ffffff"),
            )
            .field(Field::text("given_name").mandatory().label("en", "Given name").label("de", "Vorname"))
            .field(Field::text("family_name").mandatory().label("en", "Family name").label("de", "Nachname"))
            .field(Field::text("course_title").mandatory().label("en", "Course").label("de", "Kurs"))
            .field(Field::text("provider").mandatory().label("en", "Provider").label("de", "Anbieter"))
            .field(
                Field::date("completion_date")
                    .mandatory()
                    .label("en", "Completed on")
                    .label("de", "Abgeschlossen am"),
            )
            .field(Field::new("hours", ValueKind::Integer).label("en", "Hours").label("de", "Stunden"))
            .field(Field::text("grade").label("en", "Grade").label("de", "Note"))
            .sd_jwt("urn:chancery:course-completion:1", |claims| {
                claims
                    .selective("given_name")
                    .selective("family_name")
                    .always("course_title")
                    .always("provider")
                    .selective("completion_date")
                    .selective("hours")
                    .selective("grade")
            })
            .subject_schema(json!({
                "$schema": "https://json-schema.org/draft/2020-12/schema",
                "type": "object",
                "properties": {
                    "given_name": {"type": "string", "minLength": 1, "maxLength": 150, "examples": ["Ada"]},
                    "family_name": {"type": "string", "minLength": 1, "maxLength": 150, "examples": ["Lovelace"]},
                    "course_title": {"type": "string", "minLength": 1, "maxLength": 200, "examples": ["Programming the Engine"]},
                    "provider": {"type": "string", "minLength": 1, "maxLength": 150, "examples": ["Babbage Academy"]},
                    "completion_date": {"type": "string", "format": "date", "examples": ["2026-06-30"]},
                    "hours": {"type": "integer", "minimum": 1, "maximum": 10000},
                    "grade": {"type": "string", "minLength": 1, "maxLength": 20}
                },
                "required": ["given_name", "family_name", "course_title", "provider", "completion_date"],
                "additionalProperties": false
            }))
            .validity_days(1825))
    }

    fn prepare(request: Request, context: Context) -> Result<Outcome, Fault> {
        let completed = request.day("completion_date");
        if completed.is_some_and(|day| day > Day::at(context.now)) {
            let message = "must not be later than today";
            return Ok(Outcome::Refuse(vec![Issue::new("/completion_date", "in-the-future", message)]));
        }
        Ok(Outcome::Issue(request.subject.into()))
    }
}
