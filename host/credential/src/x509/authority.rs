//! An issuer that certifies its signing keys itself, under a key of its own that does nothing else. Whoever is to
//! believe it needs its certificate from it, by another way.

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CrlDistributionPoint, DnType, IsCa,
    Issuer, KeyIdMethod, KeyUsagePurpose, RevocationReason, RevokedCertParams, SerialNumber,
};
use time::{Duration, OffsetDateTime};

use super::annex_b::{self, Term};
use super::certify::{CaError, Own, Public, alternative_names, name, serial, sign_leaf};
use super::parse::{Certificate, to_pem};
use super::{CertificateChain, ChainError};
use crate::jose::Jwk;
use crate::keys::SigningKey;
use crate::secrets::secret_hash;

/// Certificates of authorities are carried around by hand.
const LIFETIME: Duration = Duration::days(3650);
const BACKDATED: Duration = Duration::days(7);
/// How long a certificate under one is good for, which is made anew whenever it is asked for.
const LEAF_LIFETIME: Duration = Duration::days(397);
/// Until when the next list of withdrawn certificates is out at the latest.
const LIST_LIFETIME: Duration = Duration::days(7);
/// RFC 5280 Appendix A: ub-common-name, ub-organization-name.
const LONGEST_NAME: usize = 64;

/// Where, below the issuer identifier, an authority says which of its certificates it withdrew.
const REVOCATION_LIST: &str = "/authority.crl";

/// Whose authority is founded.
#[derive(Debug, Clone, Copy)]
pub struct Founder<'a> {
    /// What people call it.
    pub called: &'a str,
    /// Its issuer identifier.
    pub issuer: &'a str,
    /// Two letters (ISO 3166-1): then the authority, and what it certifies, are such as ISO/IEC 18013-5 Annex B wants
    /// them.
    pub country: Option<&'a str>,
}

/// A key that somebody else may hold: what the authority said of it is withdrawn.
#[derive(Debug, Clone, Copy)]
pub struct Withdrawn<'a> {
    /// Its public half.
    pub key: &'a Jwk,
    /// Since when it may have been certified.
    pub certified_from: OffsetDateTime,
    /// When it was given up.
    pub at: OffsetDateTime,
}

/// An issuer's own authority.
pub struct OwnAuthority<'a> {
    issuer: Issuer<'static, Own<'a>>,
    certificate: Certificate,
    public: &'a Jwk,
}

impl<'a> OwnAuthority<'a> {
    /// The certificate, in PEM, of an authority of that name, signed by itself.
    pub fn found(key: &SigningKey, founder: &Founder<'_>, now: OffsetDateTime) -> Result<String, CaError> {
        let own = Own::of(key);
        let digest = secret_hash("own-authority/v1", key.key_id().as_bytes());
        let mut params = CertificateParams::default();
        params.not_before = now - BACKDATED;
        params.not_after = now + LIFETIME;
        params.serial_number = Some(serial(&digest));
        // Two authorities of one issuer must not share a name: chains are found by it.
        let suffix = format!(" credential authority {}", short(key.key_id()));
        let common_name = format!("{}{suffix}", within(founder.called, LONGEST_NAME - suffix.len()));
        params.distinguished_name = match founder.country {
            None => name(&common_name),
            Some(country) => annex_b::name_in(country, &common_name)?,
        };
        params.distinguished_name.push(DnType::OrganizationName, within(founder.called, LONGEST_NAME));
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        if founder.country.is_some() {
            params.key_identifier_method =
                KeyIdMethod::PreSpecified(annex_b::key_identifier(key.public_jwk()));
            params.crl_distribution_points = vec![revocation_list_of(founder.issuer)];
            params.custom_extensions = vec![annex_b::issuer_alternative_name(founder.issuer)];
        }
        Ok(to_pem("CERTIFICATE", params.self_signed(&own)?.der()))
    }

    /// The authority of a certificate that was [found](OwnAuthority::found) for this key.
    pub fn of(certificate: &str, key: &'a SigningKey) -> Result<Self, CaError> {
        let mut read = super::parse::certificates_from_pem(certificate)?.into_iter();
        let read = read.next().filter(|read| read.public.as_ref() == Some(key.public_jwk()));
        Ok(Self {
            issuer: Issuer::from_ca_cert_pem(certificate, Own::of(key))?,
            certificate: read.ok_or(ChainError::WrongKey)?,
            public: key.public_jwk(),
        })
    }

    /// Certifies a signing key, by the issuer identifier and its host: as a document signer, if the authority has a
    /// country.
    pub fn issue_leaf(
        &self,
        public: &Jwk,
        issuer: &str,
        now: OffsetDateTime,
    ) -> Result<CertificateChain, CaError> {
        match &self.certificate.country {
            None => sign_leaf(&self.issuer, "own-leaf/v1", public, issuer, now, now + LEAF_LIFETIME),
            Some(country) => self.issue_document_signer(country, public, issuer, Term::at(now)),
        }
    }

