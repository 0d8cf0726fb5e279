//! `GET /sources`

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use chancery_engine::Source;

use super::SourceView;
use crate::app::App;
use crate::caller::{Manager, SeesPlugins};
use crate::issuer::Issuer;
use crate::manage::Page;
use crate::no_store;
use crate::problem::Problem;

/// List sources
///
/// Those that are set, and those that active templates would ask but nobody has set.
#[utoipa::path(
    get, path = "/sources", tag = "Sources", responses((status = 200, body = Page<SourceView>)),
    security(("api_key" = ["plugins:manage"]), ("api_key" = ["auditor"]))
)]
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    manager: Manager<SeesPlugins>,
) -> Result<Response, Problem> {
    let issuer = manager.issuer.as_ref();
    let mut tx = app.tenant(issuer).await?;
    let set = tx.sources().await?;
    tx.commit().await?;
    let mut wanted: Vec<(&str, &Source)> = wanted(issuer).collect();
    let mut data = Vec::with_capacity(set.len());
    for source in set {
        let is_it = |(id, one): &(&str, &Source)| *id == source.configuration_id && one.name() == source.name;
        let place = wanted.iter().position(is_it);
        let description = place.map(|place| wanted.remove(place).1.description().to_owned());
        data.push(SourceView::new(source, description));
    }
    data.extend(wanted.iter().map(|(id, one)| SourceView::not_set(id, one.name(), one.description())));
    Ok(no_store(Json(Page { data, next_cursor: None })))
}

/// What the active templates declare.
fn wanted(issuer: &Issuer) -> impl Iterator<Item = (&str, &Source)> {
    issuer
        .templates
        .iter()
        .flat_map(|(id, active)| active.current.sources().iter().map(move |source| (id.as_str(), source)))
}
