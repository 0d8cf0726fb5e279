//! The well-known documents (OpenID4VCI §12.2, RFC 8414)

use chancery_tests::jose::{self, Key};
use chancery_tests::people::badge;
use chancery_tests::people::wallet::credentials;
use chancery_tests::{Answer, House, acme};
use reqwest::Method;
use serde_json::Value;

const ISSUER: &str = "/.well-known/openid-credential-issuer";
const SERVER: &str = "/.well-known/oauth-authorization-server";
const KEYS: &str = "/.well-known/jwt-vc-issuer";

/// Nothing empty, nothing unknown: the conformance suite warns of every unknown member.
fn has_only(document: &Value, known: &[&str]) {
    for (name, value) in document.as_object().unwrap() {
        assert!(known.contains(&name.as_str()), "{name} in {document}");
        assert!(!value.is_null(), "{name} in {document}");
        assert!(!value.as_array().is_some_and(Vec::is_empty), "{name} in {document}");
        assert!(!value.as_object().is_some_and(serde_json::Map::is_empty), "{name} in {document}");
    }
}

#[tokio::test]
async fn the_issuer_signs_what_it_says_for_who_asks() {
    let acme = acme();
    let ask = async |accept: &str| {
        Answer::to(acme.http.get(acme.at(ISSUER)).header("accept", accept)).await.is(200)
    };
    let plain = ask("application/json, application/jwt;q=0.5").await;
    assert_eq!(plain.header("content-type"), Some("application/json"));
    assert_eq!(ask("*/*").await.header("content-type"), Some("application/json"));
    let signed = ask("application/jwt, application/json;q=0.5").await;
    assert_eq!(signed.header("content-type"), Some("application/jwt"));
    assert!(signed.header("vary").unwrap().contains("accept"), "{signed}");
    let (header, mut claims) = jose::verify(signed.text(), &acme.verifier().keys().await);
    assert_eq!(header["typ"], "openidvci-issuer-metadata+jwt");
    assert!(!header["x5c"].as_array().unwrap().is_empty());
    let claims = claims.as_object_mut().unwrap();
    assert_eq!(claims.remove("sub").unwrap(), acme.identifier);
    assert_eq!(claims.remove("iss").unwrap(), acme.identifier);
    assert!(claims.remove("iat").unwrap().as_i64().unwrap() <= chancery_tests::now());
    assert_eq!(Value::Object(claims.clone()), plain.json(), "the same, member by member");
}

