//! The description of the management API, made from the handlers themselves.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use utoipa::OpenApi;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{Components, Server};

use super::{
    activations, api_keys, audit, clients, configuration, credentials, deferrals, domains, endpoints, halts,
    invitations, keys, offers, plugins, providers, sessions, sources, subtenants, webhooks,
};
use crate::app::App;
use crate::tenants::Published;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Chancery management API",
        version = "1",
        description = "Offer credentials, follow what becomes of them, revoke them. Any request may be answered 429: come again when `Retry-After` says. Version 1 only ever grows."
    ),
    paths(
        offers::create::create,
        offers::list::list,
        offers::show::show,
        offers::cancel::cancel,
        deferrals::list::list,
        deferrals::show::show,
        deferrals::complete::complete,
        deferrals::refuse::refuse,
        sessions::list::list,
        sessions::show::show,
        sessions::forget::forget,
        credentials::list::list,
        credentials::show::show,
        credentials::change::revoke,
        credentials::change::suspend,
        credentials::change::reinstate,
        credentials::replay::replay,
        configuration::show::show,
        configuration::show::show_of_principal,
        configuration::change::replace,
        configuration::change::merge,
        configuration::change::replace_of_principal,
        configuration::change::merge_of_principal,
        halts::order,
        halts::list,
        halts::lift,
        plugins::upload::upload,
        plugins::list::list,
        plugins::list::show,
        plugins::list::measure,
        plugins::list::listen,
        plugins::change::approve,
        plugins::change::discard,
        activations::activate::activate,
        activations::list::list,
        activations::change::roll_back,
        activations::change::deactivate,
        keys::list::list,
        keys::rotate::rotate,
        keys::revoke::revoke,
        keys::import::import,
        keys::certificate::request,
        keys::certificate::keep,
        keys::certificate::remove,
        api_keys::create,
        api_keys::list,
        api_keys::show,
        api_keys::change::rename,
        api_keys::change::revoke,
        clients::create::create,
        clients::list::list,
        clients::show::show,
        clients::change::change,
        clients::rotate_secret::rotate_secret,
        clients::delete::delete,
        providers::set::set,
        providers::list::list,
        providers::remove::remove,
        sources::set::set,
        sources::list::list,
        sources::remove::remove,
        webhooks::create::create,
        webhooks::list::list,
        webhooks::list::show,
        webhooks::change::change,
        webhooks::delete::delete,
        webhooks::rotate_secret::rotate_secret,
        webhooks::test::test,
        webhooks::deliveries::deliveries,
        webhooks::replay::replay,
        webhooks::replay::replay_dead,
        invitations::accept,
        audit::list::list,
        audit::verify::verify,
    ),
    tags(
        (name = "Offers", description = "Invitations to a holder to fetch credentials"),
        (name = "Deferrals", description = "Credentials that somebody has yet to decide on"),
        (name = "Sessions", description = "What became of offers, for a while"),
        (name = "Credentials", description = "What was issued, and its status"),
        (name = "Configuration", description = "What is chosen about how the tenant issues"),
        (name = "Halts", description = "What is not to be issued for now"),
        (name = "Plugins", description = "What shapes credentials, and which version of it answers"),
        (name = "Keys", description = "What signs the credentials"),
        (name = "API keys", description = "Who may call this API by a key"),
        (name = "Clients", description = "Who may call this API by tokens of the authorization server"),
        (name = "Providers", description = "Where holders sign in"),
        (name = "Sources", description = "Where templates have things looked up"),
        (name = "Webhooks", description = "Whom other systems' owners have told what happens"),
        (name = "Invitations", description = "How an owner comes in"),
        (name = "Audit", description = "Who changed what, and whether anybody rewrote it"),
    )
)]
struct ManagementApi;

/// Where a tenant of many is found, and which tenants are below it.
#[derive(OpenApi)]
#[openapi(
    paths(
        domains::claim::claim,
        domains::list::list,
        domains::list::show,
        domains::change::verify,
        domains::change::release,
        endpoints::list,
        endpoints::bind,
        subtenants::create::create,
        subtenants::list::list,
        subtenants::list::show,
        subtenants::change::rename,
        subtenants::change::suspend,
        subtenants::change::resume,
        subtenants::change::close,
    ),
    tags(
        (name = "Domains", description = "Names of the tenant's own, proved by the DNS"),
        (name = "Public endpoints", description = "The URLs that the tenant advertises"),
        (name = "Subtenants", description = "The tenants that this one administers"),
    )
)]
struct ApiOfMany;

/// What is an operator's where there are many.
#[derive(OpenApi)]
#[openapi(paths(plugins::change::quarantine_of_own, plugins::change::release_of_own))]
struct ApiOfOne;

/// The description for one issuer; a self-hosted one is where its operator says.
pub(crate) fn describe(app: &App, management_url: &str) -> utoipa::openapi::OpenApi {
    let mut api = ManagementApi::openapi();
    if app.tenants.workshop.saas {
        api.merge(ApiOfMany::openapi());
    } else {
        api.merge(ApiOfOne::openapi());
    }
    located(api, management_url)
}

/// The description of an API at its address. Of the scopes that `security` lists, any one will do.
pub(crate) fn located(mut api: utoipa::openapi::OpenApi, url: &str) -> utoipa::openapi::OpenApi {
    api.servers = Some(vec![Server::new(url)]);
    let description = "An API key, or a token that the token endpoint gave to a client";
    let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some(description)).build();
    api.components
        .get_or_insert_with(Components::new)
        .add_security_scheme("api_key", SecurityScheme::Http(bearer));
    api
}

/// `GET /openapi.json`
pub(crate) async fn document(
    State(app): State<Arc<App>>,
    Published(issuer): Published,
) -> Json<utoipa::openapi::OpenApi> {
    Json(describe(&app, &issuer.management_url()))
}
