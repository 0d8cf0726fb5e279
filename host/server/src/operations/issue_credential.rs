//! A wallet asks for a credential and gets it, or is told to come back (OpenID4VCI §8).
//!
//! The order is the safety: token and proofs are checked, the template shapes
//! the claims, one transaction re-checks everything and records the intent,
//! and only then is anything signed. A stale cache cannot issue.

use chancery_credential::tokens::{AccessToken, Granted};
use chancery_domain::template::{Format, Issue};
use chancery_domain::{Dataset, IssuanceToken};
use chancery_engine::{Deferral, Outcome, Purpose, Template};
use chancery_protocol::credential::{CredentialAnswer, CredentialRequest, CredentialResponse};
use chancery_protocol::error::ErrorCode;
use chancery_store::{IntentRefused, IssuableOffer, OfferItem, Seen, Settled};
use serde_json::{Map, Value};
use time::OffsetDateTime;

use super::agree_on_encryption::{Agreement, agree_on_encryption};
use super::circumstances::Circumstances;
use super::defer_credential::{Decision, Deferrer, look_at_deferral};
use super::find_template::find_template;
use super::keep_input::Question;
use super::look_up::{Occasion, prepare_with_lookups};
use super::prepare_dataset::{Asked, Unprepared};
use super::record_issuance::{Basis, Times, Unrecorded, record, repeats};
use super::redeem_code::credential_identifier;
use super::sign_credential::{Claims, sign};
use super::verify_key_proofs::{Holders, verify_proofs};
use crate::app::App;
use crate::caller::Wallet;
use crate::issuer::Issuer;
use crate::problem::SOON;
use crate::refusal::Refusal;

/// Issues one credential, in as many copies as the wallet proved keys.
pub(crate) async fn issue_credential(
    app: &App,
    wallet: Wallet,
    request: CredentialRequest,
    was_encrypted: bool,
) -> Result<(CredentialAnswer, Option<Agreement>), Refusal> {
    let (now, issuer) = (app.now(), wallet.issuer.as_ref());
    let configuration_id = requested_configuration(issuer, &wallet.token, &request)?;
    let asked = request.credential_response_encryption.as_ref();
    let agreement = agree_on_encryption(issuer, asked, was_encrypted)?;
    // What was offered is issued, whether it still is offered to others or not.
    if issuer.template(&configuration_id).is_none() {
        offered(app, &wallet, &configuration_id, now).await.map_err(|_| unknown_configuration())?;
    }
    let holders = verify_proofs(app, &wallet, &configuration_id, request.proofs.as_ref(), now).await?;

    let offered = offered(app, &wallet, &configuration_id, now).await?;
    let item = offered.item.clone();
    let deferrer = Deferrer { app, wallet: &wallet, item: &item, holders: &holders, now };
    let order = match item.deferral {
        None => offered.into(),
        Some(deferral) => match look_at_deferral(app, &wallet, deferral, now).await? {
            Decision::Wait(deferral) => {
                return Ok((CredentialAnswer::Deferred(deferrer.ask(&deferral).await?), agreement));
            }
            Decision::Issue(decided) => decided.order(offered),
        },
    };
    let answer = match fulfil(app, &wallet, &item, &holders, &order, now).await? {
        Fulfilled::Issued(response) => CredentialAnswer::Issued(response),
        Fulfilled::Deferred(deferral) => CredentialAnswer::Deferred(deferrer.defer(&deferral).await?),
    };
    Ok((answer, agreement))
}

/// What is to be issued, and what had to be decided first.
pub(super) struct Order {
    /// None if what is deferred was completed with nothing although the offer has nothing either.
    pub(super) subject: Option<Value>,
    pub(super) purpose: Purpose,
    pub(super) circumstances: Circumstances,
    pub(super) completed_at: Option<OffsetDateTime>,
    pub(super) settled: Option<Settled>,
}

impl From<Offered> for Order {
    fn from(offered: Offered) -> Self {
        let Offered { subject, purpose, circumstances, .. } = offered;
        Self { subject, purpose, circumstances, completed_at: None, settled: None }
    }
}

