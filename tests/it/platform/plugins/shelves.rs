//! On whose shelf a version stands, who may take it, and what never comes onto one

use chancery_tests::jose::Key;
use chancery_tests::people::wallet::{credentials, request_for};
use chancery_tests::people::{Plugin, Request, badge};
use chancery_tests::{Answer, House, platform, unique};
use reqwest::Method;
use serde_json::json;

use super::{allow_plugins, choose, of};

#[tokio::test]
async fn what_is_no_plugin_is_refused_with_the_reason_and_not_kept() {
    let operator = platform().operator();
    let whole = Plugin::built("employee-badge").0;
    let half = whole[..whole.len() / 2].to_vec();
    for (bytes, reason) in [
        (Vec::new(), "not WebAssembly"),
        (b"#!/bin/sh\nrm -rf /".to_vec(), "not WebAssembly"),
        (b"\0asm\x01\0\0\0".to_vec(), "core module"),
        (b"\0asm\x0d\0\x01\0".to_vec(), "chancery:plugin"),
        (half, "not valid"),
    ] {
        let refused = operator.upload(&Plugin(bytes)).await.problem(422, "plugin-refused");
        let detail = refused["detail"].as_str().unwrap();
        assert!(detail.contains(reason), "{detail}");
    }
    let text = operator.request(Method::POST, "/plugins").header("content-type", "text/plain").body("x");
    Answer::to(text).await.problem(415, "unsupported-media-type");
    let large = operator.request(Method::POST, "/plugins").header("content-type", "application/wasm");
    Answer::to(large.body(vec![0; 34 << 20])).await.problem(413, "too-large");
}

#[tokio::test]
async fn a_form_with_the_file_will_do() {
    let operator = platform().operator();
    let plugin = Plugin::next_badge().saying("Employee pass.", "Badge of forms");
    let mut body = b"--x\r\ncontent-disposition: form-data; name=\"note\"\r\n\r\nhello\r\n--x\r\n\
        content-disposition: form-data; name=\"file\"; filename=\"badge.wasm\"\r\n\r\n"
        .to_vec();
    body.extend_from_slice(&plugin.0);
    body.extend_from_slice(b"\r\n--x--\r\n");
    let request = operator.request(Method::POST, "/plugins");
    let request = request.header("content-type", "multipart/form-data; boundary=x").body(body);
    assert_eq!(Answer::to(request).await.is(201).json()["digest"], plugin.digest());
    let listed = operator.get("/plugins").await.granted();
    assert!(listed["data"].as_array().unwrap().iter().any(|one| one["digest"] == plugin.digest()));
    let shown = operator.get(&format!("/plugins/{}", plugin.digest())).await.granted();
    assert_eq!((&shown["name"], &shown["approval"]), (&json!("employee-badge"), &json!("approved")));
    assert!(shown["report"].is_object());

    let discard = operator.request(Method::DELETE, &format!("/plugins/{}", plugin.digest()));
    Answer::to(discard).await.is(204);
    operator.get(&format!("/plugins/{}", plugin.digest())).await.problem(404, "not-found");
}

