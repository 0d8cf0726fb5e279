//! The life of a tenant's signing keys: rotated, compromised, retired

use std::time::{Duration, Instant};

use chancery_tests::answer::text;
use chancery_tests::jose::Key;
use chancery_tests::people::wallet::credentials;
use chancery_tests::people::{Issuer, badge};
use chancery_tests::{Acme, House, acme, platform, twin_platforms};
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, raw_sql};

async fn rotate(issuer: &Issuer, how: Value) -> Value {
    issuer.post("/keys/rotate", &how).await.granted()
}

/// Every key, the newest first.
/// The keys that sign credentials.
async fn keys(issuer: &Issuer) -> Vec<Value> {
    let all = issuer.get("/keys").await.granted()["data"].as_array().unwrap().clone();
    all.into_iter().filter(|key| key["use"] == "credential").collect()
}

/// The thumbprints of what verifiers find.
async fn published(tenant: &Acme) -> Vec<String> {
    let keys = tenant.verifier().keys().await;
    let jwks = tenant.stranger().get("/jwks").await.is(200).json();
    assert_eq!(jwks, keys, "both places agree");
    let did = tenant.stranger().get("/did.json").await.is(200).json();
    let keys = keys["keys"].as_array().unwrap();
    assert_eq!(did["verificationMethod"].as_array().unwrap().len(), keys.len());
    keys.iter().map(|key| text(&key["kid"])).collect()
}

async fn state_of(issuer: &Issuer, kid: &str) -> String {
    text(&keys(issuer).await.iter().find(|key| key["kid"] == kid).unwrap()["state"])
}

async fn claim(tenant: &Acme) -> String {
    tenant.wallet().claim(&tenant.issuer().offer(badge()).await).await
}

/// The same tenant, where another process serves it.
fn elsewhere(tenant: &Acme, here: &str, there: &str) -> Acme {
    Acme { base: tenant.base.replace(here, there), ..tenant.clone() }
}

#[tokio::test]
async fn a_key_is_published_ahead_then_signs_and_the_old_one_stays_for_what_it_signed() {
    let tenant = platform().newcomer().await;
    let issuer = tenant.issuer();
    let before = claim(&tenant).await;
    let old = text(&tenant.verifier().verify(&before).await.header["kid"]);

    let rotated = rotate(&issuer, json!({ "activate_in": 3 })).await;
    let next = text(&rotated["key"]["kid"]);
    assert_eq!(
        (rotated["key"]["state"].as_str(), rotated["key"]["version"].as_u64()),
        (Some("next"), Some(2))
    );
    assert_eq!(
        (rotated["superseded"]["state"].as_str(), rotated["outstanding"].as_u64()),
        (Some("active"), Some(1))
    );
    issuer.post("/keys/rotate", &json!({})).await.problem(409, "wrong-state");
    assert_eq!(published(&tenant).await, [next.clone(), old.clone()], "verifiers know it before it signs");
    let meanwhile = tenant.verifier().verify(&claim(&tenant).await).await;
    assert_eq!(meanwhile.header["kid"], old.as_str());

    let asked = Instant::now();
    while state_of(&issuer, &next).await != "active" {
        assert!(asked.elapsed() < Duration::from_secs(30), "the key does not become active");
        tenant.verifier().verify(&claim(&tenant).await).await;
    }
    let after = tenant.verifier().verify(&claim(&tenant).await).await;
    assert_eq!(after.header["kid"], next.as_str());
    assert_eq!(published(&tenant).await, [next, old.clone()]);
    let held = tenant.verifier().verify(&before).await;
    assert_eq!(tenant.verifier().status(&held).await, 0);
    assert_eq!(tenant.verifier().status(&after).await, 0);
    let kept = keys(&issuer).await.into_iter().find(|key| key["kid"] == old.as_str()).unwrap();
    assert_eq!(kept["state"], "retiring");
    let expires = time::OffsetDateTime::from_unix_timestamp(held.payload["exp"].as_i64().unwrap()).unwrap();
    let format = &time::format_description::well_known::Rfc3339;
    let retires = time::OffsetDateTime::parse(&text(&kept["retires_at"]), format).unwrap();
    assert!(retires >= expires, "{retires} is before {expires}");
    assert!(!keys(&issuer).await.iter().any(|key| key["public_jwk"].get("d").is_some()));
}

