//! What a proxy says of a client, and whose word counts

use chancery_tests::{Answer, House};
use reqwest::Method;

fn behind_a_proxy() -> House {
    House::with(&[
        ("SAAS_MODE", "true"),
        ("CHANCERY_PUBLIC_URL", "https://issue.example"),
        ("CHANCERY_PLATFORM_BASE", "tenants.example"),
        ("CHANCERY_TRUSTED_PROXIES", "127.0.0.0/8, 2001:db8::7"),
        ("CHANCERY_TENANT_RATE", "16"),
    ])
}

#[tokio::test]
async fn a_trusted_proxy_says_for_whom_a_request_is_and_how_it_came() {
    let house = behind_a_proxy();
    let platform = house.platform();
    let ask = async |path: &str, headers: &[(&str, &str)]| {
        let mut request = platform.http.get(format!("{}{path}", platform.base)).header("host", "inside:8080");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        Answer::to(request).await
    };

    // The host by which the client knows the tenant.
    let jwks = ask("/jwks", &[("x-forwarded-host", "acme.tenants.example")]).await.is(200).body;
    assert_eq!(ask("/acme/jwks", &[("x-forwarded-host", "ISSUE.example:443")]).await.is(200).body, jwks);
    let metadata = "/.well-known/openid-credential-issuer";
    let told = ask(metadata, &[("x-forwarded-host", "globex.tenants.example")]).await.is(200);
    assert_eq!(
        told.json()["credential_issuer"],
        "https://issue.example/globex",
        "never what the request says"
    );
    for host in ["elsewhere.example", "a.example, acme.tenants.example", "acme.tenants.example/x", ""] {
        ask("/jwks", &[("x-forwarded-host", host)]).await.refused(421, "invalid_request");
    }
    let twice =
        [("x-forwarded-host", "acme.tenants.example"), ("x-forwarded-host", "globex.tenants.example")];
    ask("/jwks", &twice).await.refused(421, "invalid_request");
    ask("/jwks", &[]).await.refused(421, "invalid_request");
    for other in [("forwarded", "host=acme.tenants.example"), ("x-original-host", "acme.tenants.example")] {
        ask("/jwks", &[other]).await.refused(421, "invalid_request");
    }

    // Whether everybody on the way could read it.
    for (scheme, status) in [("https", 200), ("http", 421), ("https, http", 421), ("http, https", 421)] {
        let headers = [("x-forwarded-host", "acme.tenants.example"), ("x-forwarded-proto", scheme)];
        assert_eq!(ask("/jwks", &headers).await.status, status, "{scheme}");
    }
}

#[tokio::test]
async fn one_client_does_not_use_up_what_a_tenant_has() {
    let house = behind_a_proxy();
    let platform = house.platform();
    let ask = |client: &str| {
        let request = platform.http.request(Method::POST, format!("{}/acme/nonce", platform.base));
        Answer::to(request.header("x-forwarded-for", client))
    };
    let mut refused = 0;
    for _ in 0..24 {
        // What the client itself wrote stands before what the proxy adds.
        let answer = ask(&format!("{}, 203.0.113.9", chancery_tests::unique("192.0.2."))).await;
        refused += usize::from(answer.status == 429);
    }
    assert!(refused > 0, "a quarter of the tenant's share is less than that");
    ask("203.0.113.10").await.is(200);
    ask("203.0.113.9, 203.0.113.10, 2001:db8::7").await.is(200);
}
