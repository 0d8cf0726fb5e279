//! `GET /registrations`: who waits to be let in.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use chancery_domain::template::Issue;
use chancery_store::By;
use serde::Serialize;
use time::OffsetDateTime;

use super::tenants::TenantView;
use crate::app::App;
use crate::caller::Operator;
use crate::manage::Page;
use crate::no_store;
use crate::problem::{Problem, ProblemPart};

/// A registration that waits.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct RegistrationView {
    /// The tenant; approve it or reject it by its id.
    tenant: TenantView,
    /// `operator` or `parent`: who registered it.
    channel: &'static str,
    /// What a policy wants to be shown first: `owner-email`, `domain`. Nobody is asked: see to it, then approve.
    verifications: Vec<String>,
    /// Why a policy wants somebody to look; pointers lead into the registration. Who registered it does not see them.
    #[schema(value_type = Vec<ProblemPart>)]
    reasons: Vec<Issue>,
    #[serde(with = "time::serde::rfc3339")]
    held_since: OffsetDateTime,
}

/// List registrations that wait, the oldest first
#[utoipa::path(
    get, path = "/registrations", tag = "Onboarding",
    responses((status = 200, body = Page<RegistrationView>)),
    security(("api_key" = ["platform-admin"]))
)]
pub(crate) async fn list(State(app): State<Arc<App>>, _operator: Operator) -> Result<Response, Problem> {
    let mut tx = app.store.platform(By::Operator).await?;
    let held = tx.held_registrations().await?;
    tx.commit().await?;
    let data = held.into_iter().map(|one| RegistrationView {
        // Before it is let in, a tenant binds nothing.
        tenant: TenantView::new(&app, one.tenant, None),
        channel: one.channel.as_str(),
        verifications: one.held.verifications,
        reasons: one.held.reasons,
        held_since: one.held.since,
    });
    Ok(no_store(Json(Page { data: data.collect(), next_cursor: None })))
}
