//! Four signals name a tenant: a token, a domain of its own, a host below the platform's base, a slug in the path.
//! Whichever it is, the tenant is the same; and where two disagree, nobody is served by mistake

use chancery_tests::dns::Dns;
use chancery_tests::people::badge;
use chancery_tests::{Acme, Answer, House, platform, raw};

use super::domains::{at_host, claim, publish, until};

/// A house whose `acme` has a domain of its own.
async fn with_domain() -> (House, Dns, Acme) {
    let dns = Dns::start().await;
    let house = House::with(&[("SAAS_MODE", "true"), ("CHANCERY_DNS", &dns.address.to_string())]);
    let acme = house.platform().founded("acme");
    let claimed = claim(&acme, "acme.test").await;
    publish(&dns, &claimed);
    until(&acme, "acme.test", "verified").await;
    (house, dns, acme)
}

/// The tenant at each of its addresses: by path, below the base, at its domain.
fn addresses(acme: &Acme, house: &House) -> [Acme; 3] {
    [acme.clone(), at_host(acme, house, "acme.localhost"), at_host(acme, house, "acme.test")]
}

#[tokio::test]
async fn a_suspended_tenant_is_suspended_through_every_signal() {
    let (house, _dns, acme) = with_domain().await;
    let operator = house.platform().operator();
    let client = acme.issuer().client(&["owner"]).await;
    let token = client.token().await;
    let by_token = house.platform().application();
    by_token.holder_of(&token).get("/offers").await.granted();
    for there in addresses(&acme, &house) {
        there.issuer().get("/offers").await.granted();
        there.wallet().nonce().await;
    }
    operator.change(&acme, "suspend").await.is(200);
    let refused = by_token.holder_of(&token).get("/offers").await;
    refused.clone().problem(403, "suspended");
    for there in addresses(&acme, &house) {
        assert_eq!(there.issuer().get("/offers").await.body, refused.body, "{}", there.base);
        there.holder_of(&token).get("/offers").await.problem(403, "suspended");
        there.wallet().ask_for_nonce().await.refused(403, "invalid_request");
        there.stranger().get("/jwks").await.is(200);
    }
    operator.change(&acme, "resume").await.is(200);
    by_token.holder_of(&token).get("/offers").await.problem(401, "unauthenticated");
    for there in addresses(&acme, &house) {
        there.issuer().get("/offers").await.granted();
    }
}

#[tokio::test]
async fn where_signals_disagree_nobody_is_served_by_mistake() {
    let (house, _dns, acme) = with_domain().await;
    let globex = house.platform().founded("globex");
    let theirs = globex.issuer().client(&["owner"]).await.token().await;
    let nobody = Acme { base: format!("{}/never-was", house.platform().base), ..acme.clone() };
    for there in addresses(&acme, &house) {
        // The token is another tenant's than the address.
        let (found, unknown) =
            (there.holder_of(&theirs).get("/offers").await, nobody.holder_of(&theirs).get("/offers").await);
        assert_eq!(found.body, unknown.body, "{}", there.base);
        found.problem(404, "not-found");
        there.holder_of(&globex.key).get("/offers").await.problem(401, "unauthenticated");
    }
    // A slug is read on the platform's own host only.
    for there in &addresses(&acme, &house)[1..] {
        for path in ["/globex/jwks", "/acme/jwks", "/globex/api/offers"] {
            there.stranger().get(path).await.is(404);
        }
        let inserted = "/.well-known/openid-credential-issuer/globex";
        there.stranger().get(inserted).await.is(404);
    }
    // A wallet's token is good where it was given, by whichever address.
    let offer = acme.issuer().offer(badge()).await;
    let own = acme.wallet().redeem(&offer).await;
    let elsewhere = globex.wallet();
    let proofs = elsewhere.proofs(&chancery_tests::jose::Key::some(1), &elsewhere.nonce().await);
    elsewhere.request_badge(&own, &proofs).await.challenged(401, "Bearer", "invalid_token");
}

#[tokio::test]
async fn the_platforms_own_tenant_is_behind_no_name() {
    let platform = platform();
    let never = format!("{}/never-was", platform.base);
    for path in ["/jwks", "/.well-known/openid-credential-issuer", "/nonce", "/api/offers", "/oauth/jwks"] {
        let ask = async |url: String| Answer::to(platform.http.get(url).bearer_auth(&platform.key)).await;
        let (hidden, unknown) =
            (ask(format!("{}/platform{path}", platform.base)).await, ask(format!("{never}{path}")).await);
        assert_eq!((hidden.status, &hidden.body), (unknown.status, &unknown.body), "{path}");
        assert_eq!(hidden.status, 404, "{path}");
        let request =
            platform.http.get(format!("{}{path}", platform.base)).header("host", "platform.localhost");
        Answer::to(request).await.is(421);
    }
    let inserted =
        platform.http.get(format!("{}/.well-known/openid-credential-issuer/platform", platform.base));
    Answer::to(inserted).await.is(404);
}

