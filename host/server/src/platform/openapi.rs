//! The description of the platform-admin API, made from the handlers themselves.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use utoipa::OpenApi;

use super::{audit, configuration, decisions, halts, license, operators, policies, registrations, tenants};
use crate::app::App;
use crate::manage::openapi::located;
use crate::manage::{activations, domains, endpoints, keys, plugins};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Chancery platform-admin API",
        version = "1",
        description = "Register and administer tenants. Version 1 only ever grows."
    ),
    paths(
        tenants::create::create,
        tenants::list::list,
        tenants::list::children,
        tenants::show::show,
        tenants::change::rename,
        tenants::change::approve,
        tenants::change::reject,
        tenants::change::suspend,
        tenants::change::resume,
        tenants::change::close,
        tenants::delete::delete,
        registrations::list,
        policies::list,
        policies::show,
        policies::install,
        policies::remove,
        decisions::list,
        decisions::replay,
        license::show,
        license::install,
        license::remove,
        keys::list::list_of_tenant,
        keys::rotate::rotate_of_tenant,
        keys::revoke::revoke_of_tenant,
        keys::import::import_for_tenant,
        domains::claim::claim_for_tenant,
        domains::list::list_of_tenant,
        domains::list::show_of_tenant,
        domains::change::verify_of_tenant,
        domains::change::release_of_tenant,
        endpoints::list_of_tenant,
        endpoints::bind_for_tenant,
        configuration::show,
        configuration::replace,
        configuration::merge,
        plugins::upload::upload_to_catalogue,
        plugins::list::list_catalogue,
        plugins::list::show_of_catalogue,
        plugins::list::measure_everywhere,
        plugins::list::listen_to_deployments,
        plugins::change::approve_for_catalogue,
        plugins::change::approve_for_tenant,
        plugins::change::discard_from_catalogue,
        plugins::change::quarantine,
        plugins::change::release,
        activations::activate::activate_for_all,
        activations::activate::activate_for_tenant,
        activations::list::list_for_all,
        activations::list::list_of_tenant,
        activations::change::roll_back_for_all,
        activations::change::roll_back_for_tenant,
        activations::change::deactivate_for_all,
        halts::order,
        halts::list,
        halts::lift,
        audit::list,
        audit::verify,
        operators::admit,
        operators::list,
        operators::dismiss,
    ),
    tags(
        (name = "Tenants", description = "The organisations that issue"),
        (name = "Onboarding", description = "Who may become a tenant: policies, those who wait, and the licence"),
        (name = "Keys", description = "What signs a tenant's credentials"),
        (name = "Domains", description = "Names of a tenant's own, proved by the DNS"),
        (name = "Public endpoints", description = "The URLs that a tenant advertises"),
        (name = "Configuration", description = "What counts for tenants that did not choose"),
        (name = "Plugins", description = "What tenants may take from, and what they issue from that decide nothing else"),
        (name = "Halts", description = "What is not to be issued for now"),
        (name = "Audit", description = "Who did what to tenants, and whether anybody rewrote it"),
        (name = "Operators", description = "Who may call this API"),
    )
)]
struct PlatformAdminApi;

/// `GET /openapi.json`
pub(crate) async fn document(State(app): State<Arc<App>>) -> Json<utoipa::openapi::OpenApi> {
    Json(located(PlatformAdminApi::openapi(), &format!("{}/platform-admin", app.platform_api())))
}
