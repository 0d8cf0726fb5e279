//! A wallet provider for tests: it vouches for this wallet (draft-ietf-oauth-attestation-based-client-auth) and for the
//! keys in it (OpenID4VCI 1.0 Appendix D), whatever they are. Nobody but an issuer under test should believe it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chancery_credential::jose;
use chancery_credential::x509::{CaError, CertificateChain, DevelopmentCa};
use chancery_domain::{Random, random_bytes};
use chancery_protocol::issuer_metadata::KeyAttestationsRequired;
use serde_json::{Map, Value, json};
use time::{Duration, OffsetDateTime};

use super::authorize::CLIENT;
use super::failure::{ClaimError, Problem, Step};
use super::keys::HolderKey;

/// Whom its certificate names. Nothing is there.
const NAME: &str = "https://wallet-provider.test";
/// How long what it says is good for.
const LIFETIME: Duration = Duration::hours(1);
/// What it says of keys where an issuer wants no more than that something is said.
const LEVEL: &str = "iso_18045_moderate";

/// The provider, and the wallet that it vouches for.
#[derive(Debug)]
pub struct WalletProvider {
    key: HolderKey,
    chain: CertificateChain,
    /// The key of the wallet itself; no credential is bound to it.
    instance: HolderKey,
}

impl WalletProvider {
    /// A provider under that authority, with a key of its own, and a wallet of its own.
    pub fn new(authority: &DevelopmentCa, now: OffsetDateTime, random: &dyn Random) -> Result<Self, CaError> {
        let fresh = || HolderKey::generate(random).map_err(|_| CaError::Key);
        let (key, instance) = (fresh()?, fresh()?);
        let chain = authority.issue_leaf(key.public_jwk(), NAME, now, now + LIFETIME)?;
        Ok(Self { key, chain, instance })
    }

    /// What it says of the wallet, and the wallet's proof that it is the one, for the authorization server `audience`.
    pub(super) async fn attest_wallet(
        &self,
        step: Step,
        audience: &str,
        challenge: Option<String>,
        now: OffsetDateTime,
        random: &dyn Random,
    ) -> Result<(String, String), ClaimError> {
        let at = now.unix_timestamp();
        let claims = Map::from_iter([
            ("iss".to_owned(), NAME.into()),
            ("sub".to_owned(), CLIENT.into()),
            ("iat".to_owned(), at.into()),
            ("exp".to_owned(), (at + LIFETIME.whole_seconds()).into()),
            ("cnf".to_owned(), json!({ "jwk": self.instance.public_jwk().to_value() })),
        ]);
        let attestation = self.sign(step, "oauth-client-attestation+jwt", claims).await?;
        let mut claims = Map::from_iter([
            ("iss".to_owned(), CLIENT.into()),
            ("aud".to_owned(), audience.into()),
            ("jti".to_owned(), URL_SAFE_NO_PAD.encode(random_bytes::<16>(random)).into()),
            ("iat".to_owned(), at.into()),
        ]);
        claims.extend(challenge.map(|challenge| ("challenge".to_owned(), challenge.into())));
        let typ = "oauth-client-attestation-pop+jwt";
        let proof = jose::sign(typ, Map::new(), &claims, self.instance.signing()).await;
        Ok((attestation, proof.map_err(|error| step.failed(Problem::Caller(error.to_string())))?))
    }

    /// What it says of keys: as much as the issuer wants to hear.
    pub(super) async fn attest_keys(
        &self,
        keys: &[HolderKey],
        nonce: Option<&str>,
        required: &KeyAttestationsRequired,
        now: OffsetDateTime,
    ) -> Result<String, ClaimError> {
        let at = now.unix_timestamp();
        let level = |wanted: &[String]| wanted.first().map_or(LEVEL, String::as_str).to_owned();
        let mut claims = Map::from_iter([
            ("iat".to_owned(), at.into()),
            ("exp".to_owned(), (at + LIFETIME.whole_seconds()).into()),
            ("attested_keys".to_owned(), keys.iter().map(|key| key.public_jwk().to_value()).collect()),
            ("key_storage".to_owned(), json!([level(&required.key_storage)])),
            ("user_authentication".to_owned(), json!([level(&required.user_authentication)])),
        ]);
        claims.extend(nonce.map(|nonce| ("nonce".to_owned(), nonce.into())));
        self.sign(Step::Proof, "key-attestation+jwt", claims).await
    }

    async fn sign(&self, step: Step, typ: &str, claims: Map<String, Value>) -> Result<String, ClaimError> {
        let header = Map::from_iter([("x5c".to_owned(), self.chain.x5c().into())]);
        let signed = jose::sign(typ, header, &claims, self.key.signing()).await;
        signed.map_err(|error| step.failed(Problem::Caller(error.to_string())))
    }
}
