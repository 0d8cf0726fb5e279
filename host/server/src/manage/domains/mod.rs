//! A tenant's own domains: claimed here, verified in the background.

pub(crate) mod change;
pub(crate) mod claim;
pub(crate) mod list;

use chancery_domain::address::DomainState;
use chancery_store::Domain;
use serde::Serialize;
use time::OffsetDateTime;

use crate::operations::verify_domains::{record_name, record_text};

/// A domain, and what to do so that it is believed.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct DomainView {
    /// In lower case, internationalised labels in punycode.
    domain: String,
    /// `pending`, `verified`, or `failing`: verified once, but the record is gone.
    #[schema(value_type = String)]
    state: DomainState,
    /// The TXT record that is expected in the DNS.
    expected: DnsRecord,
    /// What was found when it was last looked for.
    found: Option<String>,
    #[serde(with = "time::serde::rfc3339::option")]
    checked_at: Option<OffsetDateTime>,
    #[serde(with = "time::serde::rfc3339")]
    next_check_at: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339::option")]
    verified_at: Option<OffsetDateTime>,
}

/// A record in the DNS.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct DnsRecord {
    /// The name.
    name: String,
    /// `TXT`
    r#type: &'static str,
    /// The text.
    value: String,
}

impl From<Domain> for DomainView {
    fn from(row: Domain) -> Self {
        Self {
            expected: DnsRecord {
                name: record_name(&row.domain),
                r#type: "TXT",
                value: record_text(&row.challenge),
            },
            domain: row.domain,
            state: row.verification.state,
            found: row.found,
            checked_at: row.checked_at,
            next_check_at: row.verification.next_check_at,
            verified_at: row.verified_at,
        }
    }
}