#[tokio::test]
async fn a_platform_takes_plugins_from_its_tenants_if_its_operator_wants_to() {
    let house = House::of_many();
    let (operator, acme) = (house.platform().operator(), house.platform().founded("acme"));
    let globex = house.platform().founded("globex");
    let plugin = Plugin::next_badge();
    acme.issuer().upload(&plugin).await.problem(403, "forbidden");

    choose(&operator, &json!({ "tenant_plugins": "on-approval" })).await;
    let uploaded = acme.issuer().upload(&plugin).await.is(201).json();
    assert_eq!((&uploaded["owner"], &uploaded["approval"]), (&json!("tenant"), &json!("awaiting-approval")));
    acme.issuer().post("/activations", &of(&plugin)).await.problem(409, "wrong-state");
    let path = format!("/plugins/{}", plugin.digest());
    acme.issuer().post(&format!("{path}/approve"), &json!({})).await.problem(403, "forbidden");
    // What a tenant has is nobody else's affair, whether they have the same bytes or not.
    globex.issuer().get(&path).await.problem(404, "not-found");
    globex.issuer().post("/activations", &of(&plugin)).await.problem(404, "not-found");
    globex.issuer().delete(&path).await.problem(404, "not-found");
    operator.get(&path).await.problem(404, "not-found");

    let id = operator.id_of(&acme).await;
    operator.post(&format!("/tenants/{id}{path}/approve"), &json!({})).await.is(200);
    // The badge's type is the deployment's, which an operator answers for.
    let refused = acme.issuer().post("/activations", &of(&plugin)).await;
    assert_eq!(refused.wrong_parts(), ["/sd_jwt/vct"]);
    operator.activate_for(&acme, &of(&plugin)).await.is(201);
    acme.wallet().claim(&acme.issuer().offer(badge()).await).await;

    allow_plugins(&operator).await;
    let uploaded = globex.issuer().upload(&plugin).await.is(201).json();
    assert_eq!(uploaded["approval"], "approved", "the same bytes come to each as if they were the first");
    globex.issuer().delete(&path).await.is(204);
    globex.issuer().get(&path).await.problem(404, "not-found");
    acme.issuer().get(&path).await.granted();
}

#[tokio::test]
async fn a_tenant_issues_its_own_types_below_its_own_address() {
    let house = House::of_many();
    let (operator, acme) = (house.platform().operator(), house.platform().founded("acme"));
    allow_plugins(&operator).await;
    // As long as the badge's own vct, so that the sections keep their lengths.
    let vct = "urn:chancery:employee-badge:1";
    let own = format!("{}/", acme.identifier);
    let padded = format!("{own}{:x<1$}", "", vct.len().saturating_sub(own.len()));
    if padded.len() != vct.len() {
        // A port of five digits leaves no room; then there is nothing to try here.
        return;
    }
    let plugin = Plugin::next_badge().saying(vct, &padded).saying("employee-badge", "acme-own-badge");
    acme.issuer().upload(&plugin).await.is(201);
    acme.issuer().post("/activations", &of(&plugin)).await.is(201);
}

#[tokio::test]
async fn a_type_is_described_where_its_name_leads() {
    let house = House::of_many();
    let (operator, acme) = (house.platform().operator(), house.platform().founded("acme"));
    let globex = house.platform().founded("globex");
    // Below whoever issues it, and as long as the badge's own vct, so that the sections keep their lengths.
    let path = "/types/our-own-badge-in-gold1";
    let plugin = Plugin::next_badge()
        .saying("urn:chancery:employee-badge:1", path)
        .saying("employee-badge", "acme-own-badge");
    allow_plugins(&operator).await;
    acme.issuer().upload(&plugin).await.is(201);
    acme.issuer().post("/activations", &of(&plugin)).await.is(201);

    let vct = format!("{}{path}", acme.identifier);
    let metadata = acme.stranger().get("/.well-known/openid-credential-issuer").await.is(200).json();
    assert_eq!(metadata["credential_configurations_supported"]["acme-own-badge"]["vct"], vct.as_str());
    let order = badge().0.to_string().replace("employee-badge", "acme-own-badge");
    let offer = acme.issuer().offer(Request(serde_json::from_str(&order).unwrap())).await;
    let token = acme.wallet().redeem(&offer).await;
    let proofs = acme.wallet().proofs(&Key::some(1), &acme.wallet().nonce().await);
    let answer = acme.wallet().request(&token, &request_for("acme-own-badge", &proofs)).await.granted();
    let credential = acme.verifier().verify(&credentials(&answer)[0]).await;
    assert_eq!(credential.payload["vct"], vct.as_str());
    assert!(credential.payload.get("vct#integrity").is_none(), "the description may gain a translation");

    let described = acme.stranger().get(path).await.is(200);
    assert_eq!(described.header("content-type"), Some("application/json"));
    assert_eq!(described.header("access-control-allow-origin"), Some("*"));
    let document = described.json();
    assert_eq!((&document["vct"], &document["name"]), (&json!(vct), &json!("Employee pass.")));
    let display = &document["display"][0];
    assert_eq!(display["name"], "Employee pass.");
    assert!(display["locale"].is_string() && display["rendering"]["simple"]["background_color"].is_string());
    // What it says of the claims is true of the credential.
    let claims = document["claims"].as_array().unwrap();
    assert!(!claims.is_empty());
    for claim in claims {
        let name = claim["path"][0].as_str().unwrap();
        let is_open = credential.payload.get(name).is_some();
        assert_eq!(claim["sd"], if is_open { "never" } else { "always" }, "{claim}");
        assert!(claim["mandatory"] == false || credential.claims.get(name).is_some(), "{claim}");
        assert!(claim["display"][0]["label"].is_string() && claim["display"][0]["locale"].is_string());
    }

    let tag = described.header("etag").unwrap();
    let again = acme.stranger().request(Method::GET, path).header("if-none-match", tag);
    let again = Answer::to(again).await.is(304);
    assert!(again.body.is_empty() && again.header("etag") == Some(tag));
    for elsewhere in [format!("{path}?x=1"), format!("{path}/"), "/types".to_owned(), path.to_uppercase()] {
        acme.stranger().get(&elsewhere).await.refused(404, "invalid_request");
    }
    globex.stranger().get(path).await.refused(404, "invalid_request");
    Answer::to(acme.stranger().request(Method::POST, path)).await.refused(404, "invalid_request");

    // Nothing more is issued of it, and what was issued is out there.
    acme.issuer().delete("/activations/acme-own-badge").await.is(204);
    assert_eq!(acme.stranger().get(path).await.is(200).json(), document);
}

