//! `oid4vci-1_0-issuer-…`: what succeeds

use std::collections::BTreeSet;

use chancery_tests::answer::text;
use chancery_tests::jose::{self, Key};
use chancery_tests::people::Token;
use chancery_tests::people::holder::redirected_to;
use chancery_tests::people::wallet::{GRANT, credentials};
use chancery_tests::{Answer, acme};
use serde_json::{Value, json};

use super::{PLAIN, Plan, Variant, all_variants, offer_by, variants};

const ISSUER: &str = "/.well-known/openid-credential-issuer";
const SERVER: &str = "/.well-known/oauth-authorization-server";

/// The names of signature algorithms that each format may use; of proofs, those of JOSE.
fn has_algorithms_of_its_format(configuration: &Value) {
    let algorithms = configuration["credential_signing_alg_values_supported"].as_array().unwrap();
    let is_right = |alg: &Value| match configuration["format"].as_str().unwrap() {
        "mso_mdoc" => alg.is_i64(),
        _ => alg.is_string() && alg != "none",
    };
    assert!(!algorithms.is_empty() && algorithms.iter().all(is_right), "{configuration}");
}

#[tokio::test]
async fn metadata_test() {
    let plan = Plan::start().await;
    let ask = async |path: &str| Answer::to(plan.acme.http.get(plan.acme.at(path))).await.is(200).json();
    let metadata = ask(ISSUER).await;
    assert_eq!(metadata["credential_issuer"], plan.acme.identifier);
    for endpoint in ["credential_endpoint", "nonce_endpoint", "notification_endpoint"] {
        assert!(text(&metadata[endpoint]).starts_with(&plan.acme.identifier), "{endpoint}");
    }
    let mut scopes = BTreeSet::new();
    for (id, configuration) in metadata["credential_configurations_supported"].as_object().unwrap() {
        assert_ne!(configuration["format"], "vc+sd-jwt", "a name of drafts");
        has_algorithms_of_its_format(configuration);
        let binding = configuration.get("cryptographic_binding_methods_supported");
        assert_eq!(binding.is_some(), configuration.get("proof_types_supported").is_some(), "{id}");
        let scope = text(&configuration["scope"]);
        assert!(scope.bytes().all(|byte| matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e)), "{scope}");
        assert!(scopes.insert(scope), "{id}: of two with one scope nobody knows which is meant");
        let displays = configuration["credential_metadata"]["display"].as_array().unwrap();
        let locales: BTreeSet<_> = displays.iter().map(|display| text(&display["locale"])).collect();
        assert_eq!(locales.len(), displays.len(), "{id}");
    }
    let request = &metadata["credential_request_encryption"];
    let response = &metadata["credential_response_encryption"];
    assert!(request["encryption_required"].is_boolean() && response["encryption_required"].is_boolean());
    for key in request["jwks"]["keys"].as_array().unwrap() {
        assert!(key["kid"].is_string() && key["alg"].is_string() && key.get("d").is_none(), "{key}");
    }
    for names in ["enc_values_supported", "zip_values_supported"] {
        assert_eq!(request[names], response[names], "what goes one way goes the other");
    }

    let server = ask(SERVER).await;
    assert_eq!(server["issuer"], plan.acme.identifier);
    assert_eq!(server["code_challenge_methods_supported"], json!(["S256"]));
    assert_eq!(server["authorization_response_iss_parameter_supported"], true);
    for algorithms in
        ["dpop_signing_alg_values_supported", "token_endpoint_auth_signing_alg_values_supported"]
    {
        assert!(server[algorithms].as_array().unwrap().contains(&json!("ES256")), "{algorithms}");
    }
    let keys = Answer::to(plan.acme.http.get(plan.acme.here(&text(&server["jwks_uri"])))).await;
    for key in keys.is(200).json()["keys"].as_array().unwrap() {
        assert!(key.get("d").is_none() && key.get("k").is_none(), "{key}");
    }
}

