//! What the tenant decides.
//!
//! Without a configuration the plugin works for development: it names a test authority and the
//! country code `XX`, which ISO 3166-1 leaves to its users.

use chancery_plugin_sdk::{Fault, Value, json};
use serde::Deserialize;

/// The tenant's configuration.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Configuration {
    /// The authority that issues the licence.
    pub issuing_authority: String,
    /// Its country (ISO 3166-1 alpha-2).
    pub issuing_country: String,
    /// Its jurisdiction, where it is not the whole country (ISO 3166-2).
    pub issuing_jurisdiction: Option<String>,
    /// The country's sign on the road (ISO/IEC 18013-1, Annex F).
    pub un_distinguishing_sign: String,
    /// Ages for which the licence says whether the person has reached them, on the day of issuance.
    pub age_over: Vec<u8>,
    /// Days for which one credential is good, after which the wallet fetches a new one.
    pub validity_days: u32,
}

impl Default for Configuration {
    fn default() -> Self {
        Self {
            issuing_authority: "Test driving licence authority".into(),
            issuing_country: "XX".into(),
            issuing_jurisdiction: None,
            un_distinguishing_sign: "XX".into(),
            age_over: vec![18, 21],
            validity_days: 30,
        }
    }
}

impl Configuration {
    /// Reads a configuration. What its schema can say is left to the host.
    pub fn parse(configuration: Value) -> Result<Self, Fault> {
        let configuration: Self = serde_json::from_value(configuration)
            .map_err(|error| Fault::configuration(format!("the configuration cannot be read: {error}")))?;
        let country = &configuration.issuing_country;
        match &configuration.issuing_jurisdiction {
            // ISO/IEC 18013-5 §7.2.1: the first part of the jurisdiction's code is the country.
            Some(jurisdiction) if !jurisdiction.starts_with(&format!("{country}-")) => {
                Err(Fault::configuration(format!(
                    "`issuing_jurisdiction` must lie in `issuing_country`, so begin with `{country}-`"
                )))
            }
            _ => Ok(configuration),
        }
    }
}

/// The configuration's schema.
pub fn schema() -> Value {
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": {
            "issuing_authority": {
                "title": "Issuing authority",
                "type": "string", "minLength": 1, "maxLength": 150, "default": "Test driving licence authority"
            },
            "issuing_country": {
                "title": "Issuing country",
                "type": "string", "pattern": "^[A-Z]{2}$", "default": "XX"
            },
            "issuing_jurisdiction": {
                "title": "Issuing jurisdiction",
                "type": "string", "pattern": "^[A-Z]{2}-[A-Z0-9]{1,3}$"
            },
            "un_distinguishing_sign": {
                "title": "Distinguishing sign of the country",
                "type": "string", "pattern": "^[A-Z]{1,3}$", "default": "XX"
            },
            "age_over": {
                "title": "Age thresholds",
                "type": "array", "items": {"type": "integer", "minimum": 1, "maximum": 99},
                "uniqueItems": true, "maxItems": 10, "default": [18, 21]
            },
            "validity_days": {
                "title": "Validity of one credential, in days",
                "type": "integer", "minimum": 1, "maximum": 365, "default": 30
            }
        },
        "additionalProperties": false
    })
}
