//! What the operator holds, and what follows from it: the keys of the master, and of those before it.

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

/// Tells one master from another, and tells nothing about either.
pub type KeyCheck = [u8; 16];

/// The root and the key-encryption key of one master.
#[derive(Clone)]
struct Generation {
    root: Secret,
    kek: Secret,
}

/// The keys that a host holds: of its master, of the one before while that is being replaced, and the roots
/// of masters that are gone.
#[derive(Clone)]
pub struct Keyring {
    newest: Generation,
    previous: Option<Generation>,
    superseded: Vec<(KeyCheck, Secret)>,
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
    /// The deployment's licence.
    LicenseDocument,
}

impl SecretKind {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Seed => "seed",
            Self::DataKey => "data-key",
            Self::ImportedKey => "imported-key",
            Self::SupersededRoot => "superseded-root",
            Self::LicenseDocument => "license-document",
        }
    }
}

impl SealedFor {
    /// The licence is the deployment's; no tenant has the nil UUID.
    pub const LICENSE: Self = Self {
        tenant: TenantId::from_uuid(uuid::Uuid::nil()),
        kind: SecretKind::LicenseDocument,
        version: 1,
    };

    fn context(&self) -> Vec<u8> {
        let mut context = Vec::with_capacity(64);
        append_field(&mut context, b"chancery/sealed/v1");
        append_field(&mut context, self.tenant.uuid().as_bytes());
        append_field(&mut context, self.kind.as_str().as_bytes());
        append_field(&mut context, &self.version.to_be_bytes());
        context
    }
}

impl Generation {
    fn from_master(master: &Master) -> Self {
        Self {
            root: labelled(master.0.as_slice(), "chancery/root/v1"),
            kek: labelled(master.0.as_slice(), "chancery/wrap/v1"),
        }
    }

    fn check_value(&self) -> KeyCheck {
        *labelled(self.kek.as_slice(), "chancery/check/v1")
    }
}

/// A superseded root is the deployment's; the check value of its master stands in a tenant's place.
fn root_of(master: KeyCheck) -> SealedFor {
    let tenant = TenantId::from_uuid(uuid::Uuid::from_bytes(master));
    SealedFor { tenant, kind: SecretKind::SupersededRoot, version: 1 }
}

impl Keyring {
    /// The keys that follow from a master.
    pub fn from_master(master: &Master) -> Self {
        let newest = Generation::from_master(master);
        Self { newest, previous: None, superseded: Vec::new(), own: None }
    }

    /// The keys of a self-hosted issuer, whose signing key is its own. A master, where
    /// there is one, seals; it never decides a signing key, so it can be rotated.
    ///
    /// The signing key must be a P-256 private key, which is an Ed25519 seed as well.
    pub fn self_hosted(signing_key: &[u8; 32], master: Option<&Master>) -> Result<Self, KeyRejected> {
        if !is_scalar(signing_key) {
            return Err(KeyRejected);
        }
        let newest = Generation {
            root: labelled(signing_key, "chancery/self-hosted/root/v1"),
            kek: match master {
                Some(master) => labelled(master.0.as_slice(), "chancery/wrap/v1"),
                None => labelled(signing_key, "chancery/self-hosted/wrap/v1"),
            },
        };
        Ok(Self { newest, previous: None, superseded: Vec::new(), own: Some(Zeroizing::new(*signing_key)) })
    }

    /// Holds the keys of the master before, too, while it is being replaced.
    #[must_use]
    pub fn with_previous(mut self, master: &Master) -> Self {
        let mut previous = Generation::from_master(master);
        if self.own.is_some() {
            // Self-hosted, the root follows from the signing key whatever seals.
            previous.root.clone_from(&self.newest.root);
        }
        self.previous = Some(previous);
        self
    }

    /// The check value of the master: stored at foundation, compared at every start.
    pub fn check_value(&self) -> KeyCheck {
        self.newest.check_value()
    }

    /// The check value of the master before, if it is held.
    pub fn previous_check_value(&self) -> Option<KeyCheck> {
        self.previous.as_ref().map(Generation::check_value)
    }

    /// The same keys, where the master of that check value is the one that seals; none if it is not held.
    pub fn sealing_under(&self, master: KeyCheck) -> Option<Self> {
        if self.check_value() == master {
            return Some(self.clone());
        }
        let previous = self.previous.as_ref().filter(|previous| previous.check_value() == master)?;
        let (newest, other) = (previous.clone(), self.newest.clone());
        Some(Self {
            newest,
            previous: Some(other),
            superseded: self.superseded.clone(),
            own: self.own.clone(),
        })
    }

    /// The password of a database role that the host itself sets up.
    pub fn role_password(&self, role: &str) -> Zeroizing<String> {
        let label = format!("chancery/role-password/v1/{role}");
        Zeroizing::new(hex::encode(labelled::<32>(self.newest.kek.as_slice(), &label).as_slice()))
    }

    /// Authenticates compiled plugins, so that nobody else's are ever deserialised.
    pub fn cache_key(&self) -> [u8; 32] {
        *labelled(self.newest.kek.as_slice(), "chancery/plugin-cache/v1")
    }

    /// Seals a secret for storage.
    pub fn seal(&self, what: &SealedFor, plaintext: &[u8], random: &dyn Random) -> Vec<u8> {
        seal::seal(&self.newest.kek, &what.context(), plaintext, random)
    }

