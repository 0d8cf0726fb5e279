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
    let (urls, cluster) = match &config.database {
        Database::Embedded { binaries } => {
            let cluster = Cluster::start(&config.data, binaries).await?;
            migrate(cluster.admin_url(), keyring).await?;
            (ways_to_serve(cluster.admin_url(), keyring)?, Some(cluster))
        }
        Database::Server { admin, serving } => {
            if let Some(admin) = admin {
                migrate(admin, keyring).await?;
            }
            let urls = match (serving, admin) {
                (Some(serving), _) => {
                    vec![Urls { tenant: serving.tenant.to_string(), platform: serving.platform.to_string() }]
                }
                (None, Some(admin)) => ways_to_serve(admin, keyring)?,
                (None, None) => return Err(StartError::Internal("no database is configured".to_owned())),
            };
            (urls, None)
        }
    };
    let size = PoolSize::default();
    let size = if config.saas().is_some() { size } else { size.for_one_tenant() };
    let store = Store::open_any(&urls, size).await?;
    Ok(Opened { store, cluster })
}

/// Gives the serving roles the passwords that follow from the master in force, and migrates. Another key is
/// refused before: its passwords would lock out every host that runs on this database.
pub(super) async fn migrate(admin_url: &str, keyring: &Keyring) -> Result<(), StartError> {
    let mut founded = Store::founding_key(admin_url).await?;
    loop {
        let in_force = match founded {
            Some(master) => keyring.sealing_under(master).ok_or(StartError::WrongKey)?,
            None => keyring.clone(),
        };
        Store::migrate(admin_url, &passwords(&in_force)).await?;
        // A rotation may have come to its end meanwhile, and with it the passwords that were just set.
        let now = Store::founding_key(admin_url).await?;
        if now == founded || now == Some(in_force.check_value()) {
            return Ok(());
        }
        founded = now;
    }
}

/// With two masters at hand, the passwords are those of either; they change when a rotation ends.
fn ways_to_serve(admin_url: &str, keyring: &Keyring) -> Result<Vec<Urls>, StartError> {
    let masters = std::iter::once(keyring.check_value()).chain(keyring.previous_check_value());
    let held = masters.filter_map(|master| keyring.sealing_under(master));
    Ok(held.map(|keyring| Urls::serving(admin_url, &passwords(&keyring))).collect::<Result<_, _>>()?)
}

/// Derived, so that every replica agrees on them and nobody has to keep them.
fn passwords(keyring: &Keyring) -> RolePasswords {
    RolePasswords {
        tenant: keyring.role_password("chancery_tenant").to_string(),
        platform: keyring.role_password("chancery_platform").to_string(),
    }
}
