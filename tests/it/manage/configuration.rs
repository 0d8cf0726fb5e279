//! `/api/configuration`: what is chosen, where a value comes from, and that it acts

use chancery_tests::answer::text;
use chancery_tests::jose::Key;
use chancery_tests::people::{Issuer, Operator, badge};
use chancery_tests::{Acme, Answer, House, acme, platform, twin_platforms};
use reqwest::Method;
use serde_json::{Value, json};

async fn put(issuer: &Issuer, path: &str, tag: &str, chosen: &Value) -> Answer {
    Answer::to(issuer.request(Method::PUT, path).header("if-match", tag).json(chosen)).await
}

async fn patch(issuer: &Issuer, path: &str, chosen: &Value) -> Answer {
    Answer::to(issuer.request(Method::PATCH, path).header("if-match", "*").json(chosen)).await
}

async fn set_for_all(operator: &Operator, chosen: &Value) -> Answer {
    let request = operator.request(Method::PATCH, "/configuration").header("if-match", "*");
    Answer::to(request.json(chosen)).await
}

/// Value and source of a setting.
fn setting(answer: &Value, name: &str) -> (Value, String) {
    (answer["settings"][name]["value"].clone(), text(&answer["settings"][name]["source"]))
}

/// For how many seconds a new offer of this caller is open.
async fn lifetime(issuer: &Issuer) -> i64 {
    let offer = issuer.offer(badge()).await.answer;
    let shown = issuer.get(&format!("/offers/{}", text(&offer["id"]))).await.granted();
    let at = |member: &str| {
        let format = &time::format_description::well_known::Rfc3339;
        time::OffsetDateTime::parse(shown[member].as_str().unwrap(), format).unwrap().unix_timestamp()
    };
    at("expires_at") - at("created_at")
}

#[tokio::test]
async fn every_value_says_where_it_comes_from() {
    let house = House::of_many();
    let platform = house.platform();
    let (operator, tenant) = (platform.operator(), platform.founded("acme"));
    let (issuer, clerk) = (tenant.issuer(), tenant.issuer().key(&["issuance:offer", "auditor"]).await);
    let id = text(&issuer.get("/api-keys").await.granted()["data"][0]["id"]);
    let own = format!("/configuration/{id}");
    let read = async |path: &str| setting(&issuer.get(path).await.granted(), "offer_lifetime");

    assert_eq!(read("/configuration").await, (json!(600), "default".to_owned()));
    set_for_all(&operator, &json!({ "offer_lifetime": 300 })).await.is(200);
    assert_eq!(read("/configuration").await, (json!(300), "application".to_owned()));
    assert_eq!(lifetime(&clerk).await, 300);
    patch(&issuer, "/configuration", &json!({ "offer_lifetime": 200 })).await.is(200);
    assert_eq!(read("/configuration").await, (json!(200), "tenant".to_owned()));
    assert_eq!(read(&own).await, (json!(200), "tenant".to_owned()));
    patch(&issuer, &own, &json!({ "offer_lifetime": 100 })).await.is(200);
    assert_eq!(read(&own).await, (json!(100), "principal".to_owned()));
    assert_eq!((lifetime(&clerk).await, lifetime(&issuer).await), (100, 200));
    assert_eq!(lifetime(&platform.founded("globex").issuer()).await, 300, "others are others");
    // What an offer says itself counts.
    let said = clerk.create(&badge().with("expires_in", 50)).await.is(201);
    assert!(said.status == 201);

    patch(&issuer, &own, &json!({ "offer_lifetime": null })).await.is(200);
    put(&issuer, "/configuration", "*", &json!({})).await.is(200);
    set_for_all(&operator, &json!({ "offer_lifetime": null })).await.is(200);
    assert_eq!(read(&own).await, (json!(600), "default".to_owned()));
    assert_eq!(lifetime(&clerk).await, 600);
    let told = operator.get("/audit?action=configuration.changed").await.granted();
    assert_eq!(told["data"][0]["before"], json!({ "offer_lifetime": 300 }));
    assert_eq!(told["data"][0]["after"], json!({ "offer_lifetime": null }));
}

