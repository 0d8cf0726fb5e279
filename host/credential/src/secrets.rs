//! Secrets that people and machines carry, and the hashes by which the database knows them.
//!
//! All are drawn from 128 bits or more, so a plain hash hides them; nothing that a
//! person chose (a transaction code) belongs here: that takes
//! [`TenantKeys::mac`](crate::keys::TenantKeys::mac).

use std::fmt;

use aws_lc_rs::digest::{Context, SHA256};
use chancery_domain::{Random, random_bytes};
use zeroize::Zeroizing;

use crate::jose::base64url;
use crate::keys::derive::labelled;

/// SHA-256 of a secret, apart for every `label`.
pub fn secret_hash(label: &str, secret: &[u8]) -> [u8; 32] {
    let mut context = Context::new(&SHA256);
    // The length keeps a longer label with a shorter secret apart.
    context.update(&u64::try_from(label.len()).unwrap_or(u64::MAX).to_be_bytes());
    context.update(label.as_bytes());
    context.update(secret);
    let mut hash = [0; 32];
    hash.copy_from_slice(context.finish().as_ref());
    hash
}

/// Declares a secret of a fixed length whose text is base64url behind a prefix.
macro_rules! secrets {
    ($($(#[$doc:meta])* $name:ident = $prefix:literal, $length:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone)]
        pub struct $name {
            bytes: Zeroizing<[u8; $length]>,
            text: Zeroizing<String>,
        }

        impl $name {
            fn from_bytes(bytes: Zeroizing<[u8; $length]>) -> Self {
                let text = Zeroizing::new(format!(concat!($prefix, "{}"), base64url::encode(bytes.as_slice())));
                Self { bytes, text }
            }

            /// Reads the textual form; only the one that [`Self::as_str`] gives.
            pub fn parse(text: &str) -> Option<Self> {
                let decoded = Zeroizing::new(base64url::decode(text.strip_prefix($prefix)?)?);
                let mut bytes = Zeroizing::new([0; $length]);
                if decoded.len() != bytes.len() {
                    return None;
                }
                bytes.copy_from_slice(&decoded);
                Some(Self::from_bytes(bytes))
            }

            /// The textual form.
            pub fn as_str(&self) -> &str {
                &self.text
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(..)"))
            }
        }
    )*};
}

secrets! {
    /// The unguessable part of an offer's URL.
    OfferSecret = "", 16;
    /// The pre-authorized code: follows from the offer secret, but not the other way round.
    Code = "", 32;
    /// The secret of an API key.
    ApiKeySecret = "chk_", 32;
    /// The secret of an OAuth client.
    ClientSecret = "chs_", 32;
    /// The secret of an invitation.
    InvitationSecret = "chi_", 32;
    /// What a wallet asks for a deferred credential with (OpenID4VCI §9.1).
    TransactionId = "", 16;
}

impl OfferSecret {
    /// A new secret.
    pub fn random(random: &dyn Random) -> Self {
        Self::from_bytes(Zeroizing::new(random_bytes(random)))
    }

    /// What the database finds the offer by.
    pub fn lookup_hash(&self) -> [u8; 32] {
        secret_hash("offer-secret/v1", self.bytes.as_slice())
    }

    /// The offer's pre-authorized code.
    pub fn code(&self) -> Code {
        Code::from_bytes(labelled(self.bytes.as_slice(), "chancery/code/v1"))
    }
}

impl Code {
    /// A new secret that follows from no offer's.
    pub fn random(random: &dyn Random) -> Self {
        Self::from_bytes(Zeroizing::new(random_bytes(random)))
    }

    /// What the database knows a family's current refresh token by.
    pub fn refresh_hash(&self) -> [u8; 32] {
        secret_hash("refresh-token/v1", self.bytes.as_slice())
    }

    /// What the database finds the offer by.
    pub fn lookup_hash(&self) -> [u8; 32] {
        secret_hash("code/v1", self.bytes.as_slice())
    }

    /// What the database finds the offer by if its code is no pre-authorized one, but the `issuer_state` of an
    /// authorization request (OpenID4VCI §5.1.3). Apart, so that neither passes for the other.
    pub fn issuer_state_hash(&self) -> [u8; 32] {
        secret_hash("issuer-state/v1", self.bytes.as_slice())
    }

    pub(crate) fn bytes(&self) -> &[u8; 32] {
        &self.bytes
    }

    pub(crate) fn from_secret(bytes: Zeroizing<[u8; 32]>) -> Self {
        Self::from_bytes(bytes)
    }
}

impl ApiKeySecret {
    /// A new secret.
    pub fn random(random: &dyn Random) -> Self {
        Self::from_bytes(Zeroizing::new(random_bytes(random)))
    }

    /// A secret that follows from bytes nobody else can compute.
    pub fn derived(bytes: [u8; 32]) -> Self {
        Self::from_bytes(Zeroizing::new(bytes))
    }

    /// What the database finds the key by.
    pub fn hash(&self) -> [u8; 32] {
        secret_hash("api-key/v1", self.bytes.as_slice())
    }

    /// What seals the answers that this key received; stored nowhere.
    pub fn sealing_secret(&self) -> [u8; 32] {
        secret_hash("api-key-answers/v1", self.bytes.as_slice())
    }
}

impl ClientSecret {
    /// A new secret.
    pub fn random(random: &dyn Random) -> Self {
        Self::from_bytes(Zeroizing::new(random_bytes(random)))
    }

    /// What the database knows it by.
    pub fn hash(&self) -> [u8; 32] {
        secret_hash("client-secret/v1", self.bytes.as_slice())
    }
}

impl TransactionId {
    /// A new id.
    pub fn random(random: &dyn Random) -> Self {
        Self::from_bytes(Zeroizing::new(random_bytes(random)))
    }

    /// What the database finds the deferral by.
    pub fn lookup_hash(&self) -> [u8; 32] {
        secret_hash("transaction/v1", self.bytes.as_slice())
    }
}

impl InvitationSecret {
    /// A new secret.
    pub fn random(random: &dyn Random) -> Self {
        Self::from_bytes(Zeroizing::new(random_bytes(random)))
    }

    /// What the database finds the invitation by.
    pub fn hash(&self) -> [u8; 32] {
        secret_hash("invitation/v1", self.bytes.as_slice())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SystemRandom;

    #[test]
    fn a_secret_survives_its_textual_form() {
        let secret = OfferSecret::random(&SystemRandom);
        assert_eq!(secret.as_str().len(), 22);
        let read = OfferSecret::parse(secret.as_str()).unwrap();
        assert_eq!(read.lookup_hash(), secret.lookup_hash());
        assert_eq!(read.code().as_str(), secret.code().as_str());
        let key = ApiKeySecret::random(&SystemRandom);
        assert!(key.as_str().starts_with("chk_"));
        assert_eq!(ApiKeySecret::parse(key.as_str()).unwrap().hash(), key.hash());
    }

    #[test]
    fn only_the_canonical_text_is_a_secret() {
        let text = OfferSecret::random(&SystemRandom).as_str().to_owned();
        for wrong in [
            String::new(),
            format!("{text}="),
            format!(" {text}"),
            format!("{text}A"),
            text[1..].to_owned(),
            // 22 characters hold 132 bits: the last four must be zero.
            "AAAAAAAAAAAAAAAAAAAAAB".to_owned(),
        ] {
            assert!(OfferSecret::parse(&wrong).is_none(), "{wrong}");
        }
        assert!(ApiKeySecret::parse(Code::from_bytes(Zeroizing::new([1; 32])).as_str()).is_none());
    }

    #[test]
    fn hashes_of_different_purposes_differ() {
        assert_ne!(secret_hash("a", b"bc"), secret_hash("ab", b"c"));
        let key = ApiKeySecret::random(&SystemRandom);
        assert_ne!(key.hash(), key.sealing_secret());
    }

    #[test]
    fn secrets_stay_out_of_logs() {
        assert_eq!(format!("{:?}", OfferSecret::random(&SystemRandom)), "OfferSecret(..)");
    }
}
