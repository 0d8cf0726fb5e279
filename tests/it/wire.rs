//! What no HTTP client sends: whatever the bytes, an answer below 500 or none, and then business as usual

use chancery_tests::people::badge;
use chancery_tests::{Answer, acme, raw, together};
use reqwest::Method;

#[tokio::test]
async fn broken_requests_are_refused_and_break_nothing() {
    let acme = acme();
    let post = "POST /credential HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n";
    let many_headers = "X-Again: y\r\n".repeat(2000);
    let requests: Vec<(&str, Vec<u8>)> = vec![
        ("no HTTP", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec()),
        ("no version", b"GET /\r\n\r\n".to_vec()),
        ("a version to come", b"GET / HTTP/9.9\r\nHost: x\r\n\r\n".to_vec()),
        ("an empty line", b"\r\n\r\n\r\n\r\n".to_vec()),
        ("a method of its own", b"CLAIM /credential HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".to_vec()),
        ("a space in the path", b"GET /a b HTTP/1.1\r\nHost: x\r\n\r\n".to_vec()),
        ("bytes in the path", b"GET /offers/\xff\xfe HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".to_vec()),
        ("a zero in a header", format!("{post}Authorization: Bearer a\0b\r\n\r\n").into_bytes()),
        ("a folded header", format!("{post}Authorization: Bearer\r\n a\r\n\r\n").into_bytes()),
        ("a long header", format!("{post}Authorization: Bearer {}\r\n\r\n", "x".repeat(1 << 20)).into_bytes()),
        ("many headers", format!("{post}{many_headers}\r\n").into_bytes()),
        ("a long path", format!("GET /{} HTTP/1.1\r\nHost: x\r\n\r\n", "x".repeat(1 << 20)).into_bytes()),
        ("two lengths", format!("{post}Content-Length: 2\r\nContent-Length: 3\r\n\r\n{{}}").into_bytes()),
        ("a negative length", format!("{post}Content-Length: -1\r\n\r\n").into_bytes()),
        (
            "a length and chunks",
            format!("{post}Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n")
                .into_bytes(),
        ),
        ("a chunk that is none", format!("{post}Transfer-Encoding: chunked\r\n\r\nzz\r\n").into_bytes()),
        ("an unknown coding", format!("{post}Transfer-Encoding: chunked, gzip\r\n\r\n").into_bytes()),
    ];
    let answers = together(requests.into_iter().map(|(what, request)| {
        let base = acme.base.clone();
        async move { (what, raw::exchange(&base, &request).await) }
    }));
    for (what, answer) in answers.await {
        if let Some(status) = raw::status(&answer) {
            assert!((400..500).contains(&status), "{what}: {answer}");
        }
        assert!(!answer.contains("panicked") && !answer.contains("/src/"), "{what}: {answer}");
    }
    acme.wallet().claim(&acme.issuer().offer(badge()).await).await;
}

#[tokio::test]
async fn a_header_that_is_no_text_is_no_credential() {
    let acme = acme();
    let header = reqwest::header::HeaderValue::from_bytes(b"Bearer \xff\xfe").unwrap();
    let request =
        acme.stranger().request(Method::POST, "/credential").header("authorization", header.clone());
    let answer = Answer::to(request).await;
    assert!([400, 401].contains(&answer.status), "{answer}");
    let request = acme.stranger().request(Method::GET, "/api/offers").header("authorization", header.clone());
    Answer::to(request).await.problem(401, "unauthenticated");
    let token = acme.wallet().redeem(&acme.issuer().offer(badge()).await).await;
    let request = acme.wallet().post("/credential").header("authorization", format!("DPoP {}", token.text));
    let answer = Answer::to(request.header("dpop", header.clone())).await;
    assert!([400, 401].contains(&answer.status), "{answer}");
    let request =
        acme.issuer().request(Method::POST, "/offers").header("idempotency-key", header).json(&badge().0);
    Answer::to(request).await.problem(400, "malformed-request");
}

#[tokio::test]
async fn the_name_that_a_request_is_addressed_to_counts_for_nothing() {
    let acme = acme();
    let mut offers = Vec::new();
    for name in
        ["Host", "X-Forwarded-Host", "X-Forwarded-Proto", "Forwarded", "X-Tenant-Id", "X-Original-Url"]
    {
        let request = acme.issuer().request(Method::POST, "/offers").json(&badge().0);
        let answer = Answer::to(request.header(name, "elsewhere.example")).await.is(201);
        assert!(!answer.text().contains("elsewhere"), "{name}: {answer}");
        offers.push(answer.json());
        let request = acme.stranger().request(Method::GET, "/.well-known/openid-credential-issuer");
        let answer = Answer::to(request.header(name, "elsewhere.example")).await.is(200);
        assert_eq!(answer.json()["credential_issuer"], acme.identifier, "{name}");
    }
    assert_eq!(offers.len(), 6);
}

#[tokio::test]
async fn no_other_spelling_of_a_path_leads_anywhere() {
    let acme = acme();
    for path in [
        "/API/offers",
        "//api/offers",
        "/api//offers",
        "/api/./x/../offers/",
        "/%61pi/offers/",
        "/api%2foffers",
        "/api/offers;x=y",
        "/jwks/",
        "/JWKS",
        "/token/",
        "/status-lists/",
        "/status-lists/0/..",
    ] {
        let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        let answer = raw::exchange(&acme.base, request.as_bytes()).await;
        assert_eq!(raw::status(&answer), Some(404), "{path}: {answer}");
    }
}
