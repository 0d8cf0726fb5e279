//! The front door: from the address of a request to the tenant it is for, and on to the tenant's routes,
//! which begin at `/` for everybody.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::{ConnectInfo, OriginalUri, Request, State};
use axum::response::{IntoResponse, Response};
use http::uri::PathAndQuery;
use http::{StatusCode, Uri};
use tower::ServiceExt as _;

use super::LoadError;
use super::address::{Address, Addressing};
use super::limits::ClientAddress;
use crate::app::App;
use crate::caller::tenant_named_by_token;
use crate::issuer::Issuer;
use crate::problem::{Problem, ProblemCode};
use crate::proxies::Proxies;
use crate::refusal::Refusal;
use crate::wallet::status_list::find_kept;

/// What lies behind the door.
pub(crate) struct FrontDoor {
    pub(crate) app: Arc<App>,
    pub(crate) addressing: Addressing,
    pub(crate) proxies: Proxies,
    /// Whether the world reaches the host by https only.
    pub(crate) https_only: bool,
    /// The routes of every tenant.
    pub(crate) tenants: Router,
    /// What deleted tenants left behind.
    pub(crate) remains: Router,
    /// Status lists of tenants that cannot be loaded now.
    pub(crate) kept_lists: Router,
    /// The routes of the platform, and what is nobody's.
    pub(crate) platform: Router,
}

/// Finds out who the request is for, and hands it over.
pub(crate) async fn knock(State(door): State<Arc<FrontDoor>>, mut request: Request) -> Response {
    let tenants = &door.app.tenants;
    let peer = request.extensions().get().map(|ConnectInfo(peer): &ConnectInfo<SocketAddr>| peer.ip());
    let asked = door.proxies.ask(peer, &request);
    if asked.in_clear && door.https_only {
        return in_clear();
    }
    if let Some(address) = asked.address {
        request.extensions_mut().insert(ClientAddress(address));
    }
    let address = door.addressing.locate(asked.host.as_deref(), request.uri().path());
    let by_token = matches!(address, Address::Token(_));
    let (found, path, asked) = match address {
        Address::Sole(path) | Address::Application(path) | Address::Token(path) => {
            let asked = tenants.workshop.default_identifier("");
            (tenants.application().await, path, asked)
        }
        Address::Slug { slug, at_host, path } => {
            let workshop = &tenants.workshop;
            let asked = match at_host {
                Some(host) => workshop.identifier_at(&host),
                None => workshop.default_identifier(&slug),
            };
            match tenants.by_slug(&slug, as_asked(&path, asked.clone())).await {
                // As if the tenant had never been.
                Ok(None) => match remains(&door, request, &slug, &path).await {
                    Ok(response) => return response,
                    Err(request) => return enter(&door.platform, request).await,
                },
                found => (found, path, asked),
            }
        }
        Address::Domain(host, path) => {
            let asked = tenants.workshop.identifier_at(&host);
            match tenants.by_domain(&host, as_asked(&path, asked.clone())).await {
                // A foreign host is not ours to answer for.
                Ok(None) => {
                    let left = remains(&door, request, &host, &path).await;
                    return left.unwrap_or_else(|_| misdirected());
                }
                found => (found, path, asked),
            }
        }
        Address::Misdirected => return misdirected(),
        Address::Platform | Address::Nowhere => return enter(&door.platform, request).await,
    };
    let found = match found {
        Ok(found) if path.starts_with("/api/") => {
            let at = found.as_ref().map(|issuer| issuer.tenant());
            match tenant_named_by_token(&door.app, request.headers(), at).await {
                Ok(Some(named)) if by_token => Ok(Some(named)),
                // At another tenant's address the token's holder finds nobody.
                Ok(Some(_)) => Ok(None),
                Ok(None) => Ok(found),
                Err(error) => Err(error),
            }
        }
        found => found,
    };
    match found {
        Ok(Some(issuer)) => enter(&door.tenants, at(request, issuer, &path)).await,
        // As if the path did not exist: whether a slug was ever taken is nobody's business.
        Ok(None) => enter(&door.platform, request).await,
        Err(error) => match kept_list(&door, request, &asked, &path).await {
            Some(response) => response,
            None => unavailable(&door.app, &path, &error),
        },
    }
}

/// A status list of an issuer that cannot be loaded, as it was signed last.
async fn kept_list(door: &FrontDoor, mut request: Request, identifier: &str, path: &str) -> Option<Response> {
    let (query, headers) = (request.uri().query(), request.headers());
    let kept = find_kept(&door.app, identifier, path, query, headers).await?;
    request.extensions_mut().insert(kept);
    Some(enter(&door.kept_lists, request).await)
}

/// Wallets and verifiers meet the issuer under the address that they asked; whoever manages it meets the one
/// that it advertises.
fn as_asked(path: &str, asked: String) -> Option<String> {
    (!path.starts_with("/api")).then_some(asked)
}

/// What verifiers look for where a tenant was; the request itself if there is no such thing.
async fn remains(
    door: &FrontDoor,
    mut request: Request,
    name: &str,
    path: &str,
) -> Result<Response, Request> {
    match door.app.tenants.left_behind(name, path).await {
        Ok(Some(document)) => {
            request.extensions_mut().insert(document);
            Ok(enter(&door.remains, request).await)
        }
        Ok(None) => Err(request),
        Err(error) => Ok(unavailable(&door.app, path, &error)),
    }
}

async fn enter(routes: &Router, request: Request) -> Response {
    routes.clone().oneshot(request).await.unwrap_or_else(|never| match never {})
}

/// The request as the tenant's routes know it. What the client wrote is kept beside it.
fn at(mut request: Request, issuer: Arc<Issuer>, path: &str) -> Request {
    let asked = request.uri().clone();
    let rewritten = match asked.query() {
        Some(query) => PathAndQuery::try_from(format!("{path}?{query}")),
        None => PathAndQuery::try_from(path),
    };
    let mut parts = http::uri::Parts::default();
    // A part of a URI that was read before can be read again.
    parts.path_and_query = rewritten.ok();
    *request.uri_mut() = Uri::from_parts(parts).unwrap_or_default();
    request.extensions_mut().insert(OriginalUri(asked));
    request.extensions_mut().insert(issuer);
    request
}

/// RFC 9110 §15.5.20.
fn misdirected() -> Response {
    Refusal::not_found("no tenant is served under this host name")
        .with_status(StatusCode::MISDIRECTED_REQUEST)
        .into_response()
}

/// The scheme is a part of what was asked for (RFC 9110 §7.4). A redirection would hide from clients that
/// their secrets go about in clear.
fn in_clear() -> Response {
    Refusal::not_found("nothing is served over plain http, use https")
        .with_status(StatusCode::MISDIRECTED_REQUEST)
        .into_response()
}

/// The tenant may well be there, but it cannot be loaded now.
fn unavailable(app: &App, path: &str, error: &LoadError) -> Response {
    if path.starts_with("/api") {
        let problem = Problem::new(ProblemCode::Unavailable).because(error);
        return Problem::render(problem.into_response(), &app.platform_api());
    }
    Refusal::unavailable(error).into_response()
}
