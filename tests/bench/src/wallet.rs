//! A wallet's keys and the proofs that it makes with them.

use anyhow::{Context, Result};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

/// A P-256 key, and the heads of the tokens that it signs.
pub(crate) struct Key {
    pair: EcdsaKeyPair,
    proof_head: String,
    dpop_head: String,
}

impl Key {
    /// A new key.
    pub(crate) fn generate() -> Result<Self> {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).ok().context("generate a key")?;
        let point = pair.public_key().as_ref();
        let coordinate = |from: usize| encoded(point.get(from..from + 32).unwrap_or_default());
        let jwk = json!({ "kty": "EC", "crv": "P-256", "x": coordinate(1), "y": coordinate(33) });
        let head = |typ: &str| encoded(json!({ "typ": typ, "alg": "ES256", "jwk": jwk }).to_string());
        Ok(Self { proof_head: head("openid4vci-proof+jwt"), dpop_head: head("dpop+jwt"), pair })
    }

    /// A key proof (OpenID4VCI 1.0 Appendix F.1).
    pub(crate) fn prove(&self, issuer: &str, nonce: &str, now: i64) -> Result<String> {
        self.sign(&self.proof_head, &json!({ "aud": issuer, "iat": now, "nonce": nonce }))
    }

    /// A `DPoP` proof (RFC 9449 §4.2) for a POST.
    pub(crate) fn prove_possession(
        &self,
        url: &str,
        nonce: Option<&str>,
        token: Option<&str>,
        now: i64,
    ) -> Result<String> {
        let mut jti = [0; 16];
        aws_lc_rs::rand::fill(&mut jti).ok().context("fill a jti")?;
        let mut claims = json!({ "jti": encoded(jti), "htm": "POST", "htu": url, "iat": now });
        if let Some(members) = claims.as_object_mut() {
            if let Some(nonce) = nonce {
                members.insert("nonce".to_owned(), nonce.into());
            }
            if let Some(token) = token {
                members.insert("ath".to_owned(), encoded(Sha256::digest(token)).into());
            }
        }
        self.sign(&self.dpop_head, &claims)
    }

    fn sign(&self, head: &str, claims: &Value) -> Result<String> {
        let mut token = format!("{head}.{}", encoded(claims.to_string()));
        let signature = self.pair.sign(&SystemRandom::new(), token.as_bytes()).ok().context("sign")?;
        token.push('.');
        token.push_str(&encoded(signature.as_ref()));
        Ok(token)
    }
}

fn encoded(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}
