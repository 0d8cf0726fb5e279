//! What a template needs to know before it decides is asked of sources that the tenant set, and of nobody else.
//!
//! After the wallet's token and proofs were checked, and that nothing was issued for these proofs yet: whoever only knows
//! a token, or has proofs that served, makes nobody ask anything; and for one offer only so often. Nothing was recorded by then, so when a source is away
//! the wallet loses nothing, and may come again with what it has.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use bytes::Bytes;
use chancery_credential::keys::Shared;
use chancery_credential::nonces::NonceId;
use chancery_domain::{OfferId, TenantId};
use chancery_engine::{Answer, Fault, FaultKind, Lookup, Outcome, Template};
use chancery_protocol::json::from_slice_strict;
use chancery_store::{LookupSource, Seen, StoreError};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use moka::sync::Cache;
use serde_json::Value;

use super::prepare_dataset::{Asked, Prepared, Unprepared, prepare};
use crate::app::App;
use crate::egress::{Failed, Outbound, Reason};
use crate::issuer::Issuer;

/// How often a template may ask for more.
const MOST_ROUNDS: u8 = 3;
/// What an answer may hold, in bytes; all that a template is handed is bounded besides.
const MOST_OF_AN_ANSWER: usize = 128 * 1024;

/// How many requests for one offer make sources be asked, within [`LATELY`]: more than a wallet that has every repeat
/// needs, and comes again while a source is away.
const MOST_FOR_ONE: u32 = 30;
const LATELY: Duration = Duration::from_mins(5);

/// For what sources were asked lately.
pub(crate) struct LookedUp(Cache<(TenantId, OfferId), Arc<AtomicU32>>);

impl Default for LookedUp {
    fn default() -> Self {
        Self(Cache::builder().max_capacity(100_000).time_to_live(LATELY).build())
    }
}

impl LookedUp {
    /// Whether they may be asked once more. Whatever comes of it, a refusal too, it counts.
    fn may(&self, tenant: TenantId, offer: OfferId) -> bool {
        let count = self.0.get_with((tenant, offer), Arc::default);
        count.fetch_add(1, Ordering::Relaxed) < MOST_FOR_ONE
    }
}

/// What a template is asked for.
#[derive(Clone, Copy)]
pub(crate) struct Occasion<'a> {
    pub(crate) offer: OfferId,
    /// What the request uses up.
    pub(crate) nonces: &'a [NonceId],
}

/// Asks the template, and looks up what it needs until it has decided.
pub(crate) async fn prepare_with_lookups(
    app: &App,
    issuer: &Issuer,
    template: &Template,
    asked: Asked<'_>,
    occasion: Occasion<'_>,
) -> Result<Prepared, Unprepared> {
    let mut answers = asked.answers.to_vec();
    let mut rounds = 0;
    loop {
        let prepared = prepare(app, issuer, template, Asked { answers: &answers, ..asked }).await?;
        let Outcome::Need(lookups) = prepared.outcome else { return Ok(prepared) };
        if rounds == MOST_ROUNDS {
            let kind = FaultKind::Contract(format!("it needs lookups after {MOST_ROUNDS} rounds of them"));
            let plugin = template.component().name().to_owned();
            return Err(Unprepared::Fault(Fault { plugin, kind, trace: Vec::new() }));
        }
        if rounds == 0 && !app.looked_up.may(issuer.tenant(), occasion.offer) {
            return Err(Unprepared::Crowded);
        }
        rounds += 1;
        let sources = sources_for_once(app, issuer, template, occasion.nonces).await?;
        for lookup in lookups {
            answers.push(look_up(app, issuer, template, &sources, lookup).await?);
        }
    }
}

/// The sources that a template would ask for these lookups and that nobody has set.
pub(crate) async fn missing_sources(
    app: &App,
    issuer: &Issuer,
    template: &Template,
    lookups: &[Lookup],
) -> Result<Vec<String>, StoreError> {
    let sources = sources_of(app, issuer, template).await?;
    let is_missing = |lookup: &&Lookup| !sources.iter().any(|source| source.name == lookup.source);
    let mut missing: Vec<_> = lookups.iter().filter(is_missing).map(|lookup| lookup.source.clone()).collect();
    missing.sort_unstable();
    missing.dedup();
    Ok(missing)
}

async fn sources_of(
    app: &App,
    issuer: &Issuer,
    template: &Template,
) -> Result<Vec<LookupSource>, StoreError> {
    let mut tx = app.tenant(issuer).await?;
    let sources = tx.sources_of(&template.definition().configuration_id).await?;
    tx.commit().await?;
    Ok(sources)
}

