//! Private keys that a tenant brought. They are stored, sealed, for as long as they may sign.

use sqlx::query;

use crate::convert::{signed, unsigned};
use crate::{SigningKeyName, StoreError, TenantTx};

/// A private key that was not derived.
#[derive(Clone)]
pub struct ImportedKey {
    /// Which key it is.
    pub name: SigningKeyName,
    /// The private half, sealed.
    pub sealed: Vec<u8>,
}

impl std::fmt::Debug for ImportedKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ImportedKey").field("name", &self.name).finish_non_exhaustive()
    }
}

impl TenantTx {
    /// The private keys that may sign, now or later.
    pub async fn imported_keys(&mut self) -> Result<Vec<ImportedKey>, StoreError> {
        let rows = query!("select key_use, algorithm, version, sealed from imported_keys")
            .fetch_all(self.session.statement())
            .await;
        let rows = self.session.settle(rows)?.into_iter();
        rows.map(|row| {
            let version = unsigned(row.version, "imported_keys", "version")?;
            let name = SigningKeyName { key_use: row.key_use, algorithm: row.algorithm, version };
            Ok(ImportedKey { name, sealed: row.sealed })
        })
        .collect()
    }

    /// Keeps a private key whose public half was added before.
    pub async fn keep_imported_key(&mut self, key: &ImportedKey) -> Result<(), StoreError> {
        let done = query!(
            "insert into imported_keys (key_use, algorithm, version, sealed) values ($1, $2, $3, $4)",
            key.name.key_use,
            key.name.algorithm,
            signed(key.name.version, "imported_keys", "version")?,
            key.sealed,
        )
        .execute(self.session.statement())
        .await;
        self.session.settle(done).map(drop)
    }

    /// Replaces a sealed private key by the same, sealed under another master. `false` if it is gone.
    pub async fn reseal_imported_key(&mut self, key: &ImportedKey) -> Result<bool, StoreError> {
        let done = query!(
            "update imported_keys set sealed = $4 where key_use = $1 and algorithm = $2 and version = $3",
            key.name.key_use,
            key.name.algorithm,
            signed(key.name.version, "imported_keys", "version")?,
            key.sealed,
        )
        .execute(self.session.statement())
        .await;
        Ok(self.session.settle(done)?.rows_affected() == 1)
    }

    /// Destroys private keys that never sign again.
    pub(crate) async fn destroy_spent_imports(&mut self) -> Result<(), StoreError> {
        let done = query!(
            "delete from imported_keys i using signing_keys k
             where (k.key_use, k.algorithm, k.version) = (i.key_use, i.algorithm, i.version)
               and k.state in ('retiring', 'retired')"
        )
        .execute(self.session.statement())
        .await;
        self.session.settle(done).map(drop)
    }
}
