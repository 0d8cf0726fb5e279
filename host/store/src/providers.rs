//! OpenID Providers that authenticate holders.

use std::collections::BTreeMap;

use sqlx::types::Json;
use sqlx::{query, query_as};
use time::OffsetDateTime;

use crate::{StoreError, TenantTx};

/// How many providers a tenant may set.
pub const MOST_PROVIDERS: u32 = 10;

/// A provider that holders sign in at.
#[derive(Clone, PartialEq, Eq)]
pub struct HolderProvider {
    /// Names it.
    pub name: String,
    /// What holders are shown.
    pub label: String,
    /// Its issuer identifier.
    pub issuer: String,
    /// As whom it knows us.
    pub client_id: String,
    /// What proves that to it, sealed.
    pub sealed_secret: Option<Vec<u8>>,
    /// What it is asked for.
    pub scopes: Vec<String>,
    /// Whether its userinfo endpoint is asked, too.
    pub userinfo: bool,
    /// For which credentials its word is enough.
    pub configuration_ids: Vec<String>,
    /// Members of a subject, by the claims that they come from, where those have other names.
    pub claims: BTreeMap<String, String>,
    /// Since when it is that.
    pub set_at: OffsetDateTime,
}

impl std::fmt::Debug for HolderProvider {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HolderProvider").field("name", &self.name).finish_non_exhaustive()
    }
}

struct Row {
    name: String,
    label: String,
    issuer: String,
    client_id: String,
    sealed_secret: Option<Vec<u8>>,
    scopes: Vec<String>,
    userinfo: bool,
    configuration_ids: Vec<String>,
    claims: Json<BTreeMap<String, String>>,
    set_at: OffsetDateTime,
}

impl From<Row> for HolderProvider {
    fn from(row: Row) -> Self {
        Self {
            name: row.name,
            label: row.label,
            issuer: row.issuer,
            client_id: row.client_id,
            sealed_secret: row.sealed_secret,
            scopes: row.scopes,
            userinfo: row.userinfo,
            configuration_ids: row.configuration_ids,
            claims: row.claims.0,
            set_at: row.set_at,
        }
    }
}

impl TenantTx {
    /// Sets a provider, in place of the one of that name. `false` if there are as many as a tenant may have.
    pub async fn set_provider(&mut self, provider: &HolderProvider) -> Result<bool, StoreError> {
        let done = query!(
            "insert into holder_providers (
                 name, label, issuer, client_id, sealed_secret, scopes, userinfo, configuration_ids, claims, set_at
             )
             select $1, $2, $3, $4, $5, $6, $7, $8, $9, $10
             where (select count(*) from holder_providers) < $11
                or exists (select from holder_providers where name = $1)
             on conflict (tenant_id, name) do update
             set label = excluded.label, issuer = excluded.issuer, client_id = excluded.client_id,
                 sealed_secret = excluded.sealed_secret, scopes = excluded.scopes, userinfo = excluded.userinfo,
                 configuration_ids = excluded.configuration_ids, claims = excluded.claims, set_at = excluded.set_at",
            provider.name,
            provider.label,
            provider.issuer,
            provider.client_id,
            provider.sealed_secret,
            &provider.scopes,
            provider.userinfo,
            &provider.configuration_ids,
            Json(&provider.claims) as _,
            provider.set_at,
            i64::from(MOST_PROVIDERS),
        )
        .execute(self.session.statement())
        .await;
        Ok(self.session.settle(done)?.rows_affected() == 1)
    }

    /// Every provider, by name.
    pub async fn providers(&mut self) -> Result<Vec<HolderProvider>, StoreError> {
        let rows = query_as!(
            Row,
            r#"select name, label, issuer, client_id, sealed_secret, scopes, userinfo, configuration_ids,
                 claims as "claims: Json<BTreeMap<String, String>>", set_at
             from holder_providers order by name"#
        )
        .fetch_all(self.session.statement())
        .await;
        Ok(self.session.settle(rows)?.into_iter().map(HolderProvider::from).collect())
    }

    /// The provider of that name.
    pub async fn provider(&mut self, name: &str) -> Result<Option<HolderProvider>, StoreError> {
        let row = query_as!(
            Row,
            r#"select name, label, issuer, client_id, sealed_secret, scopes, userinfo, configuration_ids,
                 claims as "claims: Json<BTreeMap<String, String>>", set_at
             from holder_providers where name = $1"#,
            name
        )
        .fetch_optional(self.session.statement())
        .await;
        Ok(self.session.settle(row)?.map(HolderProvider::from))
    }

    /// Removes a provider; which it was.
    pub async fn remove_provider(&mut self, name: &str) -> Result<Option<HolderProvider>, StoreError> {
        let removed = query_as!(
            Row,
            r#"delete from holder_providers where name = $1
             returning name, label, issuer, client_id, sealed_secret, scopes, userinfo, configuration_ids,
                 claims as "claims: Json<BTreeMap<String, String>>", set_at"#,
            name
        )
        .fetch_optional(self.session.statement())
        .await;
        Ok(self.session.settle(removed)?.map(HolderProvider::from))
    }
}
