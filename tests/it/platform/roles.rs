//! Who may do what: every role at every route, as described and as it is

use std::collections::BTreeMap;
use std::fmt::Write as _;

use chancery_domain::scope::Scope;
use chancery_tests::answer::text;
use chancery_tests::{Acme, Answer, platform};
use reqwest::Method;
use serde_json::{Value, json};

/// Every role, the mightiest first.
fn roles() -> Vec<Scope> {
    [Scope::PlatformAdmin].into_iter().chain(Scope::OF_A_TENANT).collect()
}

/// Method, path, and who may according to the description; none: anybody.
type Operations = BTreeMap<(String, String), Vec<Scope>>;

/// Reads a description of an API whose paths lie below `prefix`.
fn described(document: &Value, prefix: &str) -> Operations {
    let mut operations = Operations::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let alternatives = operation["security"].as_array().unwrap().iter();
            let scopes = alternatives
                .filter_map(|one| one.pointer("/api_key/0"))
                .map(|word| Scope::parse(word.as_str().unwrap()).unwrap());
            operations.insert((format!("{prefix}{path}"), method.to_uppercase()), scopes.collect());
        }
    }
    operations
}

/// The operations of both APIs.
async fn operations() -> Operations {
    let application = platform().application();
    let read = async |path: &str| application.stranger().get(path).await.is(200).json();
    let mut operations = described(&read("/api/openapi.json").await, "");
    operations.extend(described(&read("/api/platform-admin/openapi.json").await, "/platform-admin"));
    operations
}

/// Whether the door opens: what follows may be wrong in any other way.
async fn may(tenant: &Acme, key: Option<&str>, method: &str, path: &str) -> bool {
    let id = if path.contains("/tenants/") { "tnt" } else { "crd" };
    let path = path.replace("{id}", &format!("{id}_00000000000070008000000000000000"));
    let path =
        path.replace("{domain}", "nobodys.test").replace("{service}", "nothing").replace("{kid}", "nobodys");
    let path = path.replace("{principal}", "nobodys");
    let method: Method = method.parse().unwrap();
    let mut request = tenant.stranger().request(method, &format!("/api{path}")).json(&json!({}));
    if let Some(key) = key {
        request = request.bearer_auth(key);
    }
    let answer = Answer::to(request).await;
    assert!(answer.status < 500, "{answer}");
    !matches!(answer.status, 401 | 403)
}

/// A key of each role.
async fn keys(tenant: &Acme, roles: &[Scope]) -> Vec<(Scope, String)> {
    let mut keys = Vec::new();
    for role in roles {
        let body = json!({ "name": "role", "scopes": [role.as_str()] });
        keys.push((*role, text(&tenant.issuer().post("/api-keys", &body).await.is(201).json()["key"])));
    }
    keys
}

/// If you are here because you added a route: does its handler demand the least role that should do, and does
/// its `security` say the same? Then write the row down in `roles.txt`.
#[tokio::test]
async fn every_role_may_do_what_the_table_says_and_nothing_else() {
    let application = platform().application();
    let keys = keys(&application, &roles()).await;
    let mut table = String::new();
    for ((path, method), scopes) in operations().await {
        let is_open = may(&application, None, &method, &path).await;
        assert_eq!(is_open, scopes.is_empty(), "nobody: {method} {path}");
        let mut who = Vec::new();
        for (role, key) in &keys {
            let promised = scopes.is_empty() || scopes.iter().any(|scope| role.covers(*scope));
            let actual = may(&application, Some(key), &method, &path).await;
            assert_eq!(actual, promised, "{}: {method} {path}", role.as_str());
            if actual {
                who.push(role.as_str());
            }
        }
        let who = if is_open { "anybody".to_owned() } else { who.join(" ") };
        writeln!(table, "{method:6} {path}\n       {who}").unwrap();
    }
    assert!(table == include_str!("roles.txt"), "the table is now:\n{table}");
}

#[tokio::test]
async fn at_a_tenant_the_same_table_holds() {
    let tenant = platform().newcomer().await;
    let keys = keys(&tenant, &Scope::OF_A_TENANT).await;
    let operators = platform().key;
    for ((path, method), scopes) in operations().await {
        if path.starts_with("/platform-admin") {
            continue;
        }
        for (role, key) in &keys {
            let promised = scopes.is_empty() || scopes.iter().any(|scope| role.covers(*scope));
            assert_eq!(
                may(&tenant, Some(key), &method, &path).await,
                promised,
                "{}: {method} {path}",
                role.as_str()
            );
        }
        assert_eq!(
            may(&tenant, Some(&operators), &method, &path).await,
            scopes.is_empty(),
            "{method} {path}"
        );
    }
}

/// A route that no description names would have no row.
#[tokio::test]
async fn every_route_of_the_platform_has_a_row() {
    let source = include_str!("../../../host/server/src/routes.rs");
    let body = source.split_once("fn operators()").unwrap().1.split_once("\n}").unwrap().0;
    let mut routed = Vec::new();
    for route in body.split(".route(\"").skip(1) {
        let (path, methods) = route.split_once('"').unwrap();
        for method in ["get", "post", "put", "delete", "patch"] {
            if methods.contains(&format!(" {method}(")) || methods.contains(&format!(".{method}(")) {
                routed.push((format!("/platform-admin{path}"), method.to_uppercase()));
            }
        }
    }
    routed.retain(|(path, _)| path != "/platform-admin/openapi.json");
    routed.sort();
    let described = operations().await.into_keys().filter(|(path, _)| path.starts_with("/platform-admin"));
    assert!(routed.len() > 10, "routes.rs is read wrongly: {routed:?}");
    assert_eq!(described.collect::<Vec<_>>(), routed);
}
