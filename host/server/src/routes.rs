//! Every route once, grouped by who calls it: the table of contents.

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{any, delete, get, patch, post, put};
use chancery_protocol::well_known::WellKnown;

use crate::app::App;
use crate::config::Config;
use crate::proxies::Proxies;
use crate::tenants::address::Addressing;
use crate::tenants::limits::Audience;
use crate::tenants::{FrontDoor, knock, show_left_behind};
use crate::{manage, middleware, ops, platform, wallet};

/// What a request body may hold, in bytes.
pub(crate) const MAX_BODY: usize = 256 * 1024;
/// What an upload of a plugin may hold: an interpreted one carries its interpreter, a form some lines around it.
const MAX_UPLOAD: usize = 33 << 20;

/// The whole public surface, behind the door that finds out who a request is for.
pub(crate) fn public(app: &Arc<App>, config: &Config) -> Router {
    let platform =
        if config.ops_listen.is_some() { platform(app) } else { platform(app).merge(operations()) };
    let door = FrontDoor {
        app: app.clone(),
        addressing: Addressing::of(config),
        proxies: Proxies::new(config.trusted_proxies.clone()),
        https_only: config.public_url.scheme() == "https",
        tenants: around(app, tenants(app)),
        remains: around(app, remains()),
        kept_lists: around(app, kept_lists()),
        platform: around(app, platform.fallback(wallet::nowhere)),
    };
    identified(app, Router::new().fallback(knock).with_state(Arc::new(door)))
}

/// Health and metrics at an address of their own.
pub(crate) fn private(app: &Arc<App>) -> Router {
    identified(app, operations().with_state(app.clone()))
}

/// Outermost, so that the front door's own answers are no exception: every request has a name, and every answer
/// its guards.
fn identified(app: &Arc<App>, routes: Router) -> Router {
    routes.layer(from_fn(middleware::harden)).layer(from_fn_with_state(app.clone(), middleware::identify))
}

/// What every answer goes through.
fn around(app: &Arc<App>, routes: Router<Arc<App>>) -> Router {
    routes
        .layer(from_fn_with_state(app.clone(), middleware::track))
        .layer(from_fn_with_state(app.clone(), middleware::render_problems))
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .layer(from_fn(middleware::measure))
        .with_state(app.clone())
}

/// One tenant's routes, wherever in the world it has its address.
fn tenants(app: &Arc<App>) -> Router<Arc<App>> {
    let managers = if app.tenants.workshop.saas {
        managers().merge(addresses()).merge(descendants())
    } else {
        managers().merge(own_operation())
    };
    let managers = managers.fallback(manage::nowhere).method_not_allowed_fallback(manage::wrong_method);
    let limited = |audience, routes: Router<Arc<App>>| {
        routes.layer(from_fn_with_state((app.clone(), audience), middleware::limit))
    };
    let open = Router::new()
        .merge(limited(
            Audience::Verifiers,
            well_known().merge(verifiers()).fallback(wallet::type_metadata::show),
        ))
        .merge(limited(Audience::Wallets, wallets()))
        .layer(middleware::cors());
    open.merge(limited(Audience::Wallets, holders(app))).nest("/api", limited(Audience::Managers, managers))
}

/// Metadata. The front door brings both forms here, the inserted and the appended one.
fn well_known() -> Router<Arc<App>> {
    let at = |document: WellKnown| format!("/.well-known/{}", document.name());
    Router::new()
        .route(&at(WellKnown::CredentialIssuer), get(wallet::metadata::credential_issuer))
        .route(&at(WellKnown::AuthorizationServer), get(wallet::metadata::authorization_server))
        .route(&at(WellKnown::JwtVcIssuer), get(wallet::keys::jwt_vc_issuer))
}

/// What verifiers need, without authentication and without a trace of who asked.
fn verifiers() -> Router<Arc<App>> {
    Router::new()
        .route("/.well-known/did.json", get(wallet::keys::did_at_root))
        .route("/did.json", get(wallet::keys::did_at_path))
        .route("/jwks", get(wallet::keys::jwks))
        .route("/oauth/jwks", get(wallet::keys::token_keys))
        .route("/authority.pem", get(wallet::keys::authority))
        .route("/authority.crl", get(wallet::keys::revocation_list))
        .route("/status-lists", get(wallet::status_list::aggregate))
        .route("/status-lists/{list}", get(wallet::status_list::show))
        .route("/status-lists/{list}/revocation", get(wallet::status_list::show_revocation))
        .route("/status-lists/{list}/suspension", get(wallet::status_list::show_suspension))
}

