//! A wallet comes back for what was deferred (OpenID4VCI §9).
//!
//! Nothing was signed meanwhile: what the wallet proved and what was brought wait sealed, open with the secret in its
//! access token alone, and go the way of every issuance, template and record included.

use chancery_credential::jose::Jwk;
use chancery_credential::secrets::TransactionId;
use chancery_credential::tokens::Granted;
use chancery_domain::DeferralState;
use chancery_protocol::credential::{CredentialAnswer, DeferredCredentialRequest, DeferredResponse};
use chancery_store::{Deferral, IssuableOffer, Seen, Waiting};

use super::agree_on_encryption::{Agreement, agree_on_encryption};
use super::defer_credential::{Decided, Proved, interval_of, refused, use_up};
use super::issue_credential::{Fulfilled, fulfil, open_offer, proof_replayed, unknown_transaction};
use super::verify_key_proofs::Holders;
use crate::app::App;
use crate::caller::Wallet;
use crate::refusal::Refusal;

/// Issues what was completed, once; whoever comes too early is told to come again.
pub(crate) async fn issue_deferred(
    app: &App,
    wallet: Wallet,
    request: DeferredCredentialRequest,
    was_encrypted: bool,
) -> Result<(CredentialAnswer, Option<Agreement>), Refusal> {
    // What this request says of encryption counts, not what the first one said (§9.1).
    let asked = request.credential_response_encryption.as_ref();
    let agreement = agree_on_encryption(&wallet.issuer, asked, was_encrypted)?;
    let transaction = TransactionId::parse(&request.transaction_id).ok_or_else(unknown_transaction)?;
    let hash = transaction.lookup_hash();
    let later = |interval| {
        let transaction_id = transaction.as_str().to_owned();
        CredentialAnswer::Deferred(DeferredResponse { transaction_id, interval })
    };
    let completed = match find(app, &wallet, &hash).await? {
        Found::Pending(deferral) => return Ok((later(deferral.interval), agreement)),
        Found::Completed(completed) => *completed,
    };

    let Completed { deferral, waiting, offer } = completed;
    let offered = open_offer(&wallet, offer, &deferral.configuration_id)?.ok_or_else(unknown_transaction)?;
    let holders = proved_before(&wallet, &deferral, &waiting)?;
    let item = offered.item.clone();
    let order = Decided::open(&wallet, deferral, &waiting, Some(hash))?.order(offered);
    match fulfil(app, &wallet, &item, &holders, &order, app.now()).await? {
        Fulfilled::Issued(response) => Ok((CredentialAnswer::Issued(response), agreement)),
        // The template has the last word, and says once more: not now.
        Fulfilled::Deferred(said) => {
            let mut tx = app.tenant(&wallet.issuer).await?;
            use_up(&mut tx, &wallet, app.now()).await?;
            tx.commit().await?;
            Ok((later(interval_of(&said)), agreement))
        }
    }
}

/// What a transaction leads to.
enum Found {
    Pending(Deferral),
    Completed(Box<Completed>),
}

struct Completed {
    deferral: Deferral,
    waiting: Waiting,
    offer: IssuableOffer,
}

/// The deferral behind a transaction, if it is this token's and not over.
async fn find(app: &App, wallet: &Wallet, hash: &[u8; 32]) -> Result<Found, Refusal> {
    let (token, now) = (&wallet.token, app.now());
    let mut tx = app.tenant(&wallet.issuer).await?;
    if let Some(proof) = &wallet.proof
        && tx.was_seen(Seen::DpopProof, &proof.jti_hash).await?
    {
        tx.commit().await?;
        return Err(proof_replayed());
    }
    let is_covered = |deferral: &Deferral| match &token.granted {
        Granted::Everything => true,
        Granted::Configurations(ids) | Granted::Identifiers(ids) => ids.contains(&deferral.configuration_id),
    };
    let deferral = tx.deferral_of_transaction(hash, now).await?;
    let deferral = deferral.filter(|deferral| deferral.offer == token.offer && is_covered(deferral));
    let Some(deferral) = deferral else {
        tx.commit().await?;
        return Err(unknown_transaction());
    };
    let found = match deferral.state {
        DeferralState::Pending => {
            use_up(&mut tx, wallet, now).await?;
            Ok(Found::Pending(deferral))
        }
        DeferralState::Refused => {
            use_up(&mut tx, wallet, now).await?;
            Err(refused(&deferral))
        }
        DeferralState::Completed => {
            let waiting = tx.waiting(deferral.id).await?;
            let offer = tx.offer_for_issuance(token.offer, now).await?;
            let completed = waiting.zip(offer);
            completed
                .map(|(waiting, offer)| Found::Completed(Box::new(Completed { deferral, waiting, offer })))
                .ok_or_else(unknown_transaction)
        }
        DeferralState::Issued | DeferralState::Expired | DeferralState::Cancelled => {
            Err(unknown_transaction())
        }
    };
    tx.commit().await?;
    found
}

/// The keys that the wallet proved when it asked first; the nonces were used up then.
fn proved_before(wallet: &Wallet, deferral: &Deferral, waiting: &Waiting) -> Result<Holders, Refusal> {
    let sealed = waiting.sealed_keys.as_ref().ok_or_else(unknown_transaction)?;
    let proved = wallet.issuer.keys.open_deferred_keys(deferral.id, &wallet.token.code, sealed);
    let Proved { keys, key_storage } =
        serde_json::from_slice(&proved.map_err(Refusal::unavailable)?).map_err(Refusal::unavailable)?;
    let keys = keys.iter().map(|key| Jwk::parse(key).map_err(Refusal::unavailable));
    Ok(Holders { keys: keys.collect::<Result<_, _>>()?, key_storage, nonces: Vec::new() })
}
