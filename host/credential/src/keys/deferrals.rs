//! What waits with a deferral: the keys that the wallet proved, and a subject that was brought after the offer was
//! made. Both open only with the offer's own code, which nobody but the wallet has.
//!
//! Whoever brings a subject does not have the code either. So it is encrypted for a public key whose private half
//! follows from the code. Public keys can be exchanged and anybody can encrypt for one, so what is stored is
//! authenticated, too.

use chancery_domain::{DeferralId, Random};
use serde_json::Value;
use zeroize::Zeroizing;

use super::derive::{append_field, first_scalar, labelled};
use super::seal::{self, Unsealable};
use super::tenant::TenantKeys;
use crate::jose::jwe::{self, ContentEncryption, DecryptionKey, RecipientKey};
use crate::secrets::Code;

const KEYS: &str = "chancery/deferral-keys/v1";
const RECIPIENT: &str = "chancery/deferral-recipient/v1";
const SUBJECT: &str = "chancery/deferral-subject/v1";
const MAC_LENGTH: usize = 32;
/// More than any subject that the API takes.
const MOST: usize = 1024 * 1024;

impl TenantKeys {
    /// Seals the keys that a wallet proved.
    pub fn seal_deferred_keys(
        &self,
        deferral: DeferralId,
        code: &Code,
        plaintext: &[u8],
        random: &dyn Random,
    ) -> Vec<u8> {
        seal::seal(&self.key_with(code, KEYS), &self.deferral_context(KEYS, deferral), plaintext, random)
    }

    /// Opens what [`TenantKeys::seal_deferred_keys`] sealed.
    pub fn open_deferred_keys(
        &self,
        deferral: DeferralId,
        code: &Code,
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, Unsealable> {
        seal::open(&self.key_with(code, KEYS), &self.deferral_context(KEYS, deferral), sealed)
    }

    /// The key that a subject is encrypted for which is brought later; public, to be stored.
    pub fn deferral_recipient(&self, deferral: DeferralId, code: &Code) -> Vec<u8> {
        let public = self.deferral_key(deferral, code).to_published().to_string();
        self.authenticated(RECIPIENT, deferral, public.as_bytes())
    }

    /// Encrypts a subject for the key that [`TenantKeys::deferral_recipient`] gave.
    pub fn seal_brought_subject(
        &self,
        deferral: DeferralId,
        recipient: &[u8],
        plaintext: &[u8],
        random: &dyn Random,
    ) -> Result<Vec<u8>, Unsealable> {
        let recipient = self.authentic(RECIPIENT, deferral, recipient)?;
        let recipient: Value = serde_json::from_slice(recipient).map_err(|_| Unsealable)?;
        let recipient = RecipientKey::parse(&recipient).map_err(|_| Unsealable)?;
        let jwe = jwe::encrypt(&recipient, ContentEncryption::A256Gcm, false, plaintext, random)
            .map_err(|_| Unsealable)?;
        Ok(self.authenticated(SUBJECT, deferral, jwe.as_bytes()))
    }

    /// Opens what [`TenantKeys::seal_brought_subject`] sealed.
    pub fn open_brought_subject(
        &self,
        deferral: DeferralId,
        code: &Code,
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, Unsealable> {
        let jwe = self.authentic(SUBJECT, deferral, sealed)?;
        let jwe = std::str::from_utf8(jwe).map_err(|_| Unsealable)?;
        jwe::decrypt(jwe, &[self.deferral_key(deferral, code)], MOST).map_err(|_| Unsealable)
    }

    fn deferral_key(&self, deferral: DeferralId, code: &Code) -> DecryptionKey {
        let secret = self.key_with(code, RECIPIENT);
        DecryptionKey::from_scalar(&first_scalar(|counter| {
            labelled(secret.as_slice(), &format!("{RECIPIENT}/{deferral}/{counter}"))
        }))
    }

    fn deferral_context(&self, label: &str, deferral: DeferralId) -> Vec<u8> {
        let mut context = self.context(label);
        append_field(&mut context, deferral.uuid().as_bytes());
        context
    }

    fn authenticated(&self, label: &str, deferral: DeferralId, data: &[u8]) -> Vec<u8> {
        let message = [self.deferral_context(label, deferral).as_slice(), data].concat();
        [self.mac(label, &message).as_slice(), data].concat()
    }

    fn authentic<'a>(
        &self,
        label: &str,
        deferral: DeferralId,
        stored: &'a [u8],
    ) -> Result<&'a [u8], Unsealable> {
        let (mac, data) = stored.split_at_checked(MAC_LENGTH).ok_or(Unsealable)?;
        let message = [self.deferral_context(label, deferral).as_slice(), data].concat();
        if self.verify_mac(label, &message, mac) { Ok(data) } else { Err(Unsealable) }
    }
}

