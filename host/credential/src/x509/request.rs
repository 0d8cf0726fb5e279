//! What an authority is asked to certify: a signing key, and whom it belongs to (RFC 2986).

use rcgen::{CertificateParams, DnType, KeyUsagePurpose};

use super::annex_b;
use super::certify::{CaError, Own, alternative_names, name};
use super::parse::to_pem;
use crate::keys::SigningKey;

/// Whom a certificate is to name, beside the issuer identifier and its host.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Subject {
    /// Instead of the host.
    pub common_name: Option<String>,
    /// Who that is.
    pub organization: Option<String>,
    /// Two letters (ISO 3166-1), which ISO/IEC 18013-5 Annex B asks for: with it a certificate for mobile documents
    /// is asked for.
    pub country: Option<String>,
}

/// A request in PEM, signed by the key that it is about.
pub fn certificate_request(key: &SigningKey, issuer: &str, subject: &Subject) -> Result<String, CaError> {
    let (host, names) = alternative_names(issuer)?;
    let mut params = CertificateParams::default();
    params.distinguished_name = name(subject.common_name.as_ref().unwrap_or(&host));
    if let Some(organization) = &subject.organization {
        params.distinguished_name.push(DnType::OrganizationName, organization.as_str());
    }
    // A country is what issuers of mobile documents have; the authority may think otherwise.
    if let Some(country) = &subject.country {
        params.distinguished_name.push(DnType::CountryName, annex_b::country_name(country)?);
        params.custom_extensions = vec![annex_b::for_documents()];
    }
    params.subject_alt_names = names;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    let request = params.serialize_request(&Own::of(key))?;
    Ok(to_pem("CERTIFICATE REQUEST", request.der()))
}

#[cfg(test)]
mod tests {
    use x509_parser::certification_request::X509CertificationRequest;
    use x509_parser::prelude::{FromDer as _, ParsedExtension};

    use super::super::parse::blocks;
    use super::*;

    const ISSUER: &str = "https://issuer.example/acme";

    #[test]
    fn a_request_is_signed_by_its_key_and_names_the_issuer() {
        for key in [SigningKey::es256(&[7; 32]).unwrap(), SigningKey::ed25519(&[7; 32]).unwrap()] {
            let subject = Subject { country: Some("AT".into()), ..Subject::default() };
            let pem = certificate_request(&key, ISSUER, &subject).unwrap();
            let (label, der) = blocks(&pem).unwrap().remove(0);
            assert_eq!(label, "CERTIFICATE REQUEST");
            let (_, request) = X509CertificationRequest::from_der(&der).unwrap();
            let info = &request.certification_request_info;
            assert_eq!(info.subject.to_string(), "CN=issuer.example, C=AT");
            let public = info.subject_pki.subject_public_key.data.as_ref();
            assert_eq!(public, key.public_jwk().raw_public_key());
            let text = String::from_utf8_lossy(&der).into_owned();
            assert!(text.contains(ISSUER), "the issuer identifier is asked for as a name");
            let extensions = request.requested_extensions().unwrap();
            let purposes = extensions.filter_map(|extension| match extension {
                ParsedExtension::ExtendedKeyUsage(usage) => Some(usage.other.clone()),
                _ => None,
            });
            let purposes: Vec<String> = purposes.flatten().map(|one| one.to_id_string()).collect();
            assert_eq!(purposes, ["1.0.18013.5.1.2"]);
            // By another implementation: the test of the command line asks OpenSSL.
            assert!(!request.signature_value.data.is_empty());
        }
    }

    #[test]
    fn an_issuer_without_a_host_is_not_certified() {
        let key = SigningKey::es256(&[7; 32]).unwrap();
        assert!(matches!(certificate_request(&key, "urn:x", &Subject::default()), Err(CaError::Issuer)));
    }
}
