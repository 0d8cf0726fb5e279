//! `POST /activations`, for a tenant and for operators

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::BytesRejection;
use axum::extract::{Path, State};
use axum::response::Response;
use bytes::Bytes;
use chancery_domain::audit::Author;
use chancery_domain::plugin::Part;
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::ActivationView;
use crate::app::App;
use crate::caller::{KeepsPlugins, Manager, Operator};
use crate::manage::read;
use crate::no_store;
use crate::operations::plugins::Keeper;
use crate::operations::plugins::activate::{Order, activate_plugin};
use crate::platform::tenants::find_alive;
use crate::problem::{Problem, ProblemDocument};

/// What is to answer.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ActivationRequest {
    /// The plugin's digest: 64 hexadecimal digits.
    digest: String,
    /// The plugin's configuration, by the schema that it publishes; empty if absent.
    #[serde(default)]
    #[schema(value_type = Object)]
    configuration: Map<String, Value>,
    /// `active` (default); `canary`: it answers for a share of new offers; `shadow`: it is asked as well, its answers
    /// are compared and go to nobody.
    #[serde(default)]
    part: PartWord,
    /// With `canary`: of a hundred new offers, how many are made with it; 1 to 99.
    #[serde(default)]
    share: Option<u8>,
}

#[derive(Debug, Clone, Copy, Default, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
enum PartWord {
    #[default]
    Active,
    Canary,
    Shadow,
}

impl ActivationRequest {
    fn order(self) -> Result<Order, Problem> {
        let mut digest = [0; 32];
        hex::decode_to_slice(&self.digest, &mut digest)
            .map_err(|_| Problem::invalid_at("/digest", "digest", "a digest has 64 hexadecimal digits"))?;
        let part = match (self.part, self.share) {
            (PartWord::Active, None) => Part::Active,
            (PartWord::Shadow, None) => Part::Shadow,
            (PartWord::Canary, Some(share @ 1..=99)) => Part::Canary { share },
            (PartWord::Canary, _) => {
                return Err(Problem::invalid_at("/share", "range", "a canary has a share of 1 to 99"));
            }
            (PartWord::Active | PartWord::Shadow, Some(_)) => {
                return Err(Problem::invalid_at("/share", "out-of-place", "only a canary has a share"));
            }
        };
        Ok(Order { digest, configuration: Value::Object(self.configuration), part })
    }
}

/// Activate a plugin
///
/// New offers are made with it from now on, at every replica within a second. Offers under way finish with the
/// version that they were made with. What would break issued credentials is refused, with the differences.
#[utoipa::path(
    post, path = "/activations", tag = "Plugins", request_body = ActivationRequest,
    responses(
        (status = 201, body = ActivationView), (status = 404, body = ProblemDocument),
        (status = 409, body = ProblemDocument), (status = 422, body = ProblemDocument),
    ),
    security(("api_key" = ["plugins:manage"]))
)]
pub(crate) async fn activate(
    State(app): State<Arc<App>>,
    manager: Manager<KeepsPlugins>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    obey(&app, manager.author(), Keeper::Tenant(&manager.issuer.tenant), &headers, body).await
}

/// Activate a plugin for all
///
/// For every tenant that activated nothing else under the same configuration id.
#[utoipa::path(
    post, path = "/activations", tag = "Plugins", request_body = ActivationRequest,
    responses(
        (status = 201, body = ActivationView), (status = 404, body = ProblemDocument),
        (status = 409, body = ProblemDocument), (status = 422, body = ProblemDocument),
    ),
    security(("api_key" = ["platform-admin"]))
)]
pub(crate) async fn activate_for_all(
    State(app): State<Arc<App>>,
    operator: Operator,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    obey(&app, operator.author(), Keeper::Deployment, &headers, body).await
}

/// Activate a plugin for a tenant
///
/// From the catalogue or from the tenant's own shelf.
#[utoipa::path(
    post, path = "/tenants/{id}/activations", tag = "Plugins", request_body = ActivationRequest,
    params(("id" = String, Path, description = "`tnt_…`")),
    responses(
        (status = 201, body = ActivationView), (status = 404, body = ProblemDocument),
        (status = 409, body = ProblemDocument), (status = 422, body = ProblemDocument),
    ),
    security(("api_key" = ["platform-admin"]))
)]
pub(crate) async fn activate_for_tenant(
    State(app): State<Arc<App>>,
    operator: Operator,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    let tenant = find_alive(&app, &id).await?;
    obey(&app, operator.author(), Keeper::Tenant(&tenant), &headers, body).await
}

async fn obey(
    app: &App,
    author: Author,
    keeper: Keeper<'_>,
    headers: &HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    let request: ActivationRequest = read(headers, body)?;
    let activated = activate_plugin(app, author, keeper, request.order()?).await?;
    Ok(no_store((StatusCode::CREATED, Json(ActivationView::from(activated)))))
}
