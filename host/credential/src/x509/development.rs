//! A certification authority of one's own, so that a fresh machine issues credentials
//! whose chain verifies. Nobody else trusts it.

use std::fmt;

use aws_lc_rs::rand::SystemRandom as AwsRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _};
use chancery_domain::{Random, random_bytes};
use p256::elliptic_curve::sec1::ToSec1Point as _;
use rcgen::{
    BasicConstraints, CertificateParams, IsCa, Issuer, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256,
    PublicKeyData, SignatureAlgorithm, SigningKey,
};
use time::{Duration, OffsetDateTime};
use zeroize::Zeroizing;

use super::certify::{CaError, name, serial, sign_leaf};
use super::parse::{blocks, to_pem};
use super::{CertificateChain, ChainError};
use crate::jose::Jwk;
use crate::keys::derive::first_scalar;
use crate::secrets::secret_hash;

const CA_LIFETIME: Duration = Duration::days(3650);
const CA_BACKDATED: Duration = Duration::days(7);

/// The development authority.
pub struct DevelopmentCa {
    issuer: Issuer<'static, CaKey>,
    certificate_pem: String,
}

/// Signs certificates through aws-lc directly.
struct CaKey(EcdsaKeyPair);

impl PublicKeyData for CaKey {
    fn der_bytes(&self) -> &[u8] {
        self.0.public_key().as_ref()
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &PKCS_ECDSA_P256_SHA256
    }
}

impl SigningKey for CaKey {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        let signature = self.0.sign(&AwsRandom::new(), message).map_err(|_| rcgen::Error::RemoteKeyError)?;
        Ok(signature.as_ref().to_vec())
    }
}

impl DevelopmentCa {
    /// A new authority, good for ten years.
    pub fn generate(now: OffsetDateTime, random: &dyn Random) -> Result<Self, CaError> {
        let scalar = first_scalar(|_| Zeroizing::new(random_bytes(random)));
        let secret = p256::SecretKey::from_slice(scalar.as_slice()).map_err(|_| CaError::Key)?;
        let point = secret.public_key().to_sec1_point(false);
        let pair = EcdsaKeyPair::from_private_key_and_public_key(
            &ECDSA_P256_SHA256_ASN1_SIGNING,
            scalar.as_slice(),
            point.as_bytes(),
        )
        .map_err(|_| CaError::Key)?;
        let key = CaKey(pair);
        let digest = secret_hash("development-ca/v1", key.der_bytes());
        let mut params = CertificateParams::default();
        params.not_before = now - CA_BACKDATED;
        params.not_after = now + CA_LIFETIME;
        params.serial_number = Some(serial(&digest));
        // Two authorities of one developer must not share a name: chains are found by it.
        let suffix = hex::encode(digest.first_chunk::<4>().unwrap_or(&[0; 4]));
        params.distinguished_name = name(&format!("Chancery development CA {suffix}"));
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let certificate_pem = to_pem("CERTIFICATE", params.self_signed(&key)?.der());
        Self::new(certificate_pem, key)
    }

    fn new(certificate_pem: String, key: CaKey) -> Result<Self, CaError> {
        Ok(Self { issuer: Issuer::from_ca_cert_pem(&certificate_pem, key)?, certificate_pem })
    }

    /// Private key and certificate, for a file that only its owner reads.
    pub fn to_pem(&self) -> Result<Zeroizing<String>, CaError> {
        let der = self.issuer.key().0.to_pkcs8v1().map_err(|_| CaError::Key)?;
        let key = Zeroizing::new(to_pem("PRIVATE KEY", der.as_ref()));
        Ok(Zeroizing::new(format!("{}{}", key.as_str(), self.certificate_pem)))
    }

    /// Reads what [`DevelopmentCa::to_pem`] wrote.
    pub fn from_pem(pem: &str) -> Result<Self, CaError> {
        let (mut key, mut certificate) = (None, None);
        for (label, contents) in blocks(pem)? {
            match label.as_str() {
                "PRIVATE KEY" => key = Some(Zeroizing::new(contents)),
                "CERTIFICATE" => certificate = Some(to_pem("CERTIFICATE", &contents)),
                _ => {}
            }
        }
        let key = key.ok_or(CaError::Key)?;
        let pair =
            EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &key).map_err(|_| CaError::Key)?;
        Self::new(certificate.ok_or(ChainError::Length)?, CaKey(pair))
    }

    /// The certificate that wallets under development are to trust.
    pub fn certificate_pem(&self) -> &str {
        &self.certificate_pem
    }

    /// Certifies an issuer's signing key, by the issuer identifier and its host.
    pub fn issue_leaf(
        &self,
        public: &Jwk,
        issuer: &str,
        now: OffsetDateTime,
        expires_at: OffsetDateTime,
    ) -> Result<CertificateChain, CaError> {
        sign_leaf(&self.issuer, "development-leaf/v1", public, issuer, now, expires_at)
    }
}

impl fmt::Debug for DevelopmentCa {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DevelopmentCa(..)")
    }
}
