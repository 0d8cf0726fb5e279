//! A component under one configuration: described, and the configuration found to match its schema.

use chancery_domain::template::{Issue, Revision};
use serde_json::Value;

use crate::{
    bindings::types,
    canonical::{sha256, sorted},
    component::Component,
    description::{self, Description},
    fault::{ConfigureError, Fault, FaultKind},
    hook::Hook,
    measured::{Measured, Usage},
    question::{Question, Reply, Said},
    schema::Schema,
};

/// A component under one configuration.
pub(crate) struct Configured<C> {
    pub(crate) component: Component,
    /// What the component said about itself, checked.
    pub(crate) checked: C,
    /// As it is handed to the plugin.
    pub(crate) configuration: String,
    pub(crate) revision: Revision,
    /// What describing itself cost.
    pub(crate) description: Usage,
}

/// How components of one hook describe themselves.
pub(crate) struct Describing<D, C> {
    pub(crate) hook: Hook,
    pub(crate) question: fn(String) -> Question,
    pub(crate) answer: fn(Reply) -> Option<Said<D>>,
    pub(crate) accept: fn(D) -> Result<C, Vec<Issue>>,
    /// The schema of the configuration.
    pub(crate) schema: fn(&C) -> &Schema,
}

impl<D, C> Describing<D, C> {
    /// Runs `describe` and checks its answer, then the configuration against the schema in it.
    pub(crate) async fn configure(
        &self,
        component: &Component,
        configuration: &Value,
    ) -> Result<Configured<C>, ConfigureError> {
        component.implements(self.hook)?;
        let caller = &component.inner.caller;
        let configuration = sorted(configuration);
        let text = configuration.to_string();
        if text.len() > caller.limits.input {
            return Err(caller.fault(FaultKind::InputTooLarge { limit: caller.limits.input }).into());
        }
        let Measured { answer, usage: description, .. } = self.describe(component, text.clone()).await;
        let described = match answer {
            Err(fault @ Fault { kind: FaultKind::Plugin { .. }, .. }) => {
                // The plugin did not like its configuration. Its schema says so better, if it has one.
                let issues = self.issues_without(component, &configuration).await;
                return Err(if issues.is_empty() { fault.into() } else { unfit(component, issues) });
            }
            described => described?,
        };
        let checked = (self.accept)(described)
            .map_err(|issues| ConfigureError::Definition { plugin: component.plugin(), issues })?;
        let issues = (self.schema)(&checked).issues(&configuration);
        if !issues.is_empty() {
            return Err(unfit(component, issues));
        }
        let revision = Revision { component: component.digest(), configuration: sha256(text.as_bytes()) };
        Ok(Configured { component: component.clone(), checked, configuration: text, revision, description })
    }

    /// What the schema of the empty configuration finds wrong with this one.
    async fn issues_without(&self, component: &Component, configuration: &Value) -> Vec<Issue> {
        let Ok(described) = self.describe(component, "{}".into()).await.answer else { return Vec::new() };
        let Ok(checked) = (self.accept)(described) else { return Vec::new() };
        (self.schema)(&checked).issues(configuration)
    }

    async fn describe(&self, component: &Component, configuration: String) -> Measured<D> {
        component.inner.caller.ask_for(&(self.question)(configuration), self.answer).await
    }
}

/// Policies and licences say the same things about themselves.
pub(crate) const fn plainly(
    hook: Hook,
    question: fn(String) -> Question,
) -> Describing<types::Description, Description> {
    Describing {
        hook,
        question,
        answer: Reply::description,
        accept: description::accept,
        schema: Description::schema,
    }
}

/// A component of such a hook under one configuration, as a type of its own.
macro_rules! described {
    ($(#[$doc:meta])* $name:ident: $hook:expr, $question:expr) => {
        $(#[$doc])*
        #[derive(Clone)]
        pub struct $name {
            inner: std::sync::Arc<$crate::configured::Configured<$crate::description::Description>>,
        }

        impl $name {
            /// Runs `describe` and checks its answer.
            pub(crate) async fn describe(
                component: &$crate::component::Component,
                configuration: &serde_json::Value,
            ) -> Result<Self, $crate::fault::ConfigureError> {
                let describing = $crate::configured::plainly($hook, $question);
                Ok(Self { inner: std::sync::Arc::new(describing.configure(component, configuration).await?) })
            }

            /// How it is shown, and what may be configured.
            pub fn description(&self) -> &$crate::description::Description {
                &self.inner.checked
            }

            /// Which component, under which configuration.
            pub fn revision(&self) -> chancery_domain::template::Revision {
                self.inner.revision
            }

            /// The component.
            pub fn component(&self) -> &$crate::component::Component {
                &self.inner.component
            }

            /// What describing itself under this configuration cost.
            pub fn description_usage(&self) -> $crate::measured::Usage {
                self.inner.description
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_struct(stringify!($name)).field("component", self.component()).finish_non_exhaustive()
            }
        }
    };
}
pub(crate) use described;

fn unfit(component: &Component, issues: Vec<Issue>) -> ConfigureError {
    ConfigureError::Configuration { plugin: component.plugin(), issues }
}
