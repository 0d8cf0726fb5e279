//! A wallet is told to come back: what it proved is kept, sealed, until somebody decided (OpenID4VCI §8.3, §9).

use chancery_credential::jose::Jwk;
use chancery_credential::secrets::TransactionId;
use chancery_domain::deferral::LONGEST_INTERVAL;
use chancery_domain::{DeferralId, DeferralState, random_bytes};
use chancery_protocol::credential::DeferredResponse;
use chancery_protocol::error::ErrorCode;
use chancery_store::{Asking, Deferral, NewDeferral, OfferItem, Seen, Settled, TenantTx, Waiting};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use time::{Duration, OffsetDateTime};

use super::issue_credential::{Offered, Order, already_issued, denied, no_longer_good, proof_replayed};
use super::redeem_code::PROOF_MEMORY;
use super::verify_key_proofs::Holders;
use crate::app::App;
use crate::caller::Wallet;
use crate::refusal::Refusal;

/// What a wallet finds that asks for what is deferred.
pub(super) enum Decision {
    /// Nobody decided, or the wallet has a transaction already.
    Wait(Deferral),
    /// It was completed before any wallet came.
    Issue(Decided),
}

/// A deferral that was completed, and the subject that was brought.
pub(super) struct Decided {
    deferral: Deferral,
    transaction_hash: Option<[u8; 32]>,
    brought: Option<Value>,
}

impl Decided {
    /// Opens what waits with the deferral, with the secret that the access token carries.
    pub(super) fn open(
        wallet: &Wallet,
        deferral: Deferral,
        waiting: &Waiting,
        transaction_hash: Option<[u8; 32]>,
    ) -> Result<Self, Refusal> {
        let keys = &wallet.issuer.keys;
        let open = |sealed: &Vec<u8>| {
            let subject = keys.open_brought_subject(deferral.id, &wallet.token.code, sealed);
            let subject = subject.map_err(Refusal::unavailable)?;
            serde_json::from_slice::<Value>(&subject).map_err(Refusal::unavailable)
        };
        let brought = waiting.sealed_subject.as_ref().map(open).transpose()?;
        Ok(Self { deferral, transaction_hash, brought })
    }

    /// What was brought counts, else what was offered.
    pub(super) fn order(self, offered: Offered) -> Order {
        Order {
            subject: self.brought.or(offered.subject),
            purpose: offered.purpose,
            circumstances: offered.circumstances,
            completed_at: self.deferral.decided_at,
            settled: Some(Settled { deferral: self.deferral.id, transaction_hash: self.transaction_hash }),
        }
    }
}

/// What a wallet proved when it asked first. It is stored sealed.
#[derive(Serialize, Deserialize)]
pub(super) struct Proved {
    pub(super) keys: Vec<Value>,
    #[serde(default)]
    pub(super) key_storage: Option<String>,
}

/// Whether what is deferred was decided before the wallet came.
pub(super) async fn look_at_deferral(
    app: &App,
    wallet: &Wallet,
    id: DeferralId,
    now: OffsetDateTime,
) -> Result<Decision, Refusal> {
    let mut tx = app.tenant(&wallet.issuer).await?;
    let deferral = tx.deferral(id, now).await?;
    let waiting = tx.waiting(id).await?;
    tx.commit().await?;
    let (Some(deferral), Some(waiting)) = (deferral, waiting) else { return Err(no_longer_good()) };
    match deferral.state {
        DeferralState::Completed if deferral.asked_at.is_none() => {
            Ok(Decision::Issue(Decided::open(wallet, deferral, &waiting, None)?))
        }
        DeferralState::Pending | DeferralState::Completed => Ok(Decision::Wait(deferral)),
        DeferralState::Refused => Err(refused(&deferral)),
        DeferralState::Issued => Err(already_issued()),
        DeferralState::Expired | DeferralState::Cancelled => Err(no_longer_good()),
    }
}

/// Somebody decided that it is not to be issued; the wallet may show why.
pub(super) fn refused(deferral: &Deferral) -> Refusal {
    let reason = deferral.refusal.as_deref().unwrap_or("the issuer refused this credential");
    denied(reason)
}

/// One request that is answered with a transaction.
pub(super) struct Deferrer<'a> {
    pub(super) app: &'a App,
    pub(super) wallet: &'a Wallet,
    pub(super) item: &'a OfferItem,
    pub(super) holders: &'a Holders,
    pub(super) now: OffsetDateTime,
}

