//! Hears what changed about tenants, wherever it was changed.

use std::sync::Arc;
use std::time::Duration;

use chancery_store::Change;
use tokio_util::sync::CancellationToken;

use crate::app::App;

/// How long to wait before connecting again.
const PAUSE: Duration = Duration::from_millis(500);

/// Runs until `stopping`. Whenever changes may have been missed, everything is forgotten.
pub(crate) async fn run(app: Arc<App>, stopping: CancellationToken) {
    stopping.run_until_cancelled(listen(&app)).await;
}

async fn listen(app: &App) {
    loop {
        match app.store.changes().await {
            Ok(mut changes) => {
                app.tenants.forget_all();
                loop {
                    match changes.next().await {
                        Ok(Change::Tenant(tenant)) => app.tenants.forget(tenant),
                        Ok(Change::Unknown) => app.tenants.forget_all(),
                        Err(error) => {
                            tracing::warn!(%error, "cannot hear of changes");
                            break;
                        }
                    }
                }
            }
            Err(error) => tracing::warn!(%error, "cannot listen for changes"),
        }
        app.tenants.forget_all();
        tokio::time::sleep(PAUSE).await;
    }
}
