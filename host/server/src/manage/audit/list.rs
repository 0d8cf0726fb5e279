//! `GET /audit`

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::response::Response;
use chancery_domain::AuditEntryId;
use chancery_domain::audit::Action;
use chancery_store::{AuditFilter, AuditTrail};
use serde::Deserialize;

use super::AuditEntryView;
use crate::app::App;
use crate::caller::{Audits, Manager};
use crate::manage::{self, Page};
use crate::no_store;
use crate::problem::{Problem, ProblemCode};

/// Which entries, and which page of them.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct AuditQuery {
    /// From `next_cursor` of the page before.
    #[serde(default)]
    cursor: Option<String>,
    /// 1 to 100; 50 if absent.
    #[serde(default = "manage::fifty")]
    limit: u16,
    /// Only what was done in this way, such as `credential.revoked`.
    #[serde(default)]
    action: Option<String>,
    /// Only what was done to the thing of this id.
    #[serde(default)]
    target: Option<String>,
}

/// List changes, newest first
#[utoipa::path(
    get, path = "/audit", tag = "Audit", params(AuditQuery),
    responses((status = 200, body = Page<AuditEntryView>)),
    security(("api_key" = ["auditor"]))
)]
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    manager: Manager<Audits>,
    query: Result<Query<AuditQuery>, QueryRejection>,
) -> Result<Response, Problem> {
    let question = Question::read(query)?;
    let mut tx = app.tenant(&manager.issuer).await?;
    let answer = question.ask(&mut tx).await?;
    tx.commit().await?;
    Ok(answer)
}

/// What is asked of a trail.
pub(crate) struct Question {
    filter: AuditFilter,
    page: chancery_store::Page<AuditEntryId>,
}

impl Question {
    pub(crate) fn read(query: Result<Query<AuditQuery>, QueryRejection>) -> Result<Self, Problem> {
        let malformed = |detail: String| Problem::new(ProblemCode::Malformed).detail(detail);
        let Query(query) = query.map_err(|rejection| malformed(rejection.body_text()))?;
        let unknown = || {
            let known: Vec<_> = Action::ALL.iter().map(|action| action.as_str()).collect();
            malformed(format!("there is no such action; there are: {}", known.join(", ")))
        };
        let action = query.action.map(|word| Action::parse(&word).ok_or_else(unknown)).transpose()?;
        // No id holds it, and PostgreSQL does not take it.
        if query.target.as_ref().is_some_and(|target| target.contains('\0')) {
            return Err(malformed("the target is not an id".to_owned()));
        }
        let page = manage::page(query.cursor.as_deref(), query.limit)?;
        Ok(Self { filter: AuditFilter { action, target: query.target }, page })
    }

    pub(crate) async fn ask(&self, trail: &mut impl AuditTrail) -> Result<Response, Problem> {
        let (entries, next) = trail.audit_entries(&self.filter, &self.page).await?;
        let data: Vec<_> = entries.into_iter().map(AuditEntryView::from).collect();
        Ok(no_store(Json(Page { data, next_cursor: next.map(|id| id.to_string()) })))
    }
}