#[tokio::test]
async fn the_issuer_says_of_itself_what_is_true() {
    let acme = acme();
    let answer = acme.stranger().get(ISSUER).await.is(200);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    let metadata = answer.json();
    has_only(
        &metadata,
        &[
            "credential_issuer",
            "credential_endpoint",
            "nonce_endpoint",
            "deferred_credential_endpoint",
            "notification_endpoint",
            "batch_credential_issuance",
            "credential_request_encryption",
            "credential_response_encryption",
            "display",
            "credential_configurations_supported",
        ],
    );
    assert_eq!(metadata["credential_issuer"], acme.identifier, "byte for byte");
    assert_eq!(metadata["deferred_credential_endpoint"], format!("{}/deferred-credential", acme.identifier));
    for endpoint in ["credential", "nonce", "notification"] {
        let url = format!("{}/{endpoint}", acme.identifier);
        assert_eq!(metadata[format!("{endpoint}_endpoint")], url);
        acme.stranger().ask(Method::GET, &format!("/{endpoint}")).await.is(405);
    }
    assert!(metadata["batch_credential_issuance"]["batch_size"].as_u64().unwrap() >= 2);

    let configurations = metadata["credential_configurations_supported"].as_object().unwrap();
    for bundled in [
        "academic-transcript",
        "course-completion",
        "department-access",
        "drivers-license",
        "employee-badge",
        "mobile-driving-licence",
        "mobile-driving-licence.mso_mdoc",
        "national-id",
        "passport",
        "person-identification-data",
        "professional-certification",
        "residence-permit",
        "role-credential",
        "university-diploma",
    ] {
        assert!(configurations.contains_key(bundled), "{bundled}");
    }
    for configuration in configurations.values() {
        has_only(
            configuration,
            &[
                "format",
                "scope",
                "vct",
                "doctype",
                "credential_definition",
                "credential_signing_alg_values_supported",
                "cryptographic_binding_methods_supported",
                "proof_types_supported",
                "credential_metadata",
            ],
        );
        // What other formats have is in credential/mdoc.rs and credential/w3c.rs.
        if configuration["format"] == "dc+sd-jwt" {
            assert!(configuration["vct"].as_str().unwrap().starts_with("urn:"), "it need not be served");
            let algorithms = serde_json::json!(["ES256"]);
            assert_eq!(configuration["credential_signing_alg_values_supported"], algorithms);
            let methods = serde_json::json!(["jwk", "did:jwk", "did:key", "did:web"]);
            assert_eq!(configuration["cryptographic_binding_methods_supported"], methods);
        }
        let proofs = &configuration["proof_types_supported"];
        has_only(proofs, &["jwt"]);
        assert!(!proofs["jwt"]["proof_signing_alg_values_supported"].as_array().unwrap().is_empty());

        let described = &configuration["credential_metadata"];
        has_only(described, &["display", "claims"]);
        let mut locales = Vec::new();
        for display in described["display"].as_array().unwrap() {
            assert!(!display["name"].as_str().unwrap().is_empty());
            locales.push(display["locale"].as_str().unwrap());
        }
        let count = locales.len();
        locales.sort_unstable();
        locales.dedup();
        assert_eq!(locales.len(), count, "one object for each locale");
        let mut paths: Vec<_> =
            described["claims"].as_array().unwrap().iter().map(|claim| claim["path"].to_string()).collect();
        let count = paths.len();
        paths.sort();
        paths.dedup();
        assert_eq!(paths.len(), count, "one description for each claim");
    }
}

#[tokio::test]
async fn the_authorization_server_promises_only_what_it_does() {
    let acme = acme();
    let metadata = acme.stranger().get(SERVER).await.is(200).json();
    has_only(
        &metadata,
        &[
            "issuer",
            "authorization_endpoint",
            "pushed_authorization_request_endpoint",
            "token_endpoint",
            "jwks_uri",
            "status_list_aggregation_endpoint",
            "token_endpoint_auth_signing_alg_values_supported",
            "code_challenge_methods_supported",
            "authorization_response_iss_parameter_supported",
            "scopes_supported",
            "grant_types_supported",
            "response_types_supported",
            "token_endpoint_auth_methods_supported",
            "dpop_signing_alg_values_supported",
            "authorization_details_types_supported",
            "pre-authorized_grant_anonymous_access_supported",
        ],
    );
    assert_eq!(metadata["issuer"], acme.identifier, "RFC 8414 §3.3");
    assert_eq!(metadata["token_endpoint"], format!("{}/token", acme.identifier));
    assert_eq!(metadata["authorization_endpoint"], format!("{}/authorize", acme.identifier));
    assert_eq!(metadata["pushed_authorization_request_endpoint"], format!("{}/par", acme.identifier));
    assert_eq!(metadata["response_types_supported"], serde_json::json!(["code"]));
    assert_eq!(metadata["code_challenge_methods_supported"], serde_json::json!(["S256"]));
    assert_eq!(metadata["authorization_response_iss_parameter_supported"], true);
    let scopes: Vec<_> = metadata["scopes_supported"].as_array().unwrap().iter().collect();
    assert!(scopes.contains(&&"employee-badge".into()), "{scopes:?}");
    assert_eq!(
        metadata["grant_types_supported"],
        serde_json::json!([
            "authorization_code",
            "urn:ietf:params:oauth:grant-type:pre-authorized_code",
            "client_credentials"
        ])
    );
    assert_eq!(
        metadata["token_endpoint_auth_methods_supported"],
        serde_json::json!(["none", "private_key_jwt", "client_secret_basic", "client_secret_post"])
    );
    assert_eq!(metadata["pre-authorized_grant_anonymous_access_supported"], true);
    assert_eq!(metadata["authorization_details_types_supported"], serde_json::json!(["openid_credential"]));
    for algorithm in metadata["dpop_signing_alg_values_supported"].as_array().unwrap() {
        let key = if algorithm == "EdDSA" { Key::ed25519() } else { Key::p256() };
        assert_eq!(algorithm, key.algorithm());
        acme.wallet().redeem_bound(&acme.issuer().offer(badge()).await, &key).await;
    }
}

