//! Holders may name their keys by a did:web, whose document has to be fetched before a proof can be checked.
//!
//! So a stranger with a token has the host ask a public https server of theirs: for one document a request, which is
//! remembered for a while, within the bounds of the guarded client.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use chancery_credential::did::{document_key, document_url};
use chancery_credential::jose::Jwk;
use chancery_credential::proof::remote_key;
use chancery_protocol::error::ErrorCode;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use moka::sync::Cache;
use serde_json::Value;

use crate::app::App;
use crate::egress::{Failed, Outbound, Reason};
use crate::issuer::{BATCH_SIZE, Issuer};
use crate::problem::SOON;
use crate::refusal::Refusal;

/// What a document may weigh, in bytes.
const LARGEST: usize = 64 * 1024;

/// Documents that were fetched a moment ago, by DID.
pub(crate) struct DidDocuments(Cache<String, Arc<Vec<u8>>>);

impl Default for DidDocuments {
    fn default() -> Self {
        Self(Cache::builder().max_capacity(500).time_to_live(Duration::from_mins(5)).build())
    }
}

/// The keys of proofs that name them by did:web.
pub(crate) async fn resolve_holders(
    app: &App,
    issuer: &Issuer,
    proofs: Option<&Value>,
) -> Result<BTreeMap<String, Jwk>, Refusal> {
    let invalid = |description: &str| Refusal::new(ErrorCode::InvalidProof, description);
    let jwts = proofs.and_then(|proofs| proofs.get("jwt")?.as_array()).into_iter().flatten();
    let named: BTreeSet<String> =
        jwts.take(BATCH_SIZE.into()).filter_map(|jwt| remote_key(jwt.as_str()?)).collect();
    let dids: BTreeSet<&str> = named.iter().map(|url| url.split('#').next().unwrap_or(url)).collect();
    let did = match (dids.first(), dids.len()) {
        (None, _) => return Ok(BTreeMap::new()),
        (Some(did), 1) => *did,
        _ => return Err(invalid("the keys of one request are of one did:web")),
    };
    let document = document(app, issuer, did).await?;
    let key = |url: String| {
        let key = document_key(&document, &url).map_err(|error| invalid(&error.to_string()))?;
        Ok((url, key))
    };
    named.into_iter().map(key).collect()
}

async fn document(app: &App, issuer: &Issuer, did: &str) -> Result<Arc<Vec<u8>>, Refusal> {
    if let Some(known) = app.did_documents.0.get(did) {
        return Ok(known);
    }
    let invalid = |description: &str| Refusal::new(ErrorCode::InvalidProof, description);
    let url = document_url(did).ok_or_else(|| invalid("the kid is no did:web"))?;
    // As with the issuer's own: under development a host of this machine has no TLS.
    let is_here = app.tenants.workshop.development && url.starts_with("https://localhost:");
    let url = if is_here { url.replacen("https", "http", 1) } else { url };
    let request = Outbound {
        reason: Reason::Did,
        tenant: issuer.tenant(),
        method: Method::GET,
        url: &url,
        headers: HeaderMap::from_iter([(header::ACCEPT, HeaderValue::from_static("application/json"))]),
        body: Bytes::new(),
        most: LARGEST,
    };
    match app.egress.send(request).await {
        Ok(answer) if answer.status == StatusCode::OK => {
            let document = Arc::new(answer.body);
            app.did_documents.0.insert(did.to_owned(), document.clone());
            Ok(document)
        }
        Err(Failed::Crowded) => Err(Refusal::too_many(SOON)),
        Ok(answer) => Err(invalid("the document of the did:web cannot be fetched").because(answer.status)),
        Err(failed) => Err(invalid("the document of the did:web cannot be fetched").because(failed)),
    }
}