#[tokio::test]
async fn a_compromised_key_signs_nothing_more_at_any_replica_and_no_wallet_notices() {
    let [here, there] = twin_platforms();
    let tenant = here.newcomer().await;
    let same = elsewhere(&tenant, &here.base, &there.base);
    let held = claim(&same).await;
    let old = text(&tenant.verifier().verify(&held).await.header["kid"]);
    let mut ready = Vec::new();
    for _ in 0..8 {
        let wallet = same.wallet();
        let token = wallet.redeem(&same.issuer().offer(badge()).await).await;
        let proofs = wallet.proofs(&Key::some(1), &wallet.nonce().await);
        ready.push((wallet, token, proofs));
    }

    let rotated = rotate(&tenant.issuer(), json!({ "compromised": true })).await;
    assert_eq!(rotated["superseded"]["compromised"], true);
    assert_eq!((rotated["outstanding"].as_u64(), rotated["revoked"].as_u64()), (Some(1), Some(0)));
    let new = text(&rotated["key"]["kid"]);
    // The other process has the old key in its memory.
    for (wallet, token, proofs) in ready {
        let answer = wallet.request_badge(&token, &proofs).await.granted();
        let credential = tenant.verifier().verify(&credentials(&answer)[0]).await;
        assert_eq!(credential.header["kid"], new.as_str());
    }
    assert!(published(&tenant).await.contains(&old), "nobody decided yet what becomes of it");

    let path = format!("/keys/{old}/revoke");
    assert_eq!(tenant.issuer().post(&path, &json!({})).await.granted()["revoked"], 1);
    assert_eq!(published(&tenant).await.join(" "), new);
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(published(&same).await.join(" "), new, "within a second everywhere");
    let (header, _) = same.verifier().status_list(&same.verifier().verify(&claim(&same).await).await).await;
    assert_eq!(header["kid"], new.as_str(), "and no list is signed with it");
    tenant.issuer().post(&format!("/keys/{new}/revoke"), &json!({})).await.problem(409, "wrong-state");
}

#[tokio::test]
async fn what_a_compromised_key_signed_is_revoked_on_demand_and_nothing_else() {
    let tenant = platform().newcomer().await;
    let issuer = tenant.issuer();
    let mut offers = Vec::new();
    for _ in 0..3 {
        let offer = issuer.offer(badge()).await;
        tenant.wallet().claim_copies(&offer, 2).await;
        offers.push(offer);
    }
    let rotated = rotate(&issuer, json!({ "compromised": true, "revoke": true })).await;
    assert_eq!((rotated["revoked"].as_u64(), rotated["outstanding"].as_u64()), (Some(6), Some(0)));
    assert_eq!(rotated["superseded"]["state"], "retired");
    for offer in &offers {
        for id in issuer.issued(offer).await {
            assert_eq!(issuer.get(&format!("/credentials/{id}")).await.granted()["status"], "revoked");
        }
    }
    let fresh = tenant.verifier().verify(&claim(&tenant).await).await;
    assert_eq!(tenant.verifier().status(&fresh).await, 0);
}

#[tokio::test]
async fn only_keepers_of_keys_and_operators_rotate() {
    let platform = platform();
    let (tenant, other) = (platform.newcomer().await, platform.newcomer().await);
    let (auditor, keeper) =
        (tenant.issuer().key(&["auditor"]).await, tenant.issuer().key(&["keys:manage"]).await);
    let manager = tenant.issuer().key(&["issuance:manage"]).await;
    assert_eq!(keys(&auditor).await, keys(&keeper).await);
    for stranger in [&auditor, &manager] {
        stranger.post("/keys/rotate", &json!({})).await.problem(403, "forbidden");
    }
    rotate(&keeper, json!({ "activate_in": 0 })).await;
    let operator = platform.operator();
    let path = format!("/tenants/{}/keys", operator.id_of(&tenant).await);
    let rotated = operator.post(&format!("{path}/rotate"), &json!({ "activate_in": 0 })).await.granted();
    assert_eq!(rotated["key"]["version"], 3);
    let listed = operator.get(&path).await.granted();
    let uses: Vec<_> = listed["data"].as_array().unwrap().iter().map(|key| text(&key["use"])).collect();
    assert_eq!(uses, ["credential", "credential", "credential", "token"]);
    tenant.verifier().verify(&claim(&tenant).await).await;
    let foreign = text(&keys(&other.issuer()).await[0]["kid"]);
    tenant.issuer().post(&format!("/keys/{foreign}/revoke"), &json!({})).await.problem(404, "not-found");
    platform.holder_of(&tenant.key).get(&path).await.problem(401, "unauthenticated");
}

#[tokio::test]
async fn contradictions_are_refused() {
    let tenant = platform().newcomer().await;
    for (wrong, part) in [
        (json!({ "revoke": true }), "/revoke"),
        (json!({ "compromised": true, "activate_in": 1 }), "/activate_in"),
        (json!({ "activate_in": 2_592_001 }), "/activate_in"),
        (json!({ "activate_in": -1 }), ""),
        (json!({ "version": 7 }), ""),
    ] {
        let answer = tenant.issuer().post("/keys/rotate", &wrong).await;
        assert_eq!(answer.wrong_parts(), [part], "{wrong}");
    }
    assert_eq!(keys(&tenant.issuer()).await.len(), 1);
}

