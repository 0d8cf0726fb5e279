//! Compact JWS (RFC 7515), read and written.

use chancery_protocol::json::{JsonError, from_slice_strict};
use serde_json::{Map, Value};

use super::{Jwk, base64url};
use crate::keys::{Algorithm, SignError, Signer};

/// A protected header that passed every check that needs no key.
#[derive(Debug, Clone, PartialEq)]
pub struct Header {
    algorithm: Algorithm,
    members: Map<String, Value>,
}

/// Why a JWS was refused.
#[derive(Debug, thiserror::Error)]
pub enum JwsError {
    /// Not three parts of canonical base64url.
    #[error("not a compact JWS")]
    Form,
    /// Header or payload are not strict JSON objects.
    #[error("the {0} of the JWS is not an acceptable object: {1}")]
    Json(&'static str, #[source] JsonError),
    /// `alg` is missing or none of those that are accepted.
    #[error("the JWS algorithm is not accepted")]
    Algorithm,
    /// `crit` or `b64`: extensions that change what is signed.
    #[error("the JWS header has {0}, which is not understood")]
    Extension(&'static str),
    /// A registered header member has the wrong JSON type.
    #[error("the JWS header member {0} is malformed")]
    Member(&'static str),
    /// `alg` is not the algorithm of the key.
    #[error("the key is not for this algorithm")]
    WrongKey,
    /// The signature is another's, or the message was changed.
    #[error("the JWS signature does not verify")]
    Signature,
}

impl Header {
    fn parse(bytes: &[u8]) -> Result<Self, JwsError> {
        let members: Map<String, Value> =
            from_slice_strict(bytes).map_err(|error| JwsError::Json("header", error))?;
        for extension in ["crit", "b64"] {
            if members.contains_key(extension) {
                return Err(JwsError::Extension(extension));
            }
        }
        for name in ["typ", "kid"] {
            if members.get(name).is_some_and(|value| !value.is_string()) {
                return Err(JwsError::Member(name));
            }
        }
        let texts = |value: &Value| {
            value
                .as_array()
                .is_some_and(|entries| !entries.is_empty() && entries.iter().all(Value::is_string))
        };
        if members.get("x5c").is_some_and(|value| !texts(value)) {
            return Err(JwsError::Member("x5c"));
        }
        let algorithm = members.get("alg").and_then(Value::as_str).and_then(Algorithm::parse);
        Ok(Self { algorithm: algorithm.ok_or(JwsError::Algorithm)?, members })
    }

    /// `alg`.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// `typ`.
    pub fn typ(&self) -> Option<&str> {
        self.members.get("typ")?.as_str()
    }

    /// `kid`: opaque; nothing but an exact comparison is ever done with it.
    pub fn key_id(&self) -> Option<&str> {
        self.members.get("kid")?.as_str()
    }

    /// `x5c`, the leaf first.
    pub fn x5c(&self) -> Option<Vec<&str>> {
        Some(self.members.get("x5c")?.as_array()?.iter().filter_map(Value::as_str).collect())
    }

    /// Any member.
    pub fn member(&self, name: &str) -> Option<&Value> {
        self.members.get(name)
    }
}

/// A compact JWS, not yet verified: outside of this crate there is no way to the payload but through a key.
#[derive(Debug)]
pub struct Jws<'a> {
    header: Header,
    signing_input: &'a str,
    payload: Vec<u8>,
    signature: Vec<u8>,
}

impl<'a> Jws<'a> {
    /// Takes a compact JWS apart and checks its header.
    pub fn parse(compact: &'a str) -> Result<Self, JwsError> {
        let (signing_input, signature) = compact.rsplit_once('.').ok_or(JwsError::Form)?;
        let (header, payload) = signing_input.split_once('.').ok_or(JwsError::Form)?;
        let decode = |part: &str| base64url::decode(part).ok_or(JwsError::Form);
        Ok(Self {
            header: Header::parse(&decode(header)?)?,
            signing_input,
            payload: decode(payload)?,
            signature: decode(signature)?,
        })
    }

    /// The protected header.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The claims before anybody knows whose they are: to refuse by, never to believe.
    pub(crate) fn claimed(&self) -> Result<Map<String, Value>, JwsError> {
        from_slice_strict(&self.payload).map_err(|error| JwsError::Json("payload", error))
    }

    /// Whether a signature of its algorithm has this length.
    pub(crate) fn may_be_signed(&self) -> bool {
        match self.header.algorithm {
            Algorithm::Es256 | Algorithm::EdDsa => self.signature.len() == 64,
        }
    }

    /// Verifies the signature and gives the payload.
    pub fn verify(&self, key: &Jwk) -> Result<&[u8], JwsError> {
        if key.algorithm() != self.header.algorithm {
            return Err(JwsError::WrongKey);
        }
        if !key.verifies(self.signing_input.as_bytes(), &self.signature) {
            return Err(JwsError::Signature);
        }
        Ok(&self.payload)
    }

    /// Verifies the signature and gives the claims, strictly parsed.
    pub fn verify_claims(&self, key: &Jwk) -> Result<Map<String, Value>, JwsError> {
        from_slice_strict(self.verify(key)?).map_err(|error| JwsError::Json("payload", error))
    }
}

/// Signs `claims` under a header with `alg`, `typ` and what `extra` adds to them, in that order.
pub async fn sign(
    typ: &str,
    extra: Map<String, Value>,
    claims: &Map<String, Value>,
    signer: &dyn Signer,
) -> Result<String, SignError> {
    let mut header = Map::new();
    header.insert("alg".into(), signer.algorithm().as_str().into());
    header.insert("typ".into(), typ.into());
    for (name, value) in extra {
        header.entry(name).or_insert(value);
    }
    let serialise = |members: &Map<String, Value>| {
        serde_json::to_vec(members).map_err(|error| SignError(error.to_string()))
    };
    let mut compact = base64url::encode(serialise(&header)?);
    compact.push('.');
    compact.push_str(&base64url::encode(serialise(claims)?));
    let signature = signer.sign(compact.as_bytes()).await?;
    compact.push('.');
    compact.push_str(&base64url::encode(signature));
    Ok(compact)
}
