//! A badge that says who works here, and as what.
//!
//! The simplest kind of template: what the offer says about the subject is what the credential
//! says. The schema keeps everything else out, and the host checks it before it asks.

use chancery_plugin_sdk::prelude::*;

/// The badge.
pub struct EmployeeBadge;

chancery_plugin_sdk::export!(
    EmployeeBadge,
    vectors: ["everything", "only-what-is-required"]
);

impl CredentialTemplate for EmployeeBadge {
    fn describe(_: Value) -> Result<Definition, Fault> {
        Ok(Definition::new("employee-badge")
            .display(
                Display::new("en", "Employee badge")
                    .description("Shows that you work here.")
                    .colors("#12355b", "#ffffff"),
            )
            .display(
                Display::new("de", "Mitarbeiterausweis")
                    .description("Zeigt, dass Sie hier arbeiten.")
                    .colors("#12355b", "#ffffff"),
            )
            .field(Field::text("given_name").mandatory().label("en", "Given name").label("de", "Vorname"))
            .field(Field::text("family_name").mandatory().label("en", "Family name").label("de", "Nachname"))
            .field(
                Field::text("employee_id")
                    .mandatory()
                    .label("en", "Employee ID")
                    .label("de", "Personalnummer"),
            )
            .field(Field::text("department").label("en", "Department").label("de", "Abteilung"))
            .field(Field::text("job_title").label("en", "Job title").label("de", "Position"))
            .field(Field::text("email").label("en", "E-mail").label("de", "E-Mail"))
            .sd_jwt("urn:chancery:employee-badge:1", |claims| {
                claims
                    .selective("given_name")
                    .selective("family_name")
                    .selective("employee_id")
                    .selective("department")
                    .selective("job_title")
                    .selective("email")
            })
            .subject_schema(json!({
                "$schema": "https://json-schema.org/draft/2020-12/schema",
                "type": "object",
                "properties": {
                    "given_name": {"type": "string", "minLength": 1, "maxLength": 150, "examples": ["Ada"]},
                    "family_name": {"type": "string", "minLength": 1, "maxLength": 150, "examples": ["Lovelace"]},
                    "employee_id": {"type": "string", "minLength": 1, "maxLength": 64, "examples": ["1843-07"]},
                    "department": {"type": "string", "minLength": 1, "maxLength": 150, "examples": ["Analytical Engines"]},
                    "job_title": {"type": "string", "minLength": 1, "maxLength": 150},
                    "email": {"type": "string", "format": "email", "maxLength": 254}
                },
                "required": ["given_name", "family_name", "employee_id"],
                "additionalProperties": false
            }))
            .validity_days(365))
    }

    fn prepare(request: Request, _: Context) -> Result<Outcome, Fault> {
        Ok(Outcome::Issue(request.subject.into()))
    }
}