    /// Table B.3: no basic constraints, or readers that know the profile alone meet what they do not know.
    fn issue_document_signer(
        &self,
        country: &str,
        public: &Jwk,
        issuer: &str,
        term: Term,
    ) -> Result<CertificateChain, CaError> {
        let (host, names) = alternative_names(issuer)?;
        let mut params = CertificateParams::default();
        params.not_before = term.not_before();
        params.not_after = term.not_after().min(self.certificate.not_after);
        params.serial_number = Some(serial_of(public, issuer, term));
        params.distinguished_name = annex_b::name_in(country, within(&host, LONGEST_NAME))?;
        params.subject_alt_names = names;
        params.is_ca = IsCa::NoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.use_authority_key_identifier_extension = true;
        params.crl_distribution_points = vec![revocation_list_of(issuer)];
        params.custom_extensions = vec![
            annex_b::subject_key_identifier(public),
            annex_b::issuer_alternative_name(issuer),
            annex_b::for_documents(),
        ];
        let certificate = params.signed_by(&Public::of(public), &self.issuer)?;
        Ok(CertificateChain::new(vec![Certificate::from_der(certificate.der())?], public)?)
    }

    /// The list of withdrawn certificates (RFC 5280 §5), in DER: of these keys, whichever of the `issuers` they name.
    /// None if no certificate says where it is.
    pub fn revocation_list(
        &self,
        withdrawn: &[Withdrawn<'_>],
        issuers: &[&str],
        now: OffsetDateTime,
    ) -> Result<Option<Vec<u8>>, CaError> {
        if self.certificate.country.is_none() {
            return Ok(None);
        }
        let revoked_certs = withdrawn.iter().flat_map(|withdrawn| {
            let terms = Term::between(withdrawn.certified_from, withdrawn.at);
            // What is over needs no list (§3.3).
            let terms = terms.filter(move |term| term.not_after() > now);
            terms.flat_map(move |term| {
                issuers.iter().map(move |issuer| RevokedCertParams {
                    serial_number: serial_of(withdrawn.key, issuer, term),
                    revocation_time: withdrawn.at,
                    reason_code: Some(RevocationReason::KeyCompromise),
                    invalidity_date: None,
                })
            })
        });
        let list = CertificateRevocationListParams {
            this_update: now,
            next_update: now + LIST_LIFETIME,
            // It only has to grow (§5.2.3).
            crl_number: SerialNumber::from(u64::try_from(now.unix_timestamp()).unwrap_or_default()),
            issuing_distribution_point: None,
            revoked_certs: revoked_certs.collect(),
            key_identifier_method: KeyIdMethod::PreSpecified(annex_b::key_identifier(self.public)),
        };
        Ok(Some(list.signed_by(&self.issuer)?.der().to_vec()))
    }
}

/// The country of an authority's certificate, if it has one.
pub fn country_of(certificate: &str) -> Option<String> {
    super::parse::certificates_from_pem(certificate).ok()?.into_iter().next()?.country
}

fn revocation_list_of(issuer: &str) -> CrlDistributionPoint {
    CrlDistributionPoint { uris: vec![format!("{issuer}{REVOCATION_LIST}")] }
}

/// Follows from what the certificate says.
fn serial_of(public: &Jwk, issuer: &str, term: Term) -> SerialNumber {
    let identity = format!("{}\n{issuer}\n{}", public.thumbprint(), term.not_before());
    serial(&secret_hash("document-signer/v1", identity.as_bytes()))
}

/// As much of the text as fits.
fn within(text: &str, characters: usize) -> &str {
    text.char_indices().nth(characters).map_or(text, |(end, _)| text.get(..end).unwrap_or(text))
}

fn short(key_id: &str) -> &str {
    key_id.get(..8).unwrap_or(key_id)
}

#[cfg(test)]
mod tests {
    use x509_parser::prelude::{CertificateRevocationList, FromDer as _, ParsedExtension, X509Certificate};

    use super::*;
    use crate::x509::{Anchors, verify_leaf};

    const NOW: OffsetDateTime = time::macros::datetime!(2026-11-22 01:00 UTC);
    const ISSUER: &str = "https://issuer.example/acme";

    fn keys() -> [SigningKey; 3] {
        [1, 2, 3].map(|seed| SigningKey::es256(&[seed; 32]).unwrap())
    }

    fn founder(country: Option<&str>) -> Founder<'_> {
        Founder { called: "Acme", issuer: ISSUER, country }
    }