/// The sources, unless one of the nonces was used: who records it later would find so, but not who only asks.
async fn sources_for_once(
    app: &App,
    issuer: &Issuer,
    template: &Template,
    nonces: &[NonceId],
) -> Result<Vec<LookupSource>, Unprepared> {
    let mut tx = app.tenant(issuer).await.map_err(Unprepared::Store)?;
    for nonce in nonces {
        if tx.was_seen(Seen::Nonce, nonce).await.map_err(Unprepared::Store)? {
            tx.commit().await.map_err(Unprepared::Store)?;
            return Err(Unprepared::NonceUsed);
        }
    }
    let sources = tx.sources_of(&template.definition().configuration_id).await.map_err(Unprepared::Store)?;
    tx.commit().await.map_err(Unprepared::Store)?;
    Ok(sources)
}

/// One lookup. No transaction is open meanwhile.
async fn look_up(
    app: &App,
    issuer: &Issuer,
    template: &Template,
    sources: &[LookupSource],
    lookup: Lookup,
) -> Result<Answer, Unprepared> {
    let Lookup { id, source: name, parameters } = lookup;
    let source = sources.iter().find(|source| source.name == name);
    let answered = match source {
        Some(source) => ask(app, issuer, template, source, &parameters).await,
        None => Err(NoAnswer::NotSet),
    };
    let result = match &answered {
        Ok(Some(_)) => "answered",
        Ok(None) => "unknown",
        Err(_) => "failed",
    };
    metrics::counter!("chancery_lookups_total", "result" => result).increment(1);
    match answered {
        Ok(document) => Ok(Answer { id, document }),
        Err(NoAnswer::Egress(Failed::Crowded)) => Err(Unprepared::Crowded),
        Err(why) => {
            let configuration_id = &template.definition().configuration_id;
            tracing::warn!(
                tenant = %issuer.tenant(), configuration = %configuration_id, source = %name, %why,
                "a source gave no answer"
            );
            Err(Unprepared::Unanswered(format!("the source {name} of {configuration_id}: {why}")))
        }
    }
}

/// Why a source did not answer. Never what it said.
#[derive(Debug, thiserror::Error)]
enum NoAnswer {
    #[error("nobody has set it")]
    NotSet,
    #[error("{0}")]
    Egress(#[from] Failed),
    #[error("it answered {0}")]
    Status(StatusCode),
    #[error("its answer is not JSON")]
    NotJson,
    #[error("its answer breaks the schema of answers at {0:?}")]
    WrongAnswer(String),
    #[error("what lets us in does not open")]
    Sealed,
}

/// Sends the parameters as they are; what comes back is the answer. Who knows nothing says so by 404 or 204.
async fn ask(
    app: &App,
    issuer: &Issuer,
    template: &Template,
    source: &LookupSource,
    parameters: &Value,
) -> Result<Option<Value>, NoAnswer> {
    let mut headers = HeaderMap::from_iter([
        (header::CONTENT_TYPE, HeaderValue::from_static("application/json")),
        (header::ACCEPT, HeaderValue::from_static("application/json")),
    ]);
    if let Some((name, sealed)) = &source.header {
        let value = issuer.keys.open_shared(Shared::Source, &sealed_for(source), sealed);
        let value = value.map_err(|_| NoAnswer::Sealed)?;
        let mut value = HeaderValue::from_bytes(&value).map_err(|_| NoAnswer::Sealed)?;
        value.set_sensitive(true);
        headers.insert(HeaderName::try_from(name.as_str()).map_err(|_| NoAnswer::Sealed)?, value);
    }
    let request = Outbound {
        reason: Reason::Lookup,
        tenant: issuer.tenant(),
        method: Method::POST,
        url: &source.url,
        headers,
        body: Bytes::from(parameters.to_string()),
        most: MOST_OF_AN_ANSWER,
    };
    let answer = app.egress.send(request).await?;
    match answer.status {
        StatusCode::NOT_FOUND | StatusCode::NO_CONTENT => return Ok(None),
        StatusCode::OK => {}
        status => return Err(NoAnswer::Status(status)),
    }
    let document: Value = from_slice_strict(&answer.body).map_err(|_| NoAnswer::NotJson)?;
    let declared = template.source(&source.name).ok_or(NoAnswer::NotSet)?;
    declared.check_answer(&document).map_err(|issues| {
        NoAnswer::WrongAnswer(issues.into_iter().next().map(|issue| issue.pointer).unwrap_or_default())
    })?;
    Ok(Some(document))
}

/// What a sealed header belongs to: put at another source, it does not open.
pub(crate) fn sealed_for(source: &LookupSource) -> Vec<u8> {
    // No configuration id has a line break.
    format!("{}\n{}", source.configuration_id, source.name).into_bytes()
}
