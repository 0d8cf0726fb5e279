//! Lets in who has an e-mail address of an allowed domain.
//!
//! Shows all four decisions: an address of an allowed domain is let in once it is known to be the
//! owner's, one of a blocked domain is rejected, any other waits for a person.

use chancery_plugin_sdk::policy::prelude::*;
use serde::Deserialize;

/// The policy.
pub struct EmailDomain;

chancery_plugin_sdk::export!(
    EmailDomain as OnboardingPolicy,
    vectors: [
        "an-allowed-domain",
        "an-allowed-domain-not-yet-verified",
        "a-subdomain",
        "a-domain-that-only-ends-alike",
        "a-blocked-domain",
        "any-other-domain",
        "any-other-domain-rejected",
        "no-owner",
    ]
);

/// What the operator decides.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Configuration {
    /// Domains whose people are let in.
    allowed: Vec<String>,
    /// Domains whose people are not.
    blocked: Vec<String>,
    /// Whether a domain stands for those below it.
    subdomains: bool,
    /// What happens to everybody else.
    others: Others,
}

/// What happens to addresses of other domains.
#[derive(Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Others {
    /// A person looks at them.
    #[default]
    RequireApproval,
    /// They are rejected.
    Reject,
}

impl Configuration {
    /// Whether the domain is one of these, or lies below one of them.
    fn lists(&self, domains: &[String], domain: &str) -> bool {
        domains.iter().map(|listed| listed.to_ascii_lowercase()).any(|listed| {
            let above = domain.strip_suffix(&listed);
            above.is_some_and(|above| above.is_empty() || (self.subdomains && above.ends_with('.')))
        })
    }
}

impl OnboardingPolicy for EmailDomain {
    fn describe(_: Value) -> Result<Description, Fault> {
        let domains = |title: &str| {
            json!({
                "title": title,
                "type": "array", "items": {"type": "string", "format": "hostname", "minLength": 1},
                "maxItems": 1000, "uniqueItems": true, "default": []
            })
        };
        let description =
            Description::new("en", "E-mail domain", "Lets in who has an address of an allowed domain.");
        Ok(description
            .also("de", "E-Mail-Domain", "Lässt ein, wer eine Adresse einer erlaubten Domain hat.")
            .configuration_schema(json!({
                "$schema": "https://json-schema.org/draft/2020-12/schema",
                "type": "object",
                "properties": {
                    "allowed": domains("Domains whose people are let in"),
                    "blocked": domains("Domains whose people are not"),
                    "subdomains": {"title": "Their subdomains too", "type": "boolean", "default": false},
                    "others": {
                        "title": "Everybody else",
                        "enum": ["require-approval", "reject"], "default": "require-approval"
                    }
                },
                "additionalProperties": false
            })))
    }

    fn decide(registration: Registration, context: Context) -> Result<Decision, Fault> {
        let configuration: Configuration = serde_json::from_value(context.configuration)?;
        let Some((owner, domain)) = registration.owner.and_then(|owner| {
            let domain = owner.domain()?;
            Some((owner, domain))
        }) else {
            return Ok(Decision::require_approval("/owner", "no-owner", "nobody is named who is to own it"));
        };
        Ok(if configuration.lists(&configuration.blocked, &domain) {
            let message = "addresses of this domain are not accepted; use another one";
            Decision::reject("/owner/email", "blocked-domain", message)
        } else if !configuration.lists(&configuration.allowed, &domain) {
            let code = "unknown-domain";
            match configuration.others {
                Others::Reject => {
                    Decision::reject("/owner/email", code, "use an address of your organisation's domain")
                }
                Others::RequireApproval => {
                    Decision::require_approval("/owner/email", code, "the domain is not on the list")
                }
            }
        } else if owner.email_verified {
            Decision::Approve
        } else {
            Decision::RequireVerification(vec!["owner-email".into()])
        })
    }
}
