//! Work that no request waits for: marking what was issued, expiring offers,
//! forgetting what need not be remembered, sealing audit trails.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chancery_domain::{IssuanceId, TenantId};
use chancery_store::{By, Due, StoreError};
use time::OffsetDateTime;
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::operations::seal_audit_trail::{seal_platforms_trail, seal_tenants_trail};
use crate::operations::verify_domains::verify_domains;

/// How often "issued" marks are written.
const MARK_EVERY: Duration = Duration::from_secs(1);
/// Every how many marks the sweep runs.
const SWEEP_EVERY: u32 = 30;
/// Every how many marks audit trails are sealed.
const SEAL_EVERY: u32 = 5;

/// How often domains are looked for that are due.
const VERIFY_EVERY: Duration = Duration::from_secs(2);
/// How many tenants one round looks after; the others come next.
const MOST_AT_ONCE: u32 = 1_000;

/// What waits to be written.
#[derive(Default)]
pub(crate) struct Jobs {
    issued: Mutex<HashMap<TenantId, Vec<IssuanceId>>>,
}

impl Jobs {
    /// Notes that an intent was signed and answered.
    pub(crate) fn mark_issued(&self, tenant: TenantId, issuance: IssuanceId) {
        self.issued.lock().unwrap_or_else(PoisonError::into_inner).entry(tenant).or_default().push(issuance);
    }

    fn take(&self) -> HashMap<TenantId, Vec<IssuanceId>> {
        std::mem::take(&mut *self.issued.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn give_back(&self, tenant: TenantId, issuances: Vec<IssuanceId>) {
        self.issued
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .entry(tenant)
            .or_default()
            .extend(issuances);
    }
}

/// Runs until `stopping`, then writes what is left.
pub(crate) async fn run(app: Arc<App>, stopping: CancellationToken) {
    let mut rounds: u32 = 0;
    loop {
        let stopped = tokio::time::timeout(MARK_EVERY, stopping.cancelled()).await.is_ok();
        write_marks(&app).await;
        // Samples pile up until somebody asks for metrics, unless they are sorted into their buckets.
        app.metrics.run_upkeep();
        if stopped {
            return;
        }
        if rounds.is_multiple_of(SWEEP_EVERY)
            && let Err(error) = sweep(&app).await
        {
            tracing::warn!(%error, "failed to sweep");
        }
        if rounds.is_multiple_of(SEAL_EVERY)
            && let Err(error) = seal(&app).await
        {
            tracing::warn!(%error, "failed to seal audit trails");
        }
        rounds = rounds.wrapping_add(1);
    }
}

/// Looks at domains until `stopping`. Apart from the rest, because a DNS server may take its time.
pub(crate) async fn look_after_domains(app: Arc<App>, stopping: CancellationToken) {
    while tokio::time::timeout(VERIFY_EVERY, stopping.cancelled()).await.is_err() {
        if let Some(Err(error)) = stopping.run_until_cancelled(verify_domains(&app)).await {
            tracing::warn!(%error, "failed to verify domains");
        }
    }
}

async fn write_marks(app: &App) {
    for (tenant, issuances) in app.jobs.take() {
        let written = async {
            let mut tx = app.store.tenant(tenant).await?;
            tx.mark_issued(&issuances).await?;
            tx.commit().await
        };
        if let Err(error) = written.await {
            tracing::warn!(%error, "failed to mark issuances, will try again");
            app.jobs.give_back(tenant, issuances);
        }
    }
}

/// Expires offers and erases their subject data; forgets used nonces and proofs that no longer pass anyway.
async fn sweep(app: &App) -> Result<(), StoreError> {
    let now = app.now();
    let mut tx = app.store.platform(By::Job("sweep")).await?;
    let due = tx.due(Due::Sweep, now, MOST_AT_ONCE).await?;
    tx.commit().await?;
    for tenant in due {
        // One tenant's trouble is not the others'.
        match sweep_tenant(app, tenant, now).await {
            Ok(0) => {}
            Ok(expired) => tracing::info!(%tenant, expired, "expired offers that nobody took"),
            Err(error) => tracing::warn!(%tenant, %error, "failed to sweep"),
        }
    }
    Ok(())
}

async fn sweep_tenant(app: &App, tenant: TenantId, now: OffsetDateTime) -> Result<u64, StoreError> {
    let mut tx = app.store.tenant(tenant).await?;
    let swept = tx.sweep(now).await?;
    tx.commit().await?;
    Ok(swept.offers_expired)
}

/// Seals what is new in the platform's trail and in those of the tenants that have anything new.
async fn seal(app: &App) -> Result<(), StoreError> {
    match app.tenants.application().await {
        Ok(Some(application)) => seal_platforms_trail(app, &application.keys).await?,
        // Before anybody claimed the platform there is nothing to tell.
        Ok(None) => {}
        Err(error) => tracing::warn!(%error, "failed to seal the platform's audit trail"),
    }
    let mut tx = app.store.platform(By::Job("seal")).await?;
    let due = tx.due(Due::Seal, app.now(), MOST_AT_ONCE).await?;
    tx.commit().await?;
    for tenant in due {
        if let Err(error) = seal_tenants_trail(app, tenant).await {
            tracing::warn!(%tenant, %error, "failed to seal the audit trail");
        }
    }
    Ok(())
}
