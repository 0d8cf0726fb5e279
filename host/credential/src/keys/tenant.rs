//! The keys of one tenant.

use std::fmt;

use chancery_domain::{InvitationId, OfferId, Random, TenantId};
use uuid::Uuid;
use zeroize::Zeroizing;

use super::derive::{Secret, append_field, expand_prk, first_scalar, key_info, labelled, tenant_prk};
use super::mac::{MacKey, SupersededMac};
use super::seal::{self, Unsealable};
use super::{Algorithm, KeyUse, SigningKey};
use crate::envelopes::Envelopes;
use crate::jose::jwe::{DecryptionKey, KEY_AGREEMENT};
use crate::nonces::Nonces;
use crate::secrets::Code;
use crate::status_list::IndexPermutation;
use crate::tokens::Tokens;

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
}

impl Shared {
    const fn label(self) -> &'static str {
        match self {
            Self::Webhook => "chancery/webhook/v1",
            Self::Source => "chancery/source/v1",
        }
    }
}

/// The keys of one tenant, all derived; cheap to keep, wiped when dropped.
#[derive(Clone)]
pub struct TenantKeys {
    tenant: TenantId,
    prk: Secret,
    data_key: Secret,
    mac: MacKey,
    own: Option<Secret>,
}

impl TenantKeys {
    pub(crate) fn new(
        tenant: TenantId,
        root: &[u8; 32],
        seed: &[u8; 32],
        data_key: &[u8; 32],
        own: Option<&Secret>,
    ) -> Self {
        let prk = tenant_prk(root, seed);
        let mac = expand_prk(&prk, &key_info(KeyUse::Mac, "HS256", tenant, 1, 0));
        Self { tenant, prk, data_key: Zeroizing::new(*data_key), mac: MacKey::new(mac), own: own.cloned() }
    }

    /// Whose keys these are.
    pub fn tenant(&self) -> TenantId {
        self.tenant
    }

    /// The signing key of a use, algorithm and version; the bytes are described in
    /// [`derive`](super::derive). Self-hosted, the operator's own key signs credentials,
    /// in whatever version.
    ///
    /// This multiplies a point: keep the key, do not ask for it at every signature.
    pub fn signing_key(&self, key_use: KeyUse, algorithm: Algorithm, version: u32) -> SigningKey {
        let bytes = match (&self.own, key_use) {
            (Some(own), KeyUse::Credential) => own.clone(),
            _ => self.key_bytes(key_use, algorithm, version),
        };
        checked_key(algorithm, &bytes)
    }

    /// The key that opens what wallets encrypt for the tenant. Its versions are those of the key that signs
    /// credentials: both are replaced together.
    pub fn decryption_key(&self, version: u32) -> DecryptionKey {
        let candidate = |counter| {
            let info = key_info(KeyUse::Encryption, KEY_AGREEMENT, self.tenant, version, counter);
            expand_prk(&self.prk, &info)
        };
        DecryptionKey::from_scalar(&first_scalar(candidate))
    }

    pub(crate) fn key_bytes(&self, key_use: KeyUse, algorithm: Algorithm, version: u32) -> Secret {
        let candidate = |counter| {
            let info = key_info(key_use, algorithm.as_str(), self.tenant, version, counter);
            expand_prk(&self.prk, &info)
        };
        match algorithm {
            Algorithm::Es256 => first_scalar(candidate),
            Algorithm::EdDsa => candidate(0),
        }
    }

    /// Authenticates `data` for one purpose.
    pub fn mac(&self, purpose: &str, data: &[u8]) -> [u8; 32] {
        self.mac.mac(purpose, data)
    }

    /// Whether `mac` is the one of `data` for this purpose; takes the same time either way.
    pub fn verify_mac(&self, purpose: &str, data: &[u8], mac: &[u8]) -> bool {
        self.mac.verify(purpose, data, mac)
    }

    /// The key that [`TenantKeys::mac`] authenticates with.
    pub fn mac_key(&self) -> &MacKey {
        &self.mac
    }

    /// Seals the MAC key of before these keys, for as long as something that it authenticated is looked at.
    pub fn seal_superseded_mac(
        &self,
        version: u32,
        superseded: &SupersededMac,
        random: &dyn Random,
    ) -> Vec<u8> {
        superseded.seal(&self.data_key, self.tenant, version, random)
    }

    /// Opens what [`TenantKeys::seal_superseded_mac`] sealed.
    pub fn open_superseded_mac(&self, version: u32, sealed: &[u8]) -> Result<SupersededMac, Unsealable> {
        SupersededMac::open(&self.data_key, self.tenant, version, sealed)
    }