/// What became of an order.
pub(super) enum Fulfilled {
    Issued(CredentialResponse),
    /// The template says: not now.
    Deferred(Deferral),
}

/// Lets the template decide, records, and signs.
pub(super) async fn fulfil(
    app: &App,
    wallet: &Wallet,
    item: &OfferItem,
    holders: &Holders,
    order: &Order,
    now: OffsetDateTime,
) -> Result<Fulfilled, Refusal> {
    let issuer = wallet.issuer.as_ref();
    if let Some(fault) = issuer.certificate_fault(now) {
        return Err(denied(fault.to_wallets()).because(fault.to_managers()));
    }
    let template = find_template(app, issuer, item).await?;
    let occasion = Occasion { offer: wallet.token.offer, nonces: &holders.nonces };
    let kept = holders.key_storage.as_deref();
    let (dataset, question) = match prepare(app, issuer, &template, (order, kept, occasion), now).await? {
        Prepared::Dataset(dataset, question) => (dataset, question),
        Prepared::Deferred(deferral) => return Ok(Fulfilled::Deferred(deferral)),
    };
    let definition = template.definition();
    let (_, format) = Format::of_configuration(&item.configuration_id);
    let times = Times::of(definition, &dataset, now);

    let basis = Basis { settled: order.settled.clone(), asked: question.noted(issuer) };
    let recorded = record(app, wallet, item, holders, basis, times).await;
    let (issuer, tokens) = recorded.map_err(|unrecorded| not_recorded(unrecorded, order))?;
    let issuer = issuer.as_ref();
    let issuance = tokens.first().map(IssuanceToken::issuance);
    if let Some(issuance) = issuance {
        question.keep(app, issuer, issuance, &dataset, now);
    }
    let claims = Claims { definition, format, dataset: &dataset, times };
    let credentials = sign(app, issuer, claims, &holders.keys, tokens).await?;

    let notification_id = issuance.map(|issuance| {
        app.jobs.mark_issued(issuer.tenant(), issuance);
        issuer.tokens.mint_notification(issuance, wallet.token.offer, app.random.as_ref())
    });
    metrics::counter!("chancery_credentials_issued_total").increment(credentials.len() as u64);
    Ok(Fulfilled::Issued(CredentialResponse { credentials, notification_id }))
}

/// Which configuration is asked for, and whether the token covers it.
///
/// What nobody knows is named before what this token may not: conformance tests tell them apart.
fn requested_configuration(
    issuer: &Issuer,
    token: &AccessToken,
    request: &CredentialRequest,
) -> Result<String, Refusal> {
    let invalid = |description: &str| Refusal::new(ErrorCode::InvalidCredentialRequest, description);
    match (&request.credential_configuration_id, &request.credential_identifier) {
        (Some(id), None) => {
            let is_known = || issuer.template(id).is_some();
            match &token.granted {
                // §8.2: where the token response named identifiers, the configuration id is forbidden.
                Granted::Identifiers(_) if !is_known() => Err(unknown_configuration()),
                Granted::Identifiers(_) => Err(invalid(
                    "the token response named credential identifiers, ask by credential_identifier",
                )),
                Granted::Configurations(granted) if !granted.contains(id) => {
                    Err(if is_known() { not_covered() } else { unknown_configuration() })
                }
                Granted::Configurations(_) | Granted::Everything => Ok(id.clone()),
            }
        }
        (None, Some(identifier)) => {
            let granted = match &token.granted {
                Granted::Identifiers(granted) => granted.as_slice(),
                Granted::Configurations(_) | Granted::Everything => &[],
            };
            granted.iter().find(|id| credential_identifier(id) == *identifier).cloned().ok_or_else(|| {
                let description = "the access token has no such credential identifier";
                Refusal::new(ErrorCode::UnknownCredentialIdentifier, description)
            })
        }
        _ => {
            Err(invalid("exactly one of credential_configuration_id and credential_identifier must be there"))
        }
    }
}

fn unknown_configuration() -> Refusal {
    let description = "this issuer has no such credential configuration";
    Refusal::new(ErrorCode::UnknownCredentialConfiguration, description)
}

fn not_covered() -> Refusal {
    Refusal::token_insufficient("the access token is for another credential configuration")
}

