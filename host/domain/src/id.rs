//! Typed identifiers: `UUIDv7` inside, `ofr_…` outside, so that no call can mix
//! them up and a person can tell what an id names.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The text is not an identifier of the expected kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an identifier that begins with {prefix}_")]
pub struct MalformedId {
    /// The prefix that the identifier should have had, without the underscore.
    pub prefix: &'static str,
}

macro_rules! identifiers {
    ($($(#[$doc:meta])* $name:ident = $prefix:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(into = "String", try_from = "String")]
        pub struct $name(Uuid);

        impl $name {
            /// The prefix of the textual form, without the underscore.
            pub const PREFIX: &'static str = $prefix;

            /// Wraps a raw UUID, as the database holds it.
            pub const fn from_uuid(uuid: Uuid) -> Self {
                Self(uuid)
            }

            /// The raw UUID.
            pub const fn uuid(self) -> Uuid {
                self.0
            }

            /// When it was made, to the millisecond.
            pub fn created_at(self) -> time::OffsetDateTime {
                let (seconds, nanos) = self.0.get_timestamp().map_or((0, 0), |at| at.to_unix());
                let nanos = i128::from(seconds) * 1_000_000_000 + i128::from(nanos);
                time::OffsetDateTime::from_unix_timestamp_nanos(nanos)
                    .unwrap_or(time::OffsetDateTime::UNIX_EPOCH)
            }

            /// A new `UUIDv7` from the given instant and 10 random bytes.
            pub fn new(now: time::OffsetDateTime, random: [u8; 10]) -> Self {
                let millis = (now.unix_timestamp_nanos() / 1_000_000).clamp(0, i128::from(u64::MAX));
                let millis = u64::try_from(millis).unwrap_or_default();
                Self(uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "_{}"), self.0.simple())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = MalformedId;

            fn from_str(text: &str) -> Result<Self, MalformedId> {
                let malformed = MalformedId { prefix: $prefix };
                let digits = text.strip_prefix(concat!($prefix, "_")).ok_or(malformed)?;
                // Only the form that `Display` writes: 32 lower-case hexadecimal digits.
                let canonical = digits.len() == 32
                    && digits.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
                if !canonical {
                    return Err(malformed);
                }
                Uuid::try_parse(digits).map(Self).map_err(|_| malformed)
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.to_string()
            }
        }

        impl TryFrom<String> for $name {
            type Error = MalformedId;

            fn try_from(text: String) -> Result<Self, MalformedId> {
                text.parse()
            }
        }
    )*};
}

identifiers! {
    /// A tenant: an organisation that issues.
    TenantId = "tnt";
    /// A credential offer.
    OfferId = "ofr";
    /// One request of a wallet for its holder's consent.
    AuthorizationId = "aut";
    /// One decision to sign: the copies of one credential that one request received.
    IssuanceId = "iss";
    /// A decision of a policy or a licence plugin.
    DecisionId = "dec";
    /// One signed copy of a credential, with a status of its own.
    CredentialId = "crd";
    /// A credential that somebody has yet to decide on.
    DeferralId = "dfr";
    /// An API key.
    ApiKeyId = "key";
    /// An OAuth client.
    ClientId = "cli";
    /// An invitation to own a tenant.
    InvitationId = "inv";
    /// One entry of an audit trail.
    AuditEntryId = "aud";
    /// An order to issue nothing for now.
    HaltId = "hlt";
    /// A webhook: where a tenant wants to be told what happens.
    WebhookId = "whk";
    /// Something that happened.
    EventId = "evt";
    /// One request, as the host names it.
    RequestId = "req";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_survives_its_textual_form() {
        let id = OfferId::new(time::OffsetDateTime::UNIX_EPOCH, [7; 10]);
        assert_eq!(id.to_string().parse(), Ok(id));
        assert!(id.to_string().starts_with("ofr_"));
        assert_eq!(id.created_at(), time::OffsetDateTime::UNIX_EPOCH);
    }

    #[test]
    fn another_kinds_id_is_refused() {
        let id = OfferId::new(time::OffsetDateTime::UNIX_EPOCH, [7; 10]).to_string();
        assert!(id.parse::<CredentialId>().is_err());
        assert!(id.to_uppercase().parse::<OfferId>().is_err());
        assert!("ofr_".parse::<OfferId>().is_err());
    }

    #[test]
    fn later_ids_sort_later() {
        let early = OfferId::new(time::OffsetDateTime::UNIX_EPOCH, [255; 10]);
        let late = OfferId::new(time::OffsetDateTime::UNIX_EPOCH + time::Duration::seconds(1), [0; 10]);
        assert!(early < late);
    }
}
