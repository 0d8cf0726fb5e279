//! The very template that an offer was made with, even if a newer one is active by now.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use chancery_domain::TenantId;
use chancery_domain::template::Revision;
use chancery_engine::Template;
use chancery_store::OfferItem;

use crate::app::App;
use crate::issuer::Issuer;
use crate::refusal::Refusal;
use crate::startup::plugins::restore;

/// Templates that are no longer active, loaded when an offer asked for them.
#[derive(Default)]
pub(crate) struct PinnedTemplates(Mutex<HashMap<(TenantId, String, Revision), Template>>);

/// The template in the revision that the offer pins.
pub(crate) async fn find_template(app: &App, issuer: &Issuer, item: &OfferItem) -> Result<Template, Refusal> {
    let id = &item.configuration_id;
    if let Some(active) = issuer.template(id)
        && active.revision() == item.revision
    {
        return Ok(active.clone());
    }
    let key = (issuer.tenant(), id.clone(), item.revision);
    if let Some(known) = app.pinned.0.lock().unwrap_or_else(PoisonError::into_inner).get(&key) {
        return Ok(known.clone());
    }
    let mut tx = app.tenant(issuer).await?;
    let activation = tx.activation(id, &item.revision).await?;
    tx.commit().await?;
    let missing =
        || Refusal::unavailable(format_args!("the template {id} is gone in the revision of the offer"));
    let template = restore(&app.store, &app.engine, &activation.ok_or_else(missing)?).await;
    let template = template.map_err(Refusal::unavailable)?;
    app.pinned.0.lock().unwrap_or_else(PoisonError::into_inner).insert(key, template.clone());
    Ok(template)
}
