//! A wallet proves the keys that its credentials are to be bound to (OpenID4VCI §8.2, Appendix F).

use std::collections::{BTreeMap, BTreeSet};

use chancery_credential::jose::Jwk;
use chancery_credential::nonces::{NonceError, NonceKind};
use chancery_credential::proof::{KeyProofExpectations, ProofError, verify_key_proof_among};
use chancery_protocol::error::ErrorCode;
use serde_json::Value;
use time::OffsetDateTime;

use crate::caller::Wallet;
use crate::issuer::BATCH_SIZE;
use crate::refusal::Refusal;

/// The keys that the wallet proved, and what the proofs use up.
pub(super) struct Holders {
    pub(super) keys: Vec<Jwk>,
    pub(super) nonces: Vec<[u8; 32]>,
}

/// Checks every proof; one that fails fails the request (§8.2). `fetched` are the keys that a did:web named.
pub(super) fn verify_proofs(
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
