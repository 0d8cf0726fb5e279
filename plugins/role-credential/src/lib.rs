//! A role: who may act for an organisation, as what.
//!
//! Shows the circumstances: a tenant can ask that the holder's key is kept well, which a wallet attests
//! when it asks for the credential, not when the offer is made.

use chancery_plugin_sdk::prelude::*;
use serde::Deserialize;

/// The role.
pub struct RoleCredential;

chancery_plugin_sdk::export!(
    RoleCredential,
    vectors: ["everything", "a-key-that-is-kept-well", "a-key-that-is-not", "an-offer-knows-no-key"]
);

impl CredentialTemplate for RoleCredential {
    fn describe(_: Value) -> Result<Definition, Fault> {
        Ok(Definition::new("role-credential")
            .display(
                Display::new("en", "Role")
                    .description("Shows in which role you act.")
                    .colors("#4a4e1f", "#ffffff"),
            )
            .display(
                Display::new("de", "Funktion")
                    .description("Zeigt, in welcher Funktion Sie handeln.")
                    .colors("#4a4e1f", "#ffffff"),
            )
            .field(Field::text("given_name").mandatory().label("en", "Given name").label("de", "Vorname"))
            .field(Field::text("family_name").mandatory().label("en", "Family name").label("de", "Nachname"))
            .field(
                Field::text("organization")
                    .mandatory()
                    .label("en", "Organisation")
                    .label("de", "Organisation"),
            )
            .field(Field::text("role").mandatory().label("en", "Role").label("de", "Funktion"))
            .field(Field::text("scope").label("en", "Scope").label("de", "Umfang"))
            .field(Field::date("valid_from").label("en", "Since").label("de", "Seit"))
            .sd_jwt("urn:chancery:role-credential:1", |claims| {
                claims
                    .selective("given_name")
                    .selective("family_name")
                    .selective("organization")
                    .selective("role")
                    .selective("scope")
                    .selective("valid_from")
            })
            .subject_schema(json!({
                "$schema": "https://json-schema.org/draft/2020-12/schema",
                "type": "object",
                "properties": {
                    "given_name": {"type": "string", "minLength": 1, "maxLength": 150, "examples": ["Ada"]},
                    "family_name": {"type": "string", "minLength": 1, "maxLength": 150, "examples": ["Lovelace"]},
                    "organization": {"type": "string", "minLength": 1, "maxLength": 150, "examples": ["Analytical Engines Ltd"]},
                    "role": {"type": "string", "minLength": 1, "maxLength": 150, "examples": ["Managing director"]},
                    "scope": {"type": "string", "minLength": 1, "maxLength": 500, "examples": ["Signs alone"]},
                    "valid_from": {"type": "string", "format": "date"}
                },
                "required": ["given_name", "family_name", "organization", "role"],
                "additionalProperties": false
            }))
            .configuration_schema(json!({
                "$schema": "https://json-schema.org/draft/2020-12/schema",
                "type": "object",
                "properties": {
                    "key_storage": {
                        "title": "How well the holder's key must be kept, at least",
                        "enum": ["iso_18045_basic", "iso_18045_enhanced-basic", "iso_18045_moderate", "iso_18045_high"]
                    }
                },
                "additionalProperties": false
            }))
            .validity_days(180))
    }

    fn prepare(request: Request, context: Context) -> Result<Outcome, Fault> {
        let configuration = Configuration::parse(context.configuration)?;
        let offered = context.purpose == Purpose::Offer;
        let kept = context.key_attestation;
        Ok(if offered || configuration.key_storage.is_none_or(|wanted| wanted.is_met_by(kept.as_deref())) {
            Outcome::Issue(request.subject.into())
        } else {
            let message = "the wallet must attest that its key is kept better; use another wallet";
            Outcome::Refuse(vec![Issue::new("", "key-not-attested", message)])
        })
    }
}

/// What the tenant decides.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Configuration {
    /// How well the holder's key must be kept, at least; any key will do where there is none.
    key_storage: Option<Resistance>,
}

/// Attack potential resistance of a key's storage (OpenID4VCI 1.0, Appendix D.2), the weakest first.
#[derive(Clone, Copy, PartialEq, PartialOrd, Deserialize)]
enum Resistance {
    #[serde(rename = "iso_18045_basic")]
    Basic,
    #[serde(rename = "iso_18045_enhanced-basic")]
    EnhancedBasic,
    #[serde(rename = "iso_18045_moderate")]
    Moderate,
    #[serde(rename = "iso_18045_high")]
    High,
}

impl Resistance {
    /// A word that is not known attests nothing.
    fn is_met_by(self, attested: Option<&str>) -> bool {
        let attested = attested.and_then(|word| serde_json::from_value(word.into()).ok());
        attested.is_some_and(|attested: Self| attested >= self)
    }
}

impl Configuration {
    fn parse(configuration: Value) -> Result<Self, Fault> {
        serde_json::from_value(configuration)
            .map_err(|error| Fault::configuration(format!("the configuration cannot be read: {error}")))
    }
}