#[tokio::test]
async fn a_final_choice_is_not_weakened_below() {
    let house = House::of_many();
    let platform = house.platform();
    let (operator, tenant) = (platform.operator(), platform.founded("acme"));
    let issuer = tenant.issuer();
    patch(&issuer, "/configuration", &json!({ "dpop_required": false, "offer_lifetime": 90 })).await.is(200);
    let waiting = tenant.issuer().offer(badge()).await;
    let code = tenant.wallet().code(&waiting).await;

    let chosen = json!({ "dpop_required": true, "offer_lifetime": 60, "final": ["dpop_required"] });
    let answered = set_for_all(&operator, &chosen).await.is(200).json();
    assert_eq!(answered["settings"]["dpop_required"]["final"], true);
    assert_eq!(answered["settings"]["offer_lifetime"]["final"], false);
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    // What the tenant chose before counts no more, and acts no more.
    let read = issuer.get("/configuration").await.granted();
    assert_eq!(setting(&read, "dpop_required"), (json!(true), "application".to_owned()));
    assert_eq!(read["settings"]["dpop_required"]["final"], true);
    assert_eq!(setting(&read, "offer_lifetime"), (json!(90), "tenant".to_owned()));
    tenant.wallet().exchange(&code).await.refused(400, "invalid_dpop_proof");
    // It stands in nobody's way, and is not chosen anew.
    patch(&issuer, "/configuration", &json!({ "offer_lifetime": 100 })).await.is(200);
    patch(&issuer, "/configuration", &json!({ "dpop_required": null })).await.is(200);
    for weaker in [json!(false), json!(true)] {
        let answer = patch(&issuer, "/configuration", &json!({ "dpop_required": weaker })).await;
        assert_eq!(answer.wrong_parts(), ["/dpop_required"]);
    }
    tenant.wallet().exchange(&code).await.refused(400, "invalid_dpop_proof");

    // A tenant has the last word over its own callers, and over nobody else.
    let key = text(&issuer.get("/api-keys").await.granted()["data"][0]["id"]);
    let own = format!("/configuration/{key}");
    patch(&issuer, &own, &json!({ "offer_lifetime": 45 })).await.is(200);
    patch(&issuer, "/configuration", &json!({ "final": ["offer_lifetime"] })).await.is(200);
    assert_eq!(setting(&issuer.get(&own).await.granted(), "offer_lifetime").1, "tenant");
    assert_eq!(lifetime(&issuer).await, 100);
    let wrong = patch(&issuer, &own, &json!({ "offer_lifetime": 50 })).await;
    assert_eq!(wrong.wrong_parts(), ["/offer_lifetime"]);
    for (path, wrong) in [
        ("/configuration", json!({ "final": ["tx_code_length"] })),
        ("/configuration", json!({ "final": ["unheard_of"] })),
        ("/configuration", json!({ "final": true })),
        (own.as_str(), json!({ "offer_lifetime": 45, "final": ["offer_lifetime"] })),
    ] {
        assert_eq!(patch(&issuer, path, &wrong).await.wrong_parts(), ["/final"], "{wrong}");
    }
    set_for_all(&operator, &json!({ "final": null })).await.is(200);
    patch(&issuer, "/configuration", &json!({ "dpop_required": false })).await.is(200);
}

#[tokio::test]
async fn a_put_resets_what_it_leaves_out_and_a_patch_keeps_it() {
    let tenant = platform().newcomer().await;
    let issuer = tenant.issuer();
    let path = "/configuration";
    let read = issuer.get(path).await;
    assert_eq!(read.header("etag"), Some("\"0\""));
    Answer::to(issuer.request(Method::PUT, path).json(&json!({})))
        .await
        .problem(428, "precondition-required");
    let chosen = json!({ "offer_lifetime": 60, "tx_code_length": 8 });
    let put_once = put(&issuer, path, "\"0\"", &chosen).await.is(200);
    assert_eq!(put_once.header("etag"), Some("\"1\""));
    put(&issuer, path, "\"0\"", &chosen).await.problem(412, "precondition-failed");
    let patched = patch(&issuer, path, &json!({ "offer_lifetime": 90 })).await.is(200).json();
    assert_eq!(setting(&patched, "tx_code_length"), (json!(8), "tenant".to_owned()));
    let replaced = put(&issuer, path, "\"2\"", &json!({ "offer_lifetime": 120 })).await.is(200).json();
    assert_eq!(setting(&replaced, "tx_code_length"), (json!(6), "default".to_owned()));
    assert_eq!(issuer.get(path).await.granted(), replaced);
    let described = &replaced["settings"]["tx_code_length"];
    assert_eq!((&described["default"], &described["schema"]["maximum"]), (&json!(6), &json!(12)));
}

