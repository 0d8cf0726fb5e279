//! `/api/platform-admin/plugins` and `/activations`: a tenant is customised without building anything

mod hostile;
mod lives;
mod operated;
mod processes;
mod published;
mod shelves;
mod under_load;
mod walls;

use chancery_tests::answer::text;
use chancery_tests::people::{Operator, Plugin};
use chancery_tests::{Acme, Answer};
use reqwest::Method;
use serde_json::{Value, json};

/// What wallets are told that a credential is called.
async fn called(tenant: &Acme, configuration_id: &str) -> String {
    let metadata = tenant.stranger().get("/.well-known/openid-credential-issuer").await.is(200).json();
    let configuration = &metadata["credential_configurations_supported"][configuration_id];
    text(&configuration["credential_metadata"]["display"][0]["name"])
}

fn of(plugin: &Plugin) -> Value {
    json!({ "digest": plugin.digest() })
}

/// The parts that revisions play under a configuration id, the active one first.
fn parts(answer: &Answer, configuration_id: &str) -> Vec<(String, String)> {
    let all = answer.json()["data"].as_array().unwrap().clone();
    let here = all.iter().filter(|one| one["configuration_id"] == configuration_id);
    let mut parts: Vec<_> = here.map(|one| (text(&one["part"]), text(&one["digest"]))).collect();
    parts.sort();
    parts
}

/// Lets tenants of the platform bring plugins of their own.
pub(crate) async fn allow_plugins(operator: &Operator) {
    choose(operator, &json!({ "tenant_plugins": "accepted" })).await;
}

async fn choose(operator: &Operator, chosen: &Value) {
    let request = operator.request(Method::PATCH, "/configuration").header("if-match", "*");
    Answer::to(request.json(chosen)).await.is(200);
}
