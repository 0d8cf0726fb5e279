//! The database: found or started, migrated, opened as the serving roles.

use chancery_credential::keys::Keyring;
use chancery_store::embedded::Cluster;
use chancery_store::{PoolSize, RolePasswords, Store, Urls};

use super::StartError;
use crate::config::{Config, Database};

/// A store, and the cluster behind it if it is ours.
pub(super) struct Opened {
    pub(super) store: Store,
    pub(super) cluster: Option<Cluster>,
}

pub(super) async fn open(config: &Config, keyring: &Keyring) -> Result<Opened, StartError> {
    let passwords = passwords(keyring);
    let (urls, cluster) = match &config.database {
        Database::Embedded { binaries } => {
            let cluster = Cluster::start(&config.data, binaries).await?;
            refuse_another_key(cluster.admin_url(), keyring).await?;
            Store::migrate(cluster.admin_url(), &passwords).await?;
            (Urls::serving(cluster.admin_url(), &passwords)?, Some(cluster))
        }
        Database::Server { admin, serving } => {
            if let Some(admin) = admin {
                refuse_another_key(admin, keyring).await?;
                Store::migrate(admin, &passwords).await?;
            }
            let urls = match (serving, admin) {
                (Some(serving), _) => {
                    Urls { tenant: serving.tenant.to_string(), platform: serving.platform.to_string() }
                }
                (None, Some(admin)) => Urls::serving(admin, &passwords)?,
                (None, None) => return Err(StartError::Internal("no database is configured".to_owned())),
            };
            (urls, None)
        }
    };
    let store = Store::open(&urls, PoolSize::default()).await?;
    Ok(Opened { store, cluster })
}

/// Before migrating, because that gives the serving roles the passwords of this key: with another one it
/// would lock out every host that runs on this database.
async fn refuse_another_key(admin_url: &str, keyring: &Keyring) -> Result<(), StartError> {
    match Store::founding_key(admin_url).await? {
        Some(founded) if founded != keyring.check_value() => Err(StartError::WrongKey),
        _ => Ok(()),
    }
}

/// Derived, so that every replica agrees on them and nobody has to keep them.
fn passwords(keyring: &Keyring) -> RolePasswords {
    RolePasswords {
        tenant: keyring.role_password("chancery_tenant").to_string(),
        platform: keyring.role_password("chancery_platform").to_string(),
    }
}
