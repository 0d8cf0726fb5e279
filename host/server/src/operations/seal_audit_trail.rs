//! Seals what is new in a trail, in a transaction of its own that no request waits for.

use chancery_domain::TenantId;
use chancery_store::{AuditTrail, By, Link, StoreError};
use time::Duration;

use crate::app::App;
use crate::audit::{Chain, Sealers};
use crate::tenants::LoadError;

/// How many entries one seal is over at most.
const MOST_ENTRIES: u32 = 1_000;
/// How many seals are put under the platform's trail before other work has its turn.
const MOST_SEALS: u32 = 20;
/// How long entries gather before they are sealed together.
const PAUSE: Duration = Duration::seconds(5);

/// What became of an attempt to seal.
enum Sealed {
    /// There was nothing.
    Nothing,
    /// Everything there was.
    Everything,
    /// As much as goes under one seal.
    Part,
    /// Another replica was faster; nothing is to be committed.
    Elsewhere,
}

/// Seals what is new in a tenant's trail, and says when to come again.
pub(crate) async fn seal_tenants_trail(app: &App, tenant: TenantId) -> Result<(), LoadError> {
    let now = app.now();
    let mut tx = app.store.tenant(tenant).await?;
    let sealed = match Sealers::hold(&app.tenants.workshop.keyring, &mut tx).await? {
        Some(sealers) => seal(app, &mut tx, &Chain::of_tenant(&sealers)).await?,
        // Its keys are gone for good, and nothing is sealed with any others.
        None => Sealed::Nothing,
    };
    match sealed {
        Sealed::Elsewhere => return Ok(tx.rollback().await?),
        Sealed::Nothing => tx.seal_again(None).await?,
        Sealed::Everything => tx.seal_again(Some(now + PAUSE)).await?,
        Sealed::Part => {}
    }
    Ok(tx.commit().await?)
}

/// Seals what is new in the platform's trail, with the keys of the application tenant, which stay its keys
/// meanwhile. Tenants come in crowds, and all of them tell of themselves here.
pub(crate) async fn seal_platforms_trail(app: &App, application: TenantId) -> Result<(), LoadError> {
    let mut own = app.store.tenant(application).await?;
    if let Some(sealers) = Sealers::hold(&app.tenants.workshop.keyring, &mut own).await? {
        let chain = Chain::of_platform(&sealers);
        for _ in 0..MOST_SEALS {
            let mut tx = app.store.platform(By::Job("seal")).await?;
            match seal(app, &mut tx, &chain).await? {
                Sealed::Elsewhere => {
                    tx.rollback().await?;
                    break;
                }
                Sealed::Nothing | Sealed::Everything => {
                    tx.commit().await?;
                    break;
                }
                Sealed::Part => tx.commit().await?,
            }
        }
    }
    Ok(own.commit().await?)
}

async fn seal(app: &App, trail: &mut impl AuditTrail, chain: &Chain) -> Result<Sealed, StoreError> {
    let previous = trail.last_seal().await?;
    let entries = trail.unsealed_entries(MOST_ENTRIES).await?;
    if entries.is_empty() {
        return Ok(Sealed::Nothing);
    }
    let links: Vec<Link> =
        entries.iter().map(|entry| Link { entry: entry.id, digest: Chain::digest(entry) }).collect();
    let digests: Vec<[u8; 32]> = links.iter().map(|link| link.digest).collect();
    let seal = chain.seal(previous.as_ref(), &digests, app.now());
    if !trail.seal_entries(&seal, &links).await? {
        return Ok(Sealed::Elsewhere);
    }
    // The log is a witness that nobody with access to the database alone can change.
    let (tenant, hash) = (chain.tenant(), hex::encode(seal.hash));
    tracing::info!(%tenant, seal = seal.number, entries = links.len(), hash, "sealed the audit trail");
    let is_full = links.len() == MOST_ENTRIES as usize;
    Ok(if is_full { Sealed::Part } else { Sealed::Everything })
}
