//! What becomes of a tenant: suspended, resumed, closed, deleted

use chancery_tests::people::badge;
use chancery_tests::{Acme, Answer, platform, twin_platforms};
use reqwest::Method;
use serde_json::json;

/// What verifiers of live credentials need.
async fn verifiers_are_served(tenant: &Acme, credential: &str) {
    tenant.stranger().get("/jwks").await.is(200);
    tenant.stranger().get("/.well-known/jwt-vc-issuer").await.is(200);
    tenant.stranger().get("/did.json").await.is(200);
    let taken_apart = tenant.verifier().verify(credential).await;
    let list = taken_apart.payload["status"]["status_list"]["uri"].as_str().unwrap().to_owned();
    tenant.stranger().get(list.strip_prefix(&tenant.identifier).unwrap()).await.is(200);
}

#[tokio::test]
async fn a_suspended_tenant_refuses_everything_but_what_verifiers_need_and_loses_nothing() {
    let platform = platform();
    let (operator, tenant) = (platform.operator(), platform.newcomer().await);
    let offer = tenant.issuer().offer(badge()).await;
    let credential = tenant.wallet().claim(&offer).await;
    let waiting = tenant.issuer().offer(badge()).await;
    let begun = tenant.issuer().offer(badge()).await;
    let token = tenant.wallet().redeem(&begun).await;
    let code = tenant.wallet().code(&waiting).await;
    let proofs = tenant.wallet().proofs(&chancery_tests::jose::Key::some(1), &tenant.wallet().nonce().await);

    assert_eq!(operator.change(&tenant, "suspend").await.is(200).json()["status"], "suspended");
    operator.change(&tenant, "suspend").await.problem(409, "wrong-state");
    tenant.issuer().get("/offers").await.problem(403, "suspended");
    tenant.issuer().create(&badge()).await.problem(403, "suspended");
    tenant.wallet().exchange(&code).await.refused(403, "invalid_request");
    tenant.wallet().ask_for_nonce().await.refused(403, "invalid_request");
    tenant.stranger().get("/.well-known/openid-credential-issuer").await.refused(403, "invalid_request");
    tenant.wallet().request_badge(&token, &proofs).await.challenged(401, "Bearer", "invalid_token");
    verifiers_are_served(&tenant, &credential).await;

    assert_eq!(operator.change(&tenant, "resume").await.is(200).json()["status"], "active");
    tenant.verifier().verify(&tenant.wallet().claim(&waiting).await).await;
}

#[tokio::test]
async fn a_closing_tenant_issues_no_more_but_still_revokes() {
    let platform = platform();
    let (operator, tenant) = (platform.operator(), platform.newcomer().await);
    let offer = tenant.issuer().offer(badge()).await;
    let credential = tenant.wallet().claim(&offer).await;
    let waiting = tenant.issuer().offer(badge()).await;
    let code = tenant.wallet().code(&waiting).await;
    operator.change(&tenant, "close").await.is(200);
    tenant.wallet().exchange(&code).await.refused(403, "invalid_request");
    tenant.issuer().create(&badge()).await.problem(409, "wrong-state");
    verifiers_are_served(&tenant, &credential).await;
    let id = tenant.issuer().issued(&offer).await.remove(0);
    tenant.issuer().change(&id, "revoke").await.is(200);
    for back in ["resume", "suspend"] {
        operator.change(&tenant, back).await.problem(409, "wrong-state");
    }
}

#[tokio::test]
async fn a_deleted_tenant_is_as_one_that_never_was() {
    let platform = platform();
    let (operator, tenant) = (platform.operator(), platform.newcomer().await);
    let never = Acme { base: format!("{}/never-was", platform.base), ..tenant.clone() };
    operator.delete(&tenant).await.is(200);
    for path in ["/jwks", "/.well-known/openid-credential-issuer", "/api/offers", "/token"] {
        let (gone, unknown) = (tenant.issuer_asks(path).await, never.issuer_asks(path).await);
        assert_eq!((gone.status, &gone.body), (404, &unknown.body), "{path}");
    }
    for change in ["suspend", "resume", "close"] {
        operator.change(&tenant, change).await.problem(409, "wrong-state");
    }
    operator.delete(&tenant).await.problem(409, "wrong-state");
}