/// Time is moved where it is written down: for the host, everything happened long ago.
#[tokio::test]
async fn a_key_leaves_the_documents_when_nothing_that_it_signed_is_good_any_more() {
    let house = House::of_many();
    let tenant = house.platform().founded("acme");
    let issuer = tenant.issuer();
    let held = tenant.verifier().verify(&claim(&tenant).await).await;
    let old = text(&held.header["kid"]);
    let new = text(&rotate(&issuer, json!({ "activate_in": 0 })).await["key"]["kid"]);
    let mut database = PgConnection::connect(&house.database()).await.unwrap();
    let mut pass = async |time: &str| {
        let sql = format!(
            "update chancery.signing_keys set retire_at = now() - interval '1 minute' where state = 'retiring';
             update chancery.issuances set expires_hour = {time};
             update chancery.due set at = now() where kind = 'turn-keys'"
        );
        raw_sql(AssertSqlSafe(sql)).execute(&mut database).await.unwrap();
    };
    pass("date_trunc('hour', now()) + interval '2 hours'").await;
    tokio::time::sleep(Duration::from_secs(7)).await;
    assert_eq!(published(&tenant).await, [new.clone(), old.clone()], "somebody holds a credential");
    pass("date_trunc('hour', now()) - interval '1 hour'").await;
    let asked = Instant::now();
    while published(&tenant).await != std::slice::from_ref(&new) {
        assert!(asked.elapsed() < Duration::from_secs(30), "the key stays published");
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    assert_eq!(state_of(&issuer, &old).await, "retired");
    tenant.verifier().verify(&claim(&tenant).await).await;
}

#[tokio::test]
async fn a_self_hosted_issuer_rotates_in_its_environment() {
    let issuer = acme().issuer();
    assert_eq!(keys(&issuer).await[0]["state"], "active");
    issuer.post("/keys/rotate", &json!({})).await.problem(409, "wrong-state");
}

/// A private JWK that somebody else drew (RFC 7515 appendix A.3.1).
fn own_key() -> Value {
    json!({
        "kty": "EC", "crv": "P-256",
        "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
        "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
        "d": "jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI",
    })
}

#[tokio::test]
async fn a_tenant_signs_with_a_key_of_its_own_that_never_comes_out_again() {
    let tenant = platform().newcomer().await;
    let issuer = tenant.issuer();
    let before = claim(&tenant).await;
    let request = json!({ "jwk": own_key(), "activate_in": 0 });
    let imported = issuer.post("/keys/import", &request).await.is(201);
    let answered = imported.json();
    assert_eq!((answered["state"].as_str(), answered["version"].as_u64()), (Some("active"), Some(2)));
    let secret = text(&own_key()["d"]);
    assert!(!imported.text().contains(&secret));
    assert!(!issuer.get("/keys").await.text().contains(&secret));
    let after = tenant.verifier().verify(&claim(&tenant).await).await;
    assert_eq!(after.header["kid"], answered["kid"]);
    tenant.verifier().verify(&before).await;
    // It gives way like any other, and does not come back.
    rotate(&issuer, json!({ "activate_in": 0 })).await;
    assert_ne!(tenant.verifier().verify(&claim(&tenant).await).await.header["kid"], answered["kid"]);
    issuer.post("/keys/import", &request).await.problem(409, "conflict");
}

#[tokio::test]
async fn a_key_that_cannot_be_relied_on_is_refused_and_not_repeated() {
    let tenant = platform().newcomer().await;
    let issuer = tenant.issuer();
    let secret = text(&own_key()["d"]);
    let with = |member: &str, value: Value| {
        let mut jwk = own_key();
        jwk[member] = value;
        json!({ "jwk": jwk })
    };
    let mut public = own_key();
    public.as_object_mut().unwrap().swap_remove("d");
    for (wrong, part) in [
        (json!({ "jwk": public }), "/jwk/d"),
        (with("x", "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0".into()), "/jwk/x"),
        (with("crv", "P-384".into()), "/jwk"),
        (with("use", "enc".into()), "/jwk"),
        (with("d", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE".into()), "/jwk/d"),
        (own_key(), ""),
        (json!({ "jwk": public, "d": secret.clone() }), ""),
        (json!({ "jwk": own_key(), "key": secret.clone() }), ""),
        (json!({ "jwk": secret.clone() }), "/jwk"),
        (json!({ "jwk": own_key(), "activate_in": secret.clone() }), "/activate_in"),
        (json!({}), "/jwk"),
        (json!([own_key()]), ""),
    ] {
        let answer = issuer.post("/keys/import", &wrong).await;
        assert!(!answer.text().contains(&secret), "{answer}");
        assert_eq!(answer.wrong_parts(), [part], "{wrong}");
    }
    assert_eq!(keys(&issuer).await.len(), 1);
    issuer.key(&["issuance:manage"]).await.post("/keys/import", &json!({})).await.problem(403, "forbidden");
    acme().issuer().post("/keys/import", &json!({ "jwk": own_key() })).await.problem(409, "wrong-state");
}
