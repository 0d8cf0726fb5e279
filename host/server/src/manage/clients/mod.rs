//! OAuth clients: systems of an issuer that manage it by tokens.

pub(crate) mod change;
pub(crate) mod create;
pub(crate) mod delete;
pub(crate) mod list;
pub(crate) mod rotate_secret;
pub(crate) mod show;

use axum::Json;
use axum::response::Response;
use chancery_credential::secrets::ClientSecret;
use chancery_domain::ClientId;
use chancery_domain::scope::Scope;
use chancery_domain::template::Issue;
use chancery_store::{Client, ClientTerms, TenantTx};
use serde::Serialize;
use time::OffsetDateTime;

use super::versions::tagged;
use super::{NAME_RULE, is_name};
use crate::caller::{Manager, May};
use crate::no_store;
use crate::problem::Problem;

/// A client, without its secret.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct ClientView {
    /// `cli_…`
    #[schema(value_type = String)]
    client_id: ClientId,
    /// What the client is.
    name: String,
    /// What it may do.
    #[schema(value_type = Vec<String>)]
    scopes: Vec<Scope>,
    /// The credential configurations that it may offer; `null`: every one.
    configuration_ids: Option<Vec<String>>,
    #[serde(with = "time::serde::rfc3339")]
    created_at: OffsetDateTime,
}

/// A client with a new secret, which appears only here.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct ClientWithSecret {
    #[serde(flatten)]
    view: ClientView,
    /// `chs_…`
    client_secret: String,
}

impl ClientView {
    fn new(id: ClientId, terms: ClientTerms) -> Self {
        let ClientTerms { name, scopes, configuration_ids } = terms;
        Self { client_id: id, name, scopes, configuration_ids, created_at: id.created_at() }
    }
}

impl ClientWithSecret {
    fn new(id: ClientId, terms: ClientTerms, secret: &ClientSecret) -> Self {
        Self { view: ClientView::new(id, terms), client_secret: secret.as_str().to_owned() }
    }
}

/// The client with its entity tag.
fn answer(client: Client) -> Response {
    let version = client.version;
    tagged(no_store(Json(ClientView::new(client.id, client.terms))), version)
}

fn parse(id: &str) -> Result<ClientId, Problem> {
    id.parse().map_err(|_| Problem::not_found())
}

/// The client, for a caller who holds all that it has: whoever changes a client might become it.
async fn to_change<M: May>(tx: &mut TenantTx, manager: &Manager<M>, id: ClientId) -> Result<Client, Problem> {
    let client = tx.client_to_change(id).await?.ok_or_else(Problem::not_found)?;
    check_holds(manager, &client.terms)?;
    Ok(client)
}

fn check_holds<M: May>(manager: &Manager<M>, terms: &ClientTerms) -> Result<(), Problem> {
    manager.check_holds(&terms.scopes, terms.configuration_ids.as_deref())
}

/// How many credential configurations a client may be limited to.
const MOST_CONFIGURATIONS: usize = 100;

/// The terms in their one spelling, or everything that is wrong with them. A configuration that is not there
/// (yet) may be named.
fn checked(mut terms: ClientTerms) -> Result<ClientTerms, Problem> {
    let mut issues = Vec::new();
    let mut report = |pointer: &str, code: &str, message: String| {
        issues.push(Issue { pointer: pointer.to_owned(), code: code.to_owned(), message });
    };
    if !is_name(&terms.name) {
        report("/name", "length", NAME_RULE.to_owned());
    }
    if terms.scopes.is_empty() {
        report("/scopes", "count", "a client without a scope could do nothing".to_owned());
    }
    if let Some(ids) = &terms.configuration_ids {
        if ids.len() > MOST_CONFIGURATIONS {
            let message = format!("a client is limited to {MOST_CONFIGURATIONS} configurations at most");
            report("/configuration_ids", "count", message);
        }
        if ids.iter().any(|id| !(1..=200).contains(&id.chars().count()) || id.chars().any(char::is_control)) {
            let message = "a credential configuration id has 1 to 200 characters, none of them invisible";
            report("/configuration_ids", "length", message.to_owned());
        }
    }
    if !issues.is_empty() {
        return Err(Problem::invalid(issues));
    }
    terms.scopes.sort_unstable();
    terms.scopes.dedup();
    if let Some(ids) = &mut terms.configuration_ids {
        ids.sort_unstable();
        ids.dedup();
    }
    Ok(terms)
}

/// What the audit trail is told of a client.
fn told(terms: &ClientTerms) -> serde_json::Value {
    serde_json::json!({
        "name": terms.name, "scopes": terms.scopes, "configuration_ids": terms.configuration_ids,
    })
}
