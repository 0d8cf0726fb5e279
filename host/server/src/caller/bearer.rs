//! What a management request presents: an API key, or a token that the tenant's authorization server gave to
//! a client.

use std::sync::Arc;

use chancery_credential::ClientToken;
use chancery_credential::client_tokens::tenant_claimed_by;
use chancery_credential::secrets::ApiKeySecret;
use chancery_domain::TenantId;
use chancery_store::Principal;
use http::{HeaderMap, header};

use super::manager::Known;
use crate::app::App;
use crate::issuer::Issuer;
use crate::problem::{Problem, ProblemCode};
use crate::tenants::LoadError;

/// The one bearer credential of a request, good or not.
pub(super) enum Bearer {
    ApiKey(ApiKeySecret),
    Token(String),
}

impl Bearer {
    /// The text behind `Bearer` in the one Authorization header.
    fn text(headers: &HeaderMap) -> Option<&str> {
        let mut values = headers.get_all(header::AUTHORIZATION).iter();
        let (Some(value), None) = (values.next(), values.next()) else { return None };
        let (scheme, text) = value.to_str().ok()?.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| text.trim())
    }

    pub(super) fn of(headers: &HeaderMap) -> Result<Self, Problem> {
        let text = Self::text(headers).ok_or_else(unauthenticated)?;
        Ok(ApiKeySecret::parse(text).map_or_else(|| Self::Token(text.to_owned()), Self::ApiKey))
    }

    /// Whose it is at this tenant, if it still is good. What may end it is asked of the database every time.
    pub(super) async fn look_up(&self, app: &App, issuer: &Issuer) -> Result<Known, Problem> {
        match self {
            Self::ApiKey(secret) => {
                let mut tx = app.tenant(issuer).await?;
                let key = tx.api_key(&secret.hash()).await?;
                tx.commit().await?;
                let key = key.ok_or_else(unauthenticated)?;
                let principal = Principal::ApiKey(key.id);
                Ok(Known { principal, scopes: key.scopes, configuration_ids: None })
            }
            Self::Token(token) => {
                let token = issuer
                    .client_tokens
                    .open(token, app.now())
                    .map_err(|error| unauthenticated().because(error))?;
                holder(app, issuer, token).await
            }
        }
    }

    /// Seals the answers that this caller received; stored nowhere. Tokens come and go, so for a client the
    /// tenant keeps it.
    pub(super) fn sealing_secret(&self, issuer: &Issuer, principal: Principal) -> [u8; 32] {
        match self {
            Self::ApiKey(secret) => secret.sealing_secret(),
            Self::Token(_) => issuer.keys.mac("client-answers/v1", principal.uuid().as_bytes()),
        }
    }
}

/// The client that holds a token: it must still exist, in the same epoch, and has what the token says as far
/// as it still is its own.
async fn holder(app: &App, issuer: &Issuer, token: ClientToken) -> Result<Known, Problem> {
    let mut tx = app.tenant(issuer).await?;
    let client = tx.client(token.client).await?;
    tx.commit().await?;
    let gone = || unauthenticated().because("the client is gone, or its tenant was suspended since");
    let client = client.filter(|client| client.token_epoch == token.epoch).ok_or_else(gone)?;
    let is_held = |scope: &_| client.terms.scopes.iter().any(|held| held.covers(*scope));
    Ok(Known {
        principal: Principal::Client { id: client.id, token_epoch: token.epoch },
        scopes: token.scopes.into_iter().filter(is_held).collect(),
        configuration_ids: client.terms.configuration_ids,
    })
}

/// The tenant that a verified token names, unless that is the one which the URL names anyway.
pub(crate) async fn tenant_named_by_token(
    app: &App,
    headers: &HeaderMap,
    at: Option<TenantId>,
) -> Result<Option<Arc<Issuer>>, Arc<LoadError>> {
    let claimed = Bearer::text(headers).and_then(|token| Some((token, tenant_claimed_by(token)?)));
    let Some((token, tenant)) = claimed.filter(|(_, tenant)| Some(*tenant) != at) else { return Ok(None) };
    let named = app.tenants.by_id(tenant, None).await?;
    Ok(named.filter(|issuer| issuer.client_tokens.open(token, app.now()).is_ok()))
}

pub(super) fn unauthenticated() -> Problem {
    Problem::new(ProblemCode::Unauthenticated)
}
