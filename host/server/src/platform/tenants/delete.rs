//! `DELETE /tenants/{id}`

use std::sync::Arc;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use http::HeaderMap;
use serde::Deserialize;
use time::{Duration, OffsetDateTime};

use super::{TenantView, answer, find};
use crate::app::App;
use crate::caller::Operator;
use crate::manage::versions::check_version;
use crate::operations::delete_tenant::{Ending, delete_tenant};
use crate::problem::{Problem, ProblemCode, ProblemDocument};

/// No credential is honoured longer than any can be valid.
const LONGEST: Duration = Duration::days(10 * 365);

/// What becomes of what the tenant issued.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct DeleteQuery {
    /// `revoke`, if absent: at once. `honour`: the tenant closes, and is deleted at `until`.
    #[serde(default)]
    credentials: Fate,
    /// With `honour`: RFC 3339.
    #[serde(default, with = "time::serde::rfc3339::option")]
    until: Option<OffsetDateTime>,
}

#[derive(Debug, Default, Clone, Copy, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
enum Fate {
    #[default]
    Revoke,
    Honour,
}

/// Delete a tenant
///
/// Its keys are destroyed and its rows wiped. A last status list says that everything is revoked, for as long as
/// any credential would have been valid. The slug stays taken for ever.
#[utoipa::path(
    delete, path = "/tenants/{id}", tag = "Tenants",
    params(("id" = String, Path, description = "`tnt_…`"), DeleteQuery),
    responses(
        (status = 200, body = TenantView), (status = 404, body = ProblemDocument),
        (status = 409, body = ProblemDocument),
    ),
    security(("api_key" = ["platform-admin"]))
)]
pub(crate) async fn delete(
    State(app): State<Arc<App>>,
    operator: Operator,
    Path(id): Path<String>,
    query: Result<Query<DeleteQuery>, QueryRejection>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let malformed = |detail: String| Problem::new(ProblemCode::Malformed).detail(detail);
    let Query(query) = query.map_err(|rejection| malformed(rejection.body_text()))?;
    let ending = match query {
        DeleteQuery { credentials: Fate::Revoke, until: None } => Ending::Revoke,
        DeleteQuery { credentials: Fate::Honour, until: Some(until) }
            if until > app.now() && until < app.now() + LONGEST =>
        {
            Ending::HonourUntil(until)
        }
        DeleteQuery { credentials: Fate::Honour, .. } => {
            return Err(malformed("honour needs `until`, an instant within the next ten years".to_owned()));
        }
        DeleteQuery { .. } => return Err(malformed("`until` goes with credentials=honour".to_owned())),
    };
    let tenant = find(&app, &id).await?;
    check_version(&headers, tenant.version)?;
    answer(&app, delete_tenant(&app, operator.author(), &tenant, ending).await?).await
}
