//! How replicas hear that something about a tenant changed. Never during issuance: a notification takes a
//! lock that every commit of the database would wait for.

use std::str::FromStr as _;

use chancery_domain::TenantId;
use sqlx::postgres::{PgListener, PgPoolOptions};
use sqlx::query;
use uuid::Uuid;

use crate::pool::is_wrong_password;
use crate::session::Session;
use crate::{PlatformTx, Store, StoreError, TenantTx};

/// Its messages are ids and nothing else: whoever may connect may listen.
const CHANNEL: &str = "chancery_tenant_changed";

/// What happened to tenants, from now on.
#[derive(Debug)]
pub struct Changes(PgListener);

/// Something happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// To this tenant.
    Tenant(TenantId),
    /// A version of a plugin may become active soon.
    Component([u8; 32]),
    /// A plugin was quarantined: nothing of it is used any more.
    Forbidden([u8; 32]),
    /// To many at once, or something that this program knows nothing of.
    Unknown,
    /// The connection was lost and is there again: anything may have happened.
    Lost,
}

/// What comes before the digest of a plugin that was quarantined.
const FORBIDDEN: &str = "forbidden ";

impl Change {
    fn read(message: &str) -> Self {
        let mut digest = [0; 32];
        match Uuid::from_str(message) {
            Ok(id) => Self::Tenant(TenantId::from_uuid(id)),
            Err(_) if hex::decode_to_slice(message, &mut digest).is_ok() => Self::Component(digest),
            Err(_) => match message.strip_prefix(FORBIDDEN) {
                Some(hex) if hex::decode_to_slice(hex, &mut digest).is_ok() => Self::Forbidden(digest),
                _ => Self::Unknown,
            },
        }
    }
}

impl Changes {
    /// Waits for the next change.
    pub async fn next(&mut self) -> Result<Change, StoreError> {
        let heard = self.0.try_recv().await?;
        Ok(heard.map_or(Change::Lost, |message| Change::read(message.payload())))
    }
}

impl Store {
    /// Listens on a connection of its own.
    pub async fn changes(&self) -> Result<Changes, StoreError> {
        let mut refused = None;
        for way in self.listening() {
            let pool = PgPoolOptions::new().max_connections(1).connect_lazy_with(way.clone());
            match PgListener::connect_with(&pool).await {
                Ok(mut listener) => {
                    listener.listen(CHANNEL).await?;
                    return Ok(Changes(listener));
                }
                Err(error) if is_wrong_password(&error) => refused = Some(error),
                Err(error) => return Err(error.into()),
            }
        }
        Err(refused.map_or(StoreError::unavailable("there is no way to connect"), StoreError::from))
    }
}

impl Session {
    async fn announce(&mut self, message: &str) -> Result<(), StoreError> {
        let done = query!("select pg_notify($1, $2)", CHANNEL, message).execute(self.statement()).await;
        self.settle(done).map(drop)
    }
}

impl TenantTx {
    /// Tells every replica, once this is committed, that what it keeps of this tenant is old.
    pub async fn announce_change(&mut self) -> Result<(), StoreError> {
        self.session.announce(&self.tenant.uuid().to_string()).await
    }

    /// Tells every replica, once this is committed, that it may soon be asked for that version.
    pub async fn announce_component(&mut self, digest: &[u8; 32]) -> Result<(), StoreError> {
        self.session.announce(&hex::encode(digest)).await
    }
}

impl PlatformTx {
    /// Tells every replica, once this is committed, that it may soon be asked for that version.
    pub async fn announce_component(&mut self, digest: &[u8; 32]) -> Result<(), StoreError> {
        self.session.announce(&hex::encode(digest)).await
    }

    /// Tells every replica, once this is committed, that the plugin is not to be used any more.
    pub async fn announce_forbidden(&mut self, digest: &[u8; 32]) -> Result<(), StoreError> {
        let done = query!("select pg_notify($1, $2)", CHANNEL, format!("{FORBIDDEN}{}", hex::encode(digest)))
            .execute(self.session.statement())
            .await;
        self.session.settle(done).map(drop)
    }

    /// Tells every replica, once this is committed, that whatever it keeps may be old.
    pub async fn announce_change_of_all(&mut self) -> Result<(), StoreError> {
        // No tenant has that id, so anything may have happened.
        self.session.announce("all").await
    }

    /// Tells every replica, once this is committed, that what it keeps of that tenant is old.
    pub async fn announce_change(&mut self, tenant: TenantId) -> Result<(), StoreError> {
        self.session.announce(&tenant.uuid().to_string()).await
    }
}
