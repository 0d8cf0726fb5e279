//! A wallet proves the keys that its credentials are to be bound to, or has them attested (OpenID4VCI §8.2,
//! Appendices D and F).

use std::collections::{BTreeMap, BTreeSet};

use chancery_credential::jose::Jwk;
use chancery_credential::key_attestation::{KeyAttestation, verify_key_attestation};
use chancery_credential::nonces::{NonceError, NonceKind};
use chancery_credential::proof::{KeyProof, KeyProofExpectations, ProofError, claim_key_proof};
use chancery_credential::sd_jwt::StatusReference;
use chancery_domain::key_attestation::{strongest, weakest};
use chancery_protocol::error::ErrorCode;
use serde_json::Value;
use time::OffsetDateTime;

use super::check_attestation::{Voucher, check_status};
use super::resolve_holders::resolve_holders;
use crate::app::App;
use crate::caller::Wallet;
use crate::issuer::{BATCH_SIZE, Issuer};
use crate::refusal::Refusal;

/// The keys that the wallet proved, and what the proofs use up.
pub(super) struct Holders {
    pub(super) keys: Vec<Jwk>,
    /// How well all of them are kept, as somebody attests who is trusted.
    pub(super) key_storage: Option<String>,
    pub(super) nonces: Vec<[u8; 32]>,
}

/// Checks every proof; one that fails fails the request (§8.2). Nobody outside is asked before all was checked that can
/// be without them.
pub(super) async fn verify_proofs(
    app: &App,
    wallet: &Wallet,
    configuration_id: &str,
    proofs: Option<&Value>,
    now: OffsetDateTime,
) -> Result<Holders, Refusal> {
    let issuer = wallet.issuer.as_ref();
    let proofs = proofs.ok_or_else(|| invalid("this credential is bound to a key: proofs are missing"))?;
    let members = proofs.as_object().ok_or_else(|| invalid("proofs must be an object"))?;
    let only = match (members.iter().next(), members.len()) {
        (Some((kind, proofs)), 1) => proofs.as_array().filter(|proofs| !proofs.is_empty()).zip(Some(kind)),
        _ => None,
    };
    let proved = match only {
        Some((jwts, kind)) if kind == "jwt" => by_proofs(app, wallet, jwts, now).await?,
        Some((jwts, kind)) if kind == "attestation" && !issuer.key_attesters.is_empty() => {
            by_attestation(issuer, jwts, now)?
        }
        _ => {
            let taken = if issuer.key_attesters.is_empty() { "jwt" } else { "jwt or attestation" };
            return Err(invalid(&format!(
                "proofs must hold exactly one proof type, {taken}, with at least one proof"
            )));
        }
    };
    let statuses = proved.statuses();
    let holders = proved.holders(issuer, configuration_id, now)?;
    for status in &statuses {
        check_status(app, issuer, Voucher::OfKeys, status).await?;
    }
    Ok(holders)
}

fn invalid(description: &str) -> Refusal {
    Refusal::new(ErrorCode::InvalidProof, description)
}

/// What the proofs of one request say together.
#[derive(Default)]
struct Proved {
    keys: Vec<Jwk>,
    nonces: Vec<String>,
    /// One for each proof.
    attestations: Vec<Option<KeyAttestation>>,
}

/// Proofs by the keys themselves. One that carries an attestation stands for all the keys in it (Appendix F.1).
async fn by_proofs(
    app: &App,
    wallet: &Wallet,
    jwts: &[Value],
    now: OffsetDateTime,
) -> Result<Proved, Refusal> {
    if jwts.len() > usize::from(BATCH_SIZE) {
        return Err(invalid(&format!("at most {BATCH_SIZE} proofs may come with one request")));
    }
    let mut proved = Proved::default();
    let mut thumbprints = BTreeSet::new();
    for proof in verified(app, wallet, jwts, now).await? {
        proved.nonces.extend(proof.nonce);
        // Two copies bound to one key would link each other.
        if !thumbprints.insert(proof.holder.thumbprint()) {
            return Err(invalid("two proofs are by the same key"));
        }
        match &proof.attestation {
            Some(attestation) => {
                proved.nonces.extend(attestation.nonce.clone());
                proved.keys.extend(attestation.keys().cloned());
            }
            None => proved.keys.push(proof.holder),
        }
        proved.attestations.push(proof.attestation);
    }
    Ok(proved)
}

