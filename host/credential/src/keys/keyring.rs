//! The keys of one master generation: what the operator holds, and what follows from it.

use std::fmt;

use chancery_domain::{Random, TenantId, random_bytes};
use zeroize::Zeroizing;

use super::derive::{Secret, append_field, is_scalar, labelled};
use super::seal::{self, Unsealable};
use super::{KeyRejected, TenantKeys};

/// The operator's master key.
#[derive(Clone)]
pub struct Master(Secret);

/// A master key is 64 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a key of 32 bytes in hexadecimal")]
pub struct MalformedMaster;

impl Master {
    /// Reads 64 hexadecimal digits.
    pub fn from_hex(text: &str) -> Result<Self, MalformedMaster> {
        let mut bytes = Zeroizing::new([0; 32]);
        hex::decode_to_slice(text, bytes.as_mut_slice()).map_err(|_| MalformedMaster)?;
        Ok(Self(bytes))
    }

    /// A new master.
    pub fn generate(random: &dyn Random) -> Self {
        Self(Zeroizing::new(random_bytes(random)))
    }

    /// The 64 hexadecimal digits, for the file that keeps it.
    pub fn to_hex(&self) -> Zeroizing<String> {
        Zeroizing::new(hex::encode(self.0.as_slice()))
    }
}

impl fmt::Debug for Master {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Master(..)")
    }
}

/// The root and the key-encryption key of one master generation.
#[derive(Clone)]
pub struct Keyring {
    root: Secret,
    kek: Secret,
    /// Self-hosted: the operator's own key signs credentials, whatever is derived otherwise.
    own: Option<Secret>,
}

/// What a sealed secret belongs to; it opens for nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SealedFor {
    /// Whose secret it is.
    pub tenant: TenantId,
    /// What kind of secret it is.
    pub kind: SecretKind,
    /// Which version of it.
    pub version: u32,
}

/// The secrets that are stored, sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecretKind {
    /// The salt of a tenant's derivations.
    Seed,
    /// The key of a tenant's stored and handed-out ciphertexts.
    DataKey,
    /// A signing key that was not derived.
    ImportedKey,
    /// The root of a master generation that is gone.
    SupersededRoot,
}

impl SecretKind {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Seed => "seed",
            Self::DataKey => "data-key",
            Self::ImportedKey => "imported-key",
            Self::SupersededRoot => "superseded-root",
        }
    }
}

impl SealedFor {
    fn context(&self) -> Vec<u8> {
        let mut context = Vec::with_capacity(64);
        append_field(&mut context, b"chancery/sealed/v1");
        append_field(&mut context, self.tenant.uuid().as_bytes());
        append_field(&mut context, self.kind.as_str().as_bytes());
        append_field(&mut context, &self.version.to_be_bytes());
        context
    }
}

impl Keyring {
    /// The keys that follow from a master.
    pub fn from_master(master: &Master) -> Self {
        Self {
            root: labelled(master.0.as_slice(), "chancery/root/v1"),
            kek: labelled(master.0.as_slice(), "chancery/wrap/v1"),
            own: None,
        }
    }

    /// The keys of a self-hosted issuer, whose signing key is its own. A master, where
    /// there is one, seals; it never decides a signing key, so it can be rotated.
    ///
    /// The signing key must be a P-256 private key, which is an Ed25519 seed as well.
    pub fn self_hosted(signing_key: &[u8; 32], master: Option<&Master>) -> Result<Self, KeyRejected> {
        if !is_scalar(signing_key) {
            return Err(KeyRejected);
        }
        Ok(Self {
            root: labelled(signing_key, "chancery/self-hosted/root/v1"),
            kek: match master {
                Some(master) => labelled(master.0.as_slice(), "chancery/wrap/v1"),
                None => labelled(signing_key, "chancery/self-hosted/wrap/v1"),
            },
            own: Some(Zeroizing::new(*signing_key)),
        })
    }

    /// Tells one key-encryption key from another, and tells nothing about either:
    /// stored at foundation, compared at every start.
    pub fn check_value(&self) -> [u8; 16] {
        *labelled(self.kek.as_slice(), "chancery/check/v1")
    }