/// What is left of a deleted tenant; the front door knows what there is.
fn remains() -> Router<Arc<App>> {
    Router::new().route("/{*path}", get(show_left_behind)).layer(middleware::cors())
}

/// Status lists that were signed before; the front door knows which.
fn kept_lists() -> Router<Arc<App>> {
    Router::new().route("/{*path}", get(wallet::status_list::show_kept)).layer(middleware::cors())
}

/// OpenID4VCI and its authorization server.
fn wallets() -> Router<Arc<App>> {
    Router::new()
        .route("/par", post(wallet::par::push))
        .route("/offers/{secret}", get(wallet::offer::fetch))
        .route("/token", post(wallet::token::grant))
        .route("/nonce", post(wallet::nonce::mint))
        .route("/challenge", post(wallet::challenge::mint))
        .route("/credential", post(wallet::credential::issue))
        .route("/deferred-credential", post(wallet::deferred_credential::issue))
        .route("/notification", post(wallet::notification::receive))
        .method_not_allowed_fallback(wallet::wrong_method)
}

/// The pages that holders see in their browsers.
fn holders(app: &App) -> Router<Arc<App>> {
    use wallet::authorize as a;
    let pages = Router::new()
        .route("/authorize", get(a::show::show).post(a::show::show_posted))
        .route("/authorize/sign-in", post(a::sign_in::sign_in))
        .route("/authorize/decision", post(a::decide::decide))
        .route("/authorize/provider", get(a::upstream::begin))
        .route("/authorize/callback/{provider}", get(a::upstream::callback))
        .route("/offers/{secret}/page", get(wallet::offer_page::show));
    let pages = if app.tenants.workshop.development {
        pages.route("/authorize/demo-holder", post(a::demo_holder::sign_in))
    } else {
        pages
    };
    pages.method_not_allowed_fallback(wallet::wrong_method)
}