/// Every proof, in its place. Those whose keys are elsewhere come last: by then the others hold, and all nonces are ours.
async fn verified(
    app: &App,
    wallet: &Wallet,
    jwts: &[Value],
    now: OffsetDateTime,
) -> Result<Vec<KeyProof>, Refusal> {
    let issuer = wallet.issuer.as_ref();
    let expectations = KeyProofExpectations {
        issuer: &issuer.identifier,
        client_id: wallet.token.client.as_deref(),
        attesters: &issuer.key_attesters,
        now,
    };
    let wrong = |error: ProofError| invalid(&error.to_string());
    let (mut proofs, mut elsewhere, mut named) = (BTreeMap::new(), Vec::new(), BTreeSet::new());
    for (place, jwt) in jwts.iter().enumerate() {
        let jwt = jwt.as_str().ok_or_else(|| invalid("a proof must be a string"))?;
        let claimed = claim_key_proof(jwt, &expectations).map_err(wrong)?;
        let nonce = claimed.nonce().ok_or_else(|| invalid("the proof has no nonce"))?;
        match claimed.remote_key().map(str::to_owned) {
            None => drop(proofs.insert(place, claimed.verify(None).map_err(wrong)?)),
            Some(url) => {
                issuer.nonces.verify(NonceKind::CredentialRequest, nonce, now).map_err(stale)?;
                named.insert(url.clone());
                elsewhere.push((place, url, claimed));
            }
        }
    }
    let fetched = resolve_holders(app, issuer, named).await?;
    for (place, url, claimed) in elsewhere {
        proofs.insert(place, claimed.verify(fetched.get(&url)).map_err(wrong)?);
    }
    Ok(proofs.into_values().collect())
}

/// An attestation by itself, over a nonce of ours (Appendix F.3).
fn by_attestation(issuer: &Issuer, jwts: &[Value], now: OffsetDateTime) -> Result<Proved, Refusal> {
    let [Value::String(jwt)] = jwts else {
        return Err(invalid("the proof type attestation takes exactly one key attestation"));
    };
    let attestation = verify_key_attestation(jwt, &issuer.key_attesters, now);
    let attestation = attestation.map_err(|error| invalid(&error.to_string()))?;
    let nonce = attestation.nonce.clone().ok_or_else(|| invalid("the key attestation has no nonce"))?;
    let keys = attestation.keys().cloned().collect();
    Ok(Proved { keys, nonces: vec![nonce], attestations: vec![Some(attestation)] })
}

impl Proved {
    /// Where those who attested the keys say whether that still holds.
    fn statuses(&self) -> Vec<StatusReference> {
        self.attestations.iter().flatten().filter_map(|attestation| attestation.status.clone()).collect()
    }

    /// Checks the nonces and what the issuer demands of the keys.
    fn holders(
        self,
        issuer: &Issuer,
        configuration_id: &str,
        now: OffsetDateTime,
    ) -> Result<Holders, Refusal> {
        let mut nonces = BTreeSet::new();
        for nonce in &self.nonces {
            let nonce = issuer.nonces.verify(NonceKind::CredentialRequest, nonce, now);
            nonces.insert(nonce.map_err(stale)?);
        }
        if let Some(required) = issuer.settings.key_attestations_required.get(configuration_id) {
            for attestation in &self.attestations {
                let attestation = attestation.as_ref();
                let attestation = attestation.ok_or_else(|| {
                    invalid("this credential needs keys that are attested (key_attestation)")
                })?;
                if !required.is_met_by(&attestation.key_storage, &attestation.user_authentication) {
                    return Err(invalid("what is attested of the keys is not enough for this credential"));
                }
            }
        }
        let storage = |attestation: &'_ Option<KeyAttestation>| {
            strongest(&attestation.as_ref()?.key_storage).map(str::to_owned)
        };
        let storages: Vec<_> = self.attestations.iter().map(storage).collect();
        let key_storage = weakest(storages.iter().map(Option::as_deref)).map(str::to_owned);
        let mut seen = BTreeSet::new();
        let mut keys = self.keys;
        keys.retain(|key| seen.insert(key.thumbprint()));
        if keys.len() > usize::from(BATCH_SIZE) {
            return Err(invalid(&format!("at most {BATCH_SIZE} keys may be attested for one request")));
        }
        Ok(Holders { keys, key_storage, nonces: nonces.into_iter().collect() })
    }
}

fn stale(error: NonceError) -> Refusal {
    Refusal::new(
        ErrorCode::InvalidNonce,
        match error {
            NonceError::Expired => "the nonce has expired, fetch a new one",
            NonceError::Unknown => "the nonce is not one of this issuer, fetch a new one",
        },
    )
}
