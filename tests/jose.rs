//! Keys and JWTs of the tests' own: as right, or as wrong, as a test wants them.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

/// base64url without padding.
pub fn base64url(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Reads base64url without padding.
#[track_caller]
pub fn unbase64url(text: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// SHA-256, base64url.
pub fn sha256(bytes: impl AsRef<[u8]>) -> String {
    base64url(Sha256::digest(bytes))
}

/// The hash as file tools print it.
pub fn sha256_hex(bytes: impl AsRef<[u8]>) -> String {
    Sha256::digest(bytes).iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
}

/// A wallet's key.
pub struct Key(Pair);

enum Pair {
    P256(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

impl Key {
    /// A fresh P-256 key.
    pub fn p256() -> Self {
        Self(Pair::P256(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap()))
    }

    /// A fresh Ed25519 key.
    pub fn ed25519() -> Self {
        Self(Pair::Ed25519(Ed25519KeyPair::generate().unwrap()))
    }

    /// The P-256 key of a private JWK.
    #[track_caller]
    pub fn of_jwk(jwk: &Value) -> Self {
        let part = |name: &str| unbase64url(&crate::answer::text(&jwk[name]));
        let point = [vec![4], part("x"), part("y")].concat();
        let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
        Self(Pair::P256(
            EcdsaKeyPair::from_private_key_and_public_key(algorithm, &part("d"), &point).unwrap(),
        ))
    }

    /// `n` fresh P-256 keys.
    pub fn some(n: usize) -> Vec<Self> {
        std::iter::repeat_with(Self::p256).take(n).collect()
    }

    /// Its `alg`.
    pub fn algorithm(&self) -> &'static str {
        match self.0 {
            Pair::P256(_) => "ES256",
            Pair::Ed25519(_) => "EdDSA",
        }
    }

    /// Its public half.
    pub fn jwk(&self) -> Value {
        match &self.0 {
            Pair::P256(pair) => {
                let (x, y) = pair.public_key().as_ref()[1..].split_at(32);
                json!({ "kty": "EC", "crv": "P-256", "x": base64url(x), "y": base64url(y) })
            }
            Pair::Ed25519(pair) => {
                json!({ "kty": "OKP", "crv": "Ed25519", "x": base64url(pair.public_key().as_ref()) })
            }
        }
    }

    /// Its RFC 7638 thumbprint.
    pub fn thumbprint(&self) -> String {
        thumbprint(&self.jwk())
    }

    /// Signs, as JOSE wants it.
    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        match &self.0 {
            Pair::P256(pair) => pair.sign(&SystemRandom::new(), message).unwrap().as_ref().to_vec(),
            Pair::Ed25519(pair) => pair.sign(message).as_ref().to_vec(),
        }
    }
}

/// RFC 7638: the required members in lexicographic order.
pub fn thumbprint(jwk: &Value) -> String {
    let members: Vec<_> = ["crv", "kty", "x", "y"]
        .iter()
        .filter_map(|name| Some(format!("\"{name}\":\"{}\"", jwk[name].as_str()?)))
        .collect();
    sha256(format!("{{{}}}", members.join(",")))
}

/// A JWT that is being made.
#[derive(Debug, Clone)]
pub struct Jwt {
    /// The protected header.
    pub header: Value,
    /// The claims.
    pub claims: Value,
}

impl Jwt {
    /// A header member, put or replaced.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.header[name] = value.into();
        self
    }

    /// A claim, put or replaced.
    #[must_use]
    pub fn claim(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.claims[name] = value.into();
        self
    }

    /// Without this claim.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.claims.as_object_mut().unwrap().remove(name);
        self
    }

    /// Without this header member.
    #[must_use]
    pub fn without_header(mut self, name: &str) -> Self {
        self.header.as_object_mut().unwrap().remove(name);
        self
    }

    /// The compact form.
    pub fn sign(&self, key: &Key) -> String {
        compact(&self.header.to_string(), &self.claims.to_string(), |message| key.sign(message))
    }
}

/// A compact JWS of any two texts and any signature.
pub fn compact(header: &str, payload: &str, sign: impl FnOnce(&[u8]) -> Vec<u8>) -> String {
    let message = format!("{}.{}", base64url(header), base64url(payload));
    let signature = sign(message.as_bytes());
    format!("{message}.{}", base64url(signature))
}

/// A key proof as the issuer wants it (OpenID4VCI Appendix F.1).
pub fn key_proof(key: &Key, issuer: &str, nonce: &str) -> Jwt {
    Jwt {
        header: json!({ "alg": key.algorithm(), "typ": "openid4vci-proof+jwt", "jwk": key.jwk() }),
        claims: json!({ "aud": issuer, "iat": crate::now(), "nonce": nonce }),
    }
}

/// A DPoP proof for a POST, as an authorization server wants it (RFC 9449 §4.2).
pub fn dpop_proof(key: &Key, url: &str, nonce: Option<&str>) -> Jwt {
    let mut claims = json!({ "jti": crate::unique("jti-"), "htm": "POST", "htu": url, "iat": crate::now() });
    if let Some(nonce) = nonce {
        claims["nonce"] = nonce.into();
    }
    Jwt { header: json!({ "alg": key.algorithm(), "typ": "dpop+jwt", "jwk": key.jwk() }), claims }
}

/// The header and the claims of a compact JWS, unverified.
#[track_caller]
pub fn read(jwt: &str) -> (Value, Value) {
    let parts: Vec<_> = jwt.split('.').collect();
    assert_eq!(parts.len(), 3, "{jwt}");
    let json = |part: &str| serde_json::from_slice(&unbase64url(part)).unwrap();
    (json(parts[0]), json(parts[1]))
}

/// Verifies a compact ES256 JWS under a key of `jwks` that its `kid` names; header and claims.
#[track_caller]
pub fn verify(jwt: &str, jwks: &Value) -> (Value, Value) {
    let (header, claims) = read(jwt);
    assert_eq!(header["alg"], "ES256", "{header}");
    let jwk = jwks["keys"].as_array().unwrap().iter().find(|jwk| jwk["kid"] == header["kid"]);
    let jwk = jwk.unwrap_or_else(|| panic!("no key {} in {jwks}", header["kid"]));
    let point =
        [vec![4], unbase64url(&crate::answer::text(&jwk["x"])), unbase64url(&crate::answer::text(&jwk["y"]))];
    let (message, signature) = jwt.rsplit_once('.').unwrap();
    aws_lc_rs::signature::UnparsedPublicKey::new(
        &aws_lc_rs::signature::ECDSA_P256_SHA256_FIXED,
        point.concat(),
    )
    .verify(message.as_bytes(), &unbase64url(signature))
    .expect("the signature of the issuer");
    (header, claims)
}
