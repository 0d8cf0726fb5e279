//! What a browser and a wallet carry between the steps of an authorization: encrypted, so that they cannot read
//! it, and authenticated, so that the database need not remember it.

use std::fmt;

use chancery_domain::{Random, TenantId};
use serde::Serialize;
use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

use crate::keys::derive::Secret;
use crate::tokens::Purpose;

/// Between which steps an envelope travels; one kind never opens as another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Envelope {
    /// From the pushed request to the authorization endpoint: the `request_uri`.
    Request,
    /// From one page to the next.
    Page,
    /// From the holder's consent to the token endpoint: the authorization code.
    Code,
    /// From one access token to the next: the refresh token.
    Refresh,
    /// From a page, by way of an OpenID Provider, back to the next one: a cookie.
    Detour,
}

/// Seals and opens the envelopes of one tenant.
#[derive(Clone)]
pub struct Envelopes {
    request: Purpose,
    page: Purpose,
    code: Purpose,
    refresh: Purpose,
    detour: Purpose,
}

impl Envelopes {
    pub(crate) fn new(tenant: TenantId, key: impl Fn(&str) -> Secret) -> Self {
        let purpose = |label: &str| Purpose::new(label, tenant, &key(label));
        Self {
            request: purpose("chancery/authorization-request/v1"),
            page: purpose("chancery/authorization-page/v1"),
            code: purpose("chancery/authorization-code/v1"),
            refresh: purpose("chancery/refresh-token/v1"),
            detour: purpose("chancery/authorization-detour/v1"),
        }
    }

    fn purpose(&self, envelope: Envelope) -> &Purpose {
        match envelope {
            Envelope::Request => &self.request,
            Envelope::Page => &self.page,
            Envelope::Code => &self.code,
            Envelope::Refresh => &self.refresh,
            Envelope::Detour => &self.detour,
        }
    }

    /// Seals `content`. Base64url: it fits into a URL.
    pub fn seal(&self, envelope: Envelope, content: &impl Serialize, random: &dyn Random) -> String {
        // Plain data with string keys: there is nothing that JSON could not say.
        let plaintext = Zeroizing::new(serde_json::to_vec(content).unwrap_or_default());
        self.purpose(envelope).mint(&plaintext, random)
    }

    /// Opens what this tenant sealed into an envelope of this kind.
    pub fn open<T: DeserializeOwned>(&self, envelope: Envelope, text: &str) -> Option<T> {
        serde_json::from_slice(&self.purpose(envelope).open(text)?).ok()
    }
}

impl fmt::Debug for Envelopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Envelopes(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SystemRandom;

    fn envelopes(tenant: u8, key: u8) -> Envelopes {
        let tenant = TenantId::new(time::OffsetDateTime::UNIX_EPOCH, [tenant; 10]);
        Envelopes::new(tenant, |_| Zeroizing::new([key; 32]))
    }

    #[test]
    fn an_envelope_opens_only_as_its_kind_and_at_its_tenant() {
        let ours = envelopes(1, 1);
        let sealed = ours.seal(Envelope::Page, &("ada", 1), &SystemRandom);
        assert_eq!(ours.open(Envelope::Page, &sealed), Some(("ada".to_owned(), 1)));
        for kind in [Envelope::Request, Envelope::Code, Envelope::Refresh, Envelope::Detour] {
            assert_eq!(ours.open::<(String, u8)>(kind, &sealed), None, "{kind:?}");
        }
        for others in [envelopes(2, 1), envelopes(1, 2)] {
            assert_eq!(others.open::<(String, u8)>(Envelope::Page, &sealed), None);
        }
        assert_eq!(ours.open::<(String, u8)>(Envelope::Page, ""), None);
        assert_eq!(ours.open::<u8>(Envelope::Page, &sealed), None, "another shape is no content");
    }

    #[test]
    fn nobody_reads_through_an_envelope() {
        let sealed = envelopes(1, 1).seal(Envelope::Request, &"a secret of an offer", &SystemRandom);
        assert!(
            !String::from_utf8_lossy(&crate::jose::base64url::decode(&sealed).unwrap()).contains("secret")
        );
    }
}