impl Deferrer<'_> {
    /// Defers what the template does not issue now.
    pub(super) async fn defer(&self, said: &chancery_engine::Deferral) -> Result<DeferredResponse, Refusal> {
        let interval = interval_of(said);
        if let Some(id) = self.item.deferral {
            return self.note(id, interval, None).await;
        }
        let (app, token) = (self.app, &self.wallet.token);
        let id = DeferralId::new(self.now, random_bytes(app.random.as_ref()));
        let new = NewDeferral {
            id,
            offer: token.offer,
            configuration_id: self.item.configuration_id.clone(),
            has_subject: true,
            recipient: self.wallet.issuer.keys.deferral_recipient(id, &token.code),
            interval,
            reason: Some(said.reason.clone()),
            created_at: self.now,
            expires_at: self.waits_until(),
        };
        self.note(id, interval, Some(&new)).await
    }

    /// Gives the wallet a transaction for what was deferred before it came.
    pub(super) async fn ask(&self, deferral: &Deferral) -> Result<DeferredResponse, Refusal> {
        self.note(deferral.id, deferral.interval, None).await
    }

    fn waits_until(&self) -> OffsetDateTime {
        self.now + Duration::days(self.wallet.issuer.settings.deferral_days.into())
    }

    /// Keeps what the wallet proved, in the transaction that uses its proofs up.
    async fn note(
        &self,
        id: DeferralId,
        interval: u32,
        new: Option<&NewDeferral>,
    ) -> Result<DeferredResponse, Refusal> {
        let (app, issuer, token) = (self.app, self.wallet.issuer.as_ref(), &self.wallet.token);
        let transaction = TransactionId::random(app.random.as_ref());
        let keys = self.holders.keys.iter().map(Jwk::to_value).collect();
        let proved = Proved { keys, key_storage: self.holders.key_storage.clone() };
        let keys = serde_json::to_vec(&proved).map_err(Refusal::unavailable)?;
        let asking = Asking {
            deferral: id,
            offer: token.offer,
            transaction_hash: transaction.lookup_hash(),
            sealed_keys: issuer.keys.seal_deferred_keys(id, &token.code, &keys, app.random.as_ref()),
            // A wallet that lost our answer asks again, and proves that it is the same one.
            again: self.wallet.proof.is_some(),
            now: self.now,
            expires_at: self.waits_until(),
        };
        let mut tx = app.tenant(issuer).await?;
        if let Err(refusal) = self.note_in(&mut tx, &asking, new).await {
            tx.rollback().await?;
            return Err(refusal);
        }
        tx.commit().await?;
        metrics::counter!("chancery_credentials_deferred_total").increment(1);
        Ok(DeferredResponse { transaction_id: transaction.as_str().to_owned(), interval })
    }

    async fn note_in(
        &self,
        tx: &mut TenantTx,
        asking: &Asking,
        new: Option<&NewDeferral>,
    ) -> Result<(), Refusal> {
        use_up(tx, self.wallet, self.now).await?;
        for nonce in &self.holders.nonces {
            if !tx.remember(Seen::Nonce, nonce, self.now + PROOF_MEMORY).await? {
                let description = "the nonce was used before, fetch a new one";
                return Err(Refusal::new(ErrorCode::InvalidNonce, description));
            }
        }
        let waited_for = || {
            denied(
                "this credential is waited for already (come back with its transaction_id), or its offer is over",
            )
        };
        if let Some(new) = new
            && !tx.defer(new).await?
        {
            return Err(waited_for());
        }
        if tx.ask_for_deferred(asking).await? { Ok(()) } else { Err(waited_for()) }
    }
}

/// Marks the DPoP proof of a request as used (RFC 9449 §11.1).
pub(super) async fn use_up(tx: &mut TenantTx, wallet: &Wallet, now: OffsetDateTime) -> Result<(), Refusal> {
    match &wallet.proof {
        Some(proof) if !tx.remember(Seen::DpopProof, &proof.jti_hash, now + PROOF_MEMORY).await? => {
            Err(proof_replayed())
        }
        _ => Ok(()),
    }
}

/// In how many seconds the wallet is to ask again.
pub(super) fn interval_of(said: &chancery_engine::Deferral) -> u32 {
    u32::try_from(said.after.as_secs()).unwrap_or(u32::MAX).clamp(1, LONGEST_INTERVAL)
}
