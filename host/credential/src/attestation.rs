//! Client attestation: a provider that the issuer trusts vouches for a wallet, which proves that it holds the attested
//! key (draft-ietf-oauth-attestation-based-client-auth, -07 and later).

use aws_lc_rs::digest::{SHA256, digest};
use serde_json::{Map, Value};
use time::{Duration, OffsetDateTime};

use crate::jose::{Jwk, JwkError, Jws, JwsError};
use crate::proof::{is_recent, seconds};
use crate::sd_jwt::StatusReference;
use crate::secrets::secret_hash;
use crate::x509::{Anchors, ChainError, verify_leaf};

const ATTESTATION: &str = "oauth-client-attestation+jwt";
const PROOF: &str = "oauth-client-attestation-pop+jwt";
const MAX_JTI_LENGTH: usize = 512;
const LEEWAY: Duration = Duration::seconds(60);

/// A wallet that was vouched for. Whether its challenge is ours is for [`Nonces`](crate::nonces::Nonces) to say; that
/// the proof was not seen before, for the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttestedClient {
    /// Its `client_id`.
    pub client: String,
    /// Identifies the proof in the used-set: a hash of key and `jti`.
    pub jti_hash: [u8; 32],
    /// The challenge that the proof was made over, if any.
    pub challenge: Option<String>,
    /// Where the provider says whether it still vouches, if it does. Whoever relies on the wallet asks there.
    pub status: Option<StatusReference>,
}

