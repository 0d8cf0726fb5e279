//! `grant_type=client_credentials` (RFC 6749 §4.4, RFC 9068)

use chancery_tests::people::badge;
use chancery_tests::people::wallet::GRANT;
use chancery_tests::{Answer, acme, jose};
use serde_json::json;

const CREDENTIALS: (&str, &str) = ("grant_type", "client_credentials");

#[tokio::test]
async fn a_client_gets_a_token_that_anybody_can_check() {
    let acme = acme();
    let client = acme.issuer().client(&["issuance:manage"]).await;
    let answer = client.ask(&[]).await.granted();
    let members: Vec<_> = answer.as_object().unwrap().keys().collect();
    assert_eq!(members, ["access_token", "token_type", "expires_in", "scope"]);
    assert_eq!((&answer["token_type"], &answer["expires_in"]), (&json!("Bearer"), &json!(900)));
    assert_eq!(answer["scope"], "issuance:manage");

    let server = acme.stranger().get("/.well-known/oauth-authorization-server").await.is(200).json();
    let keys = Answer::to(acme.http.get(acme.here(server["jwks_uri"].as_str().unwrap()))).await.is(200);
    let (header, claims) = jose::verify(answer["access_token"].as_str().unwrap(), &keys.json());
    assert_eq!(header["typ"], "at+jwt");
    assert_eq!(claims["iss"], acme.identifier);
    assert_eq!(claims["aud"], format!("{}/api", acme.identifier));
    assert_eq!((&claims["sub"], &claims["client_id"]), (&json!(client.id), &json!(client.id)));
    assert_eq!(claims["scope"], "issuance:manage");
    assert!(claims["tenant_id"].as_str().unwrap().starts_with("tnt_"));
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 900);
    assert!(claims["jti"].as_str().unwrap().len() >= 16);

    // Whoever verifies credentials never sees a key of tokens, nor the other way round.
    let kid = |keys: &serde_json::Value| keys["keys"][0]["kid"].clone();
    let of_credentials = acme.stranger().get("/jwks").await.json();
    assert_ne!(kid(&keys.json()), kid(&of_credentials));
    assert_eq!(of_credentials["keys"].as_array().unwrap().len(), 1);
    assert_eq!(acme.verifier().keys().await, of_credentials);

    let offer = client.manager().await.offer(badge()).await;
    acme.verifier().verify(&acme.wallet().claim(&offer).await).await;
}

#[tokio::test]
async fn a_client_authenticates_by_exactly_one_method() {
    let acme = acme();
    let client = acme.issuer().client(&["auditor"]).await;
    let (id, secret) = (client.id.as_str(), client.secret.as_str());
    let body = [CREDENTIALS, ("client_id", id), ("client_secret", secret)];
    Answer::to(client.request(&body)).await.granted();
    let both = client.request(&body).basic_auth(id, Some(secret));
    Answer::to(both).await.refused(400, "invalid_request");
    let same = client.request(&[CREDENTIALS, ("client_id", id)]).basic_auth(id, Some(secret));
    Answer::to(same).await.granted();
    let other = client.request(&[CREDENTIALS, ("client_id", "cli_0")]).basic_auth(id, Some(secret));
    Answer::to(other).await.refused(400, "invalid_request");
    let encoded = client.request(&[CREDENTIALS]).basic_auth(id.replace('_', "%5F"), Some(secret));
    Answer::to(encoded).await.granted();
    let twice =
        client.request(&[CREDENTIALS]).basic_auth(id, Some(secret)).header("authorization", "Basic x");
    Answer::to(twice).await.refused(400, "invalid_request");
    let query = acme.http.post(acme.at(&format!("/token?client_id={id}&client_secret={secret}")));
    Answer::to(query.form(&[CREDENTIALS])).await.refused(401, "invalid_client");
}

#[tokio::test]
async fn unknown_and_wrong_are_one_answer() {
    let acme = acme();
    let client = acme.issuer().client(&["auditor"]).await;
    let another = acme.issuer().client(&["auditor"]).await;
    let unknown = "cli_00000000000070008000000000000000";
    let mut bodies = Vec::new();
    for (id, secret) in [
        (client.id.as_str(), another.secret.as_str()),
        (client.id.as_str(), ""),
        (client.id.as_str(), acme.key.as_str()),
        (client.id.as_str(), "chs_' or true --"),
        (unknown, client.secret.as_str()),
        ("", client.secret.as_str()),
        ("\u{1f980}", "\u{0}"),
    ] {
        let answer = Answer::to(client.request(&[CREDENTIALS]).basic_auth(id, Some(secret))).await;
        let answer = answer.refused(401, "invalid_client");
        assert_eq!(answer.header("www-authenticate"), Some("Basic realm=\"chancery\""));
        bodies.push(answer.body);
    }
    for header in ["", "Basic", "Basic !", "Basic Og", "Bearer x", "basic"] {
        let answer = Answer::to(client.request(&[CREDENTIALS]).header("authorization", header)).await;
        bodies.push(answer.refused(401, "invalid_client").body);
    }
    bodies.push(Answer::to(client.request(&[CREDENTIALS])).await.refused(401, "invalid_client").body);
    bodies.dedup();
    assert_eq!(bodies.len(), 1);
}

#[tokio::test]
async fn a_scope_narrows_and_never_widens() {
    let acme = acme();
    let client = acme.issuer().client(&["issuance:manage"]).await;
    let narrow = client.ask(&[("scope", "auditor")]).await.granted();
    assert_eq!(narrow["scope"], "auditor");
    let auditor = acme.holder_of(narrow["access_token"].as_str().unwrap());
    auditor.get("/offers").await.granted();
    auditor.create(&badge()).await.problem(403, "forbidden");
    for wrong in ["owner", "auditor owner", "platform-admin", "root", "auditor\tissuance:offer"] {
        client.ask(&[("scope", wrong)]).await.refused(400, "invalid_scope");
    }
    client.ask(&[("scope", "")]).await.granted();
}

#[tokio::test]
async fn a_client_of_the_management_api_redeems_no_offer() {
    let acme = acme();
    let client = acme.issuer().client(&["issuance:offer"]).await;
    let code = acme.wallet().code(&acme.issuer().offer(badge()).await).await;
    let form = [("grant_type", GRANT), ("pre-authorized_code", code.as_str())];
    let confused = client.request(&form).basic_auth(&client.id, Some(&client.secret));
    Answer::to(confused).await.refused(400, "unauthorized_client");
    let impostor = client.request(&form).basic_auth(&client.id, Some("chs_wrong"));
    Answer::to(impostor).await.refused(401, "invalid_client");
    acme.wallet().exchange(&code).await.granted();
}
