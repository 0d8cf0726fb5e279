//! What a policy or a licence plugin says about itself.

use chancery_domain::template::Issue;
use serde_json::Value;

use crate::{bindings::types, definition::Findings, log::escaped, schema::Schema};

/// How a plugin is shown, and what may be configured.
#[derive(Debug)]
pub struct Description {
    /// At least one entry, at most one per locale.
    pub display: Vec<PluginDisplay>,
    /// JSON Schema of its configuration.
    pub configuration_schema: Value,
    schema: Schema,
}

/// How a plugin is shown, in one language.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct PluginDisplay {
    /// BCP 47 tag.
    pub locale: String,
    /// What people call it.
    pub name: String,
    /// One sentence on what it does under this configuration.
    pub description: Option<String>,
}

impl Description {
    pub(crate) fn schema(&self) -> &Schema {
        &self.schema
    }
}

/// Checks what a plugin described.
pub(crate) fn accept(described: types::Description) -> Result<Description, Vec<Issue>> {
    let mut findings = Findings::default();
    if described.display.is_empty() {
        findings.add("/display", "required", "must have an entry for at least one locale");
    }
    findings.locales("/display", described.display.iter().map(|entry| &*entry.locale));
    let display = described
        .display
        .into_iter()
        .map(|entry| PluginDisplay {
            locale: entry.locale,
            name: escaped(&entry.name, 200),
            description: entry.description.map(|text| escaped(&text, 1000)),
        })
        .collect();
    let schema = findings.schema("/configuration-schema", &described.configuration_schema);
    let issues = findings.all();
    match schema {
        Some((schema, configuration_schema)) if issues.is_empty() => {
            Ok(Description { display, configuration_schema, schema })
        }
        _ => Err(issues),
    }
}
