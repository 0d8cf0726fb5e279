//! A tenant's sealed secrets and the public halves of its keys.

use serde_json::Value;
use sqlx::{query, query_as};
use time::OffsetDateTime;

use crate::convert::{signed, unsigned};
use crate::{SigningKeyName, StoreError, TenantTx};

/// The sealed secrets of a tenant.
#[derive(Clone)]
pub struct TenantSecrets {
    /// From which its keys are derived.
    pub sealed_seed: Vec<u8>,
    /// Under which its data is sealed.
    pub sealed_data_key: Vec<u8>,
    /// The master whose root its keys are derived from, by check value; that which seals, if none is named.
    pub root: Option<[u8; 16]>,
}

impl std::fmt::Debug for TenantSecrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TenantSecrets(withheld)")
    }
}

/// Where a key stands in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyState {
    /// Published ahead of its use.
    Next,
    /// It signs.
    Active,
    /// It signs no more, but what it signed is still valid.
    Retiring,
    /// Nothing that it signed is valid any more.
    Retired,
}

impl KeyState {
    /// The word that the database uses.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Next => "next",
            Self::Active => "active",
            Self::Retiring => "retiring",
            Self::Retired => "retired",
        }
    }

    fn parse(word: &str) -> Option<Self> {
        [Self::Next, Self::Active, Self::Retiring, Self::Retired]
            .into_iter()
            .find(|state| state.as_str() == word)
    }
}

/// A key as it is stored: its name and its public half.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredKey {
    /// What the key is for.
    pub key_use: String,
    /// Its JOSE algorithm.
    pub algorithm: String,
    /// Its version.
    pub version: u32,
    /// Where it stands in its life.
    pub state: KeyState,
    /// The public JWK.
    pub public_jwk: Value,
    /// Since when it exists.
    pub created_at: OffsetDateTime,
    /// When it becomes active, or became it.
    pub not_before: Option<OffsetDateTime>,
    /// Until when it is published at least, once it signs no more.
    pub retire_at: Option<OffsetDateTime>,
    /// Whether somebody else may sign with it.
    pub compromised: bool,
    /// Who vouches for it: certificates in PEM, its own first.
    pub certificate: Option<String>,
}

impl StoredKey {
    /// Whether it signs.
    pub fn is_active(&self) -> bool {
        self.state == KeyState::Active
    }
}

struct SecretsRow {
    sealed_seed: Vec<u8>,
    sealed_data_key: Vec<u8>,
    root: Option<Vec<u8>>,
}

impl SecretsRow {
    fn secrets(self) -> Result<TenantSecrets, StoreError> {
        let root = self.root.map(<[u8; 16]>::try_from).transpose();
        Ok(TenantSecrets {
            sealed_seed: self.sealed_seed,
            sealed_data_key: self.sealed_data_key,
            root: root.map_err(|_| StoreError::corrupt("tenant_secrets", "root"))?,
        })
    }
}

impl TenantTx {
    /// The tenant's sealed secrets; none once it is deleted.
    pub async fn secrets(&mut self) -> Result<Option<TenantSecrets>, StoreError> {
        let row = query_as!(SecretsRow, "select sealed_seed, sealed_data_key, root from tenant_secrets")
            .fetch_optional(self.session.statement())
            .await;
        self.session.settle(row)?.map(SecretsRow::secrets).transpose()
    }

    /// The same; nobody replaces them before the transaction is over.
    pub async fn hold_secrets(&mut self) -> Result<Option<TenantSecrets>, StoreError> {
        let row =
            query_as!(SecretsRow, "select sealed_seed, sealed_data_key, root from tenant_secrets for share")
                .fetch_optional(self.session.statement())
                .await;
        self.session.settle(row)?.map(SecretsRow::secrets).transpose()
    }

    /// Replaces the sealed secrets that were read. `false` if they are not those any more.
    pub async fn replace_secrets(
        &mut self,
        read: &TenantSecrets,
        new: &TenantSecrets,
    ) -> Result<bool, StoreError> {
        let done = query!(
            "update tenant_secrets set sealed_seed = $2, sealed_data_key = $3, root = $4 where sealed_seed = $1",
            read.sealed_seed,
            new.sealed_seed,
            new.sealed_data_key,
            new.root.as_ref().map(<[u8; 16]>::as_slice),
        )
        .execute(self.session.statement())
        .await;
        Ok(self.session.settle(done)?.rows_affected() == 1)
    }

    /// Every key of the tenant, by use, the newest first.
    pub async fn signing_keys(&mut self) -> Result<Vec<StoredKey>, StoreError> {
        let rows = query!(
            "select key_use, algorithm, version, state, public_jwk, created_at, not_before, retire_at, compromised,
                 certificate
             from signing_keys order by key_use, version desc, algorithm"
        )
        .fetch_all(self.session.statement())
        .await;
        let rows = self.session.settle(rows)?.into_iter();
        rows.map(|row| {
            Ok(StoredKey {
                version: unsigned(row.version, "signing_keys", "version")?,
                state: KeyState::parse(&row.state)
                    .ok_or_else(|| StoreError::corrupt("signing_keys", "state"))?,
                key_use: row.key_use,
                algorithm: row.algorithm,
                public_jwk: row.public_jwk,
                created_at: row.created_at,
                not_before: row.not_before,
                retire_at: row.retire_at,
                compromised: row.compromised,
                certificate: row.certificate,
            })
        })
        .collect()
    }

    /// Adds a key. `false` if it exists, in whatever state.
    pub async fn add_signing_key(&mut self, key: &StoredKey) -> Result<bool, StoreError> {
        let done = query!(
            "insert into signing_keys (
                 key_use, algorithm, version, state, public_jwk, created_at, not_before, certificate
             )
             values ($1, $2, $3, $4, $5, $6, $7, $8)
             on conflict (tenant_id, key_use, algorithm, version) do nothing",
            key.key_use,
            key.algorithm,
            signed(key.version, "signing_keys", "version")?,
            key.state.as_str(),
            key.public_jwk,
            key.created_at,
            key.not_before,
            key.certificate,
        )
        .execute(self.session.statement())
        .await;
        Ok(self.session.settle(done)?.rows_affected() == 1)
    }

    /// Keeps who vouches for a key, or that nobody does. `false` if there is no such key any more.
    pub async fn certify_key(
        &mut self,
        key: &SigningKeyName,
        certificate: Option<&str>,
    ) -> Result<bool, StoreError> {
        let done = query!(
            "update signing_keys set certificate = $4
             where key_use = $1 and algorithm = $2 and version = $3 and state <> 'retired'",
            key.key_use,
            key.algorithm,
            signed(key.version, "signing_keys", "version")?,
            certificate,
        )
        .execute(self.session.statement())
        .await;
        Ok(self.session.settle(done)?.rows_affected() == 1)
    }
}
