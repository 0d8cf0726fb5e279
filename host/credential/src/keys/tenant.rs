//! The keys of one tenant.

use std::fmt;

use chancery_domain::{Random, TenantId};
use zeroize::Zeroizing;

use super::derive::{Secret, expand_prk, first_scalar, key_info, labelled, tenant_prk};
use super::mac::{MacKey, SupersededMac};
use super::seal::Unsealable;
use super::{Algorithm, KeyUse, SigningKey};
use crate::envelopes::Envelopes;
use crate::jose::jwe::{DecryptionKey, KEY_AGREEMENT};
use crate::nonces::Nonces;
use crate::status_list::IndexPermutation;
use crate::tokens::Tokens;

/// The keys of one tenant, all derived; cheap to keep, wiped when dropped.
#[derive(Clone)]
pub struct TenantKeys {
    tenant: TenantId,
    prk: Secret,
    pub(super) data_key: Secret,
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
    pub fn permutation(&self, list: u64, size: u32) -> IndexPermutation {
        // Lists of before numbers were drawn have small ones, in four bytes: their order stays what it was.
        let mut data = match u32::try_from(list) {
            Ok(list) => list.to_be_bytes().to_vec(),
            Err(_) => list.to_be_bytes().to_vec(),
        };
        data.extend_from_slice(&size.to_be_bytes());
        IndexPermutation::new(&self.mac("status-permutation/v1", &data), size)
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
pub(super) mod testing {
    use super::*;
    use crate::keys::{Keyring, Master};

    pub(in crate::keys) fn tenant_id(byte: u8) -> TenantId {
        TenantId::new(time::OffsetDateTime::UNIX_EPOCH, [byte; 10])
    }

    pub(in crate::keys) fn keys(tenant: u8) -> TenantKeys {
        let keyring = Keyring::from_master(&Master::from_hex(&"11".repeat(32)).unwrap());
        keyring.tenant(tenant_id(tenant), &[2; 32], &[3; 32])
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::testing::{keys, tenant_id};
    use super::*;
    use crate::keys::Keyring;

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
    fn a_mac_belongs_to_its_purpose() {
        let mac = keys(1).mac("tx-code", b"1234");
        assert!(keys(1).verify_mac("tx-code", b"1234", &mac));
        assert!(!keys(1).verify_mac("tx-code", b"1235", &mac));
        assert!(!keys(1).verify_mac("tx-cod", b"e1234", &mac));
        assert!(!keys(2).verify_mac("tx-code", b"1234", &mac));
        assert!(!keys(1).verify_mac("tx-code", b"1234", &mac[..31]));
    }
}
