//! Record first, sign second: the intent is committed before anything is signed.

use std::sync::Arc;

use chancery_credential::keys::KeyUse;
use chancery_domain::template::Definition;
use chancery_domain::{
    CredentialId, Dataset, Event, EventType, IssuanceId, IssuanceToken, OfferState, random_bytes,
};
use chancery_store::{
    Asked, Intent, IntentRefused, NewCopy, OfferItem, Repeats, Settled, SigningKeyName, StoreError, UsedOnce,
};
use serde_json::json;
use time::{Duration, OffsetDateTime};

use super::redeem_code::{PROOF_MEMORY, TOKEN_LIFETIME};
use super::verify_key_proofs::Holders;
use crate::app::App;
use crate::caller::Wallet;
use crate::events::offer_data;
use crate::issuer::Issuer;
use crate::refusal::Refusal;

/// No credential outlives this, whatever its template says: status lists must end some day.
const LONGEST_VALIDITY: Duration = Duration::days(10 * 365);
/// How often a request follows a key that was replaced meanwhile.
const KEY_CHANGES: u32 = 3;

/// Why there is no permission to sign.
pub(super) enum Unrecorded {
    /// The transaction said so.
    Refused(IntentRefused),
    /// Something of ours is away.
    Failed(Refusal),
}

impl From<StoreError> for Unrecorded {
    fn from(error: StoreError) -> Self {
        Self::Failed(error.into())
    }
}

impl From<Refusal> for Unrecorded {
    fn from(refusal: Refusal) -> Self {
        Self::Failed(refusal)
    }
}

/// What an intent rests on, besides what the wallet proved.
#[derive(Default)]
pub(super) struct Basis {
    /// What somebody had to decide first.
    pub(super) settled: Option<Settled>,
    /// What the template was asked.
    pub(super) asked: Option<Asked>,
}

/// Commits the intent; the tokens it returns are the only permission to sign, and only with the key of the
/// issuer beside them: the wallet may have found this process with a key that was replaced since.
pub(super) async fn record(
    app: &App,
    wallet: &Wallet,
    item: &OfferItem,
    holders: &Holders,
    basis: Basis,
    times: Times,
) -> Result<(Arc<Issuer>, Vec<IssuanceToken>), Unrecorded> {
    let mut issuer = wallet.issuer.clone();
    let mut intent = intent(app, wallet, item, holders, basis, times).await?;
    for _ in 0..KEY_CHANGES {
        intent.key = key_name(&issuer);
        match app.tenant(&issuer).await?.record_issuance(&intent).await? {
            Ok(tokens) => return Ok((issuer, tokens)),
            Err(IntentRefused::KeyNotActive) => {
                let reloaded = app
                    .tenants
                    .reload(issuer.tenant(), Some(issuer.identifier.clone()))
                    .await
                    .map_err(Refusal::unavailable)?;
                issuer = reloaded.ok_or_else(|| Refusal::unavailable("the tenant is gone"))?;
            }
            Err(refused) => return Err(Unrecorded::Refused(refused)),
        }
    }
    Err(Unrecorded::Refused(IntentRefused::KeyNotActive))
}

/// The key that this process would sign with.
fn key_name(issuer: &Issuer) -> SigningKeyName {
    SigningKeyName {
        key_use: KeyUse::Credential.as_str().to_owned(),
        algorithm: issuer.signer.algorithm().as_str().to_owned(),
        version: issuer.key_version,
    }
}

/// What is to be recorded.
async fn intent(
    app: &App,
    wallet: &Wallet,
    item: &OfferItem,
    holders: &Holders,
    basis: Basis,
    times: Times,
) -> Result<Intent, Refusal> {
    let (random, issuer) = (app.random.as_ref(), wallet.issuer.as_ref());
    let statuses = app.status_indices.take(app, issuer, holders.keys.len()).await?;
    let seen_until = times.now + PROOF_MEMORY;
    let mut intent = Intent {
        issuance: IssuanceId::new(times.now, random_bytes(random)),
        offer: wallet.token.offer,
        configuration_id: item.configuration_id.clone(),
        revision: item.revision,
        key: key_name(issuer),
        copies: statuses
            .into_iter()
            .map(|status| NewCopy { credential: CredentialId::new(times.now, random_bytes(random)), status })
            .collect(),
        nonces: holders.nonces.iter().map(|hash| UsedOnce { hash: *hash, expires_at: seen_until }).collect(),
        dpop_proof: wallet
            .proof
            .as_ref()
            .map(|proof| UsedOnce { hash: proof.jti_hash, expires_at: seen_until }),
        asked: basis.asked,
        repeats: repeats(wallet, item).map(|most| {
            // The token of something deferred lives for days, for the sake of that alone.
            Repeats { most, until: wallet.token.expires_at.min(times.now + TOKEN_LIFETIME) }
        }),
        deferral: basis.settled,
        now: times.now,
        expires_at: times.expires_at,
        events: Vec::new(),
    };
    intent.events = events_of(app, issuer, &intent);
    Ok(intent)
}

/// How often the wallet may have a credential again. Not at all with a token that anybody could use who found it; nor
/// what somebody had to decide first, who decided once.
pub(super) fn repeats(wallet: &Wallet, item: &OfferItem) -> Option<u8> {
    let is_bound = wallet.token.thumbprint.is_some();
    Some(wallet.issuer.settings.credential_repeats)
        .filter(|most| *most > 0 && is_bound && item.deferral.is_none())
}

/// What webhooks are told of an issuance: nothing where nobody listens.
fn events_of(app: &App, issuer: &Issuer, intent: &Intent) -> Vec<Event> {
    let (offer, issued) = (intent.offer, EventType::CredentialIssued);
    let mut events = Vec::new();
    if issuer.listens(EventType::OfferIssued) {
        events.push(app.event(EventType::OfferIssued, offer_data(offer, OfferState::Issued)));
    }
    if issuer.listens(issued) {
        let copies: Vec<_> = intent.copies.iter().map(|copy| copy.credential).collect();
        let data = json!({
            "offer_id": offer, "configuration_id": intent.configuration_id, "credential_ids": copies,
        });
        events.push(app.event(issued, data));
    }
    events
}

/// The instants of one issuance.
#[derive(Clone, Copy)]
pub(super) struct Times {
    pub(super) now: OffsetDateTime,
    pub(super) issued_at: OffsetDateTime,
    pub(super) expires_at: OffsetDateTime,
}

impl Times {
    /// On the hour, all of them: closer times would link copies (RFC 9901 §10.1).
    pub(super) fn of(definition: &Definition, dataset: &Dataset, now: OffsetDateTime) -> Self {
        let issued_at = now.truncate_to_hour();
        let validity = Duration::days(definition.validity_days.into()).min(LONGEST_VALIDITY);
        let expires_at = issued_at + validity;
        let good_until = dataset.good_until.map(OffsetDateTime::truncate_to_hour);
        Self { now, issued_at, expires_at: good_until.map_or(expires_at, |end| end.min(expires_at)) }
    }
}