#[cfg(test)]
mod tests {
    use time::OffsetDateTime;

    use super::*;
    use crate::SystemRandom;
    use crate::keys::{Keyring, Master};
    use crate::secrets::OfferSecret;
    use chancery_domain::TenantId;

    fn keys(tenant: u8) -> TenantKeys {
        let keyring = Keyring::from_master(&Master::from_hex(&"11".repeat(32)).unwrap());
        keyring.tenant(TenantId::new(OffsetDateTime::UNIX_EPOCH, [tenant; 10]), &[2; 32], &[3; 32])
    }

    fn deferral(number: u8) -> DeferralId {
        DeferralId::new(OffsetDateTime::UNIX_EPOCH, [number; 10])
    }

    #[test]
    fn what_was_brought_opens_only_with_its_tenant_deferral_and_code() {
        let (code, wrong) =
            (OfferSecret::random(&SystemRandom).code(), OfferSecret::random(&SystemRandom).code());
        let recipient = keys(1).deferral_recipient(deferral(1), &code);
        let bring = |keys: &TenantKeys, number, recipient: &[u8]| {
            keys.seal_brought_subject(deferral(number), recipient, b"{}", &SystemRandom)
        };
        let sealed = bring(&keys(1), 1, &recipient).unwrap();
        let open = |tenant, number, code: &Code, sealed: &[u8]| {
            keys(tenant).open_brought_subject(deferral(number), code, sealed)
        };
        assert_eq!(open(1, 1, &code, &sealed).unwrap().as_slice(), b"{}");
        assert!(open(1, 1, &wrong, &sealed).is_err());
        assert!(open(1, 2, &code, &sealed).is_err());
        assert!(open(2, 1, &code, &sealed).is_err());
        // Nobody who writes into the database has it encrypted for a key of their own, or brings something else.
        let own = keys(1).deferral_recipient(deferral(2), &wrong);
        assert!(bring(&keys(1), 1, &own).is_err());
        assert!(bring(&keys(2), 1, &recipient).is_err());
        let mut forged = sealed.clone();
        let other = bring(&keys(1), 1, &recipient).unwrap();
        forged.truncate(MAC_LENGTH);
        forged.extend_from_slice(&other[MAC_LENGTH..]);
        assert!(open(1, 1, &code, &forged).is_err());
    }

    #[test]
    fn proved_keys_open_only_with_their_tenant_deferral_and_code() {
        let (code, wrong) =
            (OfferSecret::random(&SystemRandom).code(), OfferSecret::random(&SystemRandom).code());
        let sealed = keys(1).seal_deferred_keys(deferral(1), &code, b"[]", &SystemRandom);
        assert_eq!(keys(1).open_deferred_keys(deferral(1), &code, &sealed).unwrap().as_slice(), b"[]");
        assert!(keys(1).open_deferred_keys(deferral(1), &wrong, &sealed).is_err());
        assert!(keys(1).open_deferred_keys(deferral(2), &code, &sealed).is_err());
        assert!(keys(2).open_deferred_keys(deferral(1), &code, &sealed).is_err());
    }
}