#[tokio::test]
async fn metadata_test_signed() {
    let acme = acme();
    let ask = acme.http.get(acme.at(ISSUER)).header("accept", "application/jwt");
    let answer = Answer::to(ask).await.is(200);
    assert_eq!(answer.header("content-type"), Some("application/jwt"));
    let (header, claims) = jose::verify(answer.text(), &acme.verifier().keys().await);
    assert_eq!(header["typ"], "openidvci-issuer-metadata+jwt");
    assert!(header["x5c"].is_array());
    assert_eq!(claims["sub"], acme.identifier);
    assert!(claims["iat"].as_i64().unwrap() <= chancery_tests::now());
}

#[tokio::test]
async fn happy_flow() {
    let plan = Plan::start().await;
    for variant in all_variants() {
        let (key, holders) = (Key::p256(), Key::some(1));
        let token = plan.token(&plan.client, variant, &key).await;
        let answer = plan.receive(variant, &token, &key, &holders).await;
        for member in answer.as_object().unwrap().keys() {
            assert!(["credentials", "notification_id"].contains(&member.as_str()), "{variant:?}: {member}");
        }
        let seen = plan.verified(variant, &credentials(&answer), &holders).await;
        assert_eq!(seen[0].said, "Erika", "{variant:?}");

        let wallet = plan.acme.wallet();
        let proof =
            wallet.dpop(&key, "/notification").await.claim("ath", jose::sha256(&token.text)).sign(&key);
        let told = wallet.post("/notification").header("authorization", format!("DPoP {}", token.text));
        let event = json!({
            "notification_id": answer["notification_id"], "event": "credential_accepted", "x-unknown": 1
        });
        Answer::to(told.header("DPoP", proof).json(&event)).await.is(204);
    }
}

/// Outside of HAIP: the code comes with the offer, the wallet authenticates all the same.
#[tokio::test]
async fn happy_flow_by_pre_authorized_code() {
    let plan = Plan::start_plain().await;
    for variant in variants().filter(|variant| variant.by_issuer) {
        let (key, holders) = (Key::p256(), Key::some(1));
        for rar in [false, true] {
            let offer = offer_by(&plan.acme, variant, "pre-authorized_code").await;
            let code = plan.acme.wallet().code(&offer).await;
            let mut form = vec![("grant_type", GRANT), ("pre-authorized_code", code.as_str())];
            let details = json!([{
                "type": "openid_credential", "credential_configuration_id": variant.configuration_id
            }]);
            let details = details.to_string();
            form.extend(rar.then_some(("authorization_details", details.as_str())));
            let token = Token::read(plan.ask_for_token(&plan.client, &form, &key).await);
            let answer = plan.receive(Variant { rar, ..variant }, &token, &key, &holders).await;
            let seen = plan.verified(variant, &credentials(&answer), &holders).await;
            assert_eq!(seen[0].said, "Erika", "{variant:?}");
        }
    }
}

/// The same credential with the same token, asked for as clients of all kinds do.
#[tokio::test]
async fn happy_flow_additional_requests() {
    let plan = Plan::start().await;
    for variant in variants().filter(|variant| !variant.encrypted) {
        let (key, holders) = (Key::p256(), Key::some(1));
        let token = plan.token(&plan.client, variant, &key).await;
        let mut issued = credentials(&plan.receive(variant, &token, &key, &holders).await);
        let mut statuses = vec![plan.verified(variant, &issued, &holders).await.remove(0).status];
        for (name, value) in [
            ("accept", "application/json, application/xml;q=0.1, */*;q=0.1"),
            ("accept", "application/json;charset=UTF-8"),
            ("accept-charset", "UTF-8, iso-8859-1;q=0.5"),
            ("x-fapi-interaction-id", "c770aef3-6784-41f7-8e0e-ff5f97bddb3a"),
        ] {
            let body = plan.request(variant, &holders).await;
            let proof = plan.acme.wallet().dpop_with(&key, &token).await.sign(&key);
            let request = plan.acme.wallet().post("/credential");
            let request = request.header("authorization", format!("DPoP {}", token.text));
            let request = request.header("DPoP", proof).header(name, value).json(&body);
            let answer = Answer::to(request).await.granted();
            let seen = plan.verified(variant, &credentials(&answer), &holders).await;
            assert_eq!(seen[0].said, "Erika", "{variant:?}");
            statuses.push(seen[0].status.clone());
            issued.extend(credentials(&answer));
        }
        assert_eq!(BTreeSet::from_iter(&issued).len(), 5);
        assert_eq!(BTreeSet::from_iter(&statuses).len(), 5, "each may be revoked by itself");
    }
}

