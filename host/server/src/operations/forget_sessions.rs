//! Offers that are over are forgotten after a while; what was issued for them stays, and can be revoked.

use chancery_domain::audit::{Action, Author, Changed};
use chancery_domain::settings::Settings;
use chancery_domain::{OfferId, TenantId};
use chancery_store::{Chore, FORGOTTEN_AT_ONCE, StoreError};
use serde_json::{Value, json};
use time::Duration;

use crate::app::App;
use crate::issuer::Issuer;
use crate::problem::{Problem, ProblemCode};

/// How long until a tenant is visited again, however long it keeps its offers: it may have chosen otherwise since.
const NO_LATER_THAN: Duration = Duration::WEEK;
/// At most so often.
const NO_SOONER_THAN: Duration = Duration::HOUR;

/// Forgets what a tenant kept long enough, and says when to come again.
pub(crate) async fn forget_sessions(app: &App, tenant: TenantId) -> Result<(), StoreError> {
    let now = app.now();
    let mut tx = app.store.tenant(tenant).await?;
    let chosen = tx.configurations().await?;
    let settings = Settings::default().with(&chosen.application).with(&chosen.tenant.overrides);
    let kept = Duration::days(settings.session_retention_days.into());
    let forgotten = tx.forget_sessions(now - kept, now).await?;
    let again = if forgotten == u64::from(FORGOTTEN_AT_ONCE) {
        Some(now)
    } else {
        let oldest = tx.oldest_session().await?;
        oldest.map(|id| (id.created_at() + kept).clamp(now + NO_SOONER_THAN, now + NO_LATER_THAN))
    };
    tx.due_again(Chore::Forget, again).await?;
    tx.commit().await?;
    if forgotten > 0 {
        tracing::info!(%tenant, forgotten, "forgot offers that were kept long enough");
    }
    Ok(())
}

/// Forgets one session before its time.
pub(crate) async fn forget_session(
    app: &App,
    author: Author,
    issuer: &Issuer,
    id: OfferId,
) -> Result<(), Problem> {
    let mut tx = app.tenant(issuer).await?;
    tx.end_family(id).await?;
    match tx.forget_session(id, app.now()).await? {
        None => Err(Problem::not_found()),
        Some(false) => {
            tx.rollback().await?;
            let detail = "a wallet may still come for it; withdraw the offer first";
            Err(Problem::new(ProblemCode::WrongState).detail(detail))
        }
        Some(true) => {
            let gone = Changed { before: json!({}), after: Value::Null };
            tx.record(&app.entry(author, Action::SessionForgotten, id, &gone)).await?;
            Ok(tx.commit().await?)
        }
    }
}
