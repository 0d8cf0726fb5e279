//! Work that no request waits for: marking what was issued, expiring offers, turning keys, burying tenants,
//! forgetting what need not be remembered, sealing audit trails.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use chancery_domain::{EventType, IssuanceId, OfferId, OfferState, TenantId};
use chancery_store::{By, Chore, KeptInput, StoreError};
use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::events::offer_data;
use crate::operations::delete_tenant::{NotBuried, bury};
use crate::operations::deliver_webhooks::deliver_due;
use crate::operations::forget_sessions::forget_sessions;
use crate::operations::keep_history::keep_history;
use crate::operations::licensing::remember_time;
use crate::operations::plugins::trip::trip_breaker;
use crate::operations::publish_status_list::publish_changed;
use crate::operations::rotate_key::turn_keys;
use crate::operations::seal_audit_trail::{seal_platforms_trail, seal_tenants_trail};
use crate::operations::verify_domains::verify_domains;
use crate::tenants::LoadError;

/// How often "issued" marks are written.
const MARK_EVERY: Duration = Duration::from_secs(1);
/// Every how many marks what is due is done.
const CHORES: [(Chore, u32); 5] = [
    (Chore::Sweep, 30),
    (Chore::Seal, SEAL_EVERY),
    (Chore::TurnKeys, 5),
    (Chore::Forget, 5),
    (Chore::Bury, 5),
];
/// Every how many marks audit trails are sealed.
const SEAL_EVERY: u32 = 5;
/// Every how many marks it is remembered how late it is.
const LOOK_AT_CLOCK_EVERY: u32 = 60;
/// Every how many marks it is looked whether the database was put back, even if nothing happens.
const LOOK_AT_HISTORY_EVERY: u32 = 60;
/// How often domains are looked for that are due.
const VERIFY_EVERY: Duration = Duration::from_secs(2);
/// How much of what one tenant's templates are asked waits to be written.
const MOST_INPUTS: usize = 1_000;
/// How often deliveries are looked for that are due.
const DELIVER_EVERY: Duration = Duration::from_millis(500);
/// How many tenants are visited at once; the others come next.
const MOST_AT_ONCE: u32 = 1_000;

/// What waits to be written.
#[derive(Default)]
pub(crate) struct Jobs {
    issued: Mutex<HashMap<TenantId, Vec<IssuanceId>>>,
    inputs: Mutex<HashMap<TenantId, Vec<KeptInput>>>,
}

impl Jobs {
    /// Notes that an intent was signed and answered.
    pub(crate) fn mark_issued(&self, tenant: TenantId, issuance: IssuanceId) {
        self.issued.lock().entry(tenant).or_default().push(issuance);
    }

    /// Notes what a template was asked, to be kept. Of a tenant that issues faster than this is written, some is left
    /// out.
    pub(crate) fn keep_input(&self, tenant: TenantId, input: KeptInput) {
        let mut inputs = self.inputs.lock();
        let of_tenant = inputs.entry(tenant).or_default();
        if of_tenant.len() < MOST_INPUTS {
            of_tenant.push(input);
        }
    }

    fn take_inputs(&self) -> HashMap<TenantId, Vec<KeptInput>> {
        std::mem::take(&mut *self.inputs.lock())
    }

    fn take(&self) -> HashMap<TenantId, Vec<IssuanceId>> {
        std::mem::take(&mut *self.issued.lock())
    }

    fn give_back(&self, tenant: TenantId, issuances: Vec<IssuanceId>) {
        self.issued.lock().entry(tenant).or_default().extend(issuances);
    }
}

