//! Nonces that are recognised, not remembered: the time they were made and chance,
//! authenticated. Only the used ones need a memory, and that is the store's.
//!
//! ```text
//! nonce = base64url(seconds since 1970 as i64, big-endian ‖ 16 random bytes ‖ the first 16 bytes of
//!         HMAC-SHA256(key, kind ‖ seconds ‖ random))
//! ```

use std::fmt;

use aws_lc_rs::hmac;
use chancery_domain::{Random, random_bytes};
use time::{Duration, OffsetDateTime};

use crate::jose::base64url;
use crate::secrets::secret_hash;

/// How long a nonce is good for.
pub const NONCE_LIFETIME: Duration = Duration::minutes(5);

const TIME_LENGTH: usize = 8;
const BODY_LENGTH: usize = TIME_LENGTH + 16;
const MAC_LENGTH: usize = 16;

/// What a nonce is for; one made for the other purpose is unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NonceKind {
    /// `c_nonce`, in key proofs.
    CredentialRequest,
    /// `DPoP-Nonce`.
    Dpop,
    /// The challenge in the proof of an attested client.
    Attestation,
}

impl NonceKind {
    const fn label(self) -> &'static str {
        match self {
            Self::CredentialRequest => "credential-request/v1",
            Self::Dpop => "dpop/v1",
            Self::Attestation => "client-attestation/v1",
        }
    }
}

/// Identifies a nonce in the used-set.
pub type NonceId = [u8; 32];

/// Why a nonce was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NonceError {
    /// Not made by this tenant for this purpose.
    #[error("the nonce is unknown")]
    Unknown,
    /// Too old.
    #[error("the nonce has expired")]
    Expired,
}

/// Makes and recognises the nonces of one tenant.
#[derive(Clone)]
pub struct Nonces(hmac::Key);

impl Nonces {
    pub(crate) fn new(key: &[u8; 32]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, key))
    }

    /// A new nonce.
    pub fn mint(&self, kind: NonceKind, now: OffsetDateTime, random: &dyn Random) -> String {
        let mut bytes = Vec::with_capacity(BODY_LENGTH + MAC_LENGTH);
        bytes.extend_from_slice(&now.unix_timestamp().to_be_bytes());
        bytes.extend_from_slice(&random_bytes::<16>(random));
        let tag = self.tag(kind, &bytes);
        bytes.extend(tag.as_ref().iter().take(MAC_LENGTH));
        base64url::encode(bytes)
    }

    /// Recognises a nonce. That it was not used before is for the store to say, which
    /// must remember the id until [`NONCE_LIFETIME`] has passed.
    pub fn verify(&self, kind: NonceKind, nonce: &str, now: OffsetDateTime) -> Result<NonceId, NonceError> {
        let bytes = base64url::decode(nonce).ok_or(NonceError::Unknown)?;
        let (body, mac) = bytes.split_at_checked(BODY_LENGTH).ok_or(NonceError::Unknown)?;
        let tag = self.tag(kind, body);
        let (expected, _) = tag.as_ref().split_at_checked(MAC_LENGTH).ok_or(NonceError::Unknown)?;
        aws_lc_rs::constant_time::verify_slices_are_equal(expected, mac).map_err(|_| NonceError::Unknown)?;
        let seconds = body.first_chunk::<TIME_LENGTH>().ok_or(NonceError::Unknown)?;
        let age = now.unix_timestamp().saturating_sub(i64::from_be_bytes(*seconds));
        if age >= NONCE_LIFETIME.whole_seconds() {
            return Err(NonceError::Expired);
        }
        Ok(secret_hash(kind.label(), body))
    }

    fn tag(&self, kind: NonceKind, body: &[u8]) -> hmac::Tag {
        let mut context = hmac::Context::with_key(&self.0);
        // The body has one length, so what precedes it can have any.
        context.update(kind.label().as_bytes());
        context.update(body);
        context.sign()
    }
}

impl fmt::Debug for Nonces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Nonces(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SystemRandom;

    const NOW: OffsetDateTime = time::macros::datetime!(2026-08-24 12:00 UTC);

    #[test]
    fn a_nonce_is_good_for_five_minutes() {
        let nonces = Nonces::new(&[1; 32]);
        let nonce = nonces.mint(NonceKind::CredentialRequest, NOW, &SystemRandom);
        let at = |now| nonces.verify(NonceKind::CredentialRequest, &nonce, now);
        assert!(at(NOW).is_ok());
        assert_eq!(at(NOW), at(NOW + Duration::seconds(299)));
        assert_eq!(at(NOW + Duration::seconds(300)), Err(NonceError::Expired));
    }

    #[test]
    fn a_nonce_of_another_kind_or_tenant_or_a_changed_one_is_unknown() {
        let nonces = Nonces::new(&[1; 32]);
        let nonce = nonces.mint(NonceKind::CredentialRequest, NOW, &SystemRandom);
        assert_eq!(nonces.verify(NonceKind::Dpop, &nonce, NOW), Err(NonceError::Unknown));
        let other = Nonces::new(&[2; 32]);
        assert_eq!(other.verify(NonceKind::CredentialRequest, &nonce, NOW), Err(NonceError::Unknown));
        let bytes = base64url::decode(&nonce).unwrap();
        for position in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[position] ^= 0x80;
            for text in [base64url::encode(changed), base64url::encode(&bytes[..position])] {
                let verdict = nonces.verify(NonceKind::CredentialRequest, &text, NOW);
                assert_eq!(verdict, Err(NonceError::Unknown), "byte {position}");
            }
        }
        for text in ["", "=", &format!("{nonce}="), &format!("{nonce}AAAA")] {
            assert_eq!(nonces.verify(NonceKind::CredentialRequest, text, NOW), Err(NonceError::Unknown));
        }
    }

    #[test]
    fn nonces_made_in_the_same_second_have_ids_of_their_own() {
        let nonces = Nonces::new(&[1; 32]);
        let id = || {
            let nonce = nonces.mint(NonceKind::Dpop, NOW, &SystemRandom);
            nonces.verify(NonceKind::Dpop, &nonce, NOW).unwrap()
        };
        assert_ne!(id(), id());
    }
}
