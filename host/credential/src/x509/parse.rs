//! One certificate (RFC 5280), read once into what the checks ask for.

use std::fmt::Write as _;

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA384_ASN1, ECDSA_P384_SHA256_ASN1, ECDSA_P384_SHA384_ASN1, ED25519,
    RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512, UnparsedPublicKey,
    VerificationAlgorithm,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use time::OffsetDateTime;
use url::Url;
use x509_parser::der_parser::Oid;
use x509_parser::prelude::{
    ASN1Time, ExtendedKeyUsage, FromDer as _, GeneralName, ParsedExtension, Pem, SubjectPublicKeyInfo,
    X509Certificate, X509Name,
};

use super::ChainError;
use super::annex_b::DOCUMENT_SIGNER;
use crate::jose::Jwk;

/// A certificate, taken apart.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Certificate {
    pub(super) der: Vec<u8>,
    pub(super) not_before: OffsetDateTime,
    pub(super) not_after: OffsetDateTime,
    /// The certified key, where it is of a kind that signs credentials.
    pub(super) public: Option<Jwk>,
    /// How many authorities may stand between this one and a leaf; none if this is no authority.
    pub(super) authority: Option<Authority>,
    pub(super) has_unknown_critical: bool,
    /// Where its subject is, by two letters.
    pub(super) country: Option<String>,
    /// What alone the key is for, by object identifiers; nothing is ruled out if this is none.
    pub(super) purposes: Option<Vec<String>>,
    subject: Vec<u8>,
    issuer: Vec<u8>,
    /// Whether the key may sign what is no certificate; none if that is not said.
    signs: Option<bool>,
    uris: Vec<String>,
    dns_names: Vec<String>,
}

/// A certificate that may issue others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Authority {
    pub(super) path_length: Option<u32>,
}

impl Certificate {
    pub(super) fn from_der(der: &[u8]) -> Result<Self, ChainError> {
        let parsed = parse(der)?;
        let mut certificate = Self {
            der: der.to_vec(),
            not_before: instant(parsed.validity().not_before)?,
            not_after: instant(parsed.validity().not_after)?,
            public: public_key(parsed.public_key()),
            authority: None,
            has_unknown_critical: false,
            country: country(parsed.subject()),
            purposes: None,
            subject: parsed.subject().as_raw().to_vec(),
            issuer: parsed.issuer().as_raw().to_vec(),
            signs: None,
            uris: Vec::new(),
            dns_names: Vec::new(),
        };
        let mut may_issue = true;
        for extension in parsed.extensions() {
            match extension.parsed_extension() {
                ParsedExtension::BasicConstraints(constraints) if constraints.ca => {
                    certificate.authority = Some(Authority { path_length: constraints.path_len_constraint });
                }
                ParsedExtension::BasicConstraints(_) => {}
                ParsedExtension::ExtendedKeyUsage(usage) => certificate.purposes = Some(purposes(usage)),
                ParsedExtension::KeyUsage(usage) => {
                    certificate.signs = Some(usage.digital_signature());
                    may_issue = usage.key_cert_sign();
                }
                ParsedExtension::SubjectAlternativeName(names) => {
                    for name in &names.general_names {
                        match name {
                            GeneralName::URI(uri) => certificate.uris.push((*uri).to_owned()),
                            GeneralName::DNSName(name) => certificate.dns_names.push((*name).to_owned()),
                            _ => {}
                        }
                    }
                }
                _ => certificate.has_unknown_critical |= extension.critical,
            }
        }
        if !may_issue {
            certificate.authority = None;
        }
        Ok(certificate)
    }

    /// Whether this may sign documents and is neither self-signed nor an authority.
    pub(super) fn check_leaf(&self) -> Result<(), ChainError> {
        if self.is_self_issued() || self.authority.is_some() {
            return Err(ChainError::NotALeaf);
        }
        if self.signs == Some(true) { Ok(()) } else { Err(ChainError::KeyUsage) }
    }

    /// Whether nothing is said against its key signing what is no certificate.
    pub(super) fn may_sign(&self) -> bool {
        self.signs != Some(false)
    }

    /// Whether its key is for mobile documents, or for anything.
    pub(super) fn may_sign_documents(&self) -> bool {
        self.purposes.as_ref().is_none_or(|purposes| purposes.iter().any(|one| one == DOCUMENT_SIGNER))
    }

    pub(super) fn is_self_issued(&self) -> bool {
        self.subject == self.issuer
    }

    pub(super) fn is_valid_at(&self, now: OffsetDateTime) -> bool {
        (self.not_before..=self.not_after).contains(&now)
    }

    /// Whether `issuer` is an authority whose name and signature this bears.
    pub(super) fn is_issued_by(&self, issuer: &Self) -> bool {
        issuer.authority.is_some() && self.issuer == issuer.subject && self.bears_signature_of(issuer)
    }

    /// Whether this, so far from the leaf, may have issued that certificate, and has.
    pub(super) fn may_issue(&self, certificate: &Self, position: usize) -> bool {
        let limit = self.authority.and_then(|authority| authority.path_length);
        let within = limit.is_none_or(|limit| usize::try_from(limit).is_ok_and(|limit| position <= limit));
        within && certificate.is_issued_by(self)
    }

    fn bears_signature_of(&self, issuer: &Self) -> bool {
        // Both parsed before; parsing again is cheaper to read than keeping borrowed parts.
        let (Ok(certificate), Ok(issuer)) = (parse(&self.der), parse(&issuer.der)) else { return false };
        let key = issuer.public_key();
        let Some(algorithm) = verification(&certificate, key) else { return false };
        UnparsedPublicKey::new(algorithm, &key.subject_public_key.data)
            .verify(certificate.tbs_certificate.as_ref(), &certificate.signature_value.data)
            .is_ok()
    }

