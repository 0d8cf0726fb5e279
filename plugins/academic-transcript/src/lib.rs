//! A transcript of records: what a student took, and with what result.
//!
//! Shows a list of objects that are withheld one by one, and a sum that cannot be wrong because it is
//! computed here.

use chancery_plugin_sdk::{ValueKind, prelude::*};

/// The transcript.
pub struct AcademicTranscript;

chancery_plugin_sdk::export!(
    AcademicTranscript,
    vectors: ["everything", "a-course-twice"]
);

impl CredentialTemplate for AcademicTranscript {
    fn describe(_: Value) -> Result<Definition, Fault> {
        Ok(Definition::new("academic-transcript")
            .display(
                Display::new("en", "Academic transcript")
                    .description("Shows what you studied, and how well.")
                    .colors("#24506b", "#ffffff"),
            )
            .display(
                Display::new("de", "Leistungsnachweis")
                    .description("Zeigt, was Sie studiert haben, und wie gut.")
                    .colors("#24506b", "#ffffff"),
            )
            .field(Field::text("given_name").mandatory().label("en", "Given name").label("de", "Vorname"))
            .field(Field::text("family_name").mandatory().label("en", "Family name").label("de", "Nachname"))
            .field(
                Field::text("student_id")
                    .mandatory()
                    .label("en", "Student ID")
                    .label("de", "Matrikelnummer"),
            )
            .field(
                Field::text("institution")
                    .mandatory()
                    .label("en", "Institution")
                    .label("de", "Hochschule"),
            )
            .field(Field::text("program").mandatory().label("en", "Programme").label("de", "Studiengang"))
            .field(
                Field::new("courses", ValueKind::Array)
                    .mandatory()
                    .label("en", "Courses")
                    .label("de", "Lehrveranstaltungen"),
            )
            .field(
                Field::new("total_credits", ValueKind::Number)
                    .mandatory()
                    .label("en", "Credits")
                    .label("de", "Leistungspunkte"),
            )
            .field(Field::text("grade").label("en", "Final grade").label("de", "Gesamtnote"))
            .sd_jwt("urn:chancery:academic-transcript:1", |claims| {
                claims
                    .selective("given_name")
                    .selective("family_name")
                    .selective("student_id")
                    .selective("institution")
                    .selective("program")
                    .elements("courses")
                    .selective("total_credits")
                    .selective("grade")
            })
            .subject_schema(json!({
                "$schema": "https://json-schema.org/draft/2020-12/schema",
                "type": "object",
                "properties": {
                    "given_name": {"type": "string", "minLength": 1, "maxLength": 150, "examples": ["Ada"]},
                    "family_name": {"type": "string", "minLength": 1, "maxLength": 150, "examples": ["Lovelace"]},
                    "student_id": {"type": "string", "minLength": 1, "maxLength": 64, "examples": ["11-0815"]},
                    "institution": {"type": "string", "minLength": 1, "maxLength": 150, "examples": ["University of London"]},
                    "program": {"type": "string", "minLength": 1, "maxLength": 150, "examples": ["Analysis"]},
                    "courses": courses(),
                    "grade": {"type": "string", "minLength": 1, "maxLength": 20}
                },
                "required": [
                    "given_name", "family_name", "student_id",
                    "institution", "program", "courses"
                ],
                "additionalProperties": false
            }))
            .validity_days(1825))
    }

    fn prepare(request: Request, _: Context) -> Result<Outcome, Fault> {
        let mut dataset = request.subject;
        let courses = dataset.get("courses").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        let code = |course: &Value| course.get("code").cloned();
        for (index, course) in courses.iter().enumerate() {
            if courses.iter().take(index).any(|earlier| code(earlier) == code(course)) {
                let (pointer, message) = (format!("/courses/{index}/code"), "must not be listed twice");
                return Ok(Outcome::Refuse(vec![Issue::new(&pointer, "duplicate", message)]));
            }
        }
        let credits: f64 = courses.iter().filter_map(|course| course.get("credits")?.as_f64()).sum();
        dataset.insert("total_credits".into(), json!(credits));
        Ok(Outcome::Issue(dataset.into()))
    }
}

/// The schema of the courses.
fn courses() -> Value {
    json!({
        "type": "array", "minItems": 1, "maxItems": 200,
        "items": {
            "type": "object",
            "properties": {
                "code": {"type": "string", "minLength": 1, "maxLength": 50},
                "title": {"type": "string", "minLength": 1, "maxLength": 200},
                "credits": {"type": "number", "minimum": 0, "maximum": 100},
                "grade": {"type": "string", "minLength": 1, "maxLength": 20}
            },
            "required": ["code", "title", "credits"],
            "additionalProperties": false
        },
        "examples": [[{"code": "MA-101", "title": "Analysis I", "credits": 7.5, "grade": "1.3"}]]
    })
}
