//! A tenant's keys, from what is stored of them: the private halves opened or derived, the public ones told apart.

use chancery_credential::jose::Jwk;
use chancery_credential::keys::{
    Algorithm, KeyCheck, KeyUse, Keyring, PrivateKey, SealedFor, SecretKind, SigningKey, TenantKeys,
};
use chancery_domain::TenantId;
use chancery_store::{ImportedKey, KeyState, StoredKey, TenantSecrets, TenantTx};
use time::OffsetDateTime;
use zeroize::Zeroizing;

use super::load::LoadError;
use crate::operations::import_key::imported_key_of;

/// Client tokens are read by this host and by clients that care to, so there is nothing to choose.
pub(crate) const TOKEN_ALGORITHM: Algorithm = Algorithm::Es256;

/// The first key of a use, as it is stored.
pub(crate) fn first_key(
    keys: &TenantKeys,
    key_use: KeyUse,
    algorithm: Algorithm,
    now: OffsetDateTime,
) -> StoredKey {
    StoredKey {
        key_use: key_use.as_str().to_owned(),
        algorithm: algorithm.as_str().to_owned(),
        version: 1,
        state: KeyState::Active,
        public_jwk: keys.signing_key(key_use, algorithm, 1).public_jwk().to_value(),
        created_at: now,
        not_before: Some(now),
        retire_at: None,
        compromised: false,
        certificate: None,
    }
}

/// The stored key that signs for a use.
pub(crate) fn active_key(stored: &[StoredKey], key_use: KeyUse) -> Option<&StoredKey> {
    stored.iter().find(|key| key.key_use == key_use.as_str() && key.state == KeyState::Active)
}

/// What a tenant signs with.
pub(super) struct PrivateKeys<'a> {
    pub(super) keyring: &'a Keyring,
    pub(super) keys: TenantKeys,
    pub(super) imported: &'a [ImportedKey],
}

impl PrivateKeys<'_> {
    /// The key that signs for a use, and its version.
    pub(super) fn signing_key(
        &self,
        stored: &[StoredKey],
        key_use: KeyUse,
    ) -> Result<(SigningKey, u32), LoadError> {
        let active = active_key(stored, key_use).ok_or_else(|| {
            LoadError::unusable(format_args!("there is no active {} key", key_use.as_str()))
        })?;
        Ok((self.key_of(active)?, active.version))
    }

    /// The private half of a key that is stored.
    fn key_of(&self, stored: &StoredKey) -> Result<SigningKey, LoadError> {
        let algorithm = Algorithm::parse(&stored.algorithm)
            .ok_or_else(|| LoadError::unusable("the algorithm of a key is unknown"))?;
        let key = if let Some(key) = self.imported.iter().find(|key| is_of(key, stored)) {
            open_imported(self.keyring, self.keys.tenant(), key, algorithm)?
        } else {
            let key_use = KeyUse::parse(&stored.key_use)
                .ok_or_else(|| LoadError::unusable("the use of a key is unknown"))?;
            self.keys.signing_key(key_use, algorithm, stored.version)
        };
        if key.public_jwk().to_value() != stored.public_jwk {
            return Err(LoadError::unusable("the private key is not that of the published one"));
        }
        Ok(key)
    }
}

/// The private half of a tenant's stored key, which does not sign yet, or not only credentials.
pub(crate) async fn private_key(
    tx: &mut TenantTx,
    keyring: &Keyring,
    stored: &StoredKey,
) -> Result<SigningKey, LoadError> {
    let secrets = tx.secrets().await?.ok_or_else(|| LoadError::unusable("the tenant has no keys"))?;
    let (keys, imported) = (open_keys(keyring, tx.tenant_id(), &secrets)?, tx.imported_keys().await?);
    PrivateKeys { keyring, keys, imported: &imported }.key_of(stored)
}

/// The public keys of client tokens, and all others. Whoever verifies credentials never meets the former.
pub(super) fn published_keys(stored: &[StoredKey]) -> (Vec<Jwk>, Vec<Jwk>) {
    let (tokens, others): (Vec<_>, Vec<_>) = stored
        .iter()
        .filter(|key| key.state != KeyState::Retired && key.key_use != KeyUse::Authority.as_str())
        .partition(|key| key.key_use == KeyUse::Token.as_str());
    let parsed =
        |keys: Vec<&StoredKey>| keys.into_iter().filter_map(|key| Jwk::parse(&key.public_jwk).ok()).collect();
    (parsed(tokens), parsed(others))
}

/// Whether the private key is that of the stored one.
fn is_of(private: &ImportedKey, stored: &StoredKey) -> bool {
    let name = &private.name;
    (name.key_use.as_str(), name.algorithm.as_str(), name.version)
        == (stored.key_use.as_str(), stored.algorithm.as_str(), stored.version)
}

fn open_imported(
    keyring: &Keyring,
    tenant: TenantId,
    key: &ImportedKey,
    algorithm: Algorithm,
) -> Result<SigningKey, LoadError> {
    let bytes = keyring
        .open(&imported_key_of(tenant, key.name.version), &key.sealed)
        .map_err(|_| LoadError::Sealed)?;
    let private = PrivateKey::from_bytes(algorithm, &bytes).ok_or(LoadError::Sealed)?;
    private.signing_key().ok_or(LoadError::Sealed)
}

/// Opens a tenant's stored secrets and derives its keys.
pub(crate) fn open_keys(
    keyring: &Keyring,
    tenant: TenantId,
    secrets: &TenantSecrets,
) -> Result<TenantKeys, LoadError> {
    let open = |what: &SealedFor, sealed: &[u8]| -> Result<(Zeroizing<[u8; 32]>, KeyCheck), LoadError> {
        let (opened, master) = keyring.open_and_tell(what, sealed).map_err(|_| LoadError::Sealed)?;
        let opened = <[u8; 32]>::try_from(opened.as_slice()).map_err(|_| LoadError::Sealed)?;
        Ok((Zeroizing::new(opened), master))
    };
    let (seed, master) = open(&seed_of(tenant), &secrets.sealed_seed)?;
    let (data_key, _) = open(&data_key_of(tenant), &secrets.sealed_data_key)?;
    let root = secrets.root.unwrap_or(master);
    keyring.tenant_from(root, tenant, &seed, &data_key).ok_or(LoadError::Sealed)
}

pub(crate) fn seed_of(tenant: TenantId) -> SealedFor {
    SealedFor { tenant, kind: SecretKind::Seed, version: 1 }
}

pub(crate) fn data_key_of(tenant: TenantId) -> SealedFor {
    SealedFor { tenant, kind: SecretKind::DataKey, version: 1 }
}
