//! The neutral dataset: what a template says about a subject, before any format.

use serde_json::{Map, Value};
use time::OffsetDateTime;

/// The claims of one credential, keyed by field name as the template's
/// [`Definition`](crate::template::Definition) declares them. No registered claim is ever in here.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Dataset {
    /// Field name → value.
    pub values: Map<String, Value>,
    /// When the credential ends at the latest; none where the definition's validity says it all.
    pub good_until: Option<OffsetDateTime>,
}
