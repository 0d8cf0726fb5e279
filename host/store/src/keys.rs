//! A tenant's sealed secrets and the public halves of its keys.

use serde_json::Value;
use sqlx::query;
use time::OffsetDateTime;

use crate::convert::{signed, unsigned};
use crate::{StoreError, TenantTx};

/// The sealed secrets of a tenant.
#[derive(Clone)]
pub struct TenantSecrets {
    /// From which its keys are derived.
    pub sealed_seed: Vec<u8>,
    /// Under which its data is sealed.
    pub sealed_data_key: Vec<u8>,
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
}

impl TenantTx {
    /// The tenant's sealed secrets; none once it is deleted.
    pub async fn secrets(&mut self) -> Result<Option<TenantSecrets>, StoreError> {
        let row = query!("select sealed_seed, sealed_data_key from tenant_secrets")
            .fetch_optional(self.session.statement())
            .await;
        let row = self.session.settle(row)?;
        Ok(row
            .map(|row| TenantSecrets { sealed_seed: row.sealed_seed, sealed_data_key: row.sealed_data_key }))
    }

    /// Replaces the sealed secrets by the same secrets, sealed under another master.
    pub async fn reseal_secrets(&mut self, secrets: &TenantSecrets) -> Result<(), StoreError> {
        let done = query!(
            "update tenant_secrets set sealed_seed = $1, sealed_data_key = $2",
            secrets.sealed_seed,
            secrets.sealed_data_key
        )
        .execute(self.session.statement())
        .await;
        self.session.settle(done).map(drop)
    }

    /// Every key of the tenant, by use, the newest first.
    pub async fn signing_keys(&mut self) -> Result<Vec<StoredKey>, StoreError> {
        let rows = query!(
            "select key_use, algorithm, version, state, public_jwk, created_at
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
            })
        })
        .collect()
    }

    /// Adds a key. `false` if it exists, in whatever state.
    pub async fn add_signing_key(&mut self, key: &StoredKey) -> Result<bool, StoreError> {
        let done = query!(
            "insert into signing_keys (key_use, algorithm, version, state, public_jwk, created_at)
             values ($1, $2, $3, $4, $5, $6)
             on conflict (tenant_id, key_use, algorithm, version) do nothing",
            key.key_use,
            key.algorithm,
            signed(key.version, "signing_keys", "version")?,
            key.state.as_str(),
            key.public_jwk,
            key.created_at,
        )
        .execute(self.session.statement())
        .await;
        Ok(self.session.settle(done)?.rows_affected() == 1)
    }

    /// Retires every active key of that use but the named version, and makes that version active.
    pub async fn supersede_signing_keys(&mut self, key_use: &str, except: u32) -> Result<(), StoreError> {
        let done = query!(
            "update signing_keys set state = case when version = $2 then 'active' else 'retiring' end
             where key_use = $1
               and ((version = $2 and state = 'next') or (version <> $2 and state = 'active'))",
            key_use,
            signed(except, "signing_keys", "version")?,
        )
        .execute(self.session.statement())
        .await;
        self.session.settle(done).map(drop)
    }
}
