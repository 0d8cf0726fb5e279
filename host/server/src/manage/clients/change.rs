//! `PATCH /clients/{id}`

use chancery_domain::audit::{Action, Changed};
use std::sync::Arc;

use axum::extract::rejection::BytesRejection;
use axum::extract::{Path, State};
use axum::response::Response;
use bytes::Bytes;
use chancery_domain::scope::Scope;
use chancery_store::{Client, ClientTerms};
use http::HeaderMap;
use serde::Deserialize;

use super::{ClientView, answer, check_holds, checked, parse, to_change, told};
use crate::app::App;
use crate::audit::record_access;
use crate::caller::{KeepsClients, Manager};
use crate::manage::versions::require_version;
use crate::manage::{present, read};
use crate::problem::{Problem, ProblemDocument};

/// What of a client changes (RFC 7396).
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ClientPatch {
    /// What the client is; 1 to 200 characters.
    #[serde(default, deserialize_with = "present")]
    name: Option<String>,
    /// What it may do; at least one scope. Tokens that it has lose what it loses.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<Vec<String>>)]
    scopes: Option<Vec<Scope>>,
    /// The credential configurations that it may offer; `null`: every one.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<Vec<String>>)]
    #[expect(clippy::option_option, reason = "absent, null and a list are three things in a merge patch")]
    configuration_ids: Option<Option<Vec<String>>>,
    /// The keys that it authenticates with; `null`: none.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<serde_json::Value>)]
    #[expect(clippy::option_option, reason = "as above")]
    jwks: Option<Option<serde_json::Value>>,
}

/// Change a client
#[utoipa::path(
    patch, path = "/clients/{id}", tag = "Clients", request_body = ClientPatch,
    params(("id" = String, Path, description = "`cli_…`")),
    responses(
        (status = 200, body = ClientView), (status = 403, body = ProblemDocument),
        (status = 404, body = ProblemDocument), (status = 412, body = ProblemDocument),
        (status = 428, body = ProblemDocument),
    ),
    security(("api_key" = ["clients:manage"]), ("api_key" = ["platform-admin"]))
)]
pub(crate) async fn change(
    State(app): State<Arc<App>>,
    manager: Manager<KeepsClients>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    let id = parse(&id)?;
    let mut tx = app.tenant(&manager.issuer).await?;
    let client = to_change(&mut tx, &manager, id).await?;
    require_version(&headers, client.version)?;
    let patch: ClientPatch = read(&headers, body)?;
    let (before, before_scopes) = (told(&client.terms), client.terms.scopes.clone());
    let terms = checked(ClientTerms {
        name: patch.name.unwrap_or(client.terms.name),
        scopes: patch.scopes.unwrap_or(client.terms.scopes),
        configuration_ids: patch.configuration_ids.unwrap_or(client.terms.configuration_ids),
        jwks: patch.jwks.unwrap_or(client.terms.jwks),
    })?;
    check_holds(&manager, &terms)?;
    let version = tx.change_client(id, &terms).await?;
    let changed = Changed { before, after: told(&terms) };
    // Of an operator's client as of one that becomes it or was it.
    let scopes = [&before_scopes[..], &terms.scopes].concat();
    let entry = app.entry(manager.author(), Action::ClientChanged, id, &changed);
    record_access(&mut tx, &scopes, &entry).await?;
    tx.commit().await?;
    Ok(answer(Client { terms, version, ..client }))
}
