//! OAuth clients of a tenant, and whether the tokens that they hold are still good.

use chancery_domain::ClientId;
use chancery_domain::scope::Scope;
use serde_json::Value;
use sqlx::{query, query_as, query_scalar};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::convert::unsigned;
use crate::{Page, StoreError, TenantTx};

/// What a client may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientTerms {
    /// What people call it.
    pub name: String,
    /// Its roles.
    pub scopes: Vec<Scope>,
    /// The credential configurations that it may offer; none: every one.
    pub configuration_ids: Option<Vec<String>>,
    /// The keys that it authenticates with: a JWK set.
    pub jwks: Option<Value>,
}

/// An OAuth client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Client {
    /// Names the client; its `client_id`.
    pub id: ClientId,
    /// What it may do.
    pub terms: ClientTerms,
    /// Counts the changes of what stands above, and the secrets.
    pub version: u32,
    /// The epoch in which its tokens are good.
    pub token_epoch: u32,
}

struct Row {
    id: Uuid,
    name: String,
    scopes: Vec<String>,
    configuration_ids: Option<Vec<String>>,
    jwks: Option<Value>,
    version: i32,
    token_epoch: i32,
}

impl Row {
    fn client(self) -> Result<Client, StoreError> {
        let scopes = self.scopes.iter().map(|word| Scope::parse(word)).collect::<Option<_>>();
        let terms = ClientTerms {
            name: self.name,
            scopes: scopes.ok_or_else(|| StoreError::corrupt("clients", "scopes"))?,
            configuration_ids: self.configuration_ids,
            jwks: self.jwks,
        };
        Ok(Client {
            id: ClientId::from_uuid(self.id),
            terms,
            version: unsigned(self.version, "clients", "version")?,
            token_epoch: unsigned(self.token_epoch, "tenants", "token_epoch")?,
        })
    }
}

fn words(scopes: &[Scope]) -> Vec<String> {
    scopes.iter().map(|scope| scope.as_str().to_owned()).collect()
}

impl TenantTx {
    /// Adds a client; the secret itself never comes here.
    pub async fn create_client(
        &mut self,
        id: ClientId,
        secret_hash: &[u8; 32],
        terms: &ClientTerms,
    ) -> Result<(), StoreError> {
        let done = query!(
            "insert into clients (id, name, scopes, configuration_ids, secret_hash, jwks)
             values ($1, $2, $3, $4, $5, $6)",
            id.uuid(),
            terms.name,
            &words(&terms.scopes),
            terms.configuration_ids.as_deref(),
            secret_hash.as_slice(),
            terms.jwks,
        )
        .execute(self.session.statement())
        .await;
        self.session.settle(done).map(drop)
    }

    /// The client of that id.
    pub async fn client(&mut self, id: ClientId) -> Result<Option<Client>, StoreError> {
        let row = query_as!(
            Row,
            r#"select id, name, scopes, configuration_ids, jwks, version,
                   (select token_epoch from tenants t where t.id = c.tenant_id) as "token_epoch!"
               from clients c where id = $1"#,
            id.uuid()
        )
        .fetch_optional(self.session.statement())
        .await;
        self.session.settle(row)?.map(Row::client).transpose()
    }

    /// The client of that id, if the hash is that of a secret of its that still is good.
    pub async fn client_with_secret(
        &mut self,
        id: ClientId,
        secret_hash: &[u8; 32],
        now: OffsetDateTime,
    ) -> Result<Option<Client>, StoreError> {
        let row = query_as!(
            Row,
            r#"select id, name, scopes, configuration_ids, jwks, version,
                   (select token_epoch from tenants t where t.id = c.tenant_id) as "token_epoch!"
               from clients c
               where id = $1 and (secret_hash = $2 or (former_secret_hash = $2 and former_secret_until > $3))"#,
            id.uuid(),
            secret_hash.as_slice(),
            now,
        )
        .fetch_optional(self.session.statement())
        .await;
        self.session.settle(row)?.map(Row::client).transpose()
    }

    /// The client of that id, which nobody else changes before this transaction ends.
    pub async fn client_to_change(&mut self, id: ClientId) -> Result<Option<Client>, StoreError> {
        let row = query_as!(
            Row,
            r#"select id, name, scopes, configuration_ids, jwks, version,
                   (select token_epoch from tenants t where t.id = c.tenant_id) as "token_epoch!"
               from clients c where id = $1 for update"#,
            id.uuid()
        )
        .fetch_optional(self.session.statement())
        .await;
        self.session.settle(row)?.map(Row::client).transpose()
    }

    /// The clients, the newest first, and the cursor of the next page.
    pub async fn clients(
        &mut self,
        page: &Page<ClientId>,
    ) -> Result<(Vec<Client>, Option<ClientId>), StoreError> {
        let rows = query_as!(
            Row,
            r#"select id, name, scopes, configuration_ids, jwks, version,
                   (select token_epoch from tenants t where t.id = c.tenant_id) as "token_epoch!"
               from clients c where $1::uuid is null or id < $1
               order by id desc limit $2"#,
            page.before.map(ClientId::uuid),
            i64::from(page.limit) + 1,
        )
        .fetch_all(self.session.statement())
        .await;
        let mut clients: Vec<Client> =
            self.session.settle(rows)?.into_iter().map(Row::client).collect::<Result<_, _>>()?;
        let more = clients.len() > usize::from(page.limit);
        clients.truncate(page.limit.into());
        let next = clients.last().filter(|_| more).map(|client| client.id);
        Ok((clients, next))
    }

    /// Writes what a client may do, and gives its new version.
    pub async fn change_client(&mut self, id: ClientId, terms: &ClientTerms) -> Result<u32, StoreError> {
        let version = query_scalar!(
            "update clients set name = $2, scopes = $3, configuration_ids = $4, jwks = $5, version = version + 1
             where id = $1 returning version",
            id.uuid(),
            terms.name,
            &words(&terms.scopes),
            terms.configuration_ids.as_deref(),
            terms.jwks,
        )
        .fetch_one(self.session.statement())
        .await;
        unsigned(self.session.settle(version)?, "clients", "version")
    }

    /// Gives a client another secret, and says until when the present one is good besides. The one before
    /// that is good no more.
    pub async fn rotate_client_secret(
        &mut self,
        id: ClientId,
        secret_hash: &[u8; 32],
        former_until: Option<OffsetDateTime>,
    ) -> Result<u32, StoreError> {
        let version = query_scalar!(
            "update clients
             set secret_hash = $2,
                 former_secret_hash = case when $3::timestamptz is null then null else secret_hash end,
                 former_secret_until = $3,
                 version = version + 1
             where id = $1 returning version",
            id.uuid(),
            secret_hash.as_slice(),
            former_until,
        )
        .fetch_one(self.session.statement())
        .await;
        unsigned(self.session.settle(version)?, "clients", "version")
    }

    /// Removes a client; its tokens are worth nothing from then on.
    pub async fn delete_client(&mut self, id: ClientId) -> Result<bool, StoreError> {
        let done =
            query!("delete from clients where id = $1", id.uuid()).execute(self.session.statement()).await;
        let done = self.session.settle(done)?;
        let forgotten = query!("delete from configurations where principal = $1", id.uuid())
            .execute(self.session.statement())
            .await;
        self.session.settle(forgotten)?;
        Ok(done.rows_affected() == 1)
    }
}
