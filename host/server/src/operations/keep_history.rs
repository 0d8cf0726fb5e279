//! While the host runs: the mark is raised after whatever must not be forgotten, and a database that was put back, or
//! another host that noticed it, is answered as at a start.

use chancery_store::StoreError;

use super::recover_statuses::recover_statuses;
use crate::app::App;

/// Compares, if something happened or it is time to.
pub(crate) async fn keep_history(app: &App, it_is_time: bool) -> Result<(), StoreError> {
    if !app.witness.has_moved() && !it_is_time {
        return Ok(());
    }
    let compared = compare(app).await;
    if compared.is_err() {
        app.witness.note();
    }
    compared
}

/// Compares the database with what was seen of it, and takes up where it is now.
pub(crate) async fn compare(app: &App) -> Result<(), StoreError> {
    let (here, is_another_epoch) = app.witness.compare(&app.store, app.random.as_ref()).await?;
    let left = if is_another_epoch {
        // What this process holds is of a future that is forgotten.
        app.status_indices.forget_all();
        app.published_lists.forget_all();
        app.tenants.forget_all();
        Some(recover_statuses(app).await?)
    } else {
        None
    };
    app.witness.keep(&here, left);
    Ok(())
}
