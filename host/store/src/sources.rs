//! Where templates of a tenant have things looked up.

use sqlx::{query, query_as, query_scalar};
use time::OffsetDateTime;

use crate::{StoreError, TenantTx};

/// How many sources a tenant may set.
pub const MOST_SOURCES: u32 = 100;

/// A source that a template asks by name.
#[derive(Clone, PartialEq, Eq)]
pub struct LookupSource {
    /// The credential configuration whose template may ask.
    pub configuration_id: String,
    /// The name by which it asks.
    pub name: String,
    /// Where it is.
    pub url: String,
    /// The header that lets us in, and its sealed value.
    pub header: Option<(String, Vec<u8>)>,
    /// Since when it is that.
    pub set_at: OffsetDateTime,
}

impl std::fmt::Debug for LookupSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let name = (&self.configuration_id, &self.name);
        f.debug_struct("LookupSource").field("name", &name).finish_non_exhaustive()
    }
}

struct Row {
    configuration_id: String,
    name: String,
    url: String,
    header: Option<String>,
    sealed_value: Option<Vec<u8>>,
    set_at: OffsetDateTime,
}

impl From<Row> for LookupSource {
    fn from(row: Row) -> Self {
        let Row { configuration_id, name, url, header, sealed_value, set_at } = row;
        Self { configuration_id, name, url, header: header.zip(sealed_value), set_at }
    }
}

impl TenantTx {
    /// Sets a source, in place of the one of that name. `false` if there are as many as a tenant may have.
    pub async fn set_source(&mut self, source: &LookupSource) -> Result<bool, StoreError> {
        let (header, value) = source.header.clone().unzip();
        let done = query!(
            "insert into sources (configuration_id, name, url, header, sealed_value, set_at)
             select $1, $2, $3, $4, $5, $6
             where (select count(*) from sources) < $7
                or exists (select from sources where configuration_id = $1 and name = $2)
             on conflict (tenant_id, configuration_id, name) do update
             set url = excluded.url, header = excluded.header, sealed_value = excluded.sealed_value,
                 set_at = excluded.set_at",
            source.configuration_id,
            source.name,
            source.url,
            header,
            value,
            source.set_at,
            i64::from(MOST_SOURCES),
        )
        .execute(self.session.statement())
        .await;
        Ok(self.session.settle(done)?.rows_affected() == 1)
    }

    /// Every source, by configuration and name.
    pub async fn sources(&mut self) -> Result<Vec<LookupSource>, StoreError> {
        let rows = query_as!(
            Row,
            "select configuration_id, name, url, header, sealed_value, set_at from sources
             order by configuration_id, name"
        )
        .fetch_all(self.session.statement())
        .await;
        Ok(self.session.settle(rows)?.into_iter().map(LookupSource::from).collect())
    }

    /// The sources of one credential configuration.
    pub async fn sources_of(&mut self, configuration_id: &str) -> Result<Vec<LookupSource>, StoreError> {
        let rows = query_as!(
            Row,
            "select configuration_id, name, url, header, sealed_value, set_at from sources
             where configuration_id = $1 order by name",
            configuration_id
        )
        .fetch_all(self.session.statement())
        .await;
        Ok(self.session.settle(rows)?.into_iter().map(LookupSource::from).collect())
    }

    /// Removes a source; where it was.
    pub async fn remove_source(
        &mut self,
        configuration_id: &str,
        name: &str,
    ) -> Result<Option<String>, StoreError> {
        let removed = query_scalar!(
            "delete from sources where configuration_id = $1 and name = $2 returning url",
            configuration_id,
            name
        )
        .fetch_optional(self.session.statement())
        .await;
        self.session.settle(removed)
    }
}
