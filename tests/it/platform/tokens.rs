//! Tokens of clients: whose tenant they open, and what opens nothing

use aws_lc_rs::hmac;
use chancery_tests::jose::{self, Jwt, Key};
use chancery_tests::people::badge;
use chancery_tests::{Acme, Answer, acme, platform, twin_platforms};
use reqwest::Method;
use serde_json::{Value, json};

/// A token as it was given, to be made wrong.
fn taken_apart(token: &str) -> Jwt {
    let (header, claims) = jose::read(token);
    Jwt { header, claims }
}

async fn is_nobodys(tenant: &Acme, token: &str) {
    for path in ["/offers", "/clients"] {
        tenant.holder_of(token).get(path).await.problem(401, "unauthenticated");
    }
    // Where the token alone would name the tenant, too.
    platform().application().holder_of(token).get("/offers").await.problem(401, "unauthenticated");
}

#[tokio::test]
async fn a_token_names_its_tenant_on_the_platforms_own_host() {
    let platform = platform();
    let tenant = platform.newcomer().await;
    let client = tenant.issuer().client(&["owner"]).await;
    let token = client.token().await;
    let anywhere = platform.application().holder_of(&token);
    let offer = anywhere.offer(badge()).await;
    assert!(offer.page_url.starts_with(&tenant.identifier));
    assert_eq!(tenant.issuer().state(&offer).await, "created");
    assert_eq!(tenant.holder_of(&token).state(&offer).await, "created");
    let shown = anywhere.get(&format!("/clients/{}", client.id)).await.granted();
    assert_eq!(shown["client_id"], client.id);
    let problem = anywhere.get("/offers/x").await.problem(404, "not-found");
    assert!(problem["type"].as_str().unwrap().starts_with(&tenant.identifier), "{problem}");
    // An API key names nobody.
    platform.application().holder_of(&tenant.key).get("/offers").await.problem(401, "unauthenticated");
}

#[tokio::test]
async fn at_another_tenants_address_a_token_finds_nobody() {
    let platform = platform();
    let (mine, theirs) = (platform.newcomer().await, platform.newcomer().await);
    let token = mine.issuer().client(&["owner"]).await.token().await;
    let nobody = Acme { base: format!("{}/never-was", platform.base), ..mine.clone() };
    for (method, path) in [
        (Method::GET, "/offers"),
        (Method::POST, "/offers"),
        (Method::GET, "/clients"),
        (Method::PATCH, "/clients/x"),
        (Method::DELETE, "/unheard-of"),
        (Method::GET, "/openapi.json"),
    ] {
        let ask = async |tenant: &Acme| {
            Answer::to(tenant.holder_of(&token).request(method.clone(), path).json(&json!({}))).await
        };
        let (foreign, unknown) = (ask(&theirs).await, ask(&nobody).await);
        assert_eq!(foreign.body, unknown.body, "{method} {path}");
        foreign.problem(404, "not-found");
    }
    let operators = platform.application().issuer().client(&["platform-admin"]).await.token().await;
    theirs.holder_of(&operators).get("/offers").await.problem(404, "not-found");
    platform.holder_of(&token).get("/tenants").await.problem(401, "unauthenticated");
}

#[tokio::test]
async fn what_this_tenant_did_not_sign_is_nobodys() {
    let platform = platform();
    let tenant = platform.newcomer().await;
    let token = tenant.issuer().client(&["owner"]).await.token().await;
    let honest = taken_apart(&token);
    let (message, signature) = token.rsplit_once('.').unwrap();

    let key = Key::p256();
    is_nobodys(&tenant, &honest.sign(&key)).await;
    is_nobodys(&tenant, &honest.clone().header("jwk", key.jwk()).sign(&key)).await;
    for kid in [key.thumbprint(), "../../../dev/null".to_owned(), "' or true --".to_owned()] {
        is_nobodys(&tenant, &honest.clone().header("kid", kid).header("jwk", key.jwk()).sign(&key)).await;
    }
    let jku = format!("{}/jwks", platform.founded("acme").identifier);
    is_nobodys(&tenant, &honest.clone().header("jku", jku).sign(&key)).await;
    is_nobodys(&tenant, &format!("{message}.")).await;
    is_nobodys(&tenant, &format!("{message}.{}", signature.replace(&signature[..4], "AAAA"))).await;
    let wider = honest.clone().claim("scope", "owner platform-admin");
    let wider =
        jose::compact(&wider.header.to_string(), &wider.claims.to_string(), |_| jose::unbase64url(signature));
    is_nobodys(&tenant, &wider).await;

    // What it says is another's, what it is signed with is not.
    let theirs = platform.newcomer().await;
    let foreign = taken_apart(&theirs.issuer().client(&["owner"]).await.token().await);
    for claim in ["tenant_id", "iss", "aud", "sub", "client_id", "exp"] {
        let claimed = honest.clone().claim(claim, foreign.claims[claim].clone());
        let claimed = if claim == "exp" { claimed.claim(claim, 4_102_444_800_i64) } else { claimed };
        let (header, claims) = (claimed.header.to_string(), claimed.claims.to_string());
        let token = jose::compact(&header, &claims, |_| jose::unbase64url(signature));
        is_nobodys(&tenant, &token).await;
        theirs.holder_of(&token).get("/offers").await.problem(401, "unauthenticated");
    }

    // Algorithm confusion: the public key as a secret, and no signature at all.
    let keys = tenant.stranger().get("/oauth/jwks").await.is(200).json();
    let confused = honest.clone().header("alg", "HS256");
    for secret in [keys["keys"][0].to_string(), keys["keys"][0]["x"].to_string(), keys.to_string()] {
        let mac = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
        let sign = |message: &[u8]| hmac::sign(&mac, message).as_ref().to_vec();
        is_nobodys(&tenant, &jose::compact(&confused.header.to_string(), &confused.claims.to_string(), sign))
            .await;
    }
    for none in ["none", "None", "NONE"] {
        let unsigned = honest.clone().header("alg", none);
        let (header, claims) = (unsigned.header.to_string(), unsigned.claims.to_string());
        is_nobodys(&tenant, &jose::compact(&header, &claims, |_| vec![])).await;
    }
    tenant.holder_of(&token).get("/offers").await.granted();
}