    #[test]
    fn its_leaves_verify_under_its_certificate_and_no_other() {
        for country in [None, Some("AT")] {
            let keys = keys();
            let [first, second, signing] = &keys;
            let found = |key| OwnAuthority::found(key, &founder(country), NOW).unwrap();
            let [trusted, other] = [first, second].map(found);
            assert_eq!(country_of(&trusted).as_deref(), country);
            let authority = OwnAuthority::of(&trusted, first).unwrap();
            let chain = authority.issue_leaf(signing.public_jwk(), ISSUER, NOW).unwrap();
            assert!(chain.names(ISSUER) && chain.may_sign_documents());
            assert_eq!(chain.x5c().len(), 1);
            assert!(chain.expires_at() >= NOW + LEAF_LIFETIME);
            let x5c: Vec<&str> = chain.x5c().iter().map(String::as_str).collect();
            let verified = |pem: &str| verify_leaf(&x5c, &Anchors::from_pem(pem).unwrap(), NOW).is_ok();
            assert!(verified(&trusted) && !verified(&other));
            assert!(matches!(OwnAuthority::of(&trusted, second), Err(CaError::Chain(ChainError::WrongKey))));
        }
    }

    #[test]
    fn a_country_is_asked_for_in_two_capital_letters() {
        let [key, ..] = &keys();
        for wrong in ["", "at", "AUT"] {
            assert!(matches!(OwnAuthority::found(key, &founder(Some(wrong)), NOW), Err(CaError::Country)));
        }
    }

    #[test]
    fn names_are_as_long_as_certificates_allow() {
        let [key, ..] = &keys();
        let called = "Gesellschaft für Nachweise ".repeat(9);
        for country in [None, Some("AT")] {
            let pem =
                OwnAuthority::found(key, &Founder { called: &called, ..founder(country) }, NOW).unwrap();
            let (_, der) = crate::x509::parse::blocks(&pem).unwrap().remove(0);
            let (_, read) = X509Certificate::from_der(&der).unwrap();
            for part in read.subject().iter_common_name().chain(read.subject().iter_organization()) {
                assert!(part.as_str().unwrap().chars().count() <= 64);
            }
        }
    }

    #[test]
    fn a_document_signer_says_critically_what_it_is_for() {
        let [first, _, signing] = &keys();
        let pem = OwnAuthority::found(first, &founder(Some("AT")), NOW).unwrap();
        let authority = OwnAuthority::of(&pem, first).unwrap();
        let chain = authority.issue_leaf(signing.public_jwk(), ISSUER, NOW).unwrap();
        let der = &chain.certificates[0].der;
        let (_, leaf) = X509Certificate::from_der(der).unwrap();
        let critical: Vec<_> = leaf.extensions().iter().filter(|extension| extension.critical).collect();
        assert_eq!(critical.len(), 2, "what it is for, and how");
        for extension in critical {
            match extension.parsed_extension() {
                ParsedExtension::ExtendedKeyUsage(usage) => {
                    assert_eq!(usage.other[0].to_id_string(), annex_b::DOCUMENT_SIGNER);
                }
                ParsedExtension::KeyUsage(usage) => assert!(usage.digital_signature()),
                other => panic!("{other:?}"),
            }
        }
        assert!(chain.expires_at() - chain.valid_from() <= Duration::days(457));
        let another = authority.issue_leaf(signing.public_jwk(), ISSUER, NOW + Duration::days(1)).unwrap();
        let (_, another) = X509Certificate::from_der(&another.certificates[0].der).unwrap();
        assert_eq!(leaf.tbs_certificate.as_ref(), another.tbs_certificate.as_ref(), "one certificate a term");
    }

    #[test]
    fn the_list_names_what_was_said_of_keys_that_were_given_up() {
        let [first, _, signing] = &keys();
        let plain = OwnAuthority::found(first, &founder(None), NOW).unwrap();
        assert!(
            OwnAuthority::of(&plain, first).unwrap().revocation_list(&[], &[ISSUER], NOW).unwrap().is_none()
        );
        let pem = OwnAuthority::found(first, &founder(Some("AT")), NOW).unwrap();
        let authority = OwnAuthority::of(&pem, first).unwrap();
        let chain = authority.issue_leaf(signing.public_jwk(), ISSUER, NOW).unwrap();
        let (_, leaf) = X509Certificate::from_der(&chain.certificates[0].der).unwrap();
        let later = NOW + Duration::days(3);
        let withdrawn = Withdrawn { key: signing.public_jwk(), certified_from: NOW, at: later };
        for (withdrawn, is_listed, at) in [
            (&[][..], false, later),
            (&[withdrawn][..], true, later),
            (&[withdrawn][..], false, NOW + Duration::days(500)),
        ] {
            let list = authority.revocation_list(withdrawn, &[ISSUER], at).unwrap().unwrap();
            let (rest, list) = CertificateRevocationList::from_der(&list).unwrap();
            assert!(rest.is_empty() && list.next_update().unwrap() > list.last_update());
            let found = list.iter_revoked_certificates().any(|one| one.raw_serial() == leaf.raw_serial());
            assert_eq!(found, is_listed);
            assert_eq!(list.issuer(), leaf.issuer());
        }
    }
}
