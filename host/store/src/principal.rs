//! Who acts in a tenant's name, as statements check it once more.

use chancery_domain::{ApiKeyId, ClientId};
use uuid::Uuid;

/// Whoever manages a tenant: by an API key, or as a client with a token of an epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Principal {
    /// The holder of an API key.
    ApiKey(ApiKeyId),
    /// A client.
    Client {
        /// Which one.
        id: ClientId,
        /// The epoch that its token was made in.
        token_epoch: u32,
    },
}

impl Principal {
    /// Names the principal within its tenant.
    pub fn uuid(self) -> Uuid {
        match self {
            Self::ApiKey(id) => id.uuid(),
            Self::Client { id, .. } => id.uuid(),
        }
    }
}