    /// The password of a database role that the host itself sets up.
    pub fn role_password(&self, role: &str) -> Zeroizing<String> {
        let label = format!("chancery/role-password/v1/{role}");
        Zeroizing::new(hex::encode(labelled::<32>(self.kek.as_slice(), &label).as_slice()))
    }

    /// Authenticates compiled plugins, so that nobody else's are ever deserialised.
    pub fn cache_key(&self) -> [u8; 32] {
        *labelled(self.kek.as_slice(), "chancery/plugin-cache/v1")
    }

    /// Seals a secret for storage.
    pub fn seal(&self, what: &SealedFor, plaintext: &[u8], random: &dyn Random) -> Vec<u8> {
        seal::seal(&self.kek, &what.context(), plaintext, random)
    }

    /// Opens a stored secret.
    pub fn open(&self, what: &SealedFor, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, Unsealable> {
        seal::open(&self.kek, &what.context(), sealed)
    }

    #[cfg(test)]
    pub(crate) fn expose(&self) -> (&Secret, &Secret) {
        (&self.root, &self.kek)
    }

    /// A tenant's keys, from its seed and data key as [`Keyring::open`] returned them.
    pub fn tenant(&self, tenant: TenantId, seed: &[u8; 32], data_key: &[u8; 32]) -> TenantKeys {
        TenantKeys::new(tenant, &self.root, seed, data_key, self.own.as_ref())
    }
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keyring(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SystemRandom;

    fn keyring(byte: u8) -> Keyring {
        Keyring::from_master(&Master(Zeroizing::new([byte; 32])))
    }

    fn seed_of(tenant: u8) -> SealedFor {
        let tenant = TenantId::new(time::OffsetDateTime::UNIX_EPOCH, [tenant; 10]);
        SealedFor { tenant, kind: SecretKind::Seed, version: 1 }
    }

    #[test]
    fn a_sealed_secret_opens_only_where_it_belongs() {
        let sealed = keyring(1).seal(&seed_of(1), &[9; 32], &SystemRandom);
        assert_eq!(keyring(1).open(&seed_of(1), &sealed).unwrap().as_slice(), [9; 32]);
        assert!(keyring(2).open(&seed_of(1), &sealed).is_err());
        assert!(keyring(1).open(&seed_of(2), &sealed).is_err());
        assert!(keyring(1).open(&SealedFor { version: 2, ..seed_of(1) }, &sealed).is_err());
        assert!(keyring(1).open(&SealedFor { kind: SecretKind::DataKey, ..seed_of(1) }, &sealed).is_err());
    }

    #[test]
    fn another_master_has_another_check_value() {
        assert_eq!(keyring(1).check_value(), keyring(1).check_value());
        assert_ne!(keyring(1).check_value(), keyring(2).check_value());
    }

    #[test]
    fn passwords_differ_by_role() {
        assert_ne!(
            keyring(1).role_password("chancery_tenant"),
            keyring(1).role_password("chancery_platform")
        );
    }

    #[test]
    fn a_self_hosted_master_changes_what_seals_and_not_what_signs() {
        let with = Keyring::self_hosted(&[7; 32], Some(&Master(Zeroizing::new([1; 32])))).unwrap();
        let without = Keyring::self_hosted(&[7; 32], None).unwrap();
        assert_ne!(with.check_value(), without.check_value());
        assert_eq!(with.root, without.root);
    }

    #[test]
    fn a_value_outside_the_group_is_no_signing_key() {
        assert!(Keyring::self_hosted(&[0; 32], None).is_err());
        assert!(Keyring::self_hosted(&[0xff; 32], None).is_err());
    }

    #[test]
    fn a_master_is_64_digits_and_stays_out_of_logs() {
        let master = Master::from_hex(&"0a".repeat(32)).unwrap();
        assert_eq!(master.to_hex().as_str(), "0a".repeat(32));
        assert_eq!(format!("{master:?}{:?}", Keyring::from_master(&master)), "Master(..)Keyring(..)");
        for text in ["", "0a", &"0a".repeat(33), &"0g".repeat(32)] {
            assert!(Master::from_hex(text).is_err());
        }
    }
}
