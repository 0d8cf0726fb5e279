//! OAuth clients: systems of an issuer that manage it by tokens, and wallets that it knows.

pub(crate) mod change;
pub(crate) mod create;
pub(crate) mod delete;
pub(crate) mod list;
pub(crate) mod rotate_secret;
pub(crate) mod show;

use axum::Json;
use axum::response::Response;
use chancery_credential::jose::Jwk;
use chancery_credential::secrets::ClientSecret;
use chancery_domain::ClientId;
use chancery_domain::scope::Scope;
use chancery_domain::template::Issue;
use chancery_store::{Client, ClientTerms, TenantTx};
use serde::Serialize;
use serde_json::Value;
use time::OffsetDateTime;

use super::versions::tagged;
use super::{NAME_RULE, is_name};
use crate::caller::{Manager, May};
use crate::no_store;
use crate::problem::Problem;
use crate::wallet::keys::describe_keys;

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
    /// The public keys that it authenticates with.
    #[serde(skip_serializing_if = "Option::is_none")]
    jwks: Option<Value>,
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
        let ClientTerms { name, scopes, configuration_ids, jwks } = terms;
        Self { client_id: id, name, scopes, configuration_ids, jwks, created_at: id.created_at() }
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
    if terms.scopes.is_empty() && terms.jwks.is_none() {
        let message = "a client without a scope is a wallet, and is known by its keys (jwks)";
        report("/scopes", "count", message.to_owned());
    }
    match terms.jwks.as_ref().map(public_keys) {
        None => {}
        Some(Some(keys)) => terms.jwks = Some(describe_keys(&keys)),
        Some(None) => {
            let message = format!("must be a JWK set of 1 to {MOST_KEYS} public keys, for ES256 or EdDSA");
            report("/jwks", "not-a-key-set", message);
        }
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

/// How many keys a client may have: its own, and those that come next.
const MOST_KEYS: usize = 5;

/// The keys of a set, if it is one of a client's.
fn public_keys(jwks: &Value) -> Option<Vec<Jwk>> {
    let keys = jwks.get("keys")?.as_array()?;
    let keys: Vec<_> = keys.iter().map(|key| Jwk::parse(key).ok()).collect::<Option<_>>()?;
    (1..=MOST_KEYS).contains(&keys.len()).then_some(keys)
}

/// What the audit trail is told of a client.
fn told(terms: &ClientTerms) -> Value {
    let mut told = serde_json::json!({
        "name": terms.name, "scopes": terms.scopes, "configuration_ids": terms.configuration_ids,
    });
    if let (Some(members), Some(jwks)) = (told.as_object_mut(), &terms.jwks) {
        members.insert("jwks".into(), jwks.clone());
    }
    told
}
