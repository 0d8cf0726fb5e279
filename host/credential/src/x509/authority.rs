//! An issuer that certifies its signing keys itself, under a key of its own that does nothing else. Whoever is to
//! believe it needs its certificate from it, by another way.

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyUsagePurpose};
use time::{Duration, OffsetDateTime};

use super::certify::{CaError, Own, name, serial, sign_leaf};
use super::parse::to_pem;
use super::{CertificateChain, ChainError};
use crate::jose::Jwk;
use crate::keys::SigningKey;
use crate::secrets::secret_hash;

/// Certificates of authorities are carried around by hand.
const LIFETIME: Duration = Duration::days(3650);
const BACKDATED: Duration = Duration::days(7);

/// An issuer's own authority.
pub struct OwnAuthority<'a>(Issuer<'static, Own<'a>>);

impl<'a> OwnAuthority<'a> {
    /// The certificate, in PEM, of an authority of that name, signed by itself.
    pub fn found(key: &SigningKey, called: &str, now: OffsetDateTime) -> Result<String, CaError> {
        let own = Own::of(key);
        let digest = secret_hash("own-authority/v1", key.key_id().as_bytes());
        let mut params = CertificateParams::default();
        params.not_before = now - BACKDATED;
        params.not_after = now + LIFETIME;
        params.serial_number = Some(serial(&digest));
        // Two authorities of one issuer must not share a name: chains are found by it.
        params.distinguished_name = name(&format!("{called} credential authority {}", short(key.key_id())));
        params.distinguished_name.push(DnType::OrganizationName, called);
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        Ok(to_pem("CERTIFICATE", params.self_signed(&own)?.der()))
    }

    /// The authority of a certificate that was [found](OwnAuthority::found) for this key.
    pub fn of(certificate: &str, key: &'a SigningKey) -> Result<Self, CaError> {
        let read = super::parse::certificates_from_pem(certificate)?;
        if read.first().and_then(|read| read.public.as_ref()) != Some(key.public_jwk()) {
            return Err(ChainError::WrongKey.into());
        }
        Ok(Self(Issuer::from_ca_cert_pem(certificate, Own::of(key))?))
    }

    /// Certifies a signing key, by the issuer identifier and its host.
    pub fn issue_leaf(
        &self,
        public: &Jwk,
        issuer: &str,
        now: OffsetDateTime,
        expires_at: OffsetDateTime,
    ) -> Result<CertificateChain, CaError> {
        sign_leaf(&self.0, "own-leaf/v1", public, issuer, now, expires_at)
    }
}

fn short(key_id: &str) -> &str {
    key_id.get(..8).unwrap_or(key_id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::x509::{Anchors, verify_leaf};

    const NOW: OffsetDateTime = time::macros::datetime!(2026-11-22 01:00 UTC);
    const ISSUER: &str = "https://issuer.example/acme";

    #[test]
    fn its_leaves_verify_under_its_certificate_and_no_other() {
        let keys = [1, 2, 3].map(|seed| SigningKey::es256(&[seed; 32]).unwrap());
        let [first, second, signing] = &keys;
        let [trusted, other] = [first, second].map(|key| OwnAuthority::found(key, "Acme", NOW).unwrap());
        let authority = OwnAuthority::of(&trusted, first).unwrap();
        let expires_at = NOW + Duration::days(397);
        let chain = authority.issue_leaf(signing.public_jwk(), ISSUER, NOW, expires_at).unwrap();
        assert!(chain.names(ISSUER));
        assert_eq!((chain.x5c().len(), chain.expires_at()), (1, expires_at));
        let x5c: Vec<&str> = chain.x5c().iter().map(String::as_str).collect();
        let verified = |pem: &str| verify_leaf(&x5c, &Anchors::from_pem(pem).unwrap(), NOW).is_ok();
        assert!(verified(&trusted) && !verified(&other));
        assert!(matches!(OwnAuthority::of(&trusted, second), Err(CaError::Chain(ChainError::WrongKey))));
    }
}
