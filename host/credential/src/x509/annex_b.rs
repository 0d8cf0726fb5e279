//! What ISO/IEC 18013-5 Annex B asks of certificates beyond RFC 5280: of an issuing authority (IACA), of the document
//! signers under it, and of the list of those that it withdrew.

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use rcgen::string::PrintableString;
use rcgen::{CustomExtension, DistinguishedName, DnType, DnValue};
use time::{Duration, OffsetDateTime};

use super::certify::CaError;
use crate::jose::Jwk;

/// `id-mdl-kp-mdlDS`: to sign mobile documents.
pub(super) const DOCUMENT_SIGNER: &str = "1.0.18013.5.1.2";
/// The same, as DER has it.
const DOCUMENT_SIGNER_DER: [u8; 9] = [0x06, 0x07, 0x28, 0x81, 0x8c, 0x5d, 0x05, 0x01, 0x02];

const SUBJECT_KEY_IDENTIFIER: &[u64] = &[2, 5, 29, 14];
const ISSUER_ALTERNATIVE_NAME: &[u64] = &[2, 5, 29, 18];
const EXTENDED_KEY_USAGE: &[u64] = &[2, 5, 29, 37];

const SEQUENCE: u8 = 0x30;
const OCTET_STRING: u8 = 0x04;
/// `uniformResourceIdentifier`, the seventh choice of a `GeneralName`.
const URI: u8 = 0x86;

/// How often a document signer's certificate changes.
const PERIOD: Duration = Duration::days(28);
/// From the beginning of its period on: with what it is backdated less than the 457 days of Annex B.
const LIFETIME: Duration = Duration::days(397 + 28);
/// Credentials carry times that are rounded down, and must not precede their certificate.
const BACKDATED: Duration = Duration::days(2);

/// When a document signer's certificate is good. All that are made within one period are the same one, so that what is
/// to be withdrawn later need not have been written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Term {
    begins: OffsetDateTime,
}

impl Term {
    pub(super) fn at(now: OffsetDateTime) -> Self {
        let period = PERIOD.whole_seconds();
        let begins = now.unix_timestamp().div_euclid(period) * period;
        Self { begins: OffsetDateTime::from_unix_timestamp(begins).unwrap_or(now) }
    }

    /// The terms that began until `last`, from that of `first` on.
    pub(super) fn between(first: OffsetDateTime, last: OffsetDateTime) -> impl Iterator<Item = Self> {
        let next = |term: &Self| Some(Self { begins: term.begins + PERIOD });
        std::iter::successors(Some(Self::at(first)), next).take_while(move |term| term.begins <= last)
    }

    pub(super) fn not_before(self) -> OffsetDateTime {
        self.begins - BACKDATED
    }

    pub(super) fn not_after(self) -> OffsetDateTime {
        self.begins + LIFETIME
    }
}

/// A name of Annex B: the country first, as a printable string (RFC 5280 Appendix A).
pub(super) fn name_in(country: &str, common_name: &str) -> Result<DistinguishedName, CaError> {
    let mut name = DistinguishedName::new();
    name.push(DnType::CountryName, country_name(country)?);
    name.push(DnType::CommonName, common_name);
    Ok(name)
}

pub(super) fn country_name(country: &str) -> Result<DnValue, CaError> {
    if country.len() != 2 || !country.bytes().all(|byte| byte.is_ascii_uppercase()) {
        return Err(CaError::Country);
    }
    Ok(DnValue::PrintableString(PrintableString::try_from(country)?))
}

/// SHA-1 of the key (RFC 5280 §4.2.1.2, the first method), which Annex B demands. It names, it protects nothing.
pub(super) fn key_identifier(public: &Jwk) -> Vec<u8> {
    digest(&SHA1_FOR_LEGACY_USE_ONLY, &public.raw_public_key()).as_ref().to_vec()
}

pub(super) fn subject_key_identifier(public: &Jwk) -> CustomExtension {
    CustomExtension::from_oid_content(SUBJECT_KEY_IDENTIFIER, der(OCTET_STRING, &key_identifier(public)))
}

/// How to reach whoever runs the authority.
pub(super) fn issuer_alternative_name(issuer: &str) -> CustomExtension {
    let names = der(SEQUENCE, &der(URI, issuer.as_bytes()));
    CustomExtension::from_oid_content(ISSUER_ALTERNATIVE_NAME, names)
}

/// For mobile documents and nothing else: critical, as Annex B says.
pub(super) fn for_documents() -> CustomExtension {
    let mut extension =
        CustomExtension::from_oid_content(EXTENDED_KEY_USAGE, der(SEQUENCE, &DOCUMENT_SIGNER_DER));
    extension.set_criticality(true);
    extension
}

/// DER of a type with its content, which is shorter than 64 KiB.
fn der(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut der = vec![tag];
    match content.len() {
        length @ 0..=0x7f => der.extend(u8::try_from(length)),
        length @ 0x80..=0xff => der.extend([0x81].into_iter().chain(u8::try_from(length))),
        length => {
            der.push(0x82);
            der.extend(u16::try_from(length).unwrap_or(u16::MAX).to_be_bytes());
        }
    }
    der.extend_from_slice(content);
    der
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::NOW;

    #[test]
    fn a_term_is_within_what_annex_b_allows_and_is_the_same_all_through() {
        let term = Term::at(NOW);
        assert!(term.not_after() - term.not_before() <= Duration::days(457));
        for days in 0..60 {
            let now = NOW + Duration::days(days);
            let then = Term::at(now);
            assert!(
                then.not_before() < now - Duration::days(1) && then.not_after() >= now + Duration::days(397)
            );
            assert!(Term::between(NOW, now).any(|one| one == then), "{days}");
        }
        assert!((3..=4).contains(&Term::between(NOW, NOW + Duration::days(60)).count()));
    }

    #[test]
    fn lengths_are_written_as_der_wants_them() {
        assert_eq!(der(4, &[7; 2]), [4, 2, 7, 7]);
        assert_eq!(der(4, &[7; 200])[..3], [4, 0x81, 200]);
        assert_eq!(der(4, &[7; 300])[..4], [4, 0x82, 1, 44]);
    }

    #[test]
    fn a_country_has_two_capital_letters() {
        assert!(country_name("AT").is_ok());
        for wrong in ["", "A", "at", "AUT", "Ö", "A "] {
            assert!(country_name(wrong).is_err(), "{wrong}");
        }
    }
}
