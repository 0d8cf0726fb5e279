//! Where a provider is reached, and what it signs with: fetched from itself, kept for minutes.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use chancery_credential::id_token::ProviderKeys;
use chancery_domain::TenantId;
use chancery_protocol::json::from_slice_strict;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use moka::sync::Cache;
use serde::Deserialize;

use super::NotSignedIn;
use crate::app::App;
use crate::egress::{Outbound, Reason};
use crate::issuer::Issuer;

/// What a document may weigh, in bytes.
const LARGEST: usize = 256 * 1024;
/// How long documents are believed.
const KEPT_FOR: Duration = Duration::from_mins(10);
/// How often a key that nobody knows has the keys fetched anew, at most.
const ASKED_AGAIN_AFTER: Duration = Duration::from_secs(30);
const MOST: u64 = 1_000;

/// The metadata of a provider (OpenID Connect Discovery §3), as far as it matters here.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Metadata {
    issuer: String,
    pub(super) authorization_endpoint: String,
    pub(super) token_endpoint: String,
    jwks_uri: String,
    #[serde(default)]
    pub(super) userinfo_endpoint: Option<String>,
    /// RFC 9207 §3.
    #[serde(default)]
    pub(super) authorization_response_iss_parameter_supported: bool,
    #[serde(default)]
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
}

impl Metadata {
    /// Whether the secret is sent in the form: only where a header is not understood.
    pub(super) fn wants_secret_in_form(&self) -> bool {
        self.token_endpoint_auth_methods_supported.as_ref().is_some_and(|methods| {
            let knows = |method: &str| methods.iter().any(|one| one == method);
            knows("client_secret_post") && !knows("client_secret_basic")
        })
    }
}

/// What was fetched, by tenant: what one has fetched, no other is told.
pub(crate) struct ProviderDocuments {
    metadata: Cache<(TenantId, String), Arc<Metadata>>,
    keys: Cache<(TenantId, String), (Arc<ProviderKeys>, Instant)>,
}

impl Default for ProviderDocuments {
    fn default() -> Self {
        Self {
            metadata: Cache::builder().max_capacity(MOST).time_to_live(KEPT_FOR).build(),
            keys: Cache::builder().max_capacity(MOST).time_to_live(KEPT_FOR).build(),
        }
    }
}

/// The metadata of the provider with that issuer identifier, and of no other (OpenID Connect Discovery §4.3).
pub(super) async fn metadata(app: &App, issuer: &Issuer, of: &str) -> Result<Arc<Metadata>, NotSignedIn> {
    let name = (issuer.tenant(), of.to_owned());
    if let Some(known) = app.provider_documents.metadata.get(&name) {
        return Ok(known);
    }
    let url = format!("{}/.well-known/openid-configuration", of.trim_end_matches('/'));
    let document = fetch(app, issuer, &url, "configuration").await?;
    let metadata: Metadata =
        from_slice_strict(&document).map_err(|_| NotSignedIn::Answer("configuration"))?;
    if metadata.issuer != of {
        return Err(NotSignedIn::AnotherIssuer);
    }
    // A browser is sent there, and nowhere that the host itself would not go.
    if app.egress.guard().destination(&metadata.authorization_endpoint).is_err() {
        return Err(NotSignedIn::Answer("configuration"));
    }
    let metadata = Arc::new(metadata);
    app.provider_documents.metadata.insert(name, Arc::clone(&metadata));
    Ok(metadata)
}

/// Its keys; `newer` than those that lacked one.
pub(super) async fn keys(
    app: &App,
    issuer: &Issuer,
    metadata: &Metadata,
    newer: bool,
) -> Result<Arc<ProviderKeys>, NotSignedIn> {
    let name = (issuer.tenant(), metadata.jwks_uri.clone());
    if let Some((known, since)) = app.provider_documents.keys.get(&name)
        && (!newer || since.elapsed() < ASKED_AGAIN_AFTER)
    {
        return Ok(known);
    }
    let document = fetch(app, issuer, &metadata.jwks_uri, "key set").await?;
    let keys = Arc::new(ProviderKeys::read(&document).ok_or(NotSignedIn::Answer("key set"))?);
    app.provider_documents.keys.insert(name, (Arc::clone(&keys), Instant::now()));
    Ok(keys)
}

async fn fetch(app: &App, issuer: &Issuer, url: &str, what: &'static str) -> Result<Vec<u8>, NotSignedIn> {
    let request = Outbound {
        reason: Reason::Provider,
        tenant: issuer.tenant(),
        method: Method::GET,
        url,
        headers: HeaderMap::from_iter([(header::ACCEPT, HeaderValue::from_static("application/json"))]),
        body: Bytes::new(),
        most: LARGEST,
    };
    let answer = app.egress.send(request).await?;
    if answer.status == StatusCode::OK {
        Ok(answer.body)
    } else {
        Err(NotSignedIn::Status(what, answer.status))
    }
}
