//! What is kept sealed under a tenant's keys: for whom it opens, and with what.

use chancery_domain::{InvitationId, OfferId, Random};
use uuid::Uuid;
use zeroize::Zeroizing;

use super::TenantKeys;
use super::derive::{Secret, append_field, labelled};
use super::mac::MacKey;
use super::seal::{self, Unsealable};
use crate::secrets::Code;

const FAMILY: &str = "chancery/refresh-family/v1";
const INPUT: &str = "chancery/plugin-input/v1";
const INPUT_TAG: &str = "chancery/plugin-input-tag/v1";
const INVITED: &str = "chancery/invited/v1";

/// A secret that a tenant shares with somebody outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shared {
    /// With the receiver of a webhook, by its id.
    Webhook,
    /// With a source of lookups, by its name.
    Source,
    /// With an OpenID Provider that holders sign in at, by its name.
    Provider,
}

impl Shared {
    const fn label(self) -> &'static str {
        match self {
            Self::Webhook => "chancery/webhook/v1",
            Self::Source => "chancery/source/v1",
            Self::Provider => "chancery/holder-provider/v1",
        }
    }
}

impl TenantKeys {
    /// Seals the subject data that waits in an offer. It opens only with the offer's own
    /// code, of which nothing but a hash is stored.
    pub fn seal_subject(
        &self,
        offer: OfferId,
        code: &Code,
        plaintext: &[u8],
        random: &dyn Random,
    ) -> Vec<u8> {
        seal::seal(&self.subject_key(code), &self.subject_context(offer), plaintext, random)
    }

