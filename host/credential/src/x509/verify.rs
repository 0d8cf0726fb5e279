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
    let chain = x5c
        .iter()
        .map(|entry| {
            let der =
                STANDARD.decode(entry.as_ref()).map_err(|error| ChainError::Malformed(error.to_string()))?;
            Certificate::from_der(&der)
        })
        .collect::<Result<Vec<_>, _>>()?;
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
        let may_issue = |issuer: &Certificate| {
            let limit = issuer.authority.and_then(|authority| authority.path_length);
            let within =
                limit.is_none_or(|limit| usize::try_from(limit).is_ok_and(|limit| position <= limit));
            within && certificate.is_issued_by(issuer)
        };
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