/// What an offer holds for a configuration.
pub(super) struct Offered {
    pub(super) item: OfferItem,
    /// None if it is deferred until somebody brings it.
    pub(super) subject: Option<Value>,
    pub(super) purpose: Purpose,
    pub(super) circumstances: Circumstances,
}

/// What the offer holds for the configuration, with its subject data opened.
async fn offered(
    app: &App,
    wallet: &Wallet,
    configuration_id: &str,
    now: OffsetDateTime,
) -> Result<Offered, Refusal> {
    let offer = match app.redeemed.take(wallet.issuer.tenant(), wallet.token.offer) {
        Some(offer) => offer,
        None => read_offer(app, wallet, now).await?,
    };
    let repeated = offer.repeats(configuration_id);
    let mut offered = open_offer(wallet, offer, configuration_id)?.ok_or_else(not_covered)?;
    // The transaction that records it counts; here the template is spared a question.
    if offered.item.issuance.is_some() && repeats(wallet, &offered.item).is_none_or(|most| repeated >= most) {
        return Err(already_issued());
    }
    if offered.item.issuance.is_some() {
        offered.circumstances.prior_issuances += 1 + u32::from(repeated);
    }
    Ok(offered)
}

/// Opens an offer with the secret that the access token carries. None if it does not offer that.
pub(super) fn open_offer(
    wallet: &Wallet,
    offer: IssuableOffer,
    configuration_id: &str,
) -> Result<Option<Offered>, Refusal> {
    let Some(item) = offer.items.into_iter().find(|item| item.configuration_id == configuration_id) else {
        return Ok(None);
    };
    let corrupt = |cause: &dyn std::fmt::Display| {
        Refusal::unavailable(format_args!("the subject data of an offer cannot be read: {cause}"))
    };
    let subjects = wallet
        .issuer
        .keys
        .open_subject(wallet.token.offer, &wallet.token.code, &offer.sealed_subject)
        .map_err(|error| corrupt(&error))?;
    let mut subjects: Map<String, Value> =
        serde_json::from_slice(&subjects).map_err(|error| corrupt(&error))?;
    let subject = subjects.swap_remove(configuration_id);
    if subject.is_none() && item.deferral.is_none() {
        return Err(corrupt(&"it lacks this configuration"));
    }
    let purpose = if offer.is_renewal { Purpose::Renew } else { Purpose::Issue };
    let circumstances = Circumstances::take(&mut subjects);
    Ok(Some(Offered { item, subject, purpose, circumstances }))
}

async fn read_offer(app: &App, wallet: &Wallet, now: OffsetDateTime) -> Result<IssuableOffer, Refusal> {
    let id = wallet.token.offer;
    let mut tx = app.tenant(&wallet.issuer).await?;
    // A replayed request is to hear that it is one, not what became of the first.
    if let Some(proof) = &wallet.proof
        && tx.was_seen(Seen::DpopProof, &proof.jti_hash).await?
    {
        tx.commit().await?;
        return Err(proof_replayed());
    }
    if let Some(offer) = tx.offer_for_issuance(id, now).await? {
        tx.commit().await?;
        return Ok(offer);
    }
    // Nothing is left of it: either everything was issued, or it ended otherwise.
    let offer = tx.offer(id).await?;
    tx.commit().await?;
    let is_used_up = offer.is_some_and(|offer| offer.items.iter().all(|item| item.issuance.is_some()));
    Err(if is_used_up { already_issued() } else { no_longer_good() })
}

/// RFC 9449 §11.1.
pub(crate) fn proof_replayed() -> Refusal {
    Refusal::dpop_at_resource(ErrorCode::InvalidDpopProof, "the DPoP proof was used before")
}

pub(super) fn no_longer_good() -> Refusal {
    Refusal::token_invalid("the offer behind the access token is no longer good")
}

pub(super) fn already_issued() -> Refusal {
    denied("this credential was issued already, as often as this token allows; ask for a new offer")
}

pub(super) fn denied(description: &str) -> Refusal {
    Refusal::new(ErrorCode::CredentialRequestDenied, description)
}