    /// Whether a subject alternative name is the issuer identifier, or the DNS name of its host.
    pub(super) fn names(&self, issuer: &str) -> bool {
        if self.uris.iter().any(|uri| uri == issuer) {
            return true;
        }
        let host = Url::parse(issuer).ok().and_then(|url| url.host_str().map(str::to_owned));
        host.is_some_and(|host| self.dns_names.iter().any(|name| name.eq_ignore_ascii_case(&host)))
    }
}

fn country(subject: &X509Name<'_>) -> Option<String> {
    subject.iter_country().next()?.as_str().ok().map(str::to_owned)
}

/// The object identifiers of an extended key usage (RFC 5280 §4.2.1.12).
fn purposes(usage: &ExtendedKeyUsage<'_>) -> Vec<String> {
    const KNOWN: &str = "1.3.6.1.5.5.7.3";
    let known = [
        (usage.server_auth, 1),
        (usage.client_auth, 2),
        (usage.code_signing, 3),
        (usage.email_protection, 4),
        (usage.time_stamping, 8),
        (usage.ocsp_signing, 9),
    ];
    let known = known.into_iter().filter(|(is_it, _)| *is_it).map(|(_, last)| format!("{KNOWN}.{last}"));
    let any = usage.any.then(|| "2.5.29.37.0".to_owned());
    any.into_iter().chain(known).chain(usage.other.iter().map(Oid::to_id_string)).collect()
}

fn parse(der: &[u8]) -> Result<X509Certificate<'_>, ChainError> {
    let (rest, certificate) =
        X509Certificate::from_der(der).map_err(|error| ChainError::Malformed(error.to_string()))?;
    if rest.is_empty() { Ok(certificate) } else { Err(ChainError::Malformed("bytes after the end".into())) }
}

fn instant(time: ASN1Time) -> Result<OffsetDateTime, ChainError> {
    OffsetDateTime::from_unix_timestamp(time.timestamp())
        .map_err(|_| ChainError::Malformed("a date out of range".into()))
}

const P256: &str = "1.2.840.10045.3.1.7";
const P384: &str = "1.3.132.0.34";
const EC: &str = "1.2.840.10045.2.1";
const ED25519_OID: &str = "1.3.101.112";
const RSA: &str = "1.2.840.113549.1.1.1";

fn curve(key: &SubjectPublicKeyInfo<'_>) -> Option<String> {
    Some(key.algorithm.parameters.as_ref()?.as_oid().ok()?.to_id_string())
}

fn public_key(key: &SubjectPublicKeyInfo<'_>) -> Option<Jwk> {
    let bytes = key.subject_public_key.data.as_ref();
    match key.algorithm.algorithm.to_id_string().as_str() {
        EC if curve(key)? == P256 => Jwk::from_p256_point(bytes),
        ED25519_OID => Jwk::from_ed25519(bytes.try_into().ok()?),
        _ => None,
    }
}

/// The verification that fits both the signature's algorithm and the issuer's key.
fn verification(
    certificate: &X509Certificate<'_>,
    key: &SubjectPublicKeyInfo<'_>,
) -> Option<&'static dyn VerificationAlgorithm> {
    let signature = certificate.signature_algorithm.algorithm.to_id_string();
    let key_type = key.algorithm.algorithm.to_id_string();
    let curve = curve(key).unwrap_or_default();
    let algorithm: &'static dyn VerificationAlgorithm =
        match (signature.as_str(), key_type.as_str(), curve.as_str()) {
            ("1.2.840.10045.4.3.2", EC, P256) => &ECDSA_P256_SHA256_ASN1,
            ("1.2.840.10045.4.3.3", EC, P256) => &ECDSA_P256_SHA384_ASN1,
            ("1.2.840.10045.4.3.2", EC, P384) => &ECDSA_P384_SHA256_ASN1,
            ("1.2.840.10045.4.3.3", EC, P384) => &ECDSA_P384_SHA384_ASN1,
            (ED25519_OID, ED25519_OID, _) => &ED25519,
            ("1.2.840.113549.1.1.11", RSA, _) => &RSA_PKCS1_2048_8192_SHA256,
            ("1.2.840.113549.1.1.12", RSA, _) => &RSA_PKCS1_2048_8192_SHA384,
            ("1.2.840.113549.1.1.13", RSA, _) => &RSA_PKCS1_2048_8192_SHA512,
            _ => return None,
        };
    Some(algorithm)
}

/// Every PEM block with its label.
pub(super) fn blocks(pem: &str) -> Result<Vec<(String, Vec<u8>)>, ChainError> {
    Pem::iter_from_buffer(pem.as_bytes())
        .map(|block| block.map(|block| (block.label, block.contents)))
        .collect::<Result<_, _>>()
        .map_err(|error| ChainError::Malformed(error.to_string()))
}

pub(super) fn certificates_from_pem(pem: &str) -> Result<Vec<Certificate>, ChainError> {
    blocks(pem)?
        .iter()
        .filter(|(label, _)| label == "CERTIFICATE")
        .map(|(_, der)| Certificate::from_der(der))
        .collect()
}

/// PEM (RFC 7468).
pub(super) fn to_pem(label: &str, der: &[u8]) -> String {
    let mut pem = format!("-----BEGIN {label}-----\n");
    // 48 bytes fill a line of 64 characters.
    for line in der.chunks(48) {
        pem.push_str(&STANDARD.encode(line));
        pem.push('\n');
    }
    // Writing to a string does not fail.
    let _ = writeln!(pem, "-----END {label}-----");
    pem
}
