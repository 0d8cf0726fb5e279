//! A tenant's own domains

use std::time::Duration;

use chancery_tests::answer::text;
use chancery_tests::dns::Dns;
use chancery_tests::people::badge;
use chancery_tests::{Acme, Answer, House, platform};
use reqwest::Method;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, raw_sql};

pub(super) async fn claim(tenant: &Acme, domain: &str) -> Value {
    tenant.issuer().post("/domains", &json!({ "domain": domain })).await.is(201).json()
}

/// Has the domain looked at, and waits until it is in that state.
pub(super) async fn until(tenant: &Acme, domain: &str, state: &str) -> Value {
    let path = format!("/domains/{domain}");
    let before = tenant.issuer().get(&path).await.granted()["checked_at"].clone();
    tenant.issuer().post(&format!("{path}/verify"), &json!({})).await.is(202);
    for _ in 0..100 {
        let shown = tenant.issuer().get(&path).await.granted();
        if shown["state"] == state && shown["checked_at"] != before {
            return shown;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("{domain} does not become {state}: {}", tenant.issuer().get(&path).await);
}

pub(super) fn publish(dns: &Dns, claimed: &Value) {
    let record = &claimed["expected"];
    dns.say(&text(&record["name"]), &["v=spf1 -all", &text(&record["value"])]);
}

/// The tenant at a host of its own: asked at this machine, by that name.
pub(super) fn at_host(tenant: &Acme, house: &House, host: &str) -> Acme {
    let port = house.platform().base.rsplit(':').next().unwrap().to_owned();
    let address = format!("127.0.0.1:{port}").parse().unwrap();
    let http =
        reqwest::Client::builder().resolve(host, address).no_proxy().tls_certs_only([]).build().unwrap();
    let identifier = format!("http://{host}:{port}");
    Acme { base: identifier.clone(), identifier, http, ..tenant.clone() }
}

#[tokio::test]
async fn a_domain_leads_to_its_tenant_once_its_record_is_found() {
    let dns = Dns::start().await;
    let house = House::with(&[("SAAS_MODE", "true"), ("CHANCERY_DNS", &dns.address.to_string())]);
    let (acme, globex) = (house.platform().founded("acme"), house.platform().founded("globex"));
    let there = at_host(&acme, &house, "credentials.acme.test");

    let claimed = claim(&acme, "Credentials.ACME.test").await;
    assert_eq!(claimed["domain"], "credentials.acme.test");
    assert_eq!(claimed["expected"]["name"], "_chancery-challenge.credentials.acme.test");
    let pending = until(&acme, "credentials.acme.test", "pending").await;
    assert_eq!(pending["found"], "no TXT record");
    assert_eq!(there.stranger().get("/jwks").await.status, 421, "a claim leads nowhere");

    // Somebody else's record proves nothing for this tenant, and everything for them.
    let rival = claim(&globex, "credentials.acme.test").await;
    publish(&dns, &rival);
    let pending = until(&acme, "credentials.acme.test", "pending").await;
    assert!(text(&pending["found"]).starts_with("other TXT records: v=spf1"), "{pending}");
    until(&globex, "credentials.acme.test", "verified").await;
    assert_eq!(there.stranger().get("/jwks").await.is(200).body, globex.stranger().get("/jwks").await.body);

    publish(&dns, &claimed);
    let verified = until(&acme, "credentials.acme.test", "verified").await;
    assert!(!verified["verified_at"].is_null());
    assert_eq!(there.stranger().get("/jwks").await.is(200).body, acme.stranger().get("/jwks").await.body);
    let lost = globex.issuer().get("/domains/credentials.acme.test").await.granted();
    assert_eq!((&lost["state"], &lost["found"]), (&json!("pending"), &json!("another tenant's record")));

    // Found is not advertised: that is bound explicitly.
    let metadata = there.stranger().get("/.well-known/openid-credential-issuer").await.is(200).json();
    assert_eq!(metadata["credential_issuer"], acme.identifier.as_str());
    let offer = acme.issuer().offer(badge()).await;
    let before = acme.wallet().claim(&offer).await;

    let bind = json!({ "url": there.identifier });
    let bound = Answer::to(acme.issuer().request(Method::PUT, "/public-endpoints/issuer").json(&bind)).await;
    assert_eq!(bound.granted()["data"][0]["url"], there.identifier.as_str());
    let offer = acme.issuer().offer(badge()).await;
    assert!(offer.page_url.starts_with(&there.identifier));
    let credential = there.wallet().claim(&offer).await;
    let taken_apart = there.verifier().verify(&credential).await;
    assert_eq!(taken_apart.payload["iss"], there.identifier.as_str());

    // What was issued before names the old identifier, which is served on.
    acme.verifier().verify(&before).await;
    let metadata = acme.stranger().get("/.well-known/openid-credential-issuer").await.is(200).json();
    assert_eq!(metadata["credential_issuer"], acme.identifier.as_str());
    let shown = house.platform().operator().get("/tenants?search=acme").await.granted();
    assert_eq!(shown["data"][0]["issuer"], there.identifier.as_str());
    acme.issuer().delete("/domains/credentials.acme.test").await.problem(409, "wrong-state");

    // The record goes, and nobody else's comes: the domain leads on for a while.
    dns.say(&text(&claimed["expected"]["name"]), &["v=spf1 -all"]);
    until(&acme, "credentials.acme.test", "failing").await;
    there.stranger().get("/jwks").await.is(200);
}

/// Lets so many days pass for the tenants' domains.
async fn days_pass(house: &House, days: u32) {
    let mut database = PgConnection::connect(&house.database()).await.unwrap();
    let sql = format!(
        "update chancery.domains set next_check_at = next_check_at - interval '{days} days',
             checked_at = checked_at - interval '{days} days', failing_since = failing_since - interval '{days} days'"
    );
    raw_sql(AssertSqlSafe(sql)).execute(&mut database).await.unwrap();
}

/// Waits until the domain was looked at without anybody asking for it.
async fn looked_at(tenant: &Acme, domain: &str, since: &Value) -> Value {
    for _ in 0..150 {
        let shown = tenant.issuer().get(&format!("/domains/{domain}")).await.granted();
        if text(&shown["checked_at"]) > text(since) {
            return shown;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("nobody looks at {domain}");
}

#[tokio::test]
async fn a_verified_domain_is_looked_at_every_day_and_lost_after_a_week_without_its_record() {
    let dns = Dns::start().await;
    let house = House::with(&[("SAAS_MODE", "true"), ("CHANCERY_DNS", &dns.address.to_string())]);
    let acme = house.platform().founded("acme");
    let there = at_host(&acme, &house, "daily.acme.test");
    let claimed = claim(&acme, "daily.acme.test").await;
    publish(&dns, &claimed);
    let verified = until(&acme, "daily.acme.test", "verified").await;

    days_pass(&house, 1).await;
    let again = looked_at(&acme, "daily.acme.test", &verified["checked_at"]).await;
    assert_eq!((&again["state"], &again["found"]), (&json!("verified"), &json!("the record")));

    dns.say(&text(&claimed["expected"]["name"]), &[]);
    days_pass(&house, 1).await;
    let failing = looked_at(&acme, "daily.acme.test", &again["checked_at"]).await;
    assert_eq!((&failing["state"], &failing["found"]), (&json!("failing"), &json!("no TXT record")));
    there.stranger().get("/jwks").await.is(200);

    days_pass(&house, 6).await;
    let failing = looked_at(&acme, "daily.acme.test", &failing["checked_at"]).await;
    assert_eq!(failing["state"], "failing");
    days_pass(&house, 1).await;
    let lost = looked_at(&acme, "daily.acme.test", &failing["checked_at"]).await;
    assert_eq!(lost["state"], "pending");
    assert_eq!(there.stranger().get("/jwks").await.status, 421, "it leads nowhere any more");
}

#[tokio::test]
async fn what_is_no_domain_of_a_tenant_is_refused() {
    let acme = platform().newcomer().await;
    for wrong in [
        "localhost",
        "acme.localhost",
        "127.0.0.1",
        "[::1]",
        "https://acme.test",
        "acme.test:443",
        "*.acme.test",
        "",
        "a_b.test",
        "acme..test",
        "1.2.3.4.5",
    ] {
        let answer = acme.issuer().post("/domains", &json!({ "domain": wrong })).await;
        assert_eq!(answer.wrong_parts(), ["/domain"], "{wrong}");
    }
    claim(&acme, "twice.test").await;
    acme.issuer().post("/domains", &json!({ "domain": "TWICE.test." })).await.problem(409, "conflict");
    acme.issuer().delete("/domains/twice.test").await.is(204);
    acme.issuer().delete("/domains/twice.test").await.problem(404, "not-found");
}

#[tokio::test]
async fn another_tenants_domain_is_not_found() {
    let (mine, theirs) = (platform().newcomer().await, platform().newcomer().await);
    let domain = format!("{}.test", chancery_tests::unique("d").to_lowercase());
    claim(&theirs, &domain).await;
    for (method, path) in [
        (Method::GET, format!("/domains/{domain}")),
        (Method::DELETE, format!("/domains/{domain}")),
        (Method::POST, format!("/domains/{domain}/verify")),
    ] {
        Answer::to(mine.issuer().request(method, &path)).await.problem(404, "not-found");
    }
    assert!(mine.issuer().get("/domains").await.granted()["data"].as_array().unwrap().is_empty());
}

#[tokio::test]
async fn an_endpoint_is_bound_to_an_address_of_the_tenants_own() {
    let platform = platform();
    let acme = platform.newcomer().await;
    let other = platform.newcomer().await;
    let bind = async |service: &str, url: &str| {
        let request = acme.issuer().request(Method::PUT, &format!("/public-endpoints/{service}"));
        Answer::to(request.json(&json!({ "url": url }))).await
    };
    claim(&acme, "claimed.test").await;
    for wrong in [
        "https://claimed.test",
        "https://nobody.test",
        other.identifier.as_str(),
        &format!("{}/", acme.identifier),
        &format!("{}?x", acme.identifier),
        "javascript:alert(1)",
        "",
    ] {
        assert_eq!(bind("issuer", wrong).await.wrong_parts(), ["/url"], "{wrong}");
    }
    bind("verifier", &acme.identifier).await.problem(404, "not-found");
    let slug = acme.identifier.rsplit('/').next().unwrap();
    let port = platform.base.rsplit(':').next().unwrap();
    bind("issuer", &format!("http://{slug}.localhost:{port}")).await.is(200);
    bind("issuer", &acme.identifier).await.is(200);
    let listed = acme.issuer().get("/public-endpoints").await.granted();
    assert_eq!(listed["data"], json!([{ "service": "issuer", "url": acme.identifier, "primary": true }]));
}