/// The management API, version 1.
fn managers() -> Router<Arc<App>> {
    use manage::configuration::{change, show};
    use manage::keys::certificate;
    use manage::{
        activations as a, api_keys as k, clients as c, plugins as p, providers as o, sources as s,
        webhooks as w,
    };
    let upload = DefaultBodyLimit::max(MAX_UPLOAD);
    Router::new()
        .route("/offers", post(manage::offers::create::create).get(manage::offers::list::list))
        .route("/offers/{id}", get(manage::offers::show::show).delete(manage::offers::cancel::cancel))
        .route("/deferrals", get(manage::deferrals::list::list))
        .route("/deferrals/{id}", get(manage::deferrals::show::show))
        .route("/deferrals/{id}/complete", post(manage::deferrals::complete::complete))
        .route("/deferrals/{id}/refuse", post(manage::deferrals::refuse::refuse))
        .route("/sessions", get(manage::sessions::list::list))
        .route("/sessions/{id}", get(manage::sessions::show::show).delete(manage::sessions::forget::forget))
        .route("/credentials", get(manage::credentials::list::list))
        .route("/credentials/{id}", get(manage::credentials::show::show))
        .route("/credentials/{id}/revoke", post(manage::credentials::change::revoke))
        .route("/credentials/{id}/suspend", post(manage::credentials::change::suspend))
        .route("/credentials/{id}/reinstate", post(manage::credentials::change::reinstate))
        .route("/credentials/{id}/replay", post(manage::credentials::replay::replay))
        .route("/api-keys", post(k::create).get(k::list))
        .route("/api-keys/{id}", get(k::show).patch(k::change::rename).delete(k::change::revoke))
        .route("/clients", post(c::create::create).get(c::list::list))
        .route("/clients/{id}", get(c::show::show).patch(c::change::change).delete(c::delete::delete))
        .route("/clients/{id}/rotate-secret", post(c::rotate_secret::rotate_secret))
        .route("/invitations/accept", post(manage::invitations::accept))
        .route("/audit", get(manage::audit::list::list))
        .route("/audit/verification", get(manage::audit::verify::verify))
        .route("/configuration", get(show::show).put(change::replace).patch(change::merge))
        .route("/configuration/{principal}", get(show::show_of_principal).put(change::replace_of_principal))
        .route("/configuration/{principal}", patch(change::merge_of_principal))
        .route("/halts", post(manage::halts::order).get(manage::halts::list))
        .route("/halts/{id}", delete(manage::halts::lift))
        .route("/plugins", post(p::upload::upload).get(p::list::list).layer(upload))
        .route("/plugins/{digest}", get(p::list::show).delete(p::change::discard))
        .route("/plugins/{digest}/approve", post(p::change::approve))
        .route("/plugins/{digest}/metrics", get(p::list::measure))
        .route("/plugins/{digest}/logs", get(p::list::listen))
        .route("/activations", post(a::activate::activate).get(a::list::list))
        .route("/activations/{configuration_id}", delete(a::change::deactivate))
        .route("/activations/{configuration_id}/rollback", post(a::change::roll_back))
        .route("/providers", get(o::list::list))
        .route("/providers/{name}", put(o::set::set).delete(o::remove::remove))
        .route("/sources", get(s::list::list))
        .route("/sources/{configuration_id}/{name}", put(s::set::set).delete(s::remove::remove))
        .route("/keys", get(manage::keys::list::list))
        .route("/keys/rotate", post(manage::keys::rotate::rotate))
        .route("/keys/import", post(manage::keys::import::import))
        .route("/keys/{kid}/revoke", post(manage::keys::revoke::revoke))
        .route("/keys/{kid}/certificate-request", get(certificate::request))
        .route("/keys/{kid}/certificate", put(certificate::keep).delete(certificate::remove))
        .route("/webhooks", post(w::create::create).get(w::list::list))
        .route("/webhooks/{id}", get(w::list::show).patch(w::change::change).delete(w::delete::delete))
        .route("/webhooks/{id}/rotate-secret", post(w::rotate_secret::rotate_secret))
        .route("/webhooks/{id}/test", post(w::test::test))
        .route("/webhooks/{id}/deliveries", get(w::deliveries::deliveries))
        .route("/webhooks/{id}/deliveries/{event_id}/replay", post(w::replay::replay))
        .route("/webhooks/{id}/replay-dead", post(w::replay::replay_dead))
        .route("/openapi.json", get(manage::openapi::document))
        .route("/docs", get(manage::docs::page_of_the_api))
        .route("/errors/{code}", get(manage::docs::problem))
}

/// Where a tenant of many is found; a self-hosted issuer is where its operator says.
fn addresses() -> Router<Arc<App>> {
    use manage::domains as d;
    Router::new()
        .route("/domains", post(d::claim::claim).get(d::list::list))
        .route("/domains/{domain}", get(d::list::show).delete(d::change::release))
        .route("/domains/{domain}/verify", post(d::change::verify))
        .route("/public-endpoints", get(manage::endpoints::list))
        .route("/public-endpoints/{service}", put(manage::endpoints::bind))
}

/// The tenants below one of many.
fn descendants() -> Router<Arc<App>> {
    use manage::subtenants as s;
    Router::new()
        .route("/subtenants", post(s::create::create).get(s::list::list))
        .route("/subtenants/{id}", get(s::list::show).patch(s::change::rename))
        .route("/subtenants/{id}/suspend", post(s::change::suspend))
        .route("/subtenants/{id}/resume", post(s::change::resume))
        .route("/subtenants/{id}/close", post(s::change::close))
}

/// What is an operator's where there are many; a self-hosted issuer operates itself.
fn own_operation() -> Router<Arc<App>> {
    use manage::plugins::change;
    Router::new()
        .route("/plugins/{digest}/quarantine", post(change::quarantine_of_own))
        .route("/plugins/{digest}/release", post(change::release_of_own))
}

/// What belongs to no tenant. Self-hosted, there is nobody to administer.
fn platform(app: &Arc<App>) -> Router<Arc<App>> {
    if !app.tenants.workshop.saas {
        return Router::new();
    }
    let api = Router::new()
        .route("/errors/{code}", get(manage::docs::problem_of_the_platform))
        .route("/bootstrap", post(platform::bootstrap::claim))
        .nest("/platform-admin", operators());
    Router::new()
        .nest("/api", api.fallback(manage::nowhere).method_not_allowed_fallback(manage::wrong_method))
        .route("/{tenant}/api/{*path}", any(manage::nowhere))
}