#[tokio::test]
async fn every_key_proof_algorithm_that_is_advertised_works() {
    let acme = acme();
    let metadata = acme.stranger().get(ISSUER).await.json();
    let pointer = "/credential_configurations_supported/employee-badge/proof_types_supported/jwt/proof_signing_alg_values_supported";
    for algorithm in metadata.pointer(pointer).unwrap().as_array().unwrap() {
        let key = if algorithm == "EdDSA" { Key::ed25519() } else { Key::p256() };
        assert_eq!(algorithm, key.algorithm());
        let wallet = acme.wallet();
        let token = wallet.redeem(&acme.issuer().offer(badge()).await).await;
        let proof = wallet.proof(&key, &wallet.nonce().await).sign(&key);
        wallet.request_badge(&token, &[proof]).await.granted();
    }
}

#[tokio::test]
async fn well_known_documents_have_one_place() {
    let acme = acme();
    for document in [ISSUER, SERVER, KEYS] {
        for elsewhere in [
            format!("{document}/"),
            format!("{document}/demo"),
            format!("/demo{document}"),
            document.replace(".well-known", ".WELL-KNOWN"),
            document.replace("/.well-known", "//.well-known"),
            document.to_uppercase(),
        ] {
            acme.stranger().get(&elsewhere).await.refused(404, "invalid_request");
        }
        acme.stranger().ask(Method::HEAD, document).await.is(200);
        let posted = acme.stranger().ask(Method::POST, document).await;
        assert_eq!(posted.status, 405, "{posted}");
    }
    acme.stranger().get("/.well-known/openid-configuration").await.refused(404, "invalid_request");
    acme.stranger().get("/").await.refused(404, "invalid_request");
}

#[tokio::test]
async fn wallets_and_verifiers_may_live_in_browsers() {
    let acme = acme();
    let origin = "https://wallet.example";
    for path in [ISSUER, SERVER, KEYS, "/jwks", "/oauth/jwks", "/.well-known/did.json"] {
        let request = acme.stranger().request(Method::GET, path).header("origin", origin);
        let answer = Answer::to(request).await.is(200);
        assert_eq!(answer.header("access-control-allow-origin"), Some("*"), "{path}");
        assert!(answer.header("access-control-allow-credentials").is_none());
    }
    for path in ["/par", "/token", "/nonce", "/credential", "/notification"] {
        let preflight = acme
            .stranger()
            .request(Method::OPTIONS, path)
            .header("origin", origin)
            .header("access-control-request-method", "POST")
            .header("access-control-request-headers", "authorization,content-type,dpop");
        let answer = Answer::to(preflight).await.is(200);
        assert_eq!(answer.header("access-control-allow-origin"), Some("*"), "{path}");
        let headers = answer.header("access-control-allow-headers").unwrap().to_lowercase();
        for header in ["authorization", "content-type", "dpop"] {
            assert!(headers.contains(header), "{path}: {headers}");
        }
        let posted = Answer::to(acme.stranger().request(Method::POST, path).header("origin", origin)).await;
        let exposed = posted.header("access-control-expose-headers").unwrap().to_lowercase();
        assert!(exposed.contains("dpop-nonce") && exposed.contains("www-authenticate"), "{path}: {exposed}");
    }
    // Management is for servers: a page of another origin is not to read its answers.
    let request = acme.issuer().request(Method::GET, "/offers").header("origin", origin);
    assert!(Answer::to(request).await.is(200).header("access-control-allow-origin").is_none());
}