    /// Opens a stored secret, whichever of the masters that are held sealed it.
    pub fn open(&self, what: &SealedFor, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, Unsealable> {
        self.open_and_tell(what, sealed).map(|(plaintext, _)| plaintext)
    }

    /// Opens a stored secret, and tells which master sealed it.
    pub fn open_and_tell(
        &self,
        what: &SealedFor,
        sealed: &[u8],
    ) -> Result<(Zeroizing<Vec<u8>>, KeyCheck), Unsealable> {
        let mut held = std::iter::once(&self.newest).chain(&self.previous);
        held.find_map(|generation| {
            let plaintext = seal::open(&generation.kek, &what.context(), sealed).ok()?;
            Some((plaintext, generation.check_value()))
        })
        .ok_or(Unsealable)
    }

    /// Seals the root of the master before, and those of the masters before it, under this one: what was
    /// derived from them goes on being derived from them.
    pub fn seal_superseded_roots(&self, random: &dyn Random) -> Vec<(KeyCheck, Vec<u8>)> {
        let previous = self.previous.iter().map(|previous| (previous.check_value(), &previous.root));
        let earlier = self.superseded.iter().map(|(master, root)| (*master, root));
        earlier
            .chain(previous)
            .map(|(master, root)| (master, self.seal(&root_of(master), root.as_slice(), random)))
            .collect()
    }

    /// Takes a superseded root up again.
    pub fn take_superseded_root(&mut self, master: KeyCheck, sealed: &[u8]) -> Result<(), Unsealable> {
        let opened = self.open(&root_of(master), sealed)?;
        let mut root = Zeroizing::new([0; 32]);
        if opened.len() != root.len() {
            return Err(Unsealable);
        }
        root.copy_from_slice(&opened);
        self.superseded.retain(|(known, _)| *known != master);
        self.superseded.push((master, root));
        Ok(())
    }

    #[cfg(test)]
    pub(crate) fn expose(&self) -> (&Secret, &Secret) {
        (&self.newest.root, &self.newest.kek)
    }

    /// A tenant's keys, from its seed and data key as [`Keyring::open`] returned them.
    pub fn tenant(&self, tenant: TenantId, seed: &[u8; 32], data_key: &[u8; 32]) -> TenantKeys {
        TenantKeys::new(tenant, &self.newest.root, seed, data_key, self.own.as_ref())
    }

    /// The same, derived from the root of the named master; none if that root is not at hand.
    pub fn tenant_from(
        &self,
        master: KeyCheck,
        tenant: TenantId,
        seed: &[u8; 32],
        data_key: &[u8; 32],
    ) -> Option<TenantKeys> {
        let held = std::iter::once(&self.newest).chain(&self.previous);
        let mut roots = held
            .map(|generation| (generation.check_value(), &generation.root))
            .chain(self.superseded.iter().map(|(master, root)| (*master, root)));
        let (_, root) = roots.find(|(known, _)| *known == master)?;
        Some(TenantKeys::new(tenant, root, seed, data_key, self.own.as_ref()))
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
        assert_eq!(with.newest.root, without.newest.root);
    }

    #[test]
    fn a_rotated_master_opens_what_the_one_before_sealed_and_changes_no_key() {
        let (one, two, three) = (keyring(1), keyring(2), keyring(3));
        let sealed = one.seal(&seed_of(1), &[9; 32], &SystemRandom);
        let both = two.clone().with_previous(&Master(Zeroizing::new([1; 32])));
        let (seed, by) = both.open_and_tell(&seed_of(1), &sealed).unwrap();
        assert_eq!((seed.as_slice(), by), ([9; 32].as_slice(), one.check_value()));

        let tenant = seed_of(1).tenant;
        let key = |keys: Option<TenantKeys>| {
            let key = keys?.signing_key(crate::KeyUse::Credential, crate::Algorithm::Es256, 1);
            Some(key.key_id().to_owned())
        };
        let derived = key(Some(one.tenant(tenant, &[9; 32], &[8; 32])));
        let from = |keyring: &Keyring| key(keyring.tenant_from(by, tenant, &[9; 32], &[8; 32]));
        assert_eq!(from(&both), derived);
        assert_eq!(from(&two), None, "the root is lost without its sealed copy");

        // Twice, with the first master gone: its root is handed on.
        let mut second = two.clone();
        for (master, sealed) in both.seal_superseded_roots(&SystemRandom) {
            second.take_superseded_root(master, &sealed).unwrap();
        }
        assert_eq!(from(&second), derived);
        let mut next = three.clone().with_previous(&Master(Zeroizing::new([2; 32])));
        for (master, sealed) in second.seal_superseded_roots(&SystemRandom) {
            next.take_superseded_root(master, &sealed).unwrap();
        }
        let mut third = three.clone();
        for (master, sealed) in next.seal_superseded_roots(&SystemRandom) {
            third.take_superseded_root(master, &sealed).unwrap();
        }
        assert_eq!(from(&third), derived);
        assert!(third.open(&seed_of(1), &sealed).is_err(), "what the old master sealed is lost with it");
    }

    #[test]
    fn the_master_that_is_in_force_seals() {
        let both = keyring(2).with_previous(&Master(Zeroizing::new([1; 32])));
        let old = both.sealing_under(keyring(1).check_value()).unwrap();
        assert_eq!(old.role_password("r"), keyring(1).role_password("r"));
        let sealed = old.seal(&seed_of(1), &[9; 32], &SystemRandom);
        assert!(keyring(1).open(&seed_of(1), &sealed).is_ok() && both.open(&seed_of(1), &sealed).is_ok());
        assert!(both.sealing_under(keyring(3).check_value()).is_none());
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
