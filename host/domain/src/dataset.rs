//! The neutral dataset: what a template says about a subject, before any format.

use serde_json::{Map, Value};

/// The claims of one credential, keyed by field name as the template's
/// [`Definition`](crate::template::Definition) declares them. No registered claim is ever in here.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Dataset {
    /// Field name → value.
    pub values: Map<String, Value>,
}
