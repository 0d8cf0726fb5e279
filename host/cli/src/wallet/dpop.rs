//! Proofs that the sender of a token holds its key (RFC 9449).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chancery_credential::jose;
use chancery_domain::{Random, random_bytes};
use serde_json::{Map, json};
use sha2::{Digest as _, Sha256};
use time::OffsetDateTime;
use url::Url;

use super::failure::{ClaimError, Problem, Step};
use super::keys::HolderKey;
use crate::http::Answer;

/// The key that a token is bound to, and the nonces that the servers gave last. The two servers'
/// nonces differ (§8, §9).
#[derive(Debug)]
pub(crate) struct DpopKey {
    key: HolderKey,
    authorization_nonce: Option<String>,
    resource_nonce: Option<String>,
}

/// Which server a proof is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Audience {
    /// The authorization server.
    Authorization,
    /// The credential issuer.
    Resource,
}

impl DpopKey {
    pub(crate) fn new(key: HolderKey) -> Self {
        Self { key, authorization_nonce: None, resource_nonce: None }
    }

    /// The key itself, to come back with.
    pub(crate) fn private_jwk(&self) -> serde_json::Value {
        self.key.private_jwk()
    }

    /// A proof for one POST.
    pub(crate) async fn prove(
        &self,
        audience: Audience,
        url: &Url,
        access_token: Option<&str>,
        now: OffsetDateTime,
        random: &dyn Random,
    ) -> Result<String, ClaimError> {
        let mut target = url.clone();
        target.set_query(None);
        target.set_fragment(None);
        let mut claims = Map::new();
        claims.insert("jti".into(), URL_SAFE_NO_PAD.encode(random_bytes::<16>(random)).into());
        claims.insert("htm".into(), "POST".into());
        claims.insert("htu".into(), target.as_str().into());
        claims.insert("iat".into(), now.unix_timestamp().into());
        if let Some(token) = access_token {
            claims.insert("ath".into(), URL_SAFE_NO_PAD.encode(Sha256::digest(token)).into());
        }
        let nonce = match audience {
            Audience::Authorization => &self.authorization_nonce,
            Audience::Resource => &self.resource_nonce,
        };
        if let Some(nonce) = nonce {
            claims.insert("nonce".into(), nonce.as_str().into());
        }
        let header = Map::from_iter([("jwk".into(), json!(self.key.public_jwk()))]);
        jose::sign("dpop+jwt", header, &claims, self.key.signing())
            .await
            .map_err(|error| Step::Token.failed(Problem::Caller(error.to_string())))
    }

    /// Keeps the nonce of an answer for the next proof; says whether the answer demands another try with it.
    pub(crate) fn learn(&mut self, audience: Audience, answer: &Answer) -> bool {
        let Some(nonce) = answer.header("dpop-nonce") else { return false };
        let known = match audience {
            Audience::Authorization => &mut self.authorization_nonce,
            Audience::Resource => &mut self.resource_nonce,
        }
        .replace(nonce.to_owned());
        known.as_deref() != Some(nonce) && demands_nonce(audience, answer)
    }
}

/// `use_dpop_nonce`: in the body of a 400 (§8), in the challenge of a 401 (§9).
fn demands_nonce(audience: Audience, answer: &Answer) -> bool {
    match audience {
        Audience::Authorization => {
            let body = serde_json::from_slice::<chancery_protocol::error::ErrorBody>(&answer.body);
            answer.status == 400 && body.is_ok_and(|body| body.error == "use_dpop_nonce")
        }
        Audience::Resource => {
            let challenge = answer.header("www-authenticate").unwrap_or_default();
            answer.status == 401 && super::error_of_challenge(challenge) == Some("use_dpop_nonce")
        }
    }
}
