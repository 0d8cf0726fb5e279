//! The master key is replaced, while wallets are served

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use chancery_tests::openid_provider::CLIENT;
use chancery_tests::people::badge;
use chancery_tests::people::holder::sent_away;
use chancery_tests::people::wallet::Asking;
use chancery_tests::{Acme, Answer, House, OpenIdProvider};
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, raw_sql};

const OLD: &str = "1111111111111111111111111111111111111111111111111111111111111111";
const NEW: &str = "2222222222222222222222222222222222222222222222222222222222222222";
const THIRD: &str = "3333333333333333333333333333333333333333333333333333333333333333";
const WRONG: &str = "4444444444444444444444444444444444444444444444444444444444444444";
const BOTH: &[(&str, &str)] =
    &[("SAAS_MODE", "true"), ("ISSUER_MASTER_KEY", NEW), ("ISSUER_PREVIOUS_MASTER_KEY", OLD)];

fn under(master: &'static str) -> [(&'static str, &'static str); 2] {
    [("SAAS_MODE", "true"), ("ISSUER_MASTER_KEY", master)]
}

/// The same tenant over new connections: those to a process that ended are dead.
fn afresh(tenant: &Acme, house: &House) -> Acme {
    Acme { http: house.platform().http, ..tenant.clone() }
}

async fn claim(tenant: &Acme) -> String {
    tenant.wallet().claim(&tenant.issuer().offer(badge()).await).await
}

/// Wallets that claim one credential after another until they are told to stop; how many.
fn crowd(tenants: &[Acme], stop: &Arc<AtomicBool>) -> (Vec<tokio::task::JoinHandle<()>>, Arc<AtomicU32>) {
    let claimed = Arc::new(AtomicU32::new(0));
    let one = |tenant: Acme| {
        let (stop, claimed) = (stop.clone(), claimed.clone());
        tokio::spawn(async move {
            while !stop.load(Ordering::Relaxed) {
                tenant.verifier().verify(&claim(&tenant).await).await;
                claimed.fetch_add(1, Ordering::Relaxed);
            }
        })
    };
    (tenants.iter().cloned().map(one).collect(), claimed)
}

