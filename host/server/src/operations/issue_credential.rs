//! A wallet asks for a credential and gets it (OpenID4VCI §8).
//!
//! The order is the safety: token and proofs are checked, the template shapes
//! the claims, one transaction re-checks everything and records the intent,
//! and only then is anything signed. A stale cache cannot issue.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chancery_credential::jose::Jwk;
use chancery_credential::keys::KeyUse;
use chancery_credential::nonces::{NonceError, NonceKind};
use chancery_credential::proof::{KeyProofExpectations, ProofError, verify_key_proof_among};
use chancery_credential::tokens::{AccessToken, Granted};
use chancery_domain::template::{Definition, Format, Issue};
use chancery_domain::{
    CredentialId, Dataset, Event, EventType, IssuanceId, IssuanceToken, OfferState, random_bytes,
};
use chancery_engine::{Outcome, Purpose, Template};
use chancery_protocol::credential::{CredentialRequest, CredentialResponse};
use chancery_protocol::error::ErrorCode;
use chancery_store::{
    Intent, IntentRefused, IssuableOffer, NewCopy, OfferItem, Seen, SigningKeyName, UsedOnce,
};
use serde_json::{Map, Value, json};
use time::{Duration, OffsetDateTime};

use super::agree_on_encryption::{Agreement, agree_on_encryption};
use super::find_template::find_template;
use super::look_up::prepare_with_lookups;
use super::prepare_dataset::Unprepared;
use super::redeem_code::{PROOF_MEMORY, credential_identifier};
use super::resolve_holders::resolve_holders;
use super::sign_credential::{Claims, sign};
use crate::app::App;
use crate::caller::Wallet;
use crate::events::offer_data;
use crate::issuer::{BATCH_SIZE, Issuer};
use crate::problem::SOON;
use crate::refusal::Refusal;

/// No credential outlives this, whatever its template says: status lists must end some day.
const LONGEST_VALIDITY: Duration = Duration::days(10 * 365);

