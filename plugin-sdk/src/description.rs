//! How a policy or a licence plugin is shown, and what may be configured.

use serde_json::{Value, json};

/// What a plugin says about itself under a configuration.
#[derive(Debug, Clone, PartialEq)]
pub struct Description {
    /// How it is shown, one entry per locale.
    pub display: Vec<PluginDisplay>,
    /// JSON Schema of its configuration.
    pub configuration_schema: Value,
}

/// How a plugin is shown, in one language.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PluginDisplay {
    /// BCP 47 tag.
    pub locale: String,
    /// What people call it.
    pub name: String,
    /// One sentence on what it does under this configuration.
    pub description: Option<String>,
}

impl Description {
    /// A plugin of this name in the language of this BCP 47 tag, with one sentence on what it does;
    /// without configuration.
    pub fn new(locale: &str, name: &str, description: &str) -> Self {
        Self {
            display: Vec::new(),
            configuration_schema: json!({"type": "object", "additionalProperties": false}),
        }
        .also(locale, name, description)
    }

    /// The same in one more locale.
    #[must_use]
    pub fn also(mut self, locale: &str, name: &str, description: &str) -> Self {
        self.display.push(PluginDisplay {
            locale: locale.into(),
            name: name.into(),
            description: Some(description.into()),
        });
        self
    }

    /// JSON Schema (draft 2020-12) of the plugin's configuration, from which a form is drawn.
    #[must_use]
    pub fn configuration_schema(mut self, schema: Value) -> Self {
        self.configuration_schema = schema;
        self
    }
}
