//! `/sources`: where templates have things looked up, and how to get in.

pub(crate) mod list;
pub(crate) mod remove;
pub(crate) mod set;

use chancery_store::LookupSource;
use serde::Serialize;
use serde_json::{Value, json};
use time::OffsetDateTime;
use url::Url;

/// A source that a template may ask, or would like to.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct SourceView {
    /// The credential configuration whose template asks.
    configuration_id: String,
    /// The name by which it asks.
    name: String,
    /// What it has to answer, as the active template says; `null` if that asks no such source.
    description: Option<String>,
    /// Where it is; `null` if nobody has set it.
    url: Option<String>,
    /// The header that lets the host in; never its value.
    header: Option<String>,
    #[serde(with = "time::serde::rfc3339::option")]
    set_at: Option<OffsetDateTime>,
}

impl SourceView {
    fn new(source: LookupSource, description: Option<String>) -> Self {
        let LookupSource { configuration_id, name, url, header, set_at } = source;
        let header = header.map(|(name, _)| name);
        Self { configuration_id, name, description, url: Some(url), header, set_at: Some(set_at) }
    }

    fn not_set(configuration_id: &str, name: &str, description: &str) -> Self {
        Self {
            configuration_id: configuration_id.to_owned(),
            name: name.to_owned(),
            description: Some(description.to_owned()),
            url: None,
            header: None,
            set_at: None,
        }
    }
}

/// What the audit trail is told: of the URL its origin, of the header its name.
fn told(url: &str, header: Option<&str>) -> Value {
    let origin = Url::parse(url).map(|url| url.origin().ascii_serialization()).unwrap_or_default();
    json!({ "origin": origin, "header": header })
}

/// How the audit trail names a source.
fn target(configuration_id: &str, name: &str) -> String {
    format!("{configuration_id}/{name}")
}
