//! A professional certification: who is certified as what, by whom, until when.
//!
//! Shows a field that the configuration fills in: the body that certifies is the tenant's own, and the
//! certification ends so many years after it was given. Shows a deferral, too: where the tenant wants it, somebody
//! approves each certification before a wallet gets it.

use chancery_plugin_sdk::prelude::*;
use serde::Deserialize;

/// The certification.
pub struct ProfessionalCertification;

chancery_plugin_sdk::export!(
    ProfessionalCertification,
    vectors: ["everything", "its-own-years", "it-has-ended", "approval-is-waited-for", "it-was-approved"]
);

impl CredentialTemplate for ProfessionalCertification {
    fn describe(_: Value) -> Result<Definition, Fault> {
        Ok(Definition::new("professional-certification")
            .display(
                Display::new("en", "Professional certification")
                    .description("Shows as what you are certified.")
                    .colors("#1f5c5c", "#ffffff"),
            )
            .display(
                Display::new("de", "Berufszertifikat")
                    .description("Zeigt, wofür Sie zertifiziert sind.")
                    .colors("#1f5c5c", "#ffffff"),
            )
            .field(Field::text("given_name").mandatory().label("en", "Given name").label("de", "Vorname"))
            .field(Field::text("family_name").mandatory().label("en", "Family name").label("de", "Nachname"))
            .field(
                Field::text("certification")
                    .mandatory()
                    .label("en", "Certification")
                    .label("de", "Zertifikat"),
            )
            .field(
                Field::text("certification_number")
                    .mandatory()
                    .label("en", "Number")
                    .label("de", "Nummer"),
            )
            .field(
                Field::date("issue_date")
                    .mandatory()
                    .label("en", "Certified on")
                    .label("de", "Zertifiziert am"),
            )
            .field(
                Field::text("certifying_body")
                    .mandatory()
                    .label("en", "Certifying body")
                    .label("de", "Zertifizierungsstelle"),
            )
            .field(
                Field::date("expiry_date")
                    .mandatory()
                    .label("en", "Valid until")
                    .label("de", "Gültig bis"),
            )
            .sd_jwt("urn:chancery:professional-certification:1", |claims| {
                claims
                    .selective("given_name")
                    .selective("family_name")
                    .selective("certification")
                    .selective("certification_number")
                    .selective("issue_date")
                    .selective("certifying_body")
                    .selective("expiry_date")
            })
            .subject_schema(json!({
                "$schema": "https://json-schema.org/draft/2020-12/schema",
                "type": "object",
                "properties": {
                    "given_name": {"type": "string", "minLength": 1, "maxLength": 150, "examples": ["Ada"]},
                    "family_name": {"type": "string", "minLength": 1, "maxLength": 150, "examples": ["Lovelace"]},
                    "certification": {"type": "string", "minLength": 1, "maxLength": 200, "examples": ["Certified Analyst"]},
                    "certification_number": {"type": "string", "minLength": 1, "maxLength": 64, "examples": ["CA-1843"]},
                    "issue_date": {"type": "string", "format": "date", "examples": ["2026-06-30"]}
                },
                "required": [
                    "given_name", "family_name", "certification",
                    "certification_number", "issue_date"
                ],
                "additionalProperties": false
            }))
            .configuration_schema(json!({
                "$schema": "https://json-schema.org/draft/2020-12/schema",
                "type": "object",
                "properties": {
                    "certifying_body": {
                        "title": "Certifying body",
                        "type": "string", "minLength": 1, "maxLength": 150, "default": "Test certifying body"
                    },
                    "validity_years": {
                        "title": "Years from certification to its end",
                        "type": "integer", "minimum": 1, "maximum": 50, "default": 3
                    },
                    "on_approval": {
                        "title": "Somebody approves each",
                        "type": "boolean", "default": false
                    }
                },
                "additionalProperties": false
            }))
            .validity_days(365))
    }

    fn prepare(request: Request, context: Context) -> Result<Outcome, Fault> {
        let configuration = Configuration::parse(context.configuration)?;
        let today = Day::at(context.now);
        let issued = request.day("issue_date");
        let Some(issued) = issued.filter(|issued| *issued <= today) else {
            return Ok(refuse("in-the-future", "must not be later than today"));
        };
        let expires = issued.plus_years(configuration.validity_years);
        if expires < today {
            return Ok(refuse("too-long-ago", "must not be so long ago that the certification has ended"));
        }
        if configuration.on_approval && request.completed_at.is_none() {
            let reason = "the certifying body has to approve it".into();
            return Ok(Outcome::Defer { after_seconds: APPROVAL_INTERVAL, reason });
        }
        let mut dataset = request.subject;
        dataset.insert("certifying_body".into(), configuration.certifying_body.into());
        dataset.insert("expiry_date".into(), expires.to_string().into());
        Ok(Outcome::Issue(Dataset::from(dataset).good_through(expires)))
    }
}

/// How often a wallet asks whether somebody approved, in seconds.
const APPROVAL_INTERVAL: u32 = 10;

fn refuse(code: &str, message: &str) -> Outcome {
    Outcome::Refuse(vec![Issue::new("/issue_date", code, message)])
}

/// What the tenant decides.
#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Configuration {
    /// Who certifies.
    certifying_body: String,
    /// Years from certification to its end.
    validity_years: u16,
    /// Whether somebody approves each.
    on_approval: bool,
}

impl Default for Configuration {
    fn default() -> Self {
        Self { certifying_body: "Test certifying body".into(), validity_years: 3, on_approval: false }
    }
}

impl Configuration {
    fn parse(configuration: Value) -> Result<Self, Fault> {
        serde_json::from_value(configuration)
            .map_err(|error| Fault::configuration(format!("the configuration cannot be read: {error}")))
    }
}
