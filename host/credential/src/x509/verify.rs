//! A chain as the one who receives it sees it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use time::OffsetDateTime;

use super::parse::{Certificate, certificates_from_pem};
use super::{ChainError, MAX_LENGTH};
use crate::jose::Jwk;

/// The authorities that somebody trusts.
#[derive(Clone, Default)]
pub struct Anchors(Vec<Certificate>);

impl Anchors {
    /// Reads one or more certificates in PEM.
    pub fn from_pem(pem: &str) -> Result<Self, ChainError> {
        let anchors = certificates_from_pem(pem)?;
        if anchors.is_empty() { Err(ChainError::Length) } else { Ok(Self(anchors)) }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether nobody is trusted.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl std::fmt::Debug for Anchors {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Anchors({})", self.0.len())
    }
}

/// A leaf that an anchor vouches for.
#[derive(Clone)]
pub struct VerifiedLeaf {
    certificate: Certificate,
    public: Jwk,
}

impl VerifiedLeaf {
    /// The certified key.
    pub fn public_jwk(&self) -> &Jwk {
        &self.public
    }

    /// Whether the leaf names this issuer, by a URI or by the DNS name of its host
    /// (SD-JWT VC, "Issuer Signature Mechanisms").
    pub fn names(&self, issuer: &str) -> bool {
        self.certificate.names(issuer)
    }
}

impl std::fmt::Debug for VerifiedLeaf {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "VerifiedLeaf({:?})", self.public)
    }
}

/// Verifies the value of an `x5c` header up to one of `anchors`.
///
/// Absent: revocation, name constraints and policies. A chain that needs them says so by a
/// critical extension, and is refused.
pub fn verify_leaf<S: AsRef<str>>(
    x5c: &[S],
    anchors: &Anchors,
    now: OffsetDateTime,
) -> Result<VerifiedLeaf, ChainError> {
    if x5c.is_empty() || x5c.len() > MAX_LENGTH {
        return Err(ChainError::Length);
    }
    let chain = x5c.iter().map(|entry| read(entry.as_ref())).collect::<Result<Vec<_>, _>>()?;
    for (position, certificate) in chain.iter().enumerate() {
        // An anchor inside the chain would vouch for itself.
        if certificate.is_self_issued() {
            return Err(if position == 0 { ChainError::NotALeaf } else { ChainError::Broken(position) });
        }
        if !certificate.is_valid_at(now) {
            return Err(ChainError::Validity(position));
        }
        if certificate.has_unknown_critical {
            return Err(ChainError::CriticalExtension(position));
        }
        let may_issue = |issuer: &Certificate| issuer.may_issue(certificate, position);
        let issued = match chain.get(position + 1) {
            Some(issuer) => may_issue(issuer),
            None => anchors.0.iter().any(|anchor| anchor.is_valid_at(now) && may_issue(anchor)),
        };
        if !issued {
            return Err(ChainError::Broken(position));
        }
    }
    let certificate = chain.into_iter().next().ok_or(ChainError::Length)?;
    certificate.check_leaf()?;
    let public = certificate.public.clone().ok_or(ChainError::WrongKey)?;
    Ok(VerifiedLeaf { certificate, public })
}

/// The key of the leaf of a holder's chain, as key proofs carry it (OpenID4VCI 1.0 Appendix F.1): well-formed, valid now,
/// each certificate issued by the next, and the leaf's key one that may sign.
///
/// Absent: trust anchors. Whoever the certificates are from, all that is taken from them is a key whose possession is
/// proved beside them; whose word counts for how keys are kept, key attestations say.
pub fn holder_leaf<S: AsRef<str>>(x5c: &[S], now: OffsetDateTime) -> Result<Jwk, ChainError> {
    if x5c.is_empty() || x5c.len() > MAX_LENGTH {
        return Err(ChainError::Length);
    }
    let chain = x5c.iter().map(|entry| read(entry.as_ref())).collect::<Result<Vec<_>, _>>()?;
    for (position, certificate) in chain.iter().enumerate() {
        if !certificate.is_valid_at(now) {
            return Err(ChainError::Validity(position));
        }
        if certificate.has_unknown_critical {
            return Err(ChainError::CriticalExtension(position));
        }
        if chain.get(position + 1).is_some_and(|issuer| !issuer.may_issue(certificate, position)) {
            return Err(ChainError::Broken(position));
        }
    }
    let leaf = chain.into_iter().next().ok_or(ChainError::Length)?;
    if !leaf.may_sign() {
        return Err(ChainError::KeyUsage);
    }
    leaf.public.ok_or(ChainError::UnsupportedKey)
}

/// Whether the key of a leaf, in base64, may sign mobile documents as far as the certificate says.
pub fn may_sign_documents(leaf: &str) -> bool {
    read(leaf).is_ok_and(|leaf| leaf.may_sign_documents())
}

/// An entry of `x5c`: DER in base64, not base64url (RFC 7515 §4.1.6).
fn read(entry: &str) -> Result<Certificate, ChainError> {
    let der = STANDARD.decode(entry).map_err(|error| ChainError::Malformed(error.to_string()))?;
    Certificate::from_der(&der)
}
