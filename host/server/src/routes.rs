//! Every route once, grouped by who calls it: the table of contents.

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{get, post};
use chancery_protocol::well_known::WellKnown;

use crate::app::App;
use crate::{manage, middleware, ops, wallet};

/// What a request body may hold, in bytes.
pub(crate) const MAX_BODY: usize = 256 * 1024;

/// The whole public surface.
pub(crate) fn public(app: &Arc<App>) -> Router {
    let base = app.issuer().url();
    let path = base.path().trim_end_matches('/').to_owned();
    let mount = |router: Router<Arc<App>>, routes: Router<Arc<App>>| match path.as_str() {
        "" => router.merge(routes),
        path => router.nest(path, routes),
    };

    let router = well_known(&path);
    let router = mount(router, verifiers());
    let router = mount(router, wallets());
    let router = mount(router, Router::new().nest("/api", managers()));
    router
        .fallback(wallet::nowhere)
        .layer(from_fn_with_state(app.clone(), middleware::track))
        .layer(from_fn_with_state(app.clone(), middleware::render_problems))
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .layer(from_fn(middleware::harden))
        .layer(from_fn(middleware::measure))
        .with_state(app.clone())
}

/// Metadata, at the inserted path and at the appended one of older drafts.
fn well_known(path: &str) -> Router<Arc<App>> {
    let mut router = Router::new();
    for name in [WellKnown::CredentialIssuer, WellKnown::AuthorizationServer, WellKnown::JwtVcIssuer] {
        let route = || match name {
            WellKnown::CredentialIssuer => get(wallet::metadata::credential_issuer),
            WellKnown::AuthorizationServer => get(wallet::metadata::authorization_server),
            WellKnown::JwtVcIssuer => get(wallet::keys::jwt_vc_issuer),
        };
        let name = name.name();
        router = router.route(&format!("/.well-known/{name}{path}"), route().layer(middleware::cors()));
        if !path.is_empty() {
            router = router.route(&format!("{path}/.well-known/{name}"), route().layer(middleware::cors()));
        }
    }
    router
}

/// What verifiers need, without authentication and without a trace of who asked.
fn verifiers() -> Router<Arc<App>> {
    Router::new()
        .route("/.well-known/did.json", get(wallet::keys::did_at_root))
        .route("/did.json", get(wallet::keys::did_at_path))
        .route("/jwks", get(wallet::keys::jwks))
        .route("/status-lists/{list}", get(wallet::status_list::show))
        .layer(middleware::cors())
}

/// OpenID4VCI and its authorization server.
fn wallets() -> Router<Arc<App>> {
    Router::new()
        .route("/offers/{secret}", get(wallet::offer::fetch))
        .route("/token", post(wallet::token::redeem))
        .route("/nonce", post(wallet::nonce::mint))
        .route("/credential", post(wallet::credential::issue))
        .route("/notification", post(wallet::notification::receive))
        .method_not_allowed_fallback(wallet::wrong_method)
        .layer(middleware::cors())
        .route("/offers/{secret}/page", get(wallet::offer_page::show))
}

/// The management API, version 1.
fn managers() -> Router<Arc<App>> {
    Router::new()
        .route("/offers", post(manage::offers::create::create).get(manage::offers::list::list))
        .route("/offers/{id}", get(manage::offers::show::show).delete(manage::offers::cancel::cancel))
        .route("/credentials", get(manage::credentials::list::list))
        .route("/credentials/{id}", get(manage::credentials::show::show))
        .route("/credentials/{id}/revoke", post(manage::credentials::change::revoke))
        .route("/credentials/{id}/suspend", post(manage::credentials::change::suspend))
        .route("/credentials/{id}/reinstate", post(manage::credentials::change::reinstate))
        .route("/api-keys", post(manage::api_keys::create).get(manage::api_keys::list))
        .route("/openapi.json", get(manage::openapi::document))
        .route("/docs", get(manage::docs::page_of_the_api))
        .route("/errors/{code}", get(manage::docs::problem))
        .fallback(manage::nowhere)
        .method_not_allowed_fallback(manage::wrong_method)
}

/// Health and metrics; apart when `CHANCERY_OPS_LISTEN` is set.
pub(crate) fn operations(app: &Arc<App>) -> Router {
    Router::new()
        .route("/livez", get(ops::livez))
        .route("/readyz", get(ops::readyz))
        .route("/metrics", get(ops::metrics))
        .with_state(app.clone())
}