#[tokio::test(flavor = "multi_thread")]
async fn another_master_takes_over_while_wallets_are_served_and_no_key_changes() {
    let mut house = House::with(&under(OLD));
    let operator = house.platform().operator();
    let mut tenants = Vec::new();
    for number in 0..6 {
        tenants.push(operator.register(&format!("tenant-{number}")).await);
    }
    let held = claim(&tenants[0]).await;
    let waiting = tenants[1].issuer().offer(badge()).await;
    let mut jwks = Vec::new();
    for tenant in &tenants {
        jwks.push(tenant.verifier().keys().await);
    }
    house.stop();
    house.start_again_with(BOTH);
    let tenants: Vec<Acme> = tenants.iter().map(|tenant| afresh(tenant, &house)).collect();
    let operator = house.platform().operator();
    let replica = house.twin_with(BOTH);
    let elsewhere = |tenant: &Acme| Acme {
        base: tenant.base.replace(&house.platform().base, &replica.platform().base),
        ..tenant.clone()
    };
    let mut served = tenants.clone();
    served.push(elsewhere(&tenants[0]));
    served.push(elsewhere(&tenants[5]));

    let stop = Arc::new(AtomicBool::new(false));
    let (wallets, claimed) = crowd(&served, &stop);
    // Killed at some moment or other, and begun again.
    for moment in [20, 60, 110, 170, 240] {
        let mut rotation = house.serverside(&["key", "rotate-master"], BOTH).spawn().unwrap();
        tokio::time::sleep(Duration::from_millis(moment)).await;
        let _ = rotation.kill();
        rotation.wait().unwrap();
        operator.register(&format!("meanwhile-{moment}")).await;
    }
    let rotate = || house.serverside(&["key", "rotate-master", "--output", "json"], BOTH).output().unwrap();
    let done = rotate();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let again = rotate();
    assert_eq!(String::from_utf8_lossy(&again.stdout).trim(), r#"{"resealed":0,"moved":0}"#);
    let late = operator.register("afterwards").await;
    let before = claimed.load(Ordering::Relaxed);
    tokio::time::sleep(Duration::from_secs(1)).await;
    stop.store(true, Ordering::Relaxed);
    for wallet in wallets {
        wallet.await.expect("nobody is refused anything");
    }
    assert!(claimed.load(Ordering::Relaxed) > before, "they were served until the end");
    for (tenant, jwks) in tenants.iter().zip(&jwks) {
        assert_eq!(tenant.verifier().keys().await, *jwks);
    }
    replica.stop();
    house.stop();

    let refused = house.command().envs(under(OLD)).output().unwrap();
    assert!(!refused.status.success(), "the old master opens nothing any more");
    house.start_again_with(&under(NEW));
    let tenants: Vec<Acme> = tenants.iter().map(|tenant| afresh(tenant, &house)).collect();
    let late = afresh(&late, &house);
    for (tenant, jwks) in tenants.iter().zip(&jwks) {
        assert_eq!(tenant.verifier().keys().await, *jwks);
        tenant.verifier().verify(&claim(tenant).await).await;
    }
    tenants[0].verifier().verify(&held).await;
    tenants[1].verifier().verify(&tenants[1].wallet().claim(&waiting).await).await;
    late.verifier().verify(&claim(&late).await).await;

    // Once more: what was derived under the first master still is.
    let next = [("SAAS_MODE", "true"), ("ISSUER_MASTER_KEY", THIRD), ("ISSUER_PREVIOUS_MASTER_KEY", NEW)];
    let done = house.serverside(&["key", "rotate-master"], &next).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    house.stop();
    house.start_again_with(&under(THIRD));
    let tenant = afresh(&tenants[0], &house);
    assert_eq!(tenant.verifier().keys().await, jwks[0]);
    tenant.verifier().verify(&claim(&tenant).await).await;
}

#[tokio::test]
async fn a_compromised_master_takes_every_key_with_it() {
    let mut house = House::with(&under(OLD));
    let tenant = house.platform().operator().register("initech").await;
    tenant.choose(&json!({ "certificate_authority": "own" })).await.is(200);
    let authority = tenant.stranger().get("/authority.pem").await.is(200);
    let held = tenant.verifier().verify(&claim(&tenant).await).await;
    let open = tenant.issuer().offer(badge()).await;
    let code = tenant.wallet().code(&open).await;
    house.stop();
    house.start_again_with(BOTH);
    let done =
        house.serverside(&["key", "rotate-master", "--compromised", "--output", "json"], BOTH).output();
    let done = done.unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    tokio::time::sleep(Duration::from_secs(1)).await;
    let after = tenant.verifier().verify(&claim(&tenant).await).await;
    assert_ne!(after.header["kid"], held.header["kid"]);
    let list = |credential: &chancery_tests::sd_jwt::SdJwt| {
        credential.payload["status"]["status_list"]["uri"].clone()
    };
    assert_ne!(list(&after), list(&held), "no index is given twice");
    assert_eq!(tenant.verifier().status(&held).await, 0, "until somebody decides");
    tenant.wallet().exchange(&code).await.refused(400, "invalid_grant");
    let keys = tenant.issuer().get("/keys").await.granted();
    let keys = keys["data"].as_array().unwrap();
    for of_use in ["authority", "credential", "token"] {
        let states: Vec<_> =
            keys.iter().filter(|key| key["use"] == of_use).map(|key| &key["compromised"]).collect();
        assert_eq!(states, [&json!(false), &json!(true)], "{of_use}");
    }
    // What is revoked by key is what it signed: of these, no credential.
    for key in keys.iter().filter(|key| key["use"] != "credential") {
        let revoke = format!("/keys/{}/revoke", key["kid"].as_str().unwrap());
        tenant.issuer().post(&revoke, &json!({})).await.problem(404, "not-found");
    }
    assert_eq!(tenant.verifier().status(&held).await, 0);
    let another = tenant.stranger().get("/authority.pem").await.is(200);
    assert_ne!(another.text(), authority.text(), "who has the old one vouches for nobody");
    house.stop();
    house.start_again_with(&under(NEW));
    let tenant = afresh(&tenant, &house);
    tenant.verifier().verify(&claim(&tenant).await).await;
    assert_eq!(tenant.stranger().get("/authority.pem").await.is(200).text(), another.text());
}

#[tokio::test]
async fn what_proves_us_to_a_provider_is_good_under_another_master() {
    let mut house = House::with(&under(OLD));
    let tenant = house.platform().operator().register("initech").await;
    let provider = OpenIdProvider::start().await;
    let terms = json!({
        "issuer": provider.issuer(), "client_id": CLIENT.0, "client_secret": CLIENT.1,
        "configuration_ids": ["employee-badge"], "claims": { "employee_id": "sub" },
    });
    let set = tenant.issuer().request(reqwest::Method::PUT, "/providers/sso");
    Answer::to(set.json(&terms)).await.is(200);
    house.stop();
    house.start_again_with(BOTH);
    let done = house.serverside(&["key", "rotate-master", "--compromised"], BOTH).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    house.stop();
    house.start_again_with(&under(NEW));
    let (tenant, asking) = (afresh(&tenant, &house), Asking::scope("employee-badge"));
    let page = tenant.holder().open(&tenant.wallet().pushed(&asking).await).await;
    let (location, cookie) = sent_away(&tenant.holder().leave(&page, "sso").await);
    let page = tenant.holder().come_back("sso", &provider.sign_in(&location), &[cookie]).await;
    assert!(page.text().contains("Put this into your wallet?"), "{page}");
}

/// Waits until everything in the trail is sealed; what was found then.
async fn verified<F: Future<Output = Answer>>(verify: impl Fn() -> F) -> Value {
    let started = Instant::now();
    loop {
        let found = verify().await.granted();
        if found["waiting"] == 0 {
            return found;
        }
        assert!(started.elapsed() < Duration::from_secs(40), "nothing is sealed: {found}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

#[tokio::test]
async fn what_was_sealed_before_a_master_was_compromised_still_holds() {
    let mut house = House::with(&under(OLD));
    let tenant = house.platform().operator().register("initech").await;
    let mut heads = Vec::new();
    // Two seals before, and as many as there are after; twice, because a master may be stolen again.
    for (master, previous) in [(NEW, OLD), (THIRD, NEW)] {
        let (auditor, operator) = (afresh(&tenant, &house).issuer(), house.platform().operator());
        for _ in 0..2 {
            auditor.key(&["auditor"]).await;
            operator.create(&chancery_tests::unique("t-").to_lowercase()).await.is(201);
            let own = verified(|| auditor.get("/audit/verification")).await;
            let platforms = verified(|| operator.get("/audit/verification")).await;
            assert_eq!((&own["sound"], &platforms["sound"]), (&json!(true), &json!(true)));
            heads.push((own["head"]["hash"].clone(), platforms["head"]["hash"].clone()));
        }
        let both =
            [("SAAS_MODE", "true"), ("ISSUER_MASTER_KEY", master), ("ISSUER_PREVIOUS_MASTER_KEY", previous)];
        house.stop();
        house.start_again_with(&both);
        let done = house.serverside(&["key", "rotate-master", "--compromised"], &both).output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        house.stop();
        house.start_again_with(&under(master));
    }
    let (auditor, operator) = (afresh(&tenant, &house).issuer(), house.platform().operator());
    auditor.key(&["auditor"]).await;
    let own = verified(|| auditor.get("/audit/verification")).await;
    assert_eq!(own["sound"], true, "{own}");
    let platforms = verified(|| operator.get("/audit/verification")).await;
    assert_eq!(platforms["sound"], true, "{platforms}");
    for (known, platforms_known) in &heads {
        let path = |known: &Value| format!("/audit/verification?known={}", known.as_str().unwrap());
        assert_eq!(auditor.get(&path(known)).await.granted()["sound"], true);
        assert_eq!(operator.get(&path(platforms_known)).await.granted()["sound"], true);
    }
    let told = auditor.get("/audit?action=key.moved").await.granted();
    assert_eq!((told["data"].as_array().unwrap().len(), &told["data"][0]["actor"]), (2, &json!("host")));
    let told = operator.get("/audit?action=master.replaced").await.granted();
    assert_eq!(told["data"][0]["after"], json!({ "compromised": true }));

    // Of a trail that was moved nobody cuts the end off unseen, nor what was sealed before.
    let mut intruder = PgConnection::connect(&house.database()).await.unwrap();
    let id = operator.id_of(&tenant).await;
    let visit =
        format!("set role chancery_owner; set chancery.tenant = '{}'", id.strip_prefix("tnt_").unwrap());
    for (sql, kind) in [
        ("update chancery.audit_seals set mac = sha256(mac) where number = 1", "seal-broken"),
        ("delete from chancery.audit_seals where number >= 3", "seal-missing"),
        ("delete from chancery.superseded_mac_keys where version = 1", "seal-broken"),
    ] {
        let sql = format!("begin; {visit}; {sql}; commit");
        raw_sql(AssertSqlSafe(sql)).execute(&mut intruder).await.unwrap();
        let found = auditor.get("/audit/verification").await.granted();
        let kinds: Vec<_> =
            found["findings"].as_array().unwrap().iter().map(|finding| finding["kind"].clone()).collect();
        assert!(kinds.contains(&json!(kind)), "{kind}: {found}");
    }
}

#[tokio::test]
async fn a_rotation_with_a_wrong_master_changes_nothing() {
    let house = House::with(&under(OLD));
    let tenant = house.platform().operator().register("initech").await;
    let wrong = [("SAAS_MODE", "true"), ("ISSUER_MASTER_KEY", NEW), ("ISSUER_PREVIOUS_MASTER_KEY", WRONG)];
    for environment in [&wrong[..], &under(NEW)[..]] {
        let refused = house.serverside(&["key", "rotate-master"], environment).output().unwrap();
        assert!(!refused.status.success());
        let said = String::from_utf8_lossy(&refused.stderr);
        assert!(said.contains("ISSUER_MASTER_KEY") && !said.contains("44444"), "{said}");
    }
    tenant.verifier().verify(&claim(&tenant).await).await;
}