/// Runs until `stopping`, then writes what is left.
pub(crate) async fn run(app: Arc<App>, stopping: CancellationToken) {
    let mut rounds: u32 = 0;
    loop {
        let stopped = tokio::time::timeout(MARK_EVERY, stopping.cancelled()).await.is_ok();
        write_marks(&app).await;
        write_inputs(&app).await;
        publish_changed(&app).await;
        let it_is_time = rounds.is_multiple_of(LOOK_AT_HISTORY_EVERY);
        if let Err(error) = keep_history(&app, it_is_time).await {
            tracing::warn!(%error, "failed to compare the database with what was seen of it");
        }
        for tripped in app.tallies.take_tripped() {
            if let Err(problem) = trip_breaker(&app, tripped).await {
                tracing::warn!(?problem, "failed to take a plugin from where it fails");
            }
        }
        // Samples pile up until somebody asks for metrics, unless they are sorted into their buckets.
        app.metrics.run_upkeep();
        app.limits.forget_the_quiet();
        if stopped {
            return;
        }
        for (chore, every) in CHORES {
            if rounds.is_multiple_of(every) {
                catch_up(&app, chore).await;
            }
        }
        if rounds.is_multiple_of(SEAL_EVERY)
            && let Err(error) = seal_platforms(&app).await
        {
            tracing::warn!(%error, "failed to seal the platform's audit trail");
        }
        if rounds.is_multiple_of(LOOK_AT_CLOCK_EVERY)
            && app.tenants.workshop.saas
            && let Err(error) = remember_time(&app).await
        {
            tracing::warn!(%error, "failed to remember the time");
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

/// Has webhooks told what happened until `stopping`. Apart from the rest, so that it is soon.
pub(crate) async fn look_after_webhooks(app: Arc<App>, stopping: CancellationToken) {
    while tokio::time::timeout(DELIVER_EVERY, stopping.cancelled()).await.is_err() {
        if let Err(error) = deliver_due(&app, &stopping).await {
            tracing::warn!(%error, "cannot see what is to be delivered");
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

async fn write_inputs(app: &App) {
    for (tenant, inputs) in app.jobs.take_inputs() {
        let written = async {
            let mut tx = app.store.tenant(tenant).await?;
            tx.keep_inputs(&inputs).await?;
            if let Some(first) = inputs.iter().map(|input| input.expires_at).min() {
                tx.due_by(Chore::Sweep, first).await?;
            }
            tx.commit().await
        };
        if let Err(error) = written.await {
            tracing::warn!(%error, "failed to keep what templates were asked; it cannot be asked again");
        }
    }
}

/// Visits the tenants for which the chore is due.
async fn catch_up(app: &App, chore: Chore) {
    let due = async {
        let mut tx = app.store.platform(By::Job("look for what is due")).await?;
        let due = tx.due(chore, app.now(), MOST_AT_ONCE).await?;
        tx.commit().await?;
        Ok::<_, StoreError>(due)
    };
    let due = due.await.unwrap_or_else(|error| {
        tracing::warn!(?chore, %error, "cannot see what is due");
        Vec::new()
    });
    for tenant in due {
        let done = match chore {
            Chore::Sweep => sweep(app, tenant).await.map_err(NotBuried::from),
            Chore::Seal => seal_tenants_trail(app, tenant).await.map_err(NotBuried::from),
            Chore::TurnKeys => turn_keys(app, tenant).await.map_err(NotBuried::from),
            Chore::Forget => forget_sessions(app, tenant).await.map_err(NotBuried::from),
            Chore::Bury => bury(app, tenant).await,
            // Looked after by itself.
            Chore::Deliver => Ok(()),
        };
        // One tenant's trouble is not the others'.
        if let Err(error) = done {
            tracing::warn!(%tenant, ?chore, %error, "failed to do what is due");
        }
    }
}

/// Expires offers and erases their subject data; forgets used nonces and proofs that no longer pass anyway.
async fn sweep(app: &App, tenant: TenantId) -> Result<(), StoreError> {
    let mut tx = app.store.tenant(tenant).await?;
    let swept = tx.sweep(app.now()).await?;
    let expired =
        |offer: &OfferId| app.event(EventType::OfferExpired, offer_data(*offer, OfferState::Expired));
    tx.tell(&swept.to_tell.iter().map(expired).collect::<Vec<_>>()).await?;
    tx.commit().await?;
    if swept.offers_expired > 0 {
        tracing::info!(%tenant, expired = swept.offers_expired, "expired offers that nobody took");
    }
    Ok(())
}

/// Seals what is new in the platform's trail.
async fn seal_platforms(app: &App) -> Result<(), LoadError> {
    match app.tenants.application().await {
        Ok(Some(application)) => seal_platforms_trail(app, application.tenant()).await,
        // Before anybody claimed the platform there is nothing to tell.
        Ok(None) => Ok(()),
        Err(error) => {
            tracing::warn!(%error, "failed to seal the platform's audit trail");
            Ok(())
        }
    }
}