#[tokio::test]
async fn what_was_signed_for_something_else_is_nobodys() {
    let platform = platform();
    let tenant = platform.newcomer().await;
    let credential = tenant.wallet().claim(&tenant.issuer().offer(badge()).await).await;
    is_nobodys(&tenant, credential.split('~').next().unwrap()).await;
    let taken_apart = tenant.verifier().verify(&credential).await;
    let uri = taken_apart.payload["status"]["status_list"]["uri"].as_str().unwrap().to_owned();
    let list = tenant.stranger().get(uri.strip_prefix(&tenant.identifier).unwrap()).await.is(200);
    is_nobodys(&tenant, list.text()).await;
    let wallets = tenant.wallet().redeem(&tenant.issuer().offer(badge()).await).await;
    is_nobodys(&tenant, &wallets.text).await;
    // Another deployment's, whose key this one does not have.
    let elsewhere = acme().issuer().client(&["owner"]).await.token().await;
    is_nobodys(&tenant, &elsewhere).await;
    let here = tenant.issuer().client(&["owner"]).await.token().await;
    acme().holder_of(&here).get("/offers").await.problem(401, "unauthenticated");
    // Nor is a client's token a wallet's.
    let proofs = tenant.wallet().proofs(&Key::some(1), &tenant.wallet().nonce().await);
    let token = chancery_tests::people::Token { text: here, answer: Value::Null };
    tenant.wallet().request_badge(&token, &proofs).await.challenged(401, "Bearer", "invalid_token");
}

#[tokio::test]
async fn a_suspension_ends_tokens_for_good_at_every_process() {
    let [here, there] = twin_platforms();
    let tenant = here.newcomer().await;
    let same = Acme { base: tenant.base.replace(&here.base, &there.base), ..tenant.clone() };
    let client = tenant.issuer().client(&["issuance:offer"]).await;
    let token = client.token().await;
    same.holder_of(&token).create(&badge()).await.is(201);
    here.operator().change(&tenant, "suspend").await.is(200);
    tenant.holder_of(&token).get("/offers").await.problem(403, "suspended");
    client.ask(&[]).await.refused(403, "invalid_request");
    here.operator().change(&tenant, "resume").await.is(200);
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    for tenant in [&tenant, &same] {
        tenant.holder_of(&token).create(&badge()).await.problem(401, "unauthenticated");
        tenant.holder_of(&token).get("/offers").await.problem(401, "unauthenticated");
    }
    let fresh = client.token().await;
    same.holder_of(&fresh).create(&badge()).await.is(201);
    // A new name ends nothing.
    let id = here.operator().id_of(&tenant).await;
    let renamed = here.operator().request(Method::PATCH, &format!("/tenants/{id}")).header("if-match", "*");
    Answer::to(renamed.json(&json!({ "name": "Renamed" }))).await.is(200);
    same.holder_of(&fresh).get("/offers").await.granted();
}

#[tokio::test]
async fn a_closing_tenant_gives_tokens_to_revoke_with() {
    let platform = platform();
    let tenant = platform.newcomer().await;
    let offer = tenant.issuer().offer(badge()).await;
    tenant.wallet().claim(&offer).await;
    let credential = tenant.issuer().issued(&offer).await.remove(0);
    let client = tenant.issuer().client(&["issuance:manage"]).await;
    platform.operator().change(&tenant, "close").await.is(200);
    client.manager().await.change(&credential, "revoke").await.is(200);
}
