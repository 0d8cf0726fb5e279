//! `GET /sessions`

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::response::Response;
use chancery_domain::session::SessionState;
use serde::Deserialize;

use super::SessionView;
use crate::app::App;
use crate::caller::{Manager, Reads};
use crate::manage::{self, Page};
use crate::no_store;
use crate::problem::{Problem, ProblemCode};

/// Which sessions, and which page of them.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct SessionQuery {
    /// From `next_cursor` of the page before.
    #[serde(default)]
    cursor: Option<String>,
    /// 1 to 100; 50 if absent.
    #[serde(default = "manage::fifty")]
    limit: u16,
    /// `active`, `fetched`, `completed`, `failed`, `expired` or `cancelled`
    #[serde(default)]
    state: Option<String>,
}

/// List sessions, newest first
#[utoipa::path(
    get, path = "/sessions", tag = "Sessions", params(SessionQuery),
    responses((status = 200, body = Page<SessionView>)),
    security(("api_key" = ["issuance:offer"]), ("api_key" = ["auditor"]))
)]
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    manager: Manager<Reads>,
    query: Result<Query<SessionQuery>, QueryRejection>,
) -> Result<Response, Problem> {
    let malformed = |detail: String| Problem::new(ProblemCode::Malformed).detail(detail);
    let Query(query) = query.map_err(|rejection| malformed(rejection.body_text()))?;
    let unknown = || malformed("no session is in a state of that name".to_owned());
    let state = query.state.map(|word| SessionState::parse(&word).ok_or_else(unknown)).transpose()?;
    let page = manage::page(query.cursor.as_deref(), query.limit)?;
    let now = app.now();
    let mut tx = app.tenant(&manager.issuer).await?;
    let (rows, next) = tx.sessions(state, now, &page).await?;
    tx.commit().await?;
    let data = rows.into_iter().map(|row| SessionView::new(&manager.issuer, row, now)).collect();
    Ok(no_store(Json(Page::<SessionView> { data, next_cursor: next.map(|id| id.to_string()) })))
}
