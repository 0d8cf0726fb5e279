//! MAC keys of a tenant that gave way to others, sealed: what they vouched for is still verified.

use sqlx::query;

use crate::convert::{signed, unsigned};
use crate::{StoreError, TenantTx};

impl TenantTx {
    /// The sealed keys by version, the first of all first.
    pub async fn superseded_macs(&mut self) -> Result<Vec<(u32, Vec<u8>)>, StoreError> {
        let rows = query!("select version, sealed from superseded_mac_keys order by version")
            .fetch_all(self.session.statement())
            .await;
        let rows = self.session.settle(rows)?.into_iter();
        rows.map(|row| Ok((unsigned(row.version, "superseded_mac_keys", "version")?, row.sealed))).collect()
    }

    /// Keeps a sealed key, or the same one sealed anew.
    pub async fn keep_superseded_mac(&mut self, version: u32, sealed: &[u8]) -> Result<(), StoreError> {
        let done = query!(
            "insert into superseded_mac_keys (version, sealed) values ($1, $2)
             on conflict (tenant_id, version) do update set sealed = excluded.sealed",
            signed(version, "superseded_mac_keys", "version")?,
            sealed,
        )
        .execute(self.session.statement())
        .await;
        self.session.settle(done).map(drop)
    }
}
