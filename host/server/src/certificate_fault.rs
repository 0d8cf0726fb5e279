//! Why an issuer issues nothing: the certificate of its key is over, or there is none where one is demanded.

use chancery_domain::settings::Profile;
use time::OffsetDateTime;

/// What is wrong with a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CertificateFault {
    /// Verifiers refuse what is signed now.
    Over,
    /// HAIP 1.0 §6.1.1 knows no other way to the key than a chain in `x5c`; who issued without it would claim a
    /// profile and not keep it.
    Missing,
}

impl CertificateFault {
    /// What is wrong under that profile with a chain that ends then, or with none.
    pub(crate) fn find(profile: Profile, ends: Option<OffsetDateTime>, now: OffsetDateTime) -> Option<Self> {
        match ends {
            Some(ends) => (ends <= now).then_some(Self::Over),
            None => (profile == Profile::Haip).then_some(Self::Missing),
        }
    }

    /// What wallets are told: that it is not about them.
    pub(crate) const fn to_wallets(self) -> &'static str {
        match self {
            Self::Over => "the certificate of the issuer has expired, ask again when it was renewed",
            Self::Missing => {
                "the issuer lacks the certificate that its profile (HAIP 1.0) demands, ask again later"
            }
        }
    }

    /// What those are told who can mend it: by what.
    pub(crate) const fn to_managers(self) -> &'static str {
        match self {
            Self::Over => {
                "the certificate of the signing key has expired: PUT another to /keys/{kid}/certificate"
            }
            Self::Missing => {
                "the profile haip demands a certificate, and the signing key has none: PUT one to \
                 /keys/{kid}/certificate, choose certificate_authority own, or choose the profile open"
            }
        }
    }

    /// One word for health checks.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Over => "expired",
            Self::Missing => "missing, and demanded by the profile haip",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: OffsetDateTime = OffsetDateTime::UNIX_EPOCH;

    #[test]
    fn haip_demands_what_others_may_do_without_and_nobody_issues_under_what_is_over() {
        let soon = Some(NOW + time::Duration::SECOND);
        for (profile, ends, fault) in [
            (Profile::Open, None, None),
            (Profile::Haip, None, Some(CertificateFault::Missing)),
            (Profile::Open, Some(NOW), Some(CertificateFault::Over)),
            (Profile::Haip, Some(NOW), Some(CertificateFault::Over)),
            (Profile::Open, soon, None),
            (Profile::Haip, soon, None),
        ] {
            assert_eq!(CertificateFault::find(profile, ends, NOW), fault, "{profile:?} {ends:?}");
        }
    }
}
