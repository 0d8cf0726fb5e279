//! Who may manage a tenant by API key.

use chancery_domain::ApiKeyId;
use chancery_domain::scope::Scope;
use sqlx::query;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::{StoreError, TenantTx};

/// An API key that is about to exist; the secret itself never comes here.
#[derive(Debug, Clone)]
pub struct NewApiKey {
    /// Names the key.
    pub id: ApiKeyId,
    /// Hash of the secret.
    pub hash: [u8; 32],
    /// What people call the key.
    pub name: String,
    /// What it may do.
    pub scopes: Vec<Scope>,
    /// When it was made.
    pub created_at: OffsetDateTime,
}

/// An API key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// Names the key.
    pub id: ApiKeyId,
    /// What people call the key.
    pub name: String,
    /// What it may do.
    pub scopes: Vec<Scope>,
    /// When it was made.
    pub created_at: OffsetDateTime,
    /// Since when it opens nothing any more.
    pub revoked_at: Option<OffsetDateTime>,
}

struct Row {
    id: Uuid,
    name: String,
    scopes: Vec<String>,
    created_at: OffsetDateTime,
    revoked_at: Option<OffsetDateTime>,
}

impl Row {
    fn api_key(self) -> Result<ApiKey, StoreError> {
        let scopes = self.scopes.iter().map(|word| Scope::parse(word)).collect::<Option<_>>();
        Ok(ApiKey {
            id: ApiKeyId::from_uuid(self.id),
            name: self.name,
            scopes: scopes.ok_or_else(|| StoreError::corrupt("api_keys", "scopes"))?,
            created_at: self.created_at,
            revoked_at: self.revoked_at,
        })
    }
}

impl TenantTx {
    /// The key of that hash, if it still opens anything.
    pub async fn api_key(&mut self, hash: &[u8; 32]) -> Result<Option<ApiKey>, StoreError> {
        let row = sqlx::query_as!(
            Row,
            "select id, name, scopes, created_at, revoked_at
             from api_keys where hash = $1 and revoked_at is null",
            hash.as_slice()
        )
        .fetch_optional(self.session.statement())
        .await;
        self.session.settle(row)?.map(Row::api_key).transpose()
    }

    /// The key of that id, whether it still opens anything or not.
    pub async fn api_key_by_id(&mut self, id: ApiKeyId) -> Result<Option<ApiKey>, StoreError> {
        let row = sqlx::query_as!(
            Row,
            "select id, name, scopes, created_at, revoked_at from api_keys where id = $1",
            id.uuid()
        )
        .fetch_optional(self.session.statement())
        .await;
        self.session.settle(row)?.map(Row::api_key).transpose()
    }

    /// Every key that was ever made, the newest first.
    pub async fn api_keys(&mut self) -> Result<Vec<ApiKey>, StoreError> {
        let rows = sqlx::query_as!(
            Row,
            "select id, name, scopes, created_at, revoked_at from api_keys order by id desc"
        )
        .fetch_all(self.session.statement())
        .await;
        self.session.settle(rows)?.into_iter().map(Row::api_key).collect()
    }

    /// Adds a key.
    pub async fn create_api_key(&mut self, key: &NewApiKey) -> Result<(), StoreError> {
        let scopes: Vec<String> = key.scopes.iter().map(|scope| scope.as_str().to_owned()).collect();
        let done = query!(
            "insert into api_keys (id, hash, name, scopes, created_at) values ($1, $2, $3, $4, $5)",
            key.id.uuid(),
            key.hash.as_slice(),
            key.name,
            &scopes,
            key.created_at,
        )
        .execute(self.session.statement())
        .await;
        self.session.settle(done).map(drop)
    }

    /// Calls a key something else.
    pub async fn rename_api_key(&mut self, id: ApiKeyId, name: &str) -> Result<(), StoreError> {
        let done = query!("update api_keys set name = $2 where id = $1", id.uuid(), name)
            .execute(self.session.statement())
            .await;
        self.session.settle(done).map(drop)
    }

    /// Makes a key open nothing any more. `false` if there is no such key, if it was revoked before, or if
    /// nobody would be left to administer the deployment: of two who revoke one another's, one stays.
    pub async fn revoke_api_key(&mut self, id: ApiKeyId, now: OffsetDateTime) -> Result<bool, StoreError> {
        let done = query!(
            "with operators as (
                 select id from api_keys
                 where 'platform-admin' = any(scopes) and revoked_at is null
                 order by id for update
             )
             update api_keys set revoked_at = $2
             where id = $1 and revoked_at is null
               and (not 'platform-admin' = any(scopes) or (select count(*) from operators) > 1)",
            id.uuid(),
            now
        )
        .execute(self.session.statement())
        .await;
        Ok(self.session.settle(done)?.rows_affected() == 1)
    }
}
