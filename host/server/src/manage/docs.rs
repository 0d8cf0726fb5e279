//! Pages to read: the management API, and every problem it can answer. They
//! need no script, no network and no key.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use serde_json::Value;

use super::openapi::describe;
use crate::app::App;
use crate::page::page;
use crate::problem::{Problem, ProblemCode};
use crate::tenants::Published;

/// One operation of the API.
struct Operation {
    method: String,
    path: String,
    title: String,
    description: String,
    scopes: String,
    request: Option<String>,
    answers: Vec<(String, String)>,
}

/// One object of the API.
struct Schema {
    name: String,
    description: String,
    members: Vec<Member>,
}

struct Member {
    name: String,
    kind: String,
    required: bool,
    description: String,
}

#[derive(Template)]
#[template(path = "api.html")]
struct ApiPage {
    issuer: String,
    management_url: String,
    operations: Vec<Operation>,
    schemas: Vec<Schema>,
    problems: &'static [ProblemCode],
}

#[derive(Template)]
#[template(path = "problem.html")]
struct ProblemPage {
    problem: ProblemCode,
    /// Where the API is described, if a tenant's API answered the problem.
    api: Option<String>,
}

/// `GET /docs`
pub(crate) async fn page_of_the_api(State(app): State<Arc<App>>, Published(issuer): Published) -> Response {
    let management_url = issuer.management_url();
    let Ok(document) = serde_json::to_value(describe(&app, &management_url)) else {
        return Problem::new(ProblemCode::Internal).into_response();
    };
    page(&ApiPage {
        issuer: issuer.tenant.name.clone(),
        operations: operations(&document),
        schemas: schemas(&document),
        problems: ProblemCode::ALL,
        management_url,
    })
}

/// `GET /errors/{code}`
pub(crate) async fn problem(
    Published(issuer): Published,
    Path(code): Path<String>,
) -> Result<Response, Problem> {
    let problem =
        ProblemCode::ALL.iter().find(|problem| problem.as_str() == code).ok_or_else(Problem::not_found)?;
    Ok(page(&ProblemPage { problem: *problem, api: Some(format!("{}/docs", issuer.management_url())) }))
}

/// `GET /errors/{code}`, for problems that no tenant's API answered.
pub(crate) async fn problem_of_the_platform(Path(code): Path<String>) -> Result<Response, Problem> {
    let problem =
        ProblemCode::ALL.iter().find(|problem| problem.as_str() == code).ok_or_else(Problem::not_found)?;
    Ok(page(&ProblemPage { problem: *problem, api: None }))
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// The members of a JSON object, or none.
fn members(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

/// The last part of a `$ref`, wherever it is nested.
fn reference(value: &Value) -> Option<String> {
    let schema = value.pointer("/content/application~1json/schema/$ref")?;
    schema.as_str()?.rsplit('/').next().map(str::to_owned)
}

fn operations(document: &Value) -> Vec<Operation> {
    let mut operations = Vec::new();
    for (path, methods) in members(&document["paths"]) {
        for (method, operation) in members(methods) {
            let answers = members(&operation["responses"])
                .map(|(status, answer)| (status.clone(), reference(answer).unwrap_or_default()))
                .collect();
            let alternatives = operation["security"].as_array().into_iter().flatten();
            let scopes = alternatives.filter_map(|one| one.pointer("/api_key/0"));
            operations.push(Operation {
                method: method.to_uppercase(),
                path: path.clone(),
                title: text(&operation["summary"]),
                description: text(&operation["description"]),
                scopes: scopes.map(text).collect::<Vec<_>>().join(" or "),
                request: reference(&operation["requestBody"]),
                answers,
            });
        }
    }
    operations
}

fn schemas(document: &Value) -> Vec<Schema> {
    document
        .pointer("/components/schemas")
        .into_iter()
        .flat_map(members)
        .map(|(name, schema)| {
            let required: Vec<_> =
                schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
            // A flattened struct is an `allOf`; its parts are read as one.
            let parts = schema["allOf"].as_array().into_iter().flatten().chain(std::iter::once(schema));
            let members = parts
                .flat_map(|part| members(&part["properties"]))
                .map(|(name, member)| Member {
                    name: name.clone(),
                    kind: kind(member),
                    required: required.contains(&name.as_str()),
                    description: text(&member["description"]),
                })
                .collect();
            Schema { name: name.clone(), description: text(&schema["description"]), members }
        })
        .collect()
}

fn kind(member: &Value) -> String {
    if let Some(reference) = member["$ref"].as_str() {
        return reference.rsplit('/').next().unwrap_or_default().to_owned();
    }
    match &member["type"] {
        Value::String(kind) if kind == "array" => format!("array of {}", kind_or_any(&member["items"])),
        Value::String(kind) => kind.clone(),
        Value::Array(kinds) => kinds.iter().map(text).collect::<Vec<_>>().join(" or "),
        _ => "any".to_owned(),
    }
}

fn kind_or_any(items: &Value) -> String {
    if items.is_null() { "any".to_owned() } else { kind(items) }
}
