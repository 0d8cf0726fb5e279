//! Who vouches for a tenant's signing keys. The authority is Python's cryptography

use std::time::Duration;

use chancery_tests::answer::text;
use chancery_tests::jose::{self, Key};
use chancery_tests::people::{Issuer, badge};
use chancery_tests::{Acme, Answer, platform};
use reqwest::Method;
use serde_json::{Value, json};

use crate::strangers::python_says;

const ACTIVE: &str = "active";

/// The thumbprint of the key that signs credentials.
pub(super) async fn signing_key(issuer: &Issuer) -> String {
    let keys = issuer.get("/keys").await.granted();
    let is_it = |key: &&Value| key["use"] == "credential" && key["state"] == ACTIVE;
    text(&keys["data"].as_array().unwrap().iter().find(is_it).unwrap()["kid"])
}

/// What an authority makes of the key's request, and how.
pub(super) async fn certified(issuer: &Issuer, kid: &str, how: &Value) -> Value {
    let query = "organization=Acme%20Ltd&country=AT";
    let asked = issuer.get(&format!("/keys/{kid}/certificate-request?{query}")).await.granted();
    let mut certify = how.clone();
    certify["request"] = asked["certificate_request"].clone();
    python_says("authority.py", &json!({ "certify": certify }))
}

/// The same, good for so many seconds.
async fn certified_for(issuer: &Issuer, kid: &str, seconds: i64) -> Value {
    certified(issuer, kid, &json!({ "ends_in": seconds })).await
}

pub(super) async fn keep(issuer: &Issuer, kid: &str, chain: &Value) -> Answer {
    let request = issuer.request(Method::PUT, &format!("/keys/{kid}/certificate"));
    Answer::to(request.json(&json!({ "chain": chain }))).await
}

/// The `x5c` of a badge that is issued now.
pub(super) async fn x5c(tenant: &Acme) -> Value {
    let offer = tenant.issuer().offer(badge()).await;
    let credential = tenant.wallet().claim(&offer).await;
    tenant.verifier().verify(&credential).await.header["x5c"].clone()
}

#[tokio::test]
async fn what_an_authority_made_is_carried_until_it_is_dropped() {
    let tenant = platform().newcomer().await;
    let issuer = tenant.issuer();
    let before = x5c(&tenant).await;
    let kid = signing_key(&issuer).await;
    let made = certified_for(&issuer, &kid, 86_400).await;
    assert_eq!((&made["subject"]["O"], &made["subject"]["C"]), (&json!("Acme Ltd"), &json!("AT")));
    let kept = keep(&issuer, &kid, &made["chain"]).await.granted();
    assert!(!kept["certificate_expires_at"].is_null());
    let certificates = text(&made["chain"]);
    let anchor = format!("-----BEGIN{}", certificates.rsplit_once("-----BEGIN").unwrap().1);
    let carried = x5c(&tenant).await;
    let follow = json!({ "x5c": carried, "anchor": anchor, "issuer": tenant.identifier });
    let followed = python_says("authority.py", &json!({ "follow": follow }));
    assert_eq!(followed, json!({ "names_issuer": true, "length": 1 }), "HAIP: without the anchor");

    let dropped = issuer.request(Method::DELETE, &format!("/keys/{kid}/certificate"));
    assert!(Answer::to(dropped).await.granted()["certificate"].is_null());
    let after = x5c(&tenant).await;
    assert!(after != carried && before.as_array().unwrap().len() == 1, "as development has it");
}