    /// Opens what [`TenantKeys::seal_subject`] sealed.
    pub fn open_subject(
        &self,
        offer: OfferId,
        code: &Code,
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, Unsealable> {
        seal::open(&self.subject_key(code), &self.subject_context(offer), sealed)
    }

    /// Seals what a family of refresh tokens renews. It opens only with the secret of its current token, of which
    /// nothing but a hash is stored.
    pub fn seal_family(
        &self,
        family: OfferId,
        secret: &Code,
        plaintext: &[u8],
        random: &dyn Random,
    ) -> Vec<u8> {
        seal::seal(&self.key_with(secret, FAMILY), &self.family_context(family), plaintext, random)
    }

    /// Opens what [`TenantKeys::seal_family`] sealed.
    pub fn open_family(
        &self,
        family: OfferId,
        secret: &Code,
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, Unsealable> {
        seal::open(&self.key_with(secret, FAMILY), &self.family_context(family), sealed)
    }

    fn family_context(&self, family: OfferId) -> Vec<u8> {
        let mut context = self.context(FAMILY);
        append_field(&mut context, family.uuid().as_bytes());
        context
    }

    fn subject_key(&self, code: &Code) -> Secret {
        self.key_with(code, "chancery/subject/v1")
    }

    /// A key that needs the tenant's data key and a secret that is not stored.
    pub(super) fn key_with(&self, code: &Code, label: &str) -> Secret {
        let mut ikm = Zeroizing::new([0; 64]);
        let (data_key, rest) = ikm.split_at_mut(32);
        data_key.copy_from_slice(self.data_key.as_slice());
        rest.copy_from_slice(code.bytes());
        labelled(ikm.as_slice(), label)
    }

    fn subject_context(&self, offer: OfferId) -> Vec<u8> {
        let mut context = self.context("chancery/subject/v1");
        append_field(&mut context, offer.uuid().as_bytes());
        context
    }

    /// Seals the answer to an idempotent request. It opens only for who repeats the key
    /// with the same secret: `caller_secret` is
    /// [`ApiKeySecret::sealing_secret`](crate::secrets::ApiKeySecret::sealing_secret),
    /// never the hash that the database has.
    pub fn seal_answer(
        &self,
        idempotency_key: &str,
        caller_secret: &[u8; 32],
        plaintext: &[u8],
        random: &dyn Random,
    ) -> Vec<u8> {
        let key = self.answer_key(idempotency_key, caller_secret);
        seal::seal(&key, &self.context("chancery/answer/v1"), plaintext, random)
    }

    /// Opens what [`TenantKeys::seal_answer`] sealed.
    pub fn open_answer(
        &self,
        idempotency_key: &str,
        caller_secret: &[u8; 32],
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, Unsealable> {
        let key = self.answer_key(idempotency_key, caller_secret);
        seal::open(&key, &self.context("chancery/answer/v1"), sealed)
    }

    fn answer_key(&self, idempotency_key: &str, caller_secret: &[u8; 32]) -> Secret {
        // The two secrets have fixed lengths and come first, so the concatenation is injective.
        let mut ikm = Zeroizing::new(Vec::with_capacity(64 + idempotency_key.len()));
        ikm.extend_from_slice(self.data_key.as_slice());
        ikm.extend_from_slice(caller_secret);
        ikm.extend_from_slice(idempotency_key.as_bytes());
        labelled(&ikm, "chancery/answer/v1")
    }

    /// Tells what a plugin was asked from anything else it could have been asked, for whoever has the tenant's keys
    /// and for nobody else: a digest alone would let the reader of a database try names and birthdays.
    pub fn input_tag(&self, digest: &[u8; 32]) -> [u8; 32] {
        let mut asked = self.context(INPUT_TAG);
        append_field(&mut asked, digest);
        MacKey::new(labelled(self.data_key.as_slice(), INPUT_TAG)).mac("input-tag/v1", &asked)
    }

    /// Seals what a plugin was asked for a decision, and what it said.
    pub fn seal_input(&self, decision: Uuid, plaintext: &[u8], random: &dyn Random) -> Vec<u8> {
        let key = labelled(self.data_key.as_slice(), INPUT);
        seal::seal(&key, &self.input_context(decision), plaintext, random)
    }

    /// Opens what [`TenantKeys::seal_input`] sealed.
    pub fn open_input(&self, decision: Uuid, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, Unsealable> {
        seal::open(&labelled(self.data_key.as_slice(), INPUT), &self.input_context(decision), sealed)
    }

    fn input_context(&self, decision: Uuid) -> Vec<u8> {
        let mut context = self.context(INPUT);
        append_field(&mut context, decision.as_bytes());
        context
    }

    /// Seals whom an invitation was sent to.
    pub fn seal_invited(&self, invitation: InvitationId, email: &str, random: &dyn Random) -> Vec<u8> {
        let key = labelled(self.data_key.as_slice(), INVITED);
        seal::seal(&key, &self.invited_context(invitation), email.as_bytes(), random)
    }

    /// Opens what [`TenantKeys::seal_invited`] sealed.
    pub fn open_invited(
        &self,
        invitation: InvitationId,
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, Unsealable> {
        seal::open(&labelled(self.data_key.as_slice(), INVITED), &self.invited_context(invitation), sealed)
    }

    fn invited_context(&self, invitation: InvitationId) -> Vec<u8> {
        let mut context = self.context(INVITED);
        append_field(&mut context, invitation.uuid().as_bytes());
        context
    }

    /// Seals what lets us in elsewhere, or lets others know us: the `name` tells whose it is.
    pub fn seal_shared(&self, kind: Shared, name: &[u8], plaintext: &[u8], random: &dyn Random) -> Vec<u8> {
        let key = labelled(self.data_key.as_slice(), kind.label());
        seal::seal(&key, &self.shared_context(kind, name), plaintext, random)
    }

    /// Opens what [`TenantKeys::seal_shared`] sealed.
    pub fn open_shared(
        &self,
        kind: Shared,
        name: &[u8],
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, Unsealable> {
        let key = labelled(self.data_key.as_slice(), kind.label());
        seal::open(&key, &self.shared_context(kind, name), sealed)
    }

    fn shared_context(&self, kind: Shared, name: &[u8]) -> Vec<u8> {
        let mut context = self.context(kind.label());
        append_field(&mut context, name);
        context
    }

    pub(super) fn context(&self, label: &str) -> Vec<u8> {
        let mut context = Vec::with_capacity(64);
        append_field(&mut context, label.as_bytes());
        append_field(&mut context, self.tenant().uuid().as_bytes());
        context
    }
}

#[cfg(test)]
mod tests {
    use super::super::tenant::testing::keys;
    use super::*;
    use crate::SystemRandom;
    use crate::secrets::OfferSecret;

    #[test]
    fn a_subject_opens_only_with_its_tenant_offer_and_code() {
        let offer = OfferId::new(time::OffsetDateTime::UNIX_EPOCH, [1; 10]);
        let other = OfferId::new(time::OffsetDateTime::UNIX_EPOCH, [2; 10]);
        let code = OfferSecret::random(&SystemRandom).code();
        let wrong = OfferSecret::random(&SystemRandom).code();
        let sealed = keys(1).seal_subject(offer, &code, b"{}", &SystemRandom);
        assert_eq!(keys(1).open_subject(offer, &code, &sealed).unwrap().as_slice(), b"{}");
        assert!(keys(1).open_subject(offer, &wrong, &sealed).is_err());
        assert!(keys(1).open_subject(other, &code, &sealed).is_err());
        assert!(keys(2).open_subject(offer, &code, &sealed).is_err());
    }

    #[test]
    fn what_a_family_renews_opens_only_with_its_tenant_name_and_current_token() {
        let family = OfferId::new(time::OffsetDateTime::UNIX_EPOCH, [1; 10]);
        let other = OfferId::new(time::OffsetDateTime::UNIX_EPOCH, [2; 10]);
        let (current, past) = (Code::random(&SystemRandom), Code::random(&SystemRandom));
        let sealed = keys(1).seal_family(family, &current, b"{}", &SystemRandom);
        assert_eq!(keys(1).open_family(family, &current, &sealed).unwrap().as_slice(), b"{}");
        assert!(keys(1).open_family(family, &past, &sealed).is_err());
        assert!(keys(1).open_family(other, &current, &sealed).is_err());
        assert!(keys(2).open_family(family, &current, &sealed).is_err());
        assert!(keys(1).open_subject(family, &current, &sealed).is_err());
    }

    #[test]
    fn what_a_plugin_was_asked_opens_only_for_its_tenant_and_decision() {
        let (one, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let sealed = keys(1).seal_input(one, b"{}", &SystemRandom);
        assert_eq!(keys(1).open_input(one, &sealed).unwrap().as_slice(), b"{}");
        assert!(keys(1).open_input(other, &sealed).is_err());
        assert!(keys(2).open_input(one, &sealed).is_err());
        // The same question at another tenant cannot be told from another one.
        assert_eq!(keys(1).input_tag(&[7; 32]), keys(1).input_tag(&[7; 32]));
        assert_ne!(keys(1).input_tag(&[7; 32]), keys(1).input_tag(&[8; 32]));
        assert_ne!(keys(1).input_tag(&[7; 32]), keys(2).input_tag(&[7; 32]));
    }

    #[test]
    fn an_answer_opens_only_for_the_same_key_and_caller() {
        let sealed = keys(1).seal_answer("retry-1", &[5; 32], b"answer", &SystemRandom);
        assert_eq!(keys(1).open_answer("retry-1", &[5; 32], &sealed).unwrap().as_slice(), b"answer");
        assert!(keys(1).open_answer("retry-2", &[5; 32], &sealed).is_err());
        assert!(keys(1).open_answer("retry-1", &[6; 32], &sealed).is_err());
        assert!(keys(2).open_answer("retry-1", &[5; 32], &sealed).is_err());
    }

    #[test]
    fn whom_an_invitation_is_for_opens_only_with_its_tenant_and_invitation() {
        let at = |byte| InvitationId::new(time::OffsetDateTime::UNIX_EPOCH, [byte; 10]);
        let sealed = keys(1).seal_invited(at(1), "ada@example.com", &SystemRandom);
        assert_eq!(keys(1).open_invited(at(1), &sealed).unwrap().as_slice(), b"ada@example.com");
        assert!(keys(1).open_invited(at(2), &sealed).is_err());
        assert!(keys(2).open_invited(at(1), &sealed).is_err());
    }

    #[test]
    fn a_shared_secret_opens_only_for_whom_it_is_shared_with() {
        let sealed = keys(1).seal_shared(Shared::Webhook, b"one", b"secret", &SystemRandom);
        assert_eq!(keys(1).open_shared(Shared::Webhook, b"one", &sealed).unwrap().as_slice(), b"secret");
        assert!(keys(1).open_shared(Shared::Webhook, b"two", &sealed).is_err());
        assert!(keys(1).open_shared(Shared::Source, b"one", &sealed).is_err());
        assert!(keys(2).open_shared(Shared::Webhook, b"one", &sealed).is_err());
    }
}
