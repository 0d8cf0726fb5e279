//! Access tokens by which clients manage a tenant: signed JWTs (RFC 9068) that a client's own systems can
//! read, under a key that signs nothing else.
//!
//! Apart from what wallets carry ([`tokens`](crate::tokens)), which is nobody's to read.

use chancery_domain::scope::Scope;
use chancery_domain::{ClientId, Random, TenantId, random_bytes};
use chancery_protocol::json::from_slice_strict;
use serde_json::{Map, Value};
use time::{Duration, OffsetDateTime};

use crate::jose::{self, Jwk, Jws, JwsError, base64url};
use crate::keys::{SignError, SigningKey};

/// `typ` of the header; no other JWT has it (RFC 9068 §2.1).
const TYP: &str = "at+jwt";

/// How long a token is good for.
pub const LIFETIME: Duration = Duration::minutes(15);

/// What a token says of its holder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientToken {
    /// The client that it was given to.
    pub client: ClientId,
    /// What it may do.
    pub scopes: Vec<Scope>,
    /// The tenant's epoch when it was made; in a later one it is worth nothing.
    pub epoch: u32,
}

/// Why a token was refused.
#[derive(Debug, thiserror::Error)]
pub enum InvalidClientToken {
    /// The signature or the form.
    #[error(transparent)]
    Jws(#[from] JwsError),
    /// No key of this tenant's authorization server has that `kid`.
    #[error("no token key of this issuer has the kid of the header")]
    UnknownKey,
    /// A claim or header member is missing or not this tenant's.
    #[error("{0} of the token is missing or wrong")]
    Claim(&'static str),
    /// Too old.
    #[error("the token has expired")]
    Expired,
}

/// Makes and reads the client tokens of one tenant.
pub struct ClientTokens {
    signer: SigningKey,
    /// What verifies: the signer's key, and those before it.
    keys: Vec<Jwk>,
    tenant: TenantId,
    issuer: String,
    audience: String,
}

impl ClientTokens {
    /// Tokens that `issuer` gives for the management API at `audience`.
    pub fn new(
        tenant: TenantId,
        issuer: String,
        audience: String,
        signer: SigningKey,
        keys: Vec<Jwk>,
    ) -> Self {
        Self { signer, keys, tenant, issuer, audience }
    }

    /// The public keys, for whoever wants to check a token themselves.
    pub fn keys(&self) -> &[Jwk] {
        &self.keys
    }

    /// A new token.
    pub async fn mint(
        &self,
        token: &ClientToken,
        now: OffsetDateTime,
        random: &dyn Random,
    ) -> Result<String, SignError> {
        let client = token.client.to_string();
        let words: Vec<_> = token.scopes.iter().map(|scope| scope.as_str()).collect();
        let claims = Map::from_iter([
            ("iss".to_owned(), Value::from(self.issuer.as_str())),
            ("aud".to_owned(), self.audience.as_str().into()),
            ("sub".to_owned(), client.as_str().into()),
            ("client_id".to_owned(), client.as_str().into()),
            ("scope".to_owned(), words.join(" ").into()),
            ("tenant_id".to_owned(), self.tenant.to_string().into()),
            ("token_epoch".to_owned(), token.epoch.into()),
            ("iat".to_owned(), now.unix_timestamp().into()),
            ("exp".to_owned(), (now + LIFETIME).unix_timestamp().into()),
            ("jti".to_owned(), base64url::encode(random_bytes::<16>(random)).into()),
        ]);
        let header = Map::from_iter([("kid".to_owned(), Value::from(self.signer.key_id()))]);
        jose::sign(TYP, header, &claims, &self.signer).await
    }

    /// Reads a token that this tenant's authorization server made and that is not too old.
    pub fn open(&self, token: &str, now: OffsetDateTime) -> Result<ClientToken, InvalidClientToken> {
        let jws = Jws::parse(token)?;
        if jws.header().typ() != Some(TYP) {
            return Err(InvalidClientToken::Claim("typ"));
        }
        // The kid chooses among our keys; nothing else in the header says anything about keys.
        let kid = jws.header().key_id().ok_or(InvalidClientToken::UnknownKey)?;
        let key = self.keys.iter().find(|key| key.thumbprint() == kid);
        let claims = jws.verify_claims(key.ok_or(InvalidClientToken::UnknownKey)?)?;
        let text = |name: &'static str| {
            claims.get(name).and_then(Value::as_str).ok_or(InvalidClientToken::Claim(name))
        };
        let tenant = self.tenant.to_string();
        for (name, ours) in [("iss", &self.issuer), ("aud", &self.audience), ("tenant_id", &tenant)] {
            if text(name)? != ours {
                return Err(InvalidClientToken::Claim(name));
            }
        }
        let expires_at = claims.get("exp").and_then(Value::as_i64).ok_or(InvalidClientToken::Claim("exp"))?;
        if now.unix_timestamp() >= expires_at {
            return Err(InvalidClientToken::Expired);
        }
        let client = text("client_id")?;
        if text("sub")? != client {
            return Err(InvalidClientToken::Claim("sub"));
        }
        let scopes: Option<Vec<_>> = text("scope")?.split(' ').map(Scope::parse).collect();
        let epoch = claims.get("token_epoch").and_then(Value::as_u64);
        Ok(ClientToken {
            client: client.parse().map_err(|_| InvalidClientToken::Claim("client_id"))?,
            scopes: scopes.ok_or(InvalidClientToken::Claim("scope"))?,
            epoch: epoch
                .and_then(|epoch| u32::try_from(epoch).ok())
                .ok_or(InvalidClientToken::Claim("token_epoch"))?,
        })
    }
}

/// The tenant that a token claims to be of. A hint where to look for the key, and nothing else.
pub fn tenant_claimed_by(token: &str) -> Option<TenantId> {
    let payload = token.split('.').nth(1)?;
    let claims: Map<String, Value> = from_slice_strict(&base64url::decode(payload)?).ok()?;
    claims.get("tenant_id")?.as_str()?.parse().ok()
}

impl std::fmt::Debug for ClientTokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ClientTokens").field("issuer", &self.issuer).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::SystemRandom;
    use crate::testing::{NOW, assert_no_hostile_form_passes, now_or_never, sign_values, with};