#[tokio::test]
async fn a_chain_that_no_verifier_could_follow_is_refused() {
    let (tenant, other) = (platform().newcomer().await, platform().newcomer().await);
    let issuer = tenant.issuer();
    let kid = signing_key(&issuer).await;
    let of_another = certified_for(&other.issuer(), &signing_key(&other.issuer()).await, 86_400).await;
    let expired = certified_for(&issuer, &kid, -60).await;
    let good = text(&certified_for(&issuer, &kid, 86_400).await["chain"]);
    let upside_down = {
        let (leaf, root) = good.split_at(good.rfind("-----BEGIN").unwrap());
        format!("{root}{leaf}")
    };
    for (wrong, code) in [
        (of_another["chain"].clone(), "chain"),
        (expired["chain"].clone(), "expired"),
        (json!(upside_down), "chain"),
        (json!(good.replace('A', "B")), "chain"),
        (json!("-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----"), "chain"),
        (json!(""), "chain"),
    ] {
        let refused = keep(&issuer, &kid, &wrong).await.problem(422, "invalid");
        assert_eq!(refused["errors"][0]["pointer"], "/chain", "{wrong}");
        assert_eq!(refused["errors"][0]["code"], code, "{wrong}");
    }
    for wrong in ["country=Austria", "country=at", "common_name=", "organization=%00", "x=1"] {
        let asked = issuer.get(&format!("/keys/{kid}/certificate-request?{wrong}")).await;
        asked.problem(400, "malformed-request");
    }
    for nobodys in [signing_key(&other.issuer()).await, "unheard-of".to_owned()] {
        keep(&issuer, &nobodys, &json!(good)).await.problem(404, "not-found");
        issuer.get(&format!("/keys/{nobodys}/certificate-request")).await.problem(404, "not-found");
    }
}

#[tokio::test]
async fn nothing_is_issued_under_a_certificate_that_is_over_and_status_lists_are_served_on() {
    let tenant = platform().newcomer().await;
    let (issuer, wallet) = (tenant.issuer(), tenant.wallet());
    let early = tenant.wallet().claim(&issuer.offer(badge()).await).await;
    let early = tenant.verifier().verify(&early).await;
    let token = wallet.redeem(&issuer.offer(badge()).await).await;
    let kid = signing_key(&issuer).await;
    let soon = certified_for(&issuer, &kid, 8).await;
    keep(&issuer, &kid, &soon["chain"]).await.is(200);
    tokio::time::sleep(Duration::from_secs(9)).await;

    let refused = issuer.create(&badge()).await.problem(409, "wrong-state");
    assert!(text(&refused["detail"]).contains("certificate"), "{refused}");
    let proofs = wallet.proofs(&Key::some(1), &wallet.nonce().await);
    wallet.request_badge(&token, &proofs).await.refused(400, "credential_request_denied");
    assert_eq!(tenant.verifier().status(&early).await, 0);

    let renewed = certified_for(&issuer, &kid, 86_400).await;
    keep(&issuer, &kid, &renewed["chain"]).await.is(200);
    wallet.request_badge(&token, &proofs).await.granted();
}

#[tokio::test]
async fn an_issuer_may_vouch_for_itself() {
    let tenant = platform().newcomer().await;
    tenant.stranger().get("/authority.pem").await.is(404);
    tenant.choose(&json!({ "certificate_authority": "own" })).await.is(200);
    let anchor = tenant.stranger().get("/authority.pem").await.is(200);
    assert_eq!(anchor.header("content-type"), Some("application/pem-certificate-chain"));
    for _ in 0..2 {
        let follow =
            json!({ "x5c": x5c(&tenant).await, "anchor": anchor.text(), "issuer": tenant.identifier });
        let followed = python_says("authority.py", &json!({ "follow": follow }));
        assert_eq!(followed, json!({ "names_issuer": true, "length": 1 }));
    }
    tenant.issuer().post("/keys/rotate", &json!({ "activate_in": 0 })).await.is(200);
    let follow = json!({ "x5c": x5c(&tenant).await, "anchor": anchor.text(), "issuer": tenant.identifier });
    python_says("authority.py", &json!({ "follow": follow }));
    assert_eq!(tenant.stranger().get("/authority.pem").await.text(), anchor.text(), "it stays");

    let published = tenant.stranger().get("/jwks").await.is(200).json();
    let keys = tenant.issuer().get("/keys").await.granted();
    let own = keys["data"].as_array().unwrap().iter().find(|key| key["use"] == "authority").unwrap();
    let thumbprints = published["keys"].as_array().unwrap().iter().map(jose::thumbprint);
    assert!(!thumbprints.into_iter().any(|kid| own["kid"] == kid), "it signs no credential");
    tenant.choose(&json!({ "certificate_authority": "outside" })).await.is(200);
    tenant.stranger().get("/authority.pem").await.is(404);
}
