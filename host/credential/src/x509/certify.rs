//! What making certificates takes, whoever makes them: keys as `rcgen` wants them, names and numbers.

use p256::ecdsa::Signature;
use rcgen::{
    CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256,
    PKCS_ED25519, PublicKeyData, SanType, SerialNumber, SignatureAlgorithm,
};
use time::{Duration, OffsetDateTime};
use url::{Host, Url};

use super::parse::Certificate;
use super::{CertificateChain, ChainError};
use crate::jose::Jwk;
use crate::keys::{Algorithm, SigningKey};
use crate::secrets::secret_hash;

/// Credentials carry times that are rounded down, and must not precede their certificate.
const LEAF_BACKDATED: Duration = Duration::days(2);

/// Why a certificate or a request for one could not be made.
#[derive(Debug, thiserror::Error)]
pub enum CaError {
    /// The certificate could not be made.
    #[error("failed to make a certificate: {0}")]
    Make(#[from] rcgen::Error),
    /// The stored authority or the new chain are no good.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// The stored authority has no usable key.
    #[error("the authority has no P-256 private key")]
    Key,
    /// The issuer identifier is no URL with a host.
    #[error("the issuer identifier is no URL with a host")]
    Issuer,
    /// The country is none.
    #[error("a country has two capital letters (ISO 3166-1)")]
    Country,
}

/// The public half of a key that signs credentials.
pub(super) struct Public {
    bytes: Vec<u8>,
    algorithm: Algorithm,
}

impl Public {
    pub(super) fn of(jwk: &Jwk) -> Self {
        Self { bytes: jwk.raw_public_key(), algorithm: jwk.algorithm() }
    }
}

impl PublicKeyData for Public {
    fn der_bytes(&self) -> &[u8] {
        &self.bytes
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        match self.algorithm {
            Algorithm::Es256 => &PKCS_ECDSA_P256_SHA256,
            Algorithm::EdDsa => &PKCS_ED25519,
        }
    }
}

/// A key that signs credentials, as a key that signs what is said of it.
pub(super) struct Own<'a> {
    key: &'a SigningKey,
    public: Public,
}

impl<'a> Own<'a> {
    pub(super) fn of(key: &'a SigningKey) -> Self {
        Self { key, public: Public::of(key.public_jwk()) }
    }
}

impl PublicKeyData for Own<'_> {
    fn der_bytes(&self) -> &[u8] {
        self.public.der_bytes()
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        self.public.algorithm()
    }
}

impl rcgen::SigningKey for Own<'_> {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        let refused = |_| rcgen::Error::RemoteKeyError;
        let signature = self.key.sign_now(message).map_err(|_| rcgen::Error::RemoteKeyError)?;
        match self.public.algorithm {
            // JOSE has r ‖ s, X.509 a sequence of both (RFC 3279 §2.2.3).
            Algorithm::Es256 => {
                Ok(Signature::from_slice(&signature).map_err(refused)?.to_der().as_bytes().to_vec())
            }
            Algorithm::EdDsa => Ok(signature),
        }
    }
}

/// The issuer identifier and its host, as a certificate names them; and the host by itself.
pub(super) fn alternative_names(issuer: &str) -> Result<(String, Vec<SanType>), CaError> {
    let url = Url::parse(issuer).map_err(|_| CaError::Issuer)?;
    let host = url.host().ok_or(CaError::Issuer)?;
    let by_host = match host {
        Host::Domain(domain) => SanType::DnsName(domain.try_into()?),
        Host::Ipv4(address) => SanType::IpAddress(address.into()),
        Host::Ipv6(address) => SanType::IpAddress(address.into()),
    };
    Ok((host.to_string(), vec![SanType::URI(issuer.try_into()?), by_host]))
}

/// Certifies an issuer's signing key, by the issuer identifier and its host. `context` keeps the serial numbers of
/// authorities apart.
pub(super) fn sign_leaf<K: rcgen::SigningKey>(
    authority: &Issuer<'_, K>,
    context: &str,
    public: &Jwk,
    issuer: &str,
    now: OffsetDateTime,
    expires_at: OffsetDateTime,
) -> Result<CertificateChain, CaError> {
    let (host, names) = alternative_names(issuer)?;
    let mut params = CertificateParams::default();
    params.not_before = now - LEAF_BACKDATED;
    params.not_after = expires_at;
    // Follows from what the certificate says: no two different ones share it.
    let identity = format!("{}\n{issuer}\n{now}\n{expires_at}", public.thumbprint());
    params.serial_number = Some(serial(&secret_hash(context, identity.as_bytes())));
    params.distinguished_name = name(&host);
    params.subject_alt_names = names;
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.use_authority_key_identifier_extension = true;
    let certificate = params.signed_by(&Public::of(public), authority)?;
    Ok(CertificateChain::new(vec![Certificate::from_der(certificate.der())?], public)?)
}

pub(super) fn name(common_name: &str) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, common_name);
    name
}

/// 127 bits: positive, and within the 20 octets of RFC 5280 §4.1.2.2.
pub(super) fn serial(digest: &[u8; 32]) -> SerialNumber {
    let mut bytes = *digest.first_chunk::<16>().unwrap_or(&[1; 16]);
    if let Some(first) = bytes.first_mut() {
        // The leading bit set would need a padding octet, the next one clear a shorter number.
        *first = (*first & 0x3f) | 0x40;
    }
    SerialNumber::from_slice(&bytes)
}
