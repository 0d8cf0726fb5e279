//! Holders may name their keys by a did:web, whose document has to be fetched before a proof can be checked.
//!
//! So a stranger with a token has the host ask a public https server of theirs: for one document a request, after all was
//! checked that can be without the key. That it was there, or was not, is remembered for a while, within the bounds of the
//! guarded client.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use chancery_credential::did::{document_key, document_url};
use chancery_credential::jose::Jwk;
use chancery_protocol::error::ErrorCode;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use moka::sync::Cache;

use crate::app::App;
use crate::egress::{Failed, Outbound, Reason};
use crate::issuer::Issuer;
use crate::problem::SOON;
use crate::refusal::Refusal;

/// What a document may weigh, in bytes.
const LARGEST: usize = 64 * 1024;

/// Documents that were fetched a moment ago, by DID, and DIDs that had none then.
pub(crate) struct DidDocuments {
    fetched: Cache<String, Arc<Vec<u8>>>,
    absent: Cache<String, ()>,
}

impl Default for DidDocuments {
    fn default() -> Self {
        let known_for = Duration::from_mins(5);
        Self {
            fetched: Cache::builder().max_capacity(500).time_to_live(known_for).build(),
            // As long as it takes to tell a wallet that came too early from one that insists.
            absent: Cache::builder().max_capacity(5000).time_to_live(Duration::from_secs(30)).build(),
        }
    }
}

/// The keys that these DID URLs of did:web name.
pub(super) async fn resolve_holders(
    app: &App,
    issuer: &Issuer,
    named: BTreeSet<String>,
) -> Result<BTreeMap<String, Jwk>, Refusal> {
    let invalid = |description: &str| Refusal::new(ErrorCode::InvalidProof, description);
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
    let (known, invalid) = (&app.did_documents, |text| Refusal::new(ErrorCode::InvalidProof, text));
    if let Some(document) = known.fetched.get(did) {
        return Ok(document);
    }
    let absent = || invalid("the document of the did:web cannot be fetched");
    if known.absent.contains_key(did) {
        return Err(absent().because("nor could it a moment ago"));
    }
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
    let cause: String = match app.egress.send(request).await {
        Ok(answer) if answer.status == StatusCode::OK => {
            let document = Arc::new(answer.body);
            known.fetched.insert(did.to_owned(), document.clone());
            return Ok(document);
        }
        // Nobody was asked.
        Err(Failed::Crowded) => return Err(Refusal::too_many(SOON)),
        Ok(answer) => answer.status.to_string(),
        Err(failed) => failed.to_string(),
    };
    known.absent.insert(did.to_owned(), ());
    Err(absent().because(cause))
}