#[tokio::test]
async fn what_is_no_value_of_a_setting_is_named() {
    let tenant = platform().newcomer().await;
    let issuer = tenant.issuer();
    for (chosen, wrong) in [
        (json!({ "offer_lifetime": 29 }), "/offer_lifetime"),
        (json!({ "offer_lifetime": "600" }), "/offer_lifetime"),
        (json!({ "offer_lifetime": -1 }), "/offer_lifetime"),
        (json!({ "tx_code_length": 13 }), "/tx_code_length"),
        (json!({ "dpop_required": 1 }), "/dpop_required"),
        (json!({ "session_retention_days": 0 }), "/session_retention_days"),
        (json!({ "display_name": "a\nb" }), "/display_name"),
        (json!({ "display_locale": "de_AT" }), "/display_locale"),
        (json!({ "logo_uri": "javascript:alert(1)" }), "/logo_uri"),
        (json!({ "unheard_of": 1 }), "/unheard_of"),
        (json!([]), ""),
    ] {
        assert_eq!(put(&issuer, "/configuration", "*", &chosen).await.wrong_parts(), [wrong], "{chosen}");
        assert_eq!(patch(&issuer, "/configuration", &chosen).await.wrong_parts(), [wrong], "{chosen}");
    }
    let key = text(&issuer.get("/api-keys").await.granted()["data"][0]["id"]);
    let own = format!("/configuration/{key}");
    assert_eq!(
        patch(&issuer, &own, &json!({ "dpop_required": true })).await.wrong_parts(),
        ["/dpop_required"]
    );
    for nobody in ["key_00000000000070008000000000000000", "cli_00000000000070008000000000000000", "x"] {
        patch(&issuer, &format!("/configuration/{nobody}"), &json!({})).await.problem(404, "not-found");
    }
    let operators = set_for_all(&platform().operator(), &json!({ "display_name": "Everybody" })).await;
    assert_eq!(operators.wrong_parts(), ["/display_name"]);
}

#[tokio::test]
async fn what_is_chosen_acts_at_every_process() {
    let [one, other] = twin_platforms();
    let here = one.newcomer().await;
    let there = Acme { base: here.base.replace(&one.base, &other.base), ..here.clone() };
    there.stranger().get("/.well-known/openid-credential-issuer").await.is(200);
    let chosen = json!({
        "tx_code_length": 8, "dpop_required": true, "display_name": "ACME Österreich",
        "display_locale": "de-AT", "logo_uri": "https://acme.example/logo.svg",
    });
    put(&here.issuer(), "/configuration", "*", &chosen).await.is(200);
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    for tenant in [&here, &there] {
        let metadata = tenant.stranger().get("/.well-known/openid-credential-issuer").await.is(200).json();
        let logo = json!({ "uri": "https://acme.example/logo.svg" });
        let display = json!({ "name": "ACME Österreich", "locale": "de-AT", "logo": logo });
        assert_eq!(metadata["display"], json!([display]));
        let offer = tenant.issuer().offer(badge().tx_code()).await;
        assert_eq!(offer.tx_code.as_deref().map(str::len), Some(8));
        let offer = tenant.issuer().offer(badge()).await;
        let code = tenant.wallet().code(&offer).await;
        tenant.wallet().exchange(&code).await.refused(400, "invalid_dpop_proof");
        tenant.wallet().redeem_bound(&offer, &Key::p256()).await;
    }
}

#[tokio::test]
async fn a_self_hosted_issuer_has_a_configuration_of_its_own() {
    let issuer = acme().issuer();
    let read = issuer.get("/configuration").await.granted();
    assert_eq!(setting(&read, "dpop_required"), (json!(false), "default".to_owned()));
    let key = issuer.key(&["issuance:offer"]).await;
    let id = text(&issuer.get("/api-keys").await.granted()["data"][0]["id"]);
    patch(&issuer, &format!("/configuration/{id}"), &json!({ "offer_lifetime": 45 })).await.is(200);
    assert_eq!(lifetime(&key).await, 45);
}
