//! Whether a version may be put to work, and what is said of one that does not work.

use chancery_domain::plugin::Approval;
use chancery_domain::template::Issue;
use chancery_engine::{ConfigureError, Hook};
use chancery_store::Shelved;

use super::Keeper;
use super::published::check_published;
use crate::app::App;
use crate::problem::{Problem, ProblemCode};
use crate::tenants::templates::Unusable;

/// Refuses what somebody forbade or has yet to permit, what nobody published who is trusted, and what is for something
/// else.
pub(crate) async fn check_may_be_used(
    app: &App,
    keeper: Keeper<'_>,
    version: &Shelved,
    hook: Hook,
) -> Result<(), Problem> {
    let wrong = |detail: &str| Err(Problem::new(ProblemCode::WrongState).detail(detail));
    if version.quarantined {
        return wrong("the plugin is quarantined");
    }
    if version.approval == Approval::Awaited {
        return wrong("the plugin waits for an approval");
    }
    if version.hook != hook.as_str() {
        let detail = format!("it takes a plugin of the kind {}, this one is {}", hook.as_str(), version.hook);
        return Err(Problem::new(ProblemCode::WrongState).detail(detail));
    }
    check_published(app, keeper, version).await
}

/// Why a component does not work in a configuration. Pointers lead into the request.
impl From<Unusable> for Problem {
    fn from(error: Unusable) -> Self {
        match error {
            Unusable::Store(error) => error.into(),
            Unusable::Missing => Self::not_found(),
            Unusable::Refused(error) => Self::new(ProblemCode::PluginRefused).detail(error.to_string()),
            Unusable::Plugin(ConfigureError::Configuration { issues, .. }) => {
                let below = |issue: Issue| {
                    let pointer = format!("/configuration{}", issue.pointer);
                    Issue { pointer, ..issue }
                };
                Self::invalid(issues.into_iter().map(below).collect())
            }
            Unusable::Plugin(error) => {
                Self::new(ProblemCode::PluginFailed).detail(error.to_string()).because(error)
            }
        }
    }
}