#[tokio::test]
async fn the_domain_of_a_deleted_tenant_leads_to_what_verifiers_need_and_to_nobody_else() {
    let (house, _dns, acme) = with_domain().await;
    let globex = house.platform().founded("globex");
    let there = at_host(&acme, &house, "acme.test");
    acme.wallet().claim(&acme.issuer().offer(badge()).await).await;
    house.platform().operator().delete(&acme).await.is(200);
    there.stranger().get("/jwks").await.is(200);
    for path in ["/nonce", "/api/offers", "/.well-known/openid-credential-issuer"] {
        there.stranger().get(path).await.is(421);
    }
    // As long as somebody may look there, nobody else gets it.
    let rival = claim(&globex, "acme.test").await;
    assert_eq!(rival["state"], "pending");
    there.stranger().get("/jwks").await.is(200);
}

/// Whatever is written where a host belongs: a spelling of a name that is known, or nobody's.
#[tokio::test]
async fn a_host_is_read_in_one_way_only() {
    let platform = platform();
    let port = platform.base.rsplit(':').next().unwrap().to_owned();
    for (host, status) in [
        (format!("acme.localhost:{port}"), 200),
        ("ACME.LocalHost.".to_owned(), 200),
        ("acme.localhost:1".to_owned(), 200),
        ("xn--acme-.localhost".to_owned(), 421),
        ("аcme.localhost".to_owned(), 421),
        ("a.acme.localhost".to_owned(), 421),
        ("acme.localhost..".to_owned(), 421),
        ("acme.localhost@evil.example".to_owned(), 421),
        ("acme.localhost/".to_owned(), 421),
        ("acme.localhost, globex.localhost".to_owned(), 421),
        (String::new(), 421),
    ] {
        let request = format!("GET /jwks HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        let answer = raw::exchange(&platform.base, request.as_bytes()).await;
        assert_eq!(raw::status(&answer), Some(status), "{host}: {answer}");
    }
    let two =
        "GET /jwks HTTP/1.1\r\nHost: acme.localhost\r\nHost: globex.localhost\r\nConnection: close\r\n\r\n";
    let answer = raw::exchange(&platform.base, two.as_bytes()).await;
    assert_eq!(raw::status(&answer), Some(421), "two hosts: {answer}");
    let absolute = format!(
        "GET http://globex.localhost:{port}/jwks HTTP/1.1\r\nHost: acme.localhost\r\nConnection: close\r\n\r\n"
    );
    let answer = raw::exchange(&platform.base, absolute.as_bytes()).await;
    // RFC 9112 §3.2.2: what the request line says counts, and the field is ignored.
    let globex = platform.founded("globex").stranger().get("/jwks").await.is(200);
    assert!(raw::status(&answer) == Some(200) && answer.contains(globex.text()), "{answer}");
}

#[tokio::test]
async fn a_host_that_could_bypass_isolation_does_not_start() {
    let house = House::with(&[("SAAS_MODE", "true"), ("ISSUER_MASTER_KEY", &"11".repeat(32))]);
    let superuser = house.database();
    let sneaky = superuser.replace("//chancery@", "//sneaky:sneaky@");
    let mut database = <sqlx::PgConnection as sqlx::Connection>::connect(&superuser).await.unwrap();
    sqlx::raw_sql(
        "create role sneaky login bypassrls password 'sneaky'; grant usage on schema chancery to sneaky",
    )
    .execute(&mut database)
    .await
    .unwrap();
    let master = "11".repeat(32);
    for (url, why) in [(&superuser, "superuser"), (&sneaky, "bypasses row-level security")] {
        for (tenant, platform) in [(url, url), (url, &superuser)] {
            let environment = [
                ("SAAS_MODE", "true"),
                ("ISSUER_MASTER_KEY", master.as_str()),
                ("CHANCERY_TENANT_DATABASE_URL", tenant.as_str()),
                ("CHANCERY_PLATFORM_DATABASE_URL", platform.as_str()),
                ("CHANCERY_LISTEN", "127.0.0.1:0"),
            ];
            let asked = std::time::Instant::now();
            let refused = house.serverside(&["serve"], &environment).output().unwrap();
            let said = String::from_utf8_lossy(&refused.stderr);
            assert_eq!(refused.status.code(), Some(4), "{said}");
            assert!(said.contains(why), "{said}");
            assert!(asked.elapsed().as_secs() < 10 && refused.stdout.is_empty());
        }
    }
    let found = house.platform().operator().get("/tenants").await.granted();
    assert_eq!(found["data"].as_array().unwrap().len(), 2, "nobody is disturbed");
}
