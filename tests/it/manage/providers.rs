//! `/api/providers`: where holders sign in, and for what

use chancery_tests::{Answer, House, platform};
use reqwest::Method;
use serde_json::{Value, json};

fn terms() -> Value {
    json!({
        "issuer": "https://op.test/realm", "client_id": "chancery", "client_secret": "0pen-sesame",
        "configuration_ids": ["employee-badge"],
    })
}

#[tokio::test]
async fn a_provider_is_set_listed_and_removed_and_its_secret_is_shown_to_nobody() {
    let tenant = platform().newcomer().await;
    let issuer = tenant.issuer();
    let set = async |name: &str, terms: &Value| {
        Answer::to(issuer.request(Method::PUT, &format!("/providers/{name}")).json(terms)).await
    };
    let made = set("sso", &terms()).await.is(200);
    assert!(!made.text().contains("0pen-sesame"), "{made}");
    let made = made.json();
    assert_eq!((&made["has_secret"], &made["scopes"]), (&json!(true), &json!(["openid"])));
    assert_eq!(made["redirect_uri"], format!("{}/authorize/callback/sso", tenant.identifier));
    assert_eq!(made["label"], "sso");
    let listed = issuer.get("/providers").await.granted();
    assert_eq!(listed["data"], json!([made]));

    // All of it is set anew.
    let mut public = terms();
    public.as_object_mut().unwrap().remove("client_secret");
    assert_eq!(set("sso", &public).await.is(200).json()["has_secret"], false);
    for number in 1..10 {
        set(&format!("sso-{number}"), &terms()).await.is(200);
    }
    set("one-more", &terms()).await.problem(409, "wrong-state");
    set("sso", &terms()).await.is(200);
    issuer.delete("/providers/sso").await.is(204);
    issuer.delete("/providers/sso").await.problem(404, "not-found");
    set("one-more", &terms()).await.is(200);
}

#[tokio::test]
async fn what_is_no_provider_is_refused_part_by_part() {
    let issuer = platform().newcomer().await.issuer();
    let set = async |name: &str, terms: &Value| {
        Answer::to(issuer.request(Method::PUT, &format!("/providers/{name}")).json(terms)).await
    };
    let wrong = json!({
        "label": "", "issuer": "https://10.0.0.1/", "client_id": "\u{1f980}", "client_secret": "", "scopes": ["a\"b"],
        "configuration_ids": [], "claims": { "": "sub" },
    });
    let parts =
        ["/claims", "/client_id", "/client_secret", "/configuration_ids", "/issuer", "/label", "/scopes"];
    assert_eq!(set("sso", &wrong).await.wrong_parts(), parts);
    for issuer in ["http://op.test", "https://op.test?x=y", "https://op.test/#x", "op.test", ""] {
        let mut terms = terms();
        terms["issuer"] = json!(issuer);
        assert_eq!(set("sso", &terms).await.wrong_parts(), ["/issuer"], "{issuer}");
    }
    for name in ["Sso", "1st", "a_b", "%00"] {
        set(name, &terms()).await.problem(404, "not-found");
    }
    assert_eq!(issuer.get("/providers").await.granted()["data"], json!([]));
}

#[tokio::test]
async fn a_secret_is_sealed_where_it_is_kept() {
    let house = House::start();
    let issuer = house.acme().issuer();
    Answer::to(issuer.request(Method::PUT, "/providers/sso").json(&terms())).await.is(200);
    let dump = house.dump();
    let holds = |needle: &[u8]| dump.windows(needle.len()).any(|window| window == needle);
    assert!(holds(b"https://op.test/realm") && !holds(b"0pen-sesame"));
}
