//! Hears what changed about tenants and their plugins, wherever it was changed.

use std::sync::Arc;
use std::time::Duration;

use chancery_store::Change;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::app::App;

/// How long to wait before connecting again.
const PAUSE: Duration = Duration::from_millis(500);

/// How many versions wait to be made ready; more are made ready by whoever asks for them.
const AHEAD: usize = 64;

/// Runs until `stopping`. Whenever changes may have been missed, everything is forgotten.
pub(crate) async fn run(app: Arc<App>, stopping: CancellationToken) {
    let (ahead, versions) = mpsc::channel(AHEAD);
    let both = async { tokio::join!(listen(&app, &ahead), make_ready(&app, versions)) };
    stopping.run_until_cancelled(Box::pin(both)).await;
}

/// Compiles and loads versions before they become active, one after another: else everybody who issues here would wait
/// for that when they do.
async fn make_ready(app: &App, mut versions: mpsc::Receiver<[u8; 32]>) {
    while let Some(digest) = versions.recv().await {
        let templates = &app.tenants.workshop.templates;
        if let Err(error) = templates.component(&app.store, &app.engine, digest).await {
            tracing::warn!(plugin = hex::encode(digest), %error, "a new version cannot be made ready");
        }
    }
}

/// Something may have been missed, a quarantine for one.
fn forget_everything(app: &App) {
    app.tenants.workshop.templates.forget_all();
    app.tenants.forget_all();
}

async fn listen(app: &App, ahead: &mpsc::Sender<[u8; 32]>) {
    loop {
        match app.store.changes().await {
            Ok(mut changes) => {
                forget_everything(app);
                loop {
                    match changes.next().await {
                        Ok(Change::Tenant(tenant)) => app.tenants.forget(tenant),
                        Ok(Change::Component(digest)) => drop(ahead.try_send(digest)),
                        Ok(Change::Forbidden(digest)) => {
                            app.tenants.workshop.templates.forget(&digest);
                            app.tenants.forget_all();
                        }
                        Ok(Change::Unknown) => app.tenants.forget_all(),
                        Ok(Change::Lost) => forget_everything(app),
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