/// Why an attestation or its proof was refused.
#[derive(Debug, thiserror::Error)]
pub enum InvalidAttestation {
    /// The form, the algorithm or the signature.
    #[error(transparent)]
    Jws(#[from] JwsError),
    /// `typ`.
    #[error("the type is not {0}")]
    Type(&'static str),
    /// `x5c` is missing.
    #[error("the attestation has no certificates (x5c)")]
    NoChain,
    /// Nobody who is trusted vouches.
    #[error("the provider of the attestation is not trusted: {0}")]
    Untrusted(#[from] ChainError),
    /// The attested key.
    #[error("the attested key is not acceptable: {0}")]
    Key(#[from] JwkError),
    /// A claim is missing or wrong.
    #[error("the claim {0} is missing or wrong")]
    Claim(&'static str),
    /// Too old, or from the future.
    #[error("it is not valid at this time")]
    Age,
    /// It has a status of another kind than an entry of a Token Status List, which nobody here can ask for.
    #[error("the attestation has a status that cannot be checked")]
    Status,
}

/// Verifies an attestation and the proof beside it, for the authorization server `audience`.
pub fn verify_attested_client(
    attestation: &str,
    proof: &str,
    anchors: &Anchors,
    audience: &str,
    now: OffsetDateTime,
) -> Result<AttestedClient, InvalidAttestation> {
    let (client, key, status) = verify_attestation(attestation, anchors, now)?;
    let jws = Jws::parse(proof)?;
    if jws.header().typ() != Some(PROOF) {
        return Err(InvalidAttestation::Type(PROOF));
    }
    let claims = jws.verify_claims(&key)?;
    // Up to -07 the proof names its client; from -08 on the attestation alone does.
    if text(&claims, "iss")?.is_some_and(|iss| iss != client) {
        return Err(InvalidAttestation::Claim("iss"));
    }
    if text(&claims, "aud")? != Some(audience) {
        return Err(InvalidAttestation::Claim("aud"));
    }
    let jti = text(&claims, "jti")?.filter(|jti| !jti.is_empty() && jti.len() <= MAX_JTI_LENGTH);
    let jti = jti.ok_or(InvalidAttestation::Claim("jti"))?;
    let issued_at = time(&claims, "iat")?.ok_or(InvalidAttestation::Claim("iat"))?;
    if !is_recent(issued_at, now) || time(&claims, "exp")?.is_some_and(|exp| exp <= now.unix_timestamp()) {
        return Err(InvalidAttestation::Age);
    }
    let challenge = text(&claims, "challenge")?.map(str::to_owned);
    let key = digest(&SHA256, key.thumbprint().as_bytes());
    // The digest has one length, so the concatenation is injective.
    let jti_hash = secret_hash("client-attestation-jti/v1", &[key.as_ref(), jti.as_bytes()].concat());
    Ok(AttestedClient { client, jti_hash, challenge, status })
}

/// The client and its key, as somebody vouches for them.
fn verify_attestation(
    attestation: &str,
    anchors: &Anchors,
    now: OffsetDateTime,
) -> Result<(String, Jwk, Option<StatusReference>), InvalidAttestation> {
    let jws = Jws::parse(attestation)?;
    if jws.header().typ() != Some(ATTESTATION) {
        return Err(InvalidAttestation::Type(ATTESTATION));
    }
    let chain = jws.header().x5c().ok_or(InvalidAttestation::NoChain)?;
    let leaf = verify_leaf(&chain, anchors, now)?;
    let claims = jws.verify_claims(leaf.public_jwk())?;
    let client = text(&claims, "sub")?.filter(|client| is_client_id(client));
    let client = client.ok_or(InvalidAttestation::Claim("sub"))?.to_owned();
    let at = now.unix_timestamp();
    let expires = time(&claims, "exp")?.ok_or(InvalidAttestation::Claim("exp"))?;
    let early = |from: Option<i64>| from.is_some_and(|from| from > at + LEEWAY.whole_seconds());
    if expires <= at || early(time(&claims, "iat")?) || early(time(&claims, "nbf")?) {
        return Err(InvalidAttestation::Age);
    }
    // Somebody may have revoked it; who cannot ask must not believe.
    let status = claims.get("status");
    let status = status.map(|status| StatusReference::read(status).ok_or(InvalidAttestation::Status));
    let key = claims.get("cnf").and_then(|cnf| cnf.get("jwk")).ok_or(InvalidAttestation::Claim("cnf"))?;
    Ok((client, Jwk::parse(key)?, status.transpose()?))
}

fn is_client_id(text: &str) -> bool {
    (1..=512).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ')
}

fn text<'a>(
    claims: &'a Map<String, Value>,
    name: &'static str,
) -> Result<Option<&'a str>, InvalidAttestation> {
    match claims.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(InvalidAttestation::Claim(name)),
    }
}

fn time(claims: &Map<String, Value>, name: &'static str) -> Result<Option<i64>, InvalidAttestation> {
    match claims.get(name) {
        None => Ok(None),
        Some(value) => seconds(value).map(Some).ok_or(InvalidAttestation::Claim(name)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use time::Duration;

    use super::*;
    use crate::SystemRandom;
    use crate::keys::SigningKey;
    use crate::testing::{NOW, assert_no_hostile_form_passes, sign_values};
    use crate::x509::DevelopmentCa;

    const SERVER: &str = "https://h.example/acme";

    fn key(byte: u8) -> SigningKey {
        SigningKey::es256(&[byte; 32]).unwrap()
    }

    /// Whom a tenant trusts, and what a provider under it says of the wallet's key, the second.
    fn attestation() -> (Anchors, Value, Value) {
        let ca = DevelopmentCa::generate(NOW, &SystemRandom).unwrap();
        let until = NOW + Duration::days(1);
        let chain = ca.issue_leaf(key(1).public_jwk(), "https://provider.example", NOW, until).unwrap();
        let at = NOW.unix_timestamp();
        let header = json!({ "alg": "ES256", "typ": ATTESTATION, "x5c": chain.x5c() });
        let claims =
            json!({ "sub": "wallet", "iat": at, "exp": at + 60, "cnf": { "jwk": key(2).public_jwk() } });
        (Anchors::from_pem(ca.certificate_pem()).unwrap(), header, claims)
    }

    fn proof() -> (Value, Value) {
        let claims = json!({ "aud": SERVER, "jti": "1", "iat": NOW.unix_timestamp(), "challenge": "c" });
        (json!({ "alg": "ES256", "typ": PROOF }), claims)
    }

    #[test]
    fn no_hostile_form_of_an_attestation_or_of_its_proof_passes() {
        let ((anchors, header, claims), (proof_header, proof_claims)) = (attestation(), proof());
        let good = sign_values(&header, &claims, &key(1));
        let good_proof = sign_values(&proof_header, &proof_claims, &key(2));
        let verified = |attestation: &str, proof: &str| {
            verify_attested_client(attestation, proof, &anchors, SERVER, NOW).is_ok()
        };
        assert_no_hostile_form_passes(&header, &claims, &[1; 32], |jwt| verified(jwt, &good_proof));
        assert_no_hostile_form_passes(&proof_header, &proof_claims, &[2; 32], |jwt| verified(&good, jwt));
    }
}