#[tokio::test]
async fn what_a_deleted_tenant_issued_is_revoked_for_everybody_and_for_good() {
    let platform = platform();
    let (operator, tenant) = (platform.operator(), platform.newcomer().await);
    let credential = tenant.wallet().claim_copies(&tenant.issuer().offer(badge()).await, 2).await.remove(1);
    let waiting = tenant.issuer().offer(badge()).await;
    let code = tenant.wallet().code(&waiting).await;
    let held = tenant.verifier().verify(&credential).await;
    assert_eq!(tenant.verifier().status(&held).await, 0);

    let gone = operator.delete(&tenant).await.is(200).json();
    assert_eq!((&gone["status"], &gone["name"]), (&json!("deleted"), &gone["slug"]));
    verifiers_are_served(&tenant, &credential).await;
    assert_eq!(tenant.verifier().status(&held).await, 1);
    let (_, list) = tenant.verifier().status_list(&held).await;
    assert!(list["exp"].as_i64() > held.payload["exp"].as_i64(), "the list outlives the credential");
    for path in ["/.well-known/openid-credential-issuer", "/api/offers", "/status-lists/1", "/nonce"] {
        tenant.issuer_asks(path).await.is(404);
    }
    tenant.wallet().exchange(&code).await.is(404);
    operator.create(gone["slug"].as_str().unwrap()).await.problem(409, "conflict");
}

#[tokio::test]
async fn a_tenant_that_is_to_be_deleted_is_honoured_until_then() {
    let platform = platform();
    let (operator, tenant) = (platform.operator(), platform.newcomer().await);
    let credential = tenant.wallet().claim(&tenant.issuer().offer(badge()).await).await;
    let held = tenant.verifier().verify(&credential).await;
    let path = format!("/tenants/{}", operator.id_of(&tenant).await);
    let delete =
        async |query: &str| Answer::to(operator.request(Method::DELETE, &format!("{path}?{query}"))).await;
    for wrong in [
        "credentials=honour",
        "until=2999-01-01T00:00:00Z",
        "credentials=honour&until=2001-01-01T00:00:00Z",
        "credentials=honour&until=2999-01-01T00:00:00Z",
        "credentials=honour&until=tomorrow",
        "credentials=burn",
    ] {
        delete(wrong).await.problem(400, "malformed-request");
    }
    let until = time::OffsetDateTime::from_unix_timestamp(chancery_tests::now() + 4).unwrap();
    let until = until.format(&time::format_description::well_known::Rfc3339).unwrap();
    let closing = delete(&format!("credentials=honour&until={until}")).await.is(200).json();
    assert_eq!(closing["status"], "closing");
    tenant.issuer().create(&badge()).await.problem(409, "wrong-state");
    assert_eq!(tenant.verifier().status(&held).await, 0);
    let asked = std::time::Instant::now();
    while operator.get(&path).await.granted()["status"] != "deleted" {
        assert!(asked.elapsed().as_secs() < 40, "nobody deletes it");
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    }
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    assert_eq!(tenant.verifier().status(&held).await, 1);
}

#[tokio::test]
async fn every_process_knows_of_a_suspension_within_a_second() {
    let [here, there] = twin_platforms();
    let tenant = here.newcomer().await;
    let same = Acme { base: tenant.base.replace(&here.base, &there.base), ..tenant.clone() };
    for (change, status) in [("suspend", 403), ("resume", 200), ("suspend", 403)] {
        same.issuer().get("/offers").await;
        here.operator().change(&tenant, change).await.is(200);
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
        same.issuer().get("/offers").await.is(status);
    }
}