/// The platform-admin API, version 1.
fn operators() -> Router<Arc<App>> {
    use manage::activations::activate::activate_for_tenant;
    use manage::domains::{change, claim, list};
    use manage::{activations as a, endpoints, keys, plugins as g};
    use platform::{configuration as c, license as l, operators as o, policies as p, tenants as t};
    let upload = DefaultBodyLimit::max(MAX_UPLOAD);
    Router::new()
        .route("/tenants", post(t::create::create).get(t::list::list))
        .route("/tenants/{id}", get(t::show::show).patch(t::change::rename).delete(t::delete::delete))
        .route("/tenants/{id}/children", get(t::list::children))
        .route("/tenants/{id}/approve", post(t::change::approve))
        .route("/tenants/{id}/reject", post(t::change::reject))
        .route("/tenants/{id}/suspend", post(t::change::suspend))
        .route("/tenants/{id}/resume", post(t::change::resume))
        .route("/tenants/{id}/close", post(t::change::close))
        .route("/registrations", get(platform::registrations::list))
        .route("/policies", get(platform::policies::list))
        .route("/policies/{name}", put(p::install).get(p::show).delete(p::remove))
        .route("/decisions", get(platform::decisions::list))
        .route("/decisions/{id}/replay", post(platform::decisions::replay))
        .route("/license", put(l::install).get(l::show).delete(l::remove))
        .route("/tenants/{id}/keys", get(keys::list::list_of_tenant))
        .route("/tenants/{id}/keys/rotate", post(keys::rotate::rotate_of_tenant))
        .route("/tenants/{id}/keys/import", post(keys::import::import_for_tenant))
        .route("/tenants/{id}/keys/{kid}/revoke", post(keys::revoke::revoke_of_tenant))
        .route("/tenants/{id}/domains", post(claim::claim_for_tenant).get(list::list_of_tenant))
        .route("/tenants/{id}/domains/{domain}", get(list::show_of_tenant).delete(change::release_of_tenant))
        .route("/tenants/{id}/domains/{domain}/verify", post(change::verify_of_tenant))
        .route("/tenants/{id}/public-endpoints", get(endpoints::list_of_tenant))
        .route("/tenants/{id}/public-endpoints/{service}", put(endpoints::bind_for_tenant))
        .route("/tenants/{id}/activations", post(activate_for_tenant).get(a::list::list_of_tenant))
        .route("/tenants/{id}/activations/{configuration_id}/rollback", post(a::change::roll_back_for_tenant))
        .route("/tenants/{id}/plugins/{digest}/approve", post(g::change::approve_for_tenant))
        .route("/plugins", post(g::upload::upload_to_catalogue).get(g::list::list_catalogue).layer(upload))
        .route("/plugins/{digest}", get(g::list::show_of_catalogue).delete(g::change::discard_from_catalogue))
        .route("/plugins/{digest}/approve", post(g::change::approve_for_catalogue))
        .route("/plugins/{digest}/metrics", get(g::list::measure_everywhere))
        .route("/plugins/{digest}/logs", get(g::list::listen_to_deployments))
        .route("/plugins/{digest}/quarantine", post(g::change::quarantine))
        .route("/plugins/{digest}/release", post(g::change::release))
        .route("/activations", post(a::activate::activate_for_all).get(a::list::list_for_all))
        .route("/activations/{configuration_id}", delete(a::change::deactivate_for_all))
        .route("/activations/{configuration_id}/rollback", post(a::change::roll_back_for_all))
        .route("/operators", post(o::admit).get(o::list))
        .route("/operators/{id}", delete(o::dismiss))
        .route("/configuration", get(c::show).put(c::replace).patch(c::merge))
        .route("/halts", post(platform::halts::order).get(platform::halts::list))
        .route("/halts/{id}", delete(platform::halts::lift))
        .route("/openapi.json", get(platform::openapi::document))
        .route("/audit", get(platform::audit::list))
        .route("/audit/verification", get(platform::audit::verify))
}

/// Health and metrics; apart when `CHANCERY_OPS_LISTEN` is set.
fn operations() -> Router<Arc<App>> {
    Router::new()
        .route("/livez", get(ops::livez))
        .route("/readyz", get(ops::readyz))
        .route("/metrics", get(ops::metrics))
}
