//! `/halts`: a tenant stops issuing for now, or some of it. Operators' orders look the same.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::BytesRejection;
use axum::extract::{Path, State};
use axum::response::Response;
use bytes::Bytes;
use chancery_domain::halt::{Halt, HaltScope};
use chancery_domain::{HaltId, TenantId};
use http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use super::{NAME_RULE, Page, is_name, read};
use crate::app::App;
use crate::caller::{Administers, Inspects, Manager};
use crate::no_store;
use crate::operations::halt_issuance::{Order, Stopped, halt_tenants, lift_tenants};
use crate::problem::{Problem, ProblemDocument};

/// What is not to be issued for now.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct HaltRequest {
    /// `tenant`: everything of the tenant; `plugin`: what a plugin makes; `key`: what a key would sign. Operators
    /// also have `global`: everything.
    scope: Word,
    /// The tenant, if an operator halts one, a key of one, or a plugin at one alone.
    #[serde(default)]
    tenant: Option<String>,
    /// With `plugin`: the SHA-256 of the component, in hexadecimal digits.
    #[serde(default)]
    component: Option<String>,
    /// With `key`: the key's thumbprint.
    #[serde(default)]
    kid: Option<String>,
    /// Why; 1 to 200 characters.
    reason: String,
}

#[derive(Debug, Clone, Copy, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
enum Word {
    Global,
    Tenant,
    Plugin,
    Key,
}

/// An order to issue nothing for now.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct HaltView {
    /// `hlt_…`
    #[schema(value_type = String)]
    id: HaltId,
    /// `global`, `tenant`, `plugin` or `key`
    scope: &'static str,
    #[schema(value_type = Option<String>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    tenant: Option<TenantId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    component: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kid: Option<String>,
    reason: String,
    /// `operator` or `tenant`: who lifts it.
    by: &'static str,
    #[serde(with = "time::serde::rfc3339")]
    since: OffsetDateTime,
}

impl From<Halt> for HaltView {
    fn from(halt: Halt) -> Self {
        let (scope, tenant) = (halt.scope.as_str(), halt.scope.tenant());
        let (component, kid) = match halt.scope {
            HaltScope::Plugin { component, .. } => (Some(hex::encode(component)), None),
            HaltScope::Key { kid, .. } => (None, Some(kid)),
            HaltScope::Global | HaltScope::Tenant(_) => (None, None),
        };
        Self {
            scope,
            tenant,
            component,
            kid,
            reason: halt.reason,
            by: if halt.by_operator { "operator" } else { "tenant" },
            since: halt.id.created_at(),
            id: halt.id,
        }
    }
}

impl HaltRequest {
    /// The order of an operator; `tenant` is the one that the request names, looked up.
    pub(crate) fn by_operator(self, tenant: Option<TenantId>) -> Result<Order, Problem> {
        let what = match self.scope {
            Word::Global if tenant.is_none() => Stopped::Global,
            Word::Global => return Err(out_of_place("/tenant", "a global halt names no tenant")),
            Word::Tenant => Stopped::Tenant(tenant.ok_or_else(|| missing("/tenant"))?),
            Word::Plugin => Stopped::Plugin { component: self.component()?, tenant },
            Word::Key => Stopped::Key { tenant: tenant.ok_or_else(|| missing("/tenant"))?, kid: self.kid()? },
        };
        self.order(what)
    }

    /// The order of a tenant's own people.
    fn by_tenant(self, tenant: TenantId) -> Result<Order, Problem> {
        if self.tenant.is_some() {
            return Err(out_of_place("/tenant", "a tenant halts itself and nobody else"));
        }
        let what = match self.scope {
            Word::Global => return Err(out_of_place("/scope", "a tenant halts itself and nobody else")),
            Word::Tenant => Stopped::Tenant(tenant),
            Word::Plugin => Stopped::Plugin { component: self.component()?, tenant: Some(tenant) },
            Word::Key => Stopped::Key { tenant, kid: self.kid()? },
        };
        self.order(what)
    }

    /// The tenant that it names.
    pub(crate) fn tenant(&self) -> Option<&str> {
        self.tenant.as_deref()
    }

    fn component(&self) -> Result<[u8; 32], Problem> {
        let text = self.component.as_ref().ok_or_else(|| missing("/component"))?;
        let mut digest = [0; 32];
        hex::decode_to_slice(text, &mut digest)
            .map_err(|_| out_of_place("/component", "a digest has 64 hexadecimal digits"))?;
        Ok(digest)
    }

    fn kid(&self) -> Result<String, Problem> {
        self.kid.clone().ok_or_else(|| missing("/kid"))
    }

    fn order(self, what: Stopped) -> Result<Order, Problem> {
        let (plugin, key) = (matches!(what, Stopped::Plugin { .. }), matches!(what, Stopped::Key { .. }));
        if self.component.is_some() && !plugin {
            return Err(out_of_place("/component", "it goes with the scope plugin"));
        }
        if self.kid.is_some() && !key {
            return Err(out_of_place("/kid", "it goes with the scope key"));
        }
        if !is_name(&self.reason) {
            return Err(Problem::invalid_at("/reason", "length", NAME_RULE.replace("a name", "a reason")));
        }
        Ok(Order { what, reason: self.reason })
    }
}

fn missing(pointer: &str) -> Problem {
    Problem::invalid_at(pointer, "missing", "a halt of this scope names one")
}

fn out_of_place(pointer: &str, message: &str) -> Problem {
    Problem::invalid_at(pointer, "halt", message)
}

/// List what is halted
///
/// The orders of operators that concern this tenant are among them.
#[utoipa::path(
    get, path = "/halts", tag = "Halts", responses((status = 200, body = Page<HaltView>)),
    security(("api_key" = ["admin"]), ("api_key" = ["auditor"]))
)]
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    manager: Manager<Inspects>,
) -> Result<Response, Problem> {
    let mut tx = app.tenant(&manager.issuer).await?;
    let halts = tx.halts().await?;
    tx.commit().await?;
    Ok(no_store(Json(Page { data: halts.into_iter().map(HaltView::from).collect(), next_cursor: None })))
}

/// Stop issuing, or some of it
///
/// In force at once. Wallets are told to come again; nothing is signed, and their codes stay good. Status lists,
/// revocation and everything else go on.
#[utoipa::path(
    post, path = "/halts", tag = "Halts", request_body = HaltRequest,
    responses((status = 201, body = HaltView), (status = 422, body = ProblemDocument)),
    security(("api_key" = ["admin"]))
)]
pub(crate) async fn order(
    State(app): State<Arc<App>>,
    manager: Manager<Administers>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    let request: HaltRequest = read(&headers, body)?;
    let order = request.by_tenant(manager.issuer.tenant())?;
    let halt = halt_tenants(&app, manager.author(), &manager.issuer, order).await?;
    Ok(no_store((StatusCode::CREATED, Json(HaltView::from(halt)))))
}

/// Lift a halt
///
/// What an operator ordered, an operator lifts.
#[utoipa::path(
    delete, path = "/halts/{id}", tag = "Halts", params(("id" = String, Path, description = "`hlt_…`")),
    responses(
        (status = 204), (status = 403, body = ProblemDocument), (status = 404, body = ProblemDocument),
    ),
    security(("api_key" = ["admin"]))
)]
pub(crate) async fn lift(
    State(app): State<Arc<App>>,
    manager: Manager<Administers>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let id = id.parse().map_err(|_| Problem::not_found())?;
    lift_tenants(&app, manager.author(), &manager.issuer, id).await?;
    Ok(no_store(StatusCode::NO_CONTENT))
}