#[tokio::test]
async fn happy_flow_multiple_clients() {
    let plan = Plan::start().await;
    for variant in variants().filter(|variant| variant.by_issuer) {
        let keys = [Key::p256(), Key::p256()];
        let tokens =
            [plan.token(&plan.client, variant, &keys[0]).await, second_token(&plan, variant, &keys[1]).await];
        let body = plan.request(variant, &Key::some(1)).await;
        plan.ask(&tokens[1], &keys[0], &body).await.challenged(401, "DPoP", "invalid_dpop_proof");
        let mut issued = BTreeSet::new();
        for (token, key) in tokens.iter().zip(&keys) {
            let holders = Key::some(1);
            let answer = plan.receive(variant, token, key, &holders).await;
            let seen = plan.verified(variant, &credentials(&answer), &holders).await.remove(0);
            issued.insert(seen.issued);
        }
        assert!(issued.iter().all(|at| at % 3600 == 0), "the hour links nobody: {issued:?}");
    }
}

/// A token for the other client, which asks in another order, with a state as long as the suite makes it, and comes back
/// to an address that has a query of its own.
async fn second_token(plan: &Plan, variant: Variant, key: &Key) -> Token {
    let redirect = "https://wallet.example/second?dummy1=lorem&dummy2=ipsum";
    let (offer, state) = (plan.offer(variant).await, "s".repeat(128));
    let asking = plan.asking(&plan.other, &offer, variant).await;
    let mut asking = asking.with("state", &state).with("redirect_uri", redirect);
    asking.form.reverse();
    let page = plan.decision(&plan.other, &asking, &offer).await;
    let told = redirected_to(redirect, &plan.acme.holder().decide(&page, "consent").await);
    assert_eq!(told["state"], state);
    let form: Vec<_> = asking
        .redemption(&told["code"])
        .into_iter()
        .map(|(name, value)| (name, if name == "redirect_uri" { redirect } else { value }))
        .collect();
    Token::read(plan.ask_for_token(&plan.other, &form, key).await)
}

#[tokio::test]
async fn happy_flow_skip_notification() {
    let plan = Plan::start().await;
    for _ in 0..2 {
        let (key, holders) = (Key::p256(), Key::some(1));
        let token = plan.token(&plan.client, PLAIN, &key).await;
        plan.receive(PLAIN, &token, &key, &holders).await;
    }
}

#[tokio::test]
async fn batch_issuance() {
    let plan = Plan::start().await;
    let metadata = Answer::to(plan.acme.http.get(plan.acme.at(ISSUER))).await.is(200).json();
    let size = &metadata["batch_credential_issuance"]["batch_size"];
    let size = usize::try_from(size.as_u64().unwrap()).unwrap();
    for variant in variants() {
        let (key, holders) = (Key::p256(), Key::some(size));
        let token = plan.token(&plan.client, variant, &key).await;
        let answer = plan.receive(variant, &token, &key, &holders).await;
        let seen = plan.verified(variant, &credentials(&answer), &holders).await;
        let statuses: BTreeSet<_> = seen.iter().map(|copy| &copy.status).collect();
        assert_eq!(statuses.len(), size, "{variant:?}: a status of its own for every copy");
        let salts: Vec<_> = seen.iter().flat_map(|copy| &copy.salts).collect();
        assert_eq!(salts.iter().collect::<BTreeSet<_>>().len(), salts.len(), "{variant:?}");
        assert!(seen.iter().all(|copy| copy.said == "Erika"), "one dataset");
        assert_eq!(seen.iter().map(|copy| copy.issued).collect::<BTreeSet<_>>().len(), 1, "one time");
    }
}
