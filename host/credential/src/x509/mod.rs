//! Certificates: the chain in `x5c`, requests for it, and certification authorities of one's own.
//!
//! A chain here has the leaf first and no trust anchor, and the leaf is never
//! self-signed (HAIP 1.0 §6.1.1).

mod annex_b;
mod authority;
mod certify;
mod development;
mod parse;
mod request;
mod verify;

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};
use time::OffsetDateTime;

use crate::jose::Jwk;
use crate::keys::{SignError, Signer};
use parse::{Certificate, certificates_from_pem};

pub use authority::{Founder, OwnAuthority, Withdrawn, country_of};
pub use certify::CaError;
pub use development::DevelopmentCa;
pub use request::{Subject, certificate_request};
pub use verify::{Anchors, VerifiedLeaf, holder_leaf, may_sign_documents, verify_leaf};

/// Why a certificate or a chain was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChainError {
    /// No certificate where one belongs, or too many.
    #[error("a chain has between one and six certificates")]
    Length,
    /// Not PEM, not DER, or bytes after the end.
    #[error("not a certificate: {0}")]
    Malformed(String),
    /// The leaf certifies another key than the one that signs.
    #[error("the first certificate does not hold the signing key")]
    WrongKey,
    /// The leaf's key is of a kind that is not accepted.
    #[error("the first certificate holds neither a P-256 nor an Ed25519 key")]
    UnsupportedKey,
    /// The leaf is its own issuer or a certification authority.
    #[error("the first certificate must be issued by an authority and be none itself")]
    NotALeaf,
    /// The leaf's key may not sign documents.
    #[error("the first certificate lacks the key usage digitalSignature")]
    KeyUsage,
    /// A certificate is not issued by the next, or the last by no anchor.
    #[error("certificate {0} of the chain is not issued by its successor or by a trust anchor")]
    Broken(usize),
    /// A certificate is not valid at this time.
    #[error("certificate {0} of the chain is not valid at this time")]
    Validity(usize),
    /// A critical extension that is not understood.
    #[error("certificate {0} of the chain has a critical extension that is not understood")]
    CriticalExtension(usize),
}

/// The certificates that vouch for a signing key, as `x5c` carries them.
#[derive(Clone, PartialEq, Eq)]
pub struct CertificateChain {
    certificates: Vec<Certificate>,
    x5c: Vec<String>,
    public: Jwk,
}

/// More than any chain in use.
const MAX_LENGTH: usize = 6;

impl CertificateChain {
    /// Reads a chain in PEM, leaf first. A self-signed anchor at its end is left out;
    /// private keys in the text are ignored.
    pub fn from_pem(pem: &str, signing_key: &Jwk) -> Result<Self, ChainError> {
        Self::new(certificates_from_pem(pem)?, signing_key)
    }

    fn new(mut certificates: Vec<Certificate>, signing_key: &Jwk) -> Result<Self, ChainError> {
        // Kept while it checks that the certificate before it is really the anchor's.
        let end = certificates.len();
        for (position, pair) in certificates.windows(2).enumerate() {
            if let [certificate, issuer] = pair
                && !certificate.is_issued_by(issuer)
            {
                return Err(ChainError::Broken(position));
            }
        }
        if end > 1 && certificates.last().is_some_and(Certificate::is_self_issued) {
            certificates.pop();
        }
        let leaf = certificates.first().ok_or(ChainError::Length)?;
        if certificates.len() > MAX_LENGTH {
            return Err(ChainError::Length);
        }
        leaf.check_leaf()?;
        if leaf.public.as_ref() != Some(signing_key) {
            return Err(ChainError::WrongKey);
        }
        let x5c = certificates.iter().map(|certificate| STANDARD.encode(&certificate.der)).collect();
        Ok(Self { certificates, x5c, public: signing_key.clone() })
    }

    /// The value of `x5c`: DER in base64 (not base64url), leaf first, without the anchor.
    pub fn x5c(&self) -> &[String] {
        &self.x5c
    }

    /// The key that the leaf certifies.
    pub fn public_jwk(&self) -> &Jwk {
        &self.public
    }

    /// The first moment at which all certificates are valid.
    pub fn valid_from(&self) -> OffsetDateTime {
        let latest = self.certificates.iter().map(|certificate| certificate.not_before).max();
        latest.unwrap_or(OffsetDateTime::UNIX_EPOCH)
    }

    /// The last moment at which all certificates are valid.
    pub fn expires_at(&self) -> OffsetDateTime {
        let earliest = self.certificates.iter().map(|certificate| certificate.not_after).min();
        earliest.unwrap_or(OffsetDateTime::UNIX_EPOCH)
    }

    /// Whether the leaf names this issuer, by a URI or by the DNS name of its host.
    pub fn names(&self, issuer: &str) -> bool {
        self.certificates.first().is_some_and(|leaf| leaf.names(issuer))
    }

    /// Whether its key may sign mobile documents, as far as certificates say: ISO/IEC 18013-5 Annex B has a purpose for
    /// that, and an authority that names others does not mean it.
    pub fn may_sign_documents(&self) -> bool {
        self.certificates.first().is_some_and(Certificate::may_sign_documents)
    }

    /// The chain as PEM, leaf first.
    pub fn to_pem(&self) -> String {
        self.certificates.iter().map(|certificate| parse::to_pem("CERTIFICATE", &certificate.der)).collect()
    }
}

impl fmt::Debug for CertificateChain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CertificateChain({} for {:?})", self.certificates.len(), self.public)
    }
}

/// The last moment at which all certificates of a PEM text are valid.
pub fn certificates_end(pem: &str) -> Result<OffsetDateTime, ChainError> {
    let certificates = certificates_from_pem(pem)?;
    certificates.iter().map(|certificate| certificate.not_after).min().ok_or(ChainError::Length)
}

/// The header members that say which key signed: the thumbprint, and the chain if there is one.
pub(crate) fn key_header(
    signer: &dyn Signer,
    chain: Option<&CertificateChain>,
) -> Result<Map<String, Value>, SignError> {
    let mut header = Map::new();
    header.insert("kid".into(), signer.key_id().into());
    if let Some(chain) = chain {
        if chain.public_jwk() != signer.public_jwk() {
            return Err(SignError("the certificate is not the signing key's".into()));
        }
        header.insert("x5c".into(), chain.x5c().into());
    }
    Ok(header)
}

#[cfg(test)]
mod path_tests;
#[cfg(test)]
mod tests;