    const ISSUER: &str = "https://h.example/acme";

    fn tenant(byte: u8) -> TenantId {
        TenantId::new(NOW, [byte; 10])
    }

    fn key(byte: u8) -> SigningKey {
        SigningKey::es256(&[byte; 32]).unwrap()
    }

    fn tokens() -> ClientTokens {
        let keys = vec![key(1).public_jwk().clone()];
        ClientTokens::new(tenant(1), ISSUER.to_owned(), format!("{ISSUER}/api"), key(1), keys)
    }

    fn token() -> ClientToken {
        let client = ClientId::new(NOW, [7; 10]);
        ClientToken { client, scopes: vec![Scope::Offer, Scope::Auditor], epoch: 3 }
    }

    fn minted() -> String {
        now_or_never(tokens().mint(&token(), NOW, &SystemRandom)).unwrap()
    }

    fn parts() -> (Value, Value) {
        let minted = minted();
        let mut parts = minted.split('.').map(|part| serde_json::from_slice(&base64url::decode(part)?).ok());
        (parts.next().unwrap().unwrap(), parts.next().unwrap().unwrap())
    }

    #[test]
    fn a_token_says_what_was_put_in_until_it_ends() {
        assert_eq!(tokens().open(&minted(), NOW).unwrap(), token());
        assert_eq!(tenant_claimed_by(&minted()), Some(tenant(1)));
        let last = NOW + LIFETIME - Duration::SECOND;
        assert!(tokens().open(&minted(), last).is_ok());
        assert!(matches!(tokens().open(&minted(), NOW + LIFETIME), Err(InvalidClientToken::Expired)));
    }

    #[test]
    fn a_token_has_the_members_of_rfc_9068() {
        let (header, claims) = parts();
        assert_eq!(header, json!({ "alg": "ES256", "typ": "at+jwt", "kid": key(1).key_id() }));
        let names: Vec<_> = claims.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(
            names,
            ["iss", "aud", "sub", "client_id", "scope", "tenant_id", "token_epoch", "iat", "exp", "jti"]
        );
        assert_ne!(claims["jti"], parts().1["jti"]);
    }

    #[test]
    fn no_hostile_form_of_a_token_passes() {
        let (header, claims) = parts();
        assert_no_hostile_form_passes(&header, &claims, &[1; 32], |jwt| tokens().open(jwt, NOW).is_ok());
    }

    #[test]
    fn a_token_of_anybody_else_or_for_anything_else_is_none() {
        let (header, claims) = parts();
        for (name, value) in [
            ("iss", json!("https://h.example/globex")),
            ("aud", json!([format!("{ISSUER}/api")])),
            ("aud", json!(ISSUER)),
            ("tenant_id", json!(tenant(2).to_string())),
            ("sub", json!("somebody")),
            ("client_id", json!("key_00000000000070008000000000000001")),
            ("scope", json!("owner root")),
            ("scope", json!("")),
            ("token_epoch", json!(-1)),
            ("exp", json!("never")),
        ] {
            let other = sign_values(&header, &with(&claims, name, value.clone()), &key(1));
            assert!(tokens().open(&other, NOW).is_err(), "{name}: {value}");
            let without = sign_values(&header, &with(&claims, name, None), &key(1));
            assert!(tokens().open(&without, NOW).is_err(), "no {name}");
        }
        for typ in ["JWT", "application/at+jwt", "dpop+jwt", "dc+sd-jwt"] {
            let other = sign_values(&with(&header, "typ", json!(typ)), &claims, &key(1));
            assert!(tokens().open(&other, NOW).is_err(), "{typ}");
        }
    }

    #[test]
    fn the_header_brings_no_key() {
        let (header, claims) = parts();
        let foreign = key(2);
        for kid in [foreign.key_id(), key(1).key_id(), "../../etc/passwd", "' or 1=1 --"] {
            let header = with(&header, "kid", json!(kid));
            let header = with(&header, "jwk", foreign.public_jwk().to_value());
            let header = with(&header, "jku", json!("https://evil.example/jwks"));
            assert!(tokens().open(&sign_values(&header, &claims, &foreign), NOW).is_err(), "{kid}");
        }
        let nameless = sign_values(&with(&header, "kid", None), &claims, &key(1));
        assert!(tokens().open(&nameless, NOW).is_err());
    }
}