#[tokio::test]
async fn an_issuer_below_a_path_is_found_by_insertion_and_by_the_alias() {
    let house = House::at_path("/tenants/acme");
    let acme = house.acme();
    assert!(acme.identifier.ends_with("/tenants/acme"));
    for document in [ISSUER, SERVER, KEYS] {
        let inserted = acme.stranger().get(&format!("{document}/tenants/acme")).await.is(200);
        let appended = acme.stranger().get(&format!("/tenants/acme{document}")).await.is(200);
        assert_eq!(inserted.body, appended.body);
        let named = inserted.json();
        let name = if document == ISSUER { "credential_issuer" } else { "issuer" };
        assert_eq!(named[name], acme.identifier);
        acme.stranger().get(document).await.refused(404, "invalid_request");
        acme.stranger().get(&format!("{document}/tenants/acme/")).await.refused(404, "invalid_request");
        acme.stranger().get(&format!("{document}/tenants/%61cme")).await.refused(404, "invalid_request");
        acme.stranger().get(&format!("{document}/tenants/ACME")).await.refused(404, "invalid_request");
    }

    // Its URLs are below it, and so is its management API.
    let below = acme.below("/tenants/acme");
    let wallet = below.wallet();
    let offer = below.issuer().offer(badge()).await;
    let key = Key::p256();
    let token = wallet.redeem_bound(&offer, &key).await;
    let proofs = wallet.proofs(&Key::some(1), &wallet.nonce().await);
    let proof = wallet.dpop_with(&key, &token).await.sign(&key);
    let body = chancery_tests::people::wallet::badge_request(&proofs);
    let answer = wallet.request_bound(&token, &proof, &body).await.granted();
    let jwks = acme.stranger().get(&format!("{KEYS}/tenants/acme")).await.json()["jwks"].clone();
    let credential = chancery_tests::sd_jwt::verify(&credentials(&answer)[0], &jwks);
    assert_eq!(credential.payload["iss"], acme.identifier);
    assert_eq!(below.verifier().status_list(&credential).await.1["iss"], acme.identifier);

    let document = acme.stranger().get("/tenants/acme/did.json").await.is(200).json();
    assert!(document["id"].as_str().unwrap().ends_with(":tenants:acme"), "{document}");
    acme.stranger().get("/.well-known/did.json").await.refused(404, "invalid_request");
    acme.stranger().get("/api/offers").await.refused(404, "invalid_request");

    // A problem leads to its page.
    let problem = below.issuer().get("/offers/x").await.problem(404, "not-found");
    let page = problem["type"].as_str().unwrap().strip_prefix(&acme.identifier).unwrap();
    below.stranger().get(page).await.is(200);
}

#[tokio::test]
async fn wallets_and_verifiers_are_told_of_the_pictures_on_a_card() {
    let plugin = chancery_tests::people::Plugin::built("hostile");
    let configuration = serde_json::json!({ "describe": "pictures" });
    let acme = chancery_tests::platform().newcomer_with(&plugin, &configuration).await;
    let logo = serde_json::json!({ "uri": "data:image/png;base64,iVBORw0KGgo=", "alt_text": "A skull" });
    let metadata = Answer::to(acme.http.get(acme.at(ISSUER))).await.is(200).json();
    let display =
        &metadata["credential_configurations_supported"]["hostile"]["credential_metadata"]["display"];
    assert_eq!(display[0]["logo"], logo);
    assert_eq!(display[0]["background_image"]["uri"], "https://hostile.example/bones.png");
    let described = Answer::to(acme.http.get(acme.at("/types/hostile"))).await.is(200).json();
    assert_eq!(described["display"][0]["rendering"]["simple"]["logo"], logo);
}
