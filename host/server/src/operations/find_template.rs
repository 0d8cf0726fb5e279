//! The very template that an offer was made with, even if a newer one is active by now.

use chancery_domain::template::Format;
use chancery_engine::Template;
use chancery_store::OfferItem;

use crate::app::App;
use crate::issuer::Issuer;
use crate::refusal::Refusal;

/// The template in the revision that the offer pins.
pub(crate) async fn find_template(app: &App, issuer: &Issuer, item: &OfferItem) -> Result<Template, Refusal> {
    let id = &item.configuration_id;
    if let Some(active) = issuer.template(id)
        && active.revision() == item.revision
    {
        return Ok(active.clone());
    }
    let workshop = &app.tenants.workshop;
    if let Some(known) = workshop.templates.known(&item.revision) {
        return Ok(known);
    }
    let mut tx = app.tenant(issuer).await?;
    let (template, _) = Format::of_configuration(id);
    let activation = tx.activation(template, &item.revision).await?;
    tx.commit().await?;
    let missing =
        || Refusal::unavailable(format_args!("the template {id} is gone in the revision of the offer"));
    let activation = activation.ok_or_else(missing)?;
    workshop.templates.load(&app.store, &app.engine, &activation).await.map_err(Refusal::unavailable)
}
