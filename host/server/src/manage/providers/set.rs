//! `PUT /providers/{name}`

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::BytesRejection;
use axum::extract::{Path, State};
use axum::response::Response;
use bytes::Bytes;
use chancery_credential::keys::Shared;
use chancery_domain::audit::{Action, Changed};
use chancery_domain::template::Issue;
use chancery_store::{HolderProvider, MOST_PROVIDERS};
use http::HeaderMap;
use serde::Deserialize;

use super::{ProviderView, told};
use crate::app::App;
use crate::caller::{Administers, Manager};
use crate::manage::read;
use crate::no_store;
use crate::operations::sign_in_upstream::sealed_for;
use crate::problem::{Problem, ProblemCode, ProblemDocument};

/// What every request for an ID token asks for (OpenID Connect Core §3.1.2.1).
const OPENID: &str = "openid";
const LONGEST_LABEL: usize = 80;
const LONGEST_TEXT: usize = 500;
const MOST_SCOPES: usize = 20;
const MOST_CONFIGURATIONS: usize = 50;
const MOST_CLAIMS: usize = 100;

/// A provider that holders sign in at.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ProviderRequest {
    /// What holders read: "Continue with …"; its name, if absent.
    #[serde(default)]
    label: Option<String>,
    /// Its issuer identifier, under which it publishes its configuration: https, at a public address.
    issuer: String,
    /// As whom it knows this issuer.
    client_id: String,
    /// What proves that; kept sealed and shown to nobody. To keep one, send it again. A public client has none.
    #[serde(default)]
    client_secret: Option<String>,
    /// What it is asked for, beside `openid`.
    #[serde(default)]
    scopes: Vec<String>,
    /// Whether its userinfo endpoint is asked, too.
    #[serde(default)]
    userinfo: bool,
    /// For which credential configurations its word is enough: whoever signs in there, is offered them. Each covers its
    /// other formats.
    configuration_ids: Vec<String>,
    /// Members of a subject, by the claims that they come from: a name, or a JSON pointer. What is not named comes from
    /// the claim of its own name.
    #[serde(default)]
    claims: BTreeMap<String, String>,
}

/// Set an OpenID Provider
///
/// In place of the one of that name, all of it.
#[utoipa::path(
    put, path = "/providers/{name}", tag = "Providers",
    params(("name" = String, Path, description = "Lower-case letters, digits and hyphens")),
    request_body = ProviderRequest,
    responses(
        (status = 200, body = ProviderView), (status = 409, body = ProblemDocument),
        (status = 422, body = ProblemDocument)
    ),
    security(("api_key" = ["admin"]))
)]
pub(crate) async fn set(
    State(app): State<Arc<App>>,
    manager: Manager<Administers>,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    let request: ProviderRequest = read(&headers, body)?;
    let is_name = name.len() <= 64
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    if !is_name {
        return Err(Problem::not_found());
    }
    let issuer = manager.issuer.as_ref();
    let secret = request.client_secret.clone();
    let mut provider = checked(&app, name, request)?;
    provider.sealed_secret = secret.map(|secret| {
        let name = sealed_for(&provider);
        issuer.keys.seal_shared(Shared::Provider, &name, secret.as_bytes(), app.random.as_ref())
    });
    let mut tx = app.tenant(issuer).await?;
    if !tx.set_provider(&provider).await? {
        tx.rollback().await?;
        let detail = format!("a tenant has at most {MOST_PROVIDERS} providers; remove one first");
        return Err(Problem::new(ProblemCode::WrongState).detail(detail));
    }
    let made = Changed::made(told(&provider));
    tx.record(&app.entry(manager.author(), Action::ProviderSet, provider.name.clone(), &made)).await?;
    tx.commit().await?;
    Ok(no_store(Json(ProviderView::new(provider, issuer))))
}

/// What was asked for, or everything that is wrong with it.
fn checked(app: &App, name: String, request: ProviderRequest) -> Result<HolderProvider, Problem> {
    let mut issues = Vec::new();
    let mut report = |pointer: &str, code: &str, message: String| {
        issues.push(Issue { pointer: pointer.to_owned(), code: code.to_owned(), message });
    };
    // RFC 6749 Appendix A.1, A.2
    let is_text = |text: &str| {
        (1..=LONGEST_TEXT).contains(&text.len()) && text.bytes().all(|b| matches!(b, 0x20..=0x7e))
    };
    let label = request.label.unwrap_or_else(|| name.clone());
    if !(1..=LONGEST_LABEL).contains(&label.chars().count()) || label.chars().any(char::is_control) {
        report("/label", "not-a-label", format!("must have 1 to {LONGEST_LABEL} characters"));
    }
    match app.egress.guard().destination(&request.issuer) {
        Err(wrong) => report("/issuer", "destination", wrong.to_string()),
        Ok(url) if url.query().is_some() => {
            report("/issuer", "destination", "an issuer identifier has no query".to_owned());
        }
        Ok(_) => {}
    }
    if !is_text(&request.client_id) {
        report("/client_id", "not-an-id", format!("must have 1 to {LONGEST_TEXT} ASCII characters"));
    }
    if request.client_secret.as_deref().is_some_and(|secret| !is_text(secret)) {
        let message = format!("must have 1 to {LONGEST_TEXT} ASCII characters");
        report("/client_secret", "not-a-secret", message);
    }
    // RFC 6749 §3.3
    let is_scope = |scope: &String| is_text(scope) && !scope.contains([' ', '"', '\\']);
    if request.scopes.len() > MOST_SCOPES || !request.scopes.iter().all(is_scope) {
        report("/scopes", "not-scopes", format!("must be at most {MOST_SCOPES} scopes"));
    }
    let (ids, most) = (&request.configuration_ids, MOST_CONFIGURATIONS);
    if !(1..=most).contains(&ids.len()) || !ids.iter().all(|id| (1..=200).contains(&id.len())) {
        report("/configuration_ids", "count", format!("must name 1 to {most} credential configurations"));
    }
    let is_claim = |(member, claim): (&String, &String)| {
        [member, claim].iter().all(|text| (1..=LONGEST_TEXT).contains(&text.len()))
    };
    if request.claims.len() > MOST_CLAIMS || !request.claims.iter().all(is_claim) {
        report("/claims", "not-claims", format!("must name at most {MOST_CLAIMS} members and their claims"));
    }
    if !issues.is_empty() {
        return Err(Problem::invalid(issues));
    }
    let mut scopes = vec![OPENID.to_owned()];
    scopes.extend(request.scopes.into_iter().filter(|scope| scope != OPENID));
    Ok(HolderProvider {
        name,
        label,
        issuer: request.issuer,
        client_id: request.client_id,
        sealed_secret: None,
        scopes,
        userinfo: request.userinfo,
        configuration_ids: request.configuration_ids,
        claims: request.claims,
        set_at: app.now().truncate_to_second(),
    })
}