    /// Nonces that this tenant will recognise as its own.
    pub fn nonces(&self) -> Nonces {
        Nonces::new(&self.mac("nonces/v1", b""))
    }

    /// Tokens that only this tenant can read.
    pub fn tokens(&self) -> Tokens {
        Tokens::new(
            self.tenant,
            labelled(self.data_key.as_slice(), "chancery/access-token/v2"),
            labelled(self.data_key.as_slice(), "chancery/notification-id/v1"),
        )
    }

    /// What browsers and wallets carry through an authorization of this tenant.
    pub fn envelopes(&self) -> Envelopes {
        Envelopes::new(self.tenant, |label| labelled(self.data_key.as_slice(), label))
    }

    /// The order in which a status list of `size` entries hands out its indices.
    pub fn permutation(&self, list: u32, size: u32) -> IndexPermutation {
        let mut data = [0; 8];
        let (head, tail) = data.split_at_mut(4);
        head.copy_from_slice(&list.to_be_bytes());
        tail.copy_from_slice(&size.to_be_bytes());
        IndexPermutation::new(&self.mac("status-permutation/v1", &data), size)
    }

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
        append_field(&mut context, self.tenant.uuid().as_bytes());
        context
    }
}

/// A key from bytes that are known to be one: a scalar that was checked, or any seed.
fn checked_key(algorithm: Algorithm, bytes: &[u8; 32]) -> SigningKey {
    #[expect(clippy::expect_used, reason = "derivation and configuration only let such bytes through")]
    SigningKey::new(algorithm, bytes).expect("the bytes are a private key")
}

impl fmt::Debug for TenantKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TenantKeys").field("tenant", &self.tenant).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::SystemRandom;
    use crate::keys::{Keyring, Master};
    use crate::secrets::OfferSecret;

    fn tenant_id(byte: u8) -> TenantId {
        TenantId::new(time::OffsetDateTime::UNIX_EPOCH, [byte; 10])
    }

    fn keys(tenant: u8) -> TenantKeys {
        let keyring = Keyring::from_master(&Master::from_hex(&"11".repeat(32)).unwrap());
        keyring.tenant(tenant_id(tenant), &[2; 32], &[3; 32])
    }

    #[test]
    fn every_use_algorithm_version_and_tenant_has_its_own_key() {
        let mut seen = HashSet::new();
        for tenant in 1..=2 {
            for key_use in KeyUse::ALL {
                for algorithm in Algorithm::ALL {
                    for version in 1..=3 {
                        seen.insert(*keys(tenant).key_bytes(key_use, algorithm, version));
                    }
                }
            }
        }
        assert_eq!(seen.len(), 2 * KeyUse::ALL.len() * 2 * 3);
    }

    #[test]
    fn the_same_inputs_give_the_same_key() {
        let one = keys(1).signing_key(KeyUse::Credential, Algorithm::Es256, 1);
        let two = keys(1).signing_key(KeyUse::Credential, Algorithm::Es256, 1);
        assert_eq!(one.key_id(), two.key_id());
    }

    #[test]
    fn every_tenant_and_version_is_encrypted_for_by_a_key_of_its_own() {
        let mut seen = HashSet::new();
        for tenant in 1..=2 {
            for version in 1..=3 {
                seen.insert(keys(tenant).decryption_key(version).key_id().to_owned());
                seen.insert(
                    keys(tenant)
                        .signing_key(KeyUse::Encryption, Algorithm::Es256, version)
                        .key_id()
                        .to_owned(),
                );
            }
        }
        assert_eq!(seen.len(), 2 * 2 * 3);
    }

    #[test]
    fn a_self_hosted_issuer_signs_credentials_with_its_own_key_and_nothing_else() {
        let keys = Keyring::self_hosted(&[7; 32], None).unwrap().tenant(tenant_id(1), &[2; 32], &[3; 32]);
        for algorithm in Algorithm::ALL {
            let own = SigningKey::new(algorithm, &[7; 32]).unwrap();
            assert_eq!(keys.signing_key(KeyUse::Credential, algorithm, 1).key_id(), own.key_id());
            assert_ne!(keys.signing_key(KeyUse::Status, algorithm, 1).key_id(), own.key_id());
        }
    }

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

    #[test]
    fn a_mac_belongs_to_its_purpose() {
        let mac = keys(1).mac("tx-code", b"1234");
        assert!(keys(1).verify_mac("tx-code", b"1234", &mac));
        assert!(!keys(1).verify_mac("tx-code", b"1235", &mac));
        assert!(!keys(1).verify_mac("tx-cod", b"e1234", &mac));
        assert!(!keys(2).verify_mac("tx-code", b"1234", &mac));
        assert!(!keys(1).verify_mac("tx-code", b"1234", &mac[..31]));
    }
}
