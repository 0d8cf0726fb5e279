//! From the address of a request to a tenant

use chancery_tests::{Answer, House, platform, raw};
use reqwest::Method;

#[tokio::test]
async fn metadata_is_found_in_all_three_forms() {
    let platform = platform();
    let tenant = platform.founded("acme");
    let port = platform.base.rsplit(':').next().unwrap().to_owned();
    for name in ["openid-credential-issuer", "oauth-authorization-server", "jwt-vc-issuer"] {
        let ask = async |url: String, host: Option<String>| {
            let mut request = platform.http.get(url);
            if let Some(host) = host {
                request = request.header("host", host);
            }
            Answer::to(request).await.is(200).body
        };
        let inserted = ask(format!("{}/.well-known/{name}/acme", platform.base), None).await;
        let appended = ask(format!("{}/acme/.well-known/{name}", platform.base), None).await;
        let at_the_host =
            ask(format!("{}/.well-known/{name}", platform.base), Some(format!("ACME.localhost.:{port}")))
                .await;
        assert_eq!(inserted, appended, "{name}");
        assert_eq!(inserted, at_the_host, "{name}");
        let text = String::from_utf8(inserted).unwrap();
        assert!(text.contains(&format!("\"{}\"", tenant.identifier)), "{text}");
    }
}

#[tokio::test]
async fn a_host_that_is_nobodys_is_misdirected() {
    let platform = platform();
    for host in [
        "other.example",
        "a.acme.localhost",
        "admin.localhost",
        "localhost.evil.example",
        "acme.localhost.evil.example",
    ] {
        let request = platform.http.get(format!("{}/acme/jwks", platform.base)).header("host", host);
        Answer::to(request).await.refused(421, "invalid_request");
    }
    // Whoever looks after the process knows it by an address.
    let request = platform.http.get(format!("{}/livez", platform.base)).header("host", "10.0.0.7:8080");
    Answer::to(request).await.granted();
    // A slug that nobody has looks like a path that does not exist.
    let request = platform.http.get(format!("{}/jwks", platform.base)).header("host", "nobody.localhost");
    Answer::to(request).await.refused(404, "invalid_request");
}

#[tokio::test]
async fn what_a_proxy_or_a_stranger_says_of_the_tenant_counts_for_nothing() {
    let platform = platform();
    let acme = platform.founded("acme");
    for (name, value) in [
        ("x-tenant-id", "globex"),
        ("x-forwarded-host", "globex.localhost"),
        ("x-forwarded-prefix", "/globex"),
        ("forwarded", "host=globex.localhost"),
        ("x-original-url", "/globex/jwks"),
        ("x-rewrite-url", "/globex/jwks"),
        ("x-http-method-override", "DELETE"),
    ] {
        let told =
            Answer::to(acme.stranger().request(Method::GET, "/jwks").header(name, value)).await.is(200);
        assert_eq!(told.body, acme.stranger().get("/jwks").await.body, "{name}");
    }
}

#[tokio::test]
async fn a_path_in_another_spelling_is_nobodys() {
    let platform = platform();
    for path in [
        "/%61cme/jwks",
        "//acme/jwks",
        "/ACME/jwks",
        "/acme//jwks",
        "/acme/./jwks",
        "/x/../acme/jwks",
        "/acme/jwks/",
    ] {
        let request = format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n");
        let answer = raw::exchange(&platform.base, request.as_bytes()).await;
        assert_eq!(raw::status(&answer), Some(404), "{path}: {answer}");
    }
}

#[tokio::test]
async fn a_platform_is_served_at_the_root_of_its_host_only() {
    let environment = [("SAAS_MODE", "true"), ("CHANCERY_PUBLIC_URL", "http://127.0.0.1:1/x")];
    let output = House::start().twin_command(&environment).output().unwrap();
    assert_eq!(output.status.code(), Some(4));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("CHANCERY_PUBLIC_URL") && said.contains("no path"), "{said}");
}
