//! The tenants directly below this one: administered from here, never looked into.

pub(crate) mod change;
pub(crate) mod create;
pub(crate) mod list;

use chancery_domain::Tenant;

use crate::app::App;
use crate::issuer::Issuer;
use crate::platform::tenants::find;
use crate::problem::Problem;

/// The child of that id; for somebody else's as for one that nobody has.
async fn child(app: &App, parent: &Issuer, id: &str) -> Result<Tenant, Problem> {
    let tenant = find(app, id).await?;
    if tenant.parent == Some(parent.tenant()) { Ok(tenant) } else { Err(Problem::not_found()) }
}