/// What a template makes of an order.
enum Prepared {
    Dataset(Dataset, Question),
    Deferred(Deferral),
}

/// Lets the template shape the claims. A template that fails, fails this request alone.
async fn prepare(
    app: &App,
    issuer: &Issuer,
    template: &Template,
    (order, key_attestation, occasion): (&Order, Option<&str>, Occasion<'_>),
    now: OffsetDateTime,
) -> Result<Prepared, Refusal> {
    let subject = order.subject.as_ref().ok_or_else(|| Refusal::unavailable("a deferral has no subject"))?;
    let Order { purpose, completed_at, ref circumstances, .. } = *order;
    let asked = Asked { purpose, subject, answers: &[], completed_at, key_attestation, circumstances, now };
    let prepared = prepare_with_lookups(app, issuer, template, asked, occasion).await;
    match prepared.map(Question::apart) {
        Ok((Outcome::Issue(dataset), question)) => Ok(Prepared::Dataset(dataset, question)),
        Ok((Outcome::Defer(deferral), _)) => Ok(Prepared::Deferred(deferral)),
        Ok((Outcome::Refuse(issues), _)) => {
            Err(denied("the issuer's rules refuse this credential").because(pointers(&issues)))
        }
        // Whoever goes on asking was found at fault before.
        Ok((Outcome::Need(_), _)) => Err(denied("the issuer could not prepare this credential")),
        Err(Unprepared::Crowded) => Err(Refusal::too_many(SOON)),
        Err(Unprepared::Lost(fault)) => Err(Refusal::unavailable(fault)),
        // Nothing was recorded: the wallet comes again with the token, the nonce and the proofs that it has.
        Err(Unprepared::Unanswered(why)) => Err(Refusal::unavailable(why)),
        Err(Unprepared::NonceUsed) => Err(nonce_used()),
        Err(Unprepared::Store(error)) => Err(error.into()),
        Err(Unprepared::Fault(fault)) => {
            Err(denied("the issuer could not prepare this credential").because(fault))
        }
    }
}

/// For the log: where, never what. Values may be personal.
fn pointers(issues: &[Issue]) -> String {
    issues.iter().map(|issue| format!("{} {}", issue.pointer, issue.code)).collect::<Vec<_>>().join(", ")
}

fn not_recorded(unrecorded: Unrecorded, order: &Order) -> Refusal {
    let refused = match unrecorded {
        Unrecorded::Refused(refused) => refused,
        Unrecorded::Failed(refusal) => return refusal,
    };
    let comes_back = order.settled.as_ref().is_some_and(|settled| settled.transaction_hash.is_some());
    match refused {
        // Two requests came back at the same time, or it was refused or withdrawn in this very moment.
        IntentRefused::AlreadyIssued
        | IntentRefused::Deferred
        | IntentRefused::OfferNotIssuable(_)
        | IntentRefused::NotOffered
            if comes_back =>
        {
            unknown_transaction()
        }
        IntentRefused::NonceUsed => nonce_used(),
        IntentRefused::ProofReplayed => proof_replayed(),
        IntentRefused::AlreadyIssued => already_issued(),
        IntentRefused::Withdrawn => {
            denied("what was issued for this offer is revoked or suspended, ask the issuer")
        }
        IntentRefused::Deferred => denied("this credential is deferred, come back with its transaction_id"),
        IntentRefused::OfferNotIssuable(_) | IntentRefused::NotOffered => no_longer_good(),
        IntentRefused::Halted => Refusal::halted(),
        IntentRefused::TenantNotActive | IntentRefused::KeyNotActive | IntentRefused::PluginHalted => {
            Refusal::unavailable(format_args!("issuance is halted: {refused}"))
        }
    }
}

fn nonce_used() -> Refusal {
    Refusal::new(ErrorCode::InvalidNonce, "the nonce was used before, fetch a new one")
}

/// Unknown, somebody else's, fetched, over: one answer for all (OpenID4VCI §9.3).
pub(super) fn unknown_transaction() -> Refusal {
    let description = "the transaction_id is not one of this access token, or it was used";
    Refusal::new(ErrorCode::InvalidTransactionId, description)
}
