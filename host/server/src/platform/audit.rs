//! `GET /audit` and `GET /audit/verification`: what operators did.

use std::sync::Arc;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::response::Response;
use chancery_store::By;

use crate::app::App;
use crate::audit::Chain;
use crate::caller::Operator;
use crate::manage::Page;
use crate::manage::audit::AuditEntryView;
use crate::manage::audit::list::{AuditQuery, Question};
use crate::manage::audit::verify::{Part, VerificationQuery, VerificationView, sealers};
use crate::problem::Problem;

/// List what operators did, newest first
#[utoipa::path(
    get, path = "/audit", tag = "Audit", params(AuditQuery),
    responses((status = 200, body = Page<AuditEntryView>)),
    security(("api_key" = ["platform-admin"]))
)]
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    _operator: Operator,
    query: Result<Query<AuditQuery>, QueryRejection>,
) -> Result<Response, Problem> {
    let question = Question::read(query)?;
    let mut tx = app.store.platform(By::Operator).await?;
    let answer = question.ask(&mut tx).await?;
    tx.commit().await?;
    Ok(answer)
}

/// Look for what somebody rewrote
#[utoipa::path(
    get, path = "/audit/verification", tag = "Audit", params(VerificationQuery),
    responses((status = 200, body = VerificationView)),
    security(("api_key" = ["platform-admin"]))
)]
pub(crate) async fn verify(
    State(app): State<Arc<App>>,
    Operator(operator): Operator,
    query: Result<Query<VerificationQuery>, QueryRejection>,
) -> Result<Response, Problem> {
    let part = Part::read(query)?;
    let mut own = app.tenant(&operator.issuer).await?;
    let sealers = sealers(&app, &mut own).await?;
    own.commit().await?;
    let mut tx = app.store.platform(By::Operator).await?;
    let answer = part.verify(&mut tx, &Chain::of_platform(&sealers)).await?;
    tx.commit().await?;
    Ok(answer)
}