/// Issues one credential, in as many copies as the wallet proved keys.
pub(crate) async fn issue_credential(
    app: &App,
    wallet: Wallet,
    request: CredentialRequest,
    was_encrypted: bool,
) -> Result<(CredentialResponse, Option<Agreement>), Refusal> {
    let (now, issuer) = (app.now(), wallet.issuer.as_ref());
    let configuration_id = requested_configuration(issuer, &wallet.token, &request)?;
    let asked = request.credential_response_encryption.as_ref();
    let agreement = agree_on_encryption(issuer, asked, was_encrypted)?;
    // What was offered is issued, whether it still is offered to others or not.
    if issuer.template(&configuration_id).is_none() {
        offered(app, issuer, &wallet, &configuration_id, now).await.map_err(|_| unknown_configuration())?;
    }
    let fetched = resolve_holders(app, issuer, request.proofs.as_ref()).await?;
    let holders = verify_proofs(&wallet, request.proofs.as_ref(), &fetched, now)?;

    let (item, subject, purpose) = offered(app, issuer, &wallet, &configuration_id, now).await?;
    let template = find_template(app, issuer, &item).await?;
    let dataset = prepare(app, issuer, &template, purpose, &subject, now).await?;

    let definition = template.definition();
    let (_, format) = Format::of_configuration(&configuration_id);
    let times = Times::of(definition, now);

    let (issuer, tokens) = record(app, &wallet, &item, &holders, times).await?;
    let issuer = issuer.as_ref();
    let issuance = tokens.first().map(IssuanceToken::issuance);
    let claims = Claims { definition, format, dataset: &dataset, times };
    let credentials = sign(app, issuer, claims, &holders.keys, tokens).await?;

    let notification_id = issuance.map(|issuance| {
        app.jobs.mark_issued(issuer.tenant(), issuance);
        issuer.tokens.mint_notification(issuance, wallet.token.offer, app.random.as_ref())
    });
    metrics::counter!("chancery_credentials_issued_total").increment(credentials.len() as u64);
    Ok((CredentialResponse { credentials, notification_id }, agreement))
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

/// The keys that the wallet proved, and what the proofs use up.
struct Holders {
    keys: Vec<Jwk>,
    nonces: Vec<[u8; 32]>,
}

/// Checks every proof; one that fails fails the request (§8.2).
fn verify_proofs(
    wallet: &Wallet,
    proofs: Option<&Value>,
    fetched: &BTreeMap<String, Jwk>,
    now: OffsetDateTime,
) -> Result<Holders, Refusal> {
    let issuer = wallet.issuer.as_ref();
    let invalid = |description: &str| Refusal::new(ErrorCode::InvalidProof, description);
    let proofs = proofs.ok_or_else(|| invalid("this credential is bound to a key: proofs are missing"))?;
    let members = proofs.as_object().ok_or_else(|| invalid("proofs must be an object"))?;
    let jwts = match (members.get("jwt").and_then(Value::as_array), members.len()) {
        (Some(jwts), 1) if !jwts.is_empty() => jwts,
        _ => return Err(invalid("proofs must hold exactly one proof type, jwt, with at least one proof")),
    };
    if jwts.len() > usize::from(BATCH_SIZE) {
        return Err(invalid(&format!("at most {BATCH_SIZE} proofs may come with one request")));
    }

    let expectations =
        KeyProofExpectations { issuer: &issuer.identifier, client_id: wallet.token.client.as_deref(), now };
    let mut holders = Holders { keys: Vec::with_capacity(jwts.len()), nonces: Vec::new() };
    let mut thumbprints = BTreeSet::new();
    let mut nonces = BTreeSet::new();
    for jwt in jwts {
        let jwt = jwt.as_str().ok_or_else(|| invalid("a proof must be a string"))?;
        let proof = verify_key_proof_among(jwt, &expectations, fetched)
            .map_err(|error: ProofError| invalid(&error.to_string()))?;
        let nonce = proof.nonce.as_deref().ok_or_else(|| invalid("the proof has no nonce"))?;
        let nonce = issuer.nonces.verify(NonceKind::CredentialRequest, nonce, now).map_err(|error| {
            Refusal::new(
                ErrorCode::InvalidNonce,
                match error {
                    NonceError::Expired => "the nonce has expired, fetch a new one",
                    NonceError::Unknown => "the nonce is not one of this issuer, fetch a new one",
                },
            )
        })?;
        nonces.insert(nonce);
        // Two copies bound to one key would link each other.
        if !thumbprints.insert(proof.holder.thumbprint()) {
            return Err(invalid("two proofs are by the same key"));
        }
        holders.keys.push(proof.holder);
    }
    holders.nonces = nonces.into_iter().collect();
    Ok(holders)
}

/// What the offer holds for the configuration, with its subject data opened.
async fn offered(
    app: &App,
    issuer: &Issuer,
    wallet: &Wallet,
    configuration_id: &str,
    now: OffsetDateTime,
) -> Result<(OfferItem, Value, Purpose), Refusal> {
    let token = &wallet.token;
    let offer = match app.redeemed.take(issuer.tenant(), token.offer) {
        Some(offer) => offer,
        None => read_offer(app, issuer, wallet, now).await?,
    };
    let item = offer
        .items
        .into_iter()
        .find(|item| item.configuration_id == configuration_id)
        .ok_or_else(not_covered)?;
    if item.issuance.is_some() {
        return Err(already_issued());
    }
    let corrupt = |cause: &dyn std::fmt::Display| {
        Refusal::unavailable(format_args!("the subject data of an offer cannot be read: {cause}"))
    };
    let subjects = issuer
        .keys
        .open_subject(token.offer, &token.code, &offer.sealed_subject)
        .map_err(|error| corrupt(&error))?;
    let mut subjects: Map<String, Value> =
        serde_json::from_slice(&subjects).map_err(|error| corrupt(&error))?;
    let subject =
        subjects.swap_remove(configuration_id).ok_or_else(|| corrupt(&"it lacks this configuration"))?;
    Ok((item, subject, if offer.is_renewal { Purpose::Renew } else { Purpose::Issue }))
}

async fn read_offer(
    app: &App,
    issuer: &Issuer,
    wallet: &Wallet,
    now: OffsetDateTime,
) -> Result<IssuableOffer, Refusal> {
    let id = wallet.token.offer;
    let mut tx = app.tenant(issuer).await?;
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

fn no_longer_good() -> Refusal {
    Refusal::token_invalid("the offer behind the access token is no longer good")
}

fn already_issued() -> Refusal {
    Refusal::new(
        ErrorCode::CredentialRequestDenied,
        "this credential was issued already, ask for a new offer",
    )
}

/// Lets the template shape the claims. A template that fails, fails this request alone.
async fn prepare(
    app: &App,
    issuer: &Issuer,
    template: &Template,
    purpose: Purpose,
    subject: &Value,
    now: OffsetDateTime,
) -> Result<Dataset, Refusal> {
    let denied = |description: &str| Refusal::new(ErrorCode::CredentialRequestDenied, description);
    match prepare_with_lookups(app, issuer, template, purpose, subject, now).await {
        Ok(Outcome::Issue(dataset)) => Ok(dataset),
        Ok(Outcome::Refuse(issues)) => {
            Err(denied("the issuer's rules refuse this credential").because(pointers(&issues)))
        }
        Ok(Outcome::Need(_) | Outcome::Defer(_)) => {
            Err(denied("this credential needs a step that the issuer does not offer yet"))
        }
        Err(Unprepared::Crowded) => Err(Refusal::too_many(SOON)),
        Err(Unprepared::Lost(fault)) => Err(Refusal::unavailable(fault)),
        // Nothing was recorded: the wallet comes again with the token, the nonce and the proofs that it has.
        Err(Unprepared::Unanswered(why)) => Err(Refusal::unavailable(why)),
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

/// How often a request follows a key that was replaced meanwhile.
const KEY_CHANGES: u32 = 3;

/// Commits the intent; the tokens it returns are the only permission to sign, and only with the key of the
/// issuer beside them: the wallet may have found this process with a key that was replaced since.
async fn record(
    app: &App,
    wallet: &Wallet,
    item: &OfferItem,
    holders: &Holders,
    times: Times,
) -> Result<(Arc<Issuer>, Vec<IssuanceToken>), Refusal> {
    let mut issuer = wallet.issuer.clone();
    let mut intent = intent(app, wallet, item, holders, times).await?;
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
            Err(refused) => return Err(not_recorded(refused)),
        }
    }
    Err(not_recorded(IntentRefused::KeyNotActive))
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
        now: times.now,
        expires_at: times.expires_at,
        events: Vec::new(),
    };
    intent.events = events_of(app, issuer, &intent);
    Ok(intent)
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

fn not_recorded(refused: IntentRefused) -> Refusal {
    match refused {
        IntentRefused::NonceUsed => {
            Refusal::new(ErrorCode::InvalidNonce, "the nonce was used before, fetch a new one")
        }
        IntentRefused::ProofReplayed => proof_replayed(),
        IntentRefused::AlreadyIssued => already_issued(),
        IntentRefused::OfferNotIssuable(_) | IntentRefused::NotOffered => no_longer_good(),
        IntentRefused::Halted => Refusal::halted(),
        IntentRefused::TenantNotActive | IntentRefused::KeyNotActive | IntentRefused::PluginHalted => {
            Refusal::unavailable(format_args!("issuance is halted: {refused}"))
        }
    }
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
    fn of(definition: &Definition, now: OffsetDateTime) -> Self {
        let issued_at = now.truncate_to_hour();
        let validity = Duration::days(definition.validity_days.into()).min(LONGEST_VALIDITY);
        Self { now, issued_at, expires_at: issued_at + validity }
    }
}
