//! Reads a licence that somebody trusted has signed with Ed25519.
//!
//! The document is a compact JWS (RFC 7515) whose payload says what is granted:
//!
//! ```json
//! {
//!   "jti": "lic-2026-0042", "sub": "Example Ltd", "aud": "https://issuer.example",
//!   "nbf": 1790000000, "exp": 1821536000, "grace_days": 14,
//!   "limits": {"maxRootTenants": 10, "maxTotalTenants": 100, "maxHierarchyDepth": 3, "subtenantsAllowed": true},
//!   "features": ["subtenants", "self-signup", "custom-domains", "federation"],
//!   "quotas": {"credentials-per-month": 10000}
//! }
//! ```
//!
//! Every limit may be left out: then there is none. The keys that are trusted are in the configuration.
//!
//! | module | what it holds |
//! |---|---|
//! | [`jws`] | whether the document is what somebody trusted has signed |
//! | [`grant`] | what the payload grants, and when |

pub mod grant;
pub mod jws;

use chancery_plugin_sdk::license::prelude::*;
use serde::Deserialize;

use crate::jws::TrustedKey;

/// The plugin.
pub struct SignedLicense;

chancery_plugin_sdk::export!(
    SignedLicense as License,
    vectors: [
        "missing",
        "active",
        "grace",
        "grace-capped",
        "expired",
        "not-yet",
        "another-installation",
        "another-key",
        "a-changed-payload",
        "not-a-jws",
        "the-clock-was-turned-back",
        "the-last-place",
        "no-place-left",
        "a-feature-not-granted",
    ]
);

/// What the operator decides.
#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Configuration {
    /// Whose signatures are trusted.
    keys: Vec<TrustedKey>,
    /// The longest grace that is accepted; a licence can grant less, never more.
    max_grace_days: u32,
}

impl Default for Configuration {
    fn default() -> Self {
        Self { keys: Vec::new(), max_grace_days: 30 }
    }
}

impl License for SignedLicense {
    fn describe(_: Value) -> Result<Description, Fault> {
        let description = Description::new("en", "Signed licence", "Reads a licence signed with Ed25519.");
        Ok(description.also("de", "Signierte Lizenz", "Liest eine mit Ed25519 signierte Lizenz.").configuration_schema(
            json!({
                "$schema": "https://json-schema.org/draft/2020-12/schema",
                "type": "object",
                "properties": {
                    "keys": {
                        "title": "Trusted keys",
                        "type": "array", "maxItems": 20, "default": [],
                        "items": {
                            "type": "object",
                            "properties": {
                                "kid": {"title": "Name of the key", "type": "string", "minLength": 1, "maxLength": 100},
                                "x": {
                                    "title": "Public key, as in a JWK (RFC 8037)",
                                    "type": "string", "pattern": "^[A-Za-z0-9_-]{43}$"
                                }
                            },
                            "required": ["kid", "x"],
                            "additionalProperties": false
                        }
                    },
                    "max_grace_days": {
                        "title": "Longest grace after the end, in days",
                        "type": "integer", "minimum": 0, "maximum": 365, "default": 30
                    }
                },
                "additionalProperties": false
            }),
        ))
    }

    fn read(document: Option<&str>, context: Context) -> Result<Entitlements, Fault> {
        let configuration: Configuration = serde_json::from_value(context.configuration.clone())?;
        let Some(document) = document.map(str::trim).filter(|document| !document.is_empty()) else {
            return Ok(Entitlements::nothing(State::Missing, "there is no licence; install one"));
        };
        let granted = jws::verified(document, &configuration.keys)
            .and_then(|payload| grant::read(&payload, configuration.max_grace_days, &context));
        Ok(granted.unwrap_or_else(|reason| Entitlements::nothing(State::Invalid, &reason)))
    }
}