#[tokio::test]
async fn a_second_person_looks_first_where_that_is_wanted() {
    let house = House::of_many();
    let operator = house.platform().operator();
    choose(&operator, &json!({ "plugin_approval": true })).await;
    let acme = house.platform().founded("acme");
    let plugin = Plugin::next_badge();
    let uploaded = operator.upload(&plugin).await.is(201).json();
    assert_eq!(uploaded["approval"], "awaiting-approval");
    operator.activate_for(&acme, &of(&plugin)).await.problem(404, "not-found");
    operator.post("/activations", &of(&plugin)).await.problem(409, "wrong-state");
    let path = format!("/plugins/{}/approve", plugin.digest());
    operator.post(&path, &json!({})).await.problem(403, "forbidden");
    let other = operator.post("/operators", &json!({ "name": unique("Second ") })).await.is(201).json();
    let second = house.platform().holder_of(other["key"].as_str().unwrap());
    second.post(&path, &json!({})).await.is(200);
    second.post(&path, &json!({})).await.problem(409, "wrong-state");
    operator.post("/activations", &of(&plugin)).await.is(201);
    assert_eq!(super::called(&acme, "employee-badge").await, "Employee pass.");
}

#[tokio::test]
async fn a_configuration_is_held_against_the_schema_of_the_plugin() {
    let platform = platform();
    let (operator, acme) = (platform.operator(), platform.newcomer().await);
    let pid = Plugin::built("person-identification-data");
    let wrong = json!({ "digest": pid.digest(), "configuration": { "issuing_country": 7 } });
    let refused = operator.activate_for(&acme, &wrong).await;
    assert!(refused.wrong_parts().iter().all(|pointer| pointer.starts_with("/configuration")));
    for (wrong, pointer) in [
        (json!({ "digest": "00" }), "/digest"),
        (json!({ "digest": pid.digest(), "part": "canary" }), "/share"),
        (json!({ "digest": pid.digest(), "part": "canary", "share": 100 }), "/share"),
        (json!({ "digest": pid.digest(), "share": 5 }), "/share"),
    ] {
        assert_eq!(operator.activate_for(&acme, &wrong).await.wrong_parts(), [pointer]);
    }
    operator.activate_for(&acme, &json!({ "digest": "00".repeat(32) })).await.problem(404, "not-found");
}
