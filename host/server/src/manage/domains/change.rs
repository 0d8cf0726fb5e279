//! `POST /domains/{domain}/verify` and `DELETE /domains/{domain}`

use chancery_domain::audit::{Action, Changed};
use serde_json::Value;
use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Response;
use http::StatusCode;

use crate::app::App;
use crate::caller::{Administers, Manager};
use crate::no_store;
use crate::operations::claim_domain::release_domain;
use crate::problem::{Problem, ProblemDocument};

/// Have a domain looked at now
///
/// The check itself runs in the background; read the domain a moment later.
#[utoipa::path(
    post, path = "/domains/{domain}/verify", tag = "Domains",
    params(("domain" = String, Path, description = "The name")),
    responses((status = 202), (status = 404, body = ProblemDocument)),
    security(("api_key" = ["admin"]))
)]
pub(crate) async fn verify(
    State(app): State<Arc<App>>,
    manager: Manager<Administers>,
    Path(name): Path<String>,
) -> Result<Response, Problem> {
    let mut tx = app.tenant(&manager.issuer).await?;
    let known = tx.check_domain_at(&name, app.now()).await?;
    if known {
        let entry = app.entry(
            manager.author(),
            Action::DomainVerificationAsked,
            name.as_str(),
            &Changed::made(Value::Null),
        );
        tx.record(&entry).await?;
    }
    tx.commit().await?;
    if known { Ok(no_store(StatusCode::ACCEPTED)) } else { Err(Problem::not_found()) }
}

/// Give a domain up
///
/// Refused while a public endpoint of the tenant lies under it.
#[utoipa::path(
    delete, path = "/domains/{domain}", tag = "Domains",
    params(("domain" = String, Path, description = "The name")),
    responses(
        (status = 204), (status = 404, body = ProblemDocument), (status = 409, body = ProblemDocument),
    ),
    security(("api_key" = ["admin"]))
)]
pub(crate) async fn release(
    State(app): State<Arc<App>>,
    manager: Manager<Administers>,
    Path(name): Path<String>,
) -> Result<Response, Problem> {
    release_domain(&app, manager.author(), &manager.issuer, &name).await?;
    Ok(no_store(StatusCode::NO_CONTENT))
}
