//! Signing keys, and the door that all signing passes.

use std::fmt;
use std::future::{Future, ready};
use std::pin::Pin;

use aws_lc_rs::rand::SystemRandom as AwsRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair};
use p256::elliptic_curve::sec1::ToSec1Point;

use crate::jose::Jwk;

/// A future on the heap, as object-safe asynchronous methods return it.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The signature algorithms; everything else is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// Ed25519.
    EdDsa,
}

impl Algorithm {
    /// Both, the default first.
    pub const ALL: [Self; 2] = [Self::Es256, Self::EdDsa];

    /// The name in JOSE (RFC 7518, RFC 8037), in key derivation and in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Es256 => "ES256",
            Self::EdDsa => "EdDSA",
        }
    }

    /// Reads the name back; case matters.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.as_str() == name)
    }
}

/// The bytes are not a private key of the algorithm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a private key of this algorithm")]
pub struct KeyRejected;

/// A signature could not be made.
#[derive(Debug, thiserror::Error)]
#[error("failed to sign: {0}")]
pub struct SignError(pub String);

/// Who signs: a derived or imported key today, a security module later.
pub trait Signer: Send + Sync {
    /// The algorithm of [`Signer::sign`].
    fn algorithm(&self) -> Algorithm;
    /// The key that verifies.
    fn public_jwk(&self) -> &Jwk;
    /// The JWK thumbprint of the public key, base64url.
    fn key_id(&self) -> &str;
    /// Signs, in the form that JOSE uses (for ES256 the 64 bytes r ‖ s).
    fn sign<'a>(&'a self, message: &'a [u8]) -> BoxFuture<'a, Result<Vec<u8>, SignError>>;
}

/// A private key in this process.
pub struct SigningKey {
    pair: Pair,
    public: Jwk,
    key_id: String,
}

/// aws-lc wipes both when they are dropped.
enum Pair {
    Es256(EcdsaKeyPair),
    EdDsa(Ed25519KeyPair),
}

impl SigningKey {
    /// A P-256 key from its private scalar, big-endian, in [1, n−1].
    pub fn es256(scalar: &[u8; 32]) -> Result<Self, KeyRejected> {
        let secret = p256::SecretKey::from_slice(scalar).map_err(|_| KeyRejected)?;
        let point = secret.public_key().to_sec1_point(false);
        let public = Jwk::from_p256_point(point.as_bytes()).ok_or(KeyRejected)?;
        let pair = EcdsaKeyPair::from_private_key_and_public_key(
            &ECDSA_P256_SHA256_FIXED_SIGNING,
            scalar,
            &public.raw_public_key(),
        )
        .map_err(|_| KeyRejected)?;
        Ok(Self { pair: Pair::Es256(pair), key_id: public.thumbprint(), public })
    }

    /// An Ed25519 key from its seed.
    pub fn ed25519(seed: &[u8; 32]) -> Result<Self, KeyRejected> {
        let pair = Ed25519KeyPair::from_seed_unchecked(seed).map_err(|_| KeyRejected)?;
        let x = pair.public_key().as_ref().try_into().map_err(|_| KeyRejected)?;
        let public = Jwk::from_ed25519(x).ok_or(KeyRejected)?;
        Ok(Self { pair: Pair::EdDsa(pair), key_id: public.thumbprint(), public })
    }

    /// A key of either algorithm from its 32 bytes.
    pub fn new(algorithm: Algorithm, bytes: &[u8; 32]) -> Result<Self, KeyRejected> {
        match algorithm {
            Algorithm::Es256 => Self::es256(bytes),
            Algorithm::EdDsa => Self::ed25519(bytes),
        }
    }

    /// The algorithm.
    pub fn algorithm(&self) -> Algorithm {
        match self.pair {
            Pair::Es256(_) => Algorithm::Es256,
            Pair::EdDsa(_) => Algorithm::EdDsa,
        }
    }

    /// The key that verifies.
    pub fn public_jwk(&self) -> &Jwk {
        &self.public
    }

    /// The JWK thumbprint of the public key (RFC 7638), base64url.
    pub fn key_id(&self) -> &str {
        &self.key_id
    }

    /// Signs at once; see [`Signer::sign`].
    pub fn sign_now(&self, message: &[u8]) -> Result<Vec<u8>, SignError> {
        match &self.pair {
            Pair::Es256(pair) => pair.sign(&AwsRandom::new(), message),
            Pair::EdDsa(pair) => pair.try_sign(message),
        }
        .map(|signature| signature.as_ref().to_vec())
        .map_err(|_| SignError("the cryptographic library refused".into()))
    }
}

impl Signer for SigningKey {
    fn algorithm(&self) -> Algorithm {
        self.algorithm()
    }

    fn public_jwk(&self) -> &Jwk {
        self.public_jwk()
    }

    fn key_id(&self) -> &str {
        self.key_id()
    }

    fn sign<'a>(&'a self, message: &'a [u8]) -> BoxFuture<'a, Result<Vec<u8>, SignError>> {
        Box::pin(ready(self.sign_now(message)))
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey").field("key_id", &self.key_id).finish_non_exhaustive()
    }
}
