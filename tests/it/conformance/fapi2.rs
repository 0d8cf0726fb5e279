//! `fapi2-security-profile-final-…`: what HAIP takes from FAPI 2.0

use chancery_tests::answer::text;
use chancery_tests::jose::{self, Jwt, Key, sha256};
use chancery_tests::people::badge;
use chancery_tests::people::wallet::Asking;
use chancery_tests::{Answer, House, now};
use serde_json::json;
use sqlx::{Connection as _, PgConnection, raw_sql};

use super::{PLAIN, Plan};

impl Plan {
    /// A request that the issuer began, not pushed yet.
    async fn begun(&self) -> (chancery_tests::people::Offer, Asking) {
        let offer = self.offer(PLAIN).await;
        let asking = self.asking(&self.client, &offer, PLAIN).await;
        (offer, asking)
    }

    async fn pushed(&self, asking: &Asking) -> String {
        text(&self.push(&self.client, asking).await.is(201).json()["request_uri"])
    }

    /// Redeems a code with this proof, or with none.
    async fn redeem_with(&self, asking: &Asking, code: &str, proof: Option<String>) -> Answer {
        let form = self.client.asserting(&asking.redemption(code));
        let mut request = self.acme.wallet().post("/token").form(&form);
        if let Some(proof) = proof {
            request = request.header("DPoP", proof);
        }
        Answer::to(request).await
    }

    async fn proof(&self, key: &Key, path: &str) -> Jwt {
        self.acme.wallet().dpop(key, path).await
    }
}

#[tokio::test]
async fn discovery_end_point_verification() {
    let plan = Plan::start().await;
    let url = plan.acme.at("/.well-known/oauth-authorization-server");
    let server = Answer::to(plan.acme.http.get(url)).await.is(200).json();
    assert_eq!(server["require_pushed_authorization_requests"], true);
    assert_eq!(server["response_types_supported"], json!(["code"]));
    assert!(server["grant_types_supported"].as_array().unwrap().contains(&json!("authorization_code")));
    let methods = server["token_endpoint_auth_methods_supported"].as_array().unwrap();
    assert!(methods.contains(&json!("private_key_jwt")), "{methods:?}");
    for open in ["none", "client_secret_basic", "client_secret_post"] {
        assert!(!methods.contains(&json!(open)), "{open}");
    }
}

#[tokio::test]
async fn user_rejects_authentication() {
    let plan = Plan::start().await;
    let (offer, asking) = plan.begun().await;
    let page = plan.decision(&plan.client, &asking, &offer).await;
    let told = plan.acme.holder().refuse(&page).await;
    assert_eq!((told["error"].as_str(), told["state"].as_str()), ("access_denied", "state of the wallet"));
    assert_eq!(told["iss"], plan.acme.identifier);
    assert!(!told.contains_key("code"));
}

#[tokio::test]
async fn ensure_request_without_state_and_with_a_long_one() {
    let plan = Plan::start().await;
    for state in [None, Some("s".repeat(384))] {
        let (offer, asking) = plan.begun().await;
        let asking = asking.without("state");
        let asking = state.iter().fold(asking, |asking, state| asking.with("state", state));
        let page = plan.decision(&plan.client, &asking, &offer).await;
        let told = plan.acme.holder().consent(&page).await;
        assert_eq!(told.get("state"), state.as_ref());
        plan.redeem(&plan.client, &asking, &told["code"], &Key::p256()).await.granted();
    }
}

#[tokio::test]
async fn access_token_type_header_case_sensitivity() {
    let plan = Plan::start().await;
    let key = Key::p256();
    for scheme in ["dpop", "DPOP"] {
        let token = plan.token(&plan.client, PLAIN, &key).await;
        let body = plan.request(PLAIN, &Key::some(1)).await;
        let proof = plan.proof(&key, "/credential").await.claim("ath", sha256(&token.text)).sign(&key);
        let asked = plan.acme.wallet().post("/credential").header("DPoP", proof);
        Answer::to(asked.header("authorization", format!("{scheme} {}", token.text)).json(&body))
            .await
            .granted();
    }
}

#[tokio::test]
async fn check_dpop_proof_nbf_exp() {
    let plan = Plan::start().await;
    let key = Key::p256();
    let (asking, code) = plan.authorize(&plan.client, PLAIN).await;
    let proof = plan.proof(&key, "/token").await.claim("nbf", now()).claim("exp", now() + 60);
    plan.redeem_with(&asking, &code, Some(proof.sign(&key))).await.granted();
}

#[tokio::test]
async fn ensure_signed_client_assertion_and_proof_within_ten_seconds_are_taken() {
    let plan = Plan::start().await;
    let key = Key::p256();
    for apart in [-10, 10] {
        let (asking, code) = plan.authorize(&plan.client, PLAIN).await;
        let proof = plan.proof(&key, "/token").await.claim("iat", now() + apart).sign(&key);
        let assertion = plan.client.assertion().claim("iat", now() + apart).sign(&plan.client.key);
        let form = asking.redemption(&code);
        let form: Vec<_> = form.into_iter().filter(|(name, _)| *name != "client_id").collect();
        let form = chancery_tests::people::registered::with(&form, &assertion);
        Answer::to(plan.acme.wallet().post("/token").form(&form).header("DPoP", proof)).await.granted();
    }
}

#[tokio::test]
async fn par_dpop_jkt_binding() {
    let plan = Plan::start().await;
    let (key, other) = (Key::p256(), Key::p256());
    // Agreed on by name, by proof, or by both, which then are one.
    for (by_name, by_proof) in [(true, false), (false, true), (true, true)] {
        let (offer, asking) = plan.begun().await;
        let asking = if by_name { asking.with("dpop_jkt", &key.thumbprint()) } else { asking };
        let form: Vec<_> = asking.form.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let mut push = plan.acme.wallet().post("/par").form(&plan.client.asserting(&form));
        if by_proof {
            push = push.header("DPoP", plan.proof(&key, "/par").await.sign(&key));
        }
        let request_uri = text(&Answer::to(push).await.is(201).json()["request_uri"]);
        let page = plan.visit(&plan.client, &request_uri).await;
        let told = plan.acme.holder().consent(&page).await;
        let by_other = plan.redeem(&plan.client, &asking, &told["code"], &other).await;
        by_other.refused(400, "invalid_grant");
        plan.redeem(&plan.client, &asking, &told["code"], &key).await.granted();
        drop(offer);
    }
    let (_, asking) = plan.begun().await;
    let differing = asking.with("dpop_jkt", &other.thumbprint());
    let form: Vec<_> = differing.form.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let push = plan.acme.wallet().post("/par").form(&plan.client.asserting(&form));
    let push = push.header("DPoP", plan.proof(&key, "/par").await.sign(&key));
    Answer::to(push).await.refused(400, "invalid_dpop_proof");
}

/// What may be wrong with a proof, wherever it is shown.
fn wrong_proofs(right: &Jwt, key: &Key, issuer: &str) -> Vec<(&'static str, Jwt)> {
    let mut private = key.jwk();
    private["d"] = jose::base64url([1; 32]).into();
    vec![
        ("no typ", right.clone().without_header("typ")),
        ("another typ", right.clone().header("typ", "JWT")),
        ("no alg", right.clone().without_header("alg")),
        ("alg none", right.clone().header("alg", "none")),
        ("a symmetric alg", right.clone().header("alg", "HS256")),
        ("no jwk", right.clone().without_header("jwk")),
        ("another jwk", right.clone().header("jwk", Key::p256().jwk())),
        ("a private jwk", right.clone().header("jwk", private)),
        ("no jti", right.clone().without("jti")),
        ("no htm", right.clone().without("htm")),
        ("another htm", right.clone().claim("htm", "PUT")),
        ("no htu", right.clone().without("htu")),
        ("another htu", right.clone().claim("htu", format!("{issuer}/par"))),
        ("no iat", right.clone().without("iat")),
        ("an old iat", right.clone().claim("iat", now() - 86_400)),
        ("an iat to come", right.clone().claim("iat", now() + 86_400)),
        ("exp in the past", right.clone().claim("exp", now() - 300)),
        ("nbf to come", right.clone().claim("nbf", now() + 86_400)),
    ]
}

#[tokio::test]
async fn dpop_negative_tests() {
    let plan = Plan::start().await;
    let key = Key::p256();
    let (asking, code) = plan.authorize(&plan.client, PLAIN).await;
    let right = plan.proof(&key, "/token").await;
    for (what, proof) in wrong_proofs(&right, &key, &plan.acme.identifier) {
        let answer = plan.redeem_with(&asking, &code, Some(proof.sign(&key))).await;
        assert_eq!((what, answer.json()["error"].as_str()), (what, Some("invalid_dpop_proof")));
        assert_eq!(answer.status, 400, "{what}");
    }
    let nonces = [right.clone().without("nonce"), right.clone().claim("nonce", "unheard-of")];
    for proof in nonces {
        let told = plan.redeem_with(&asking, &code, Some(proof.sign(&key))).await;
        assert!(told.refused(400, "use_dpop_nonce").header("dpop-nonce").is_some());
    }
    plan.redeem_with(&asking, &code, None).await.refused(400, "invalid_dpop_proof");
    let used = right.sign(&key);
    plan.redeem_with(&asking, &code, Some(used.clone())).await.granted();
    let (asking, code) = plan.authorize(&plan.client, PLAIN).await;
    plan.redeem_with(&asking, &code, Some(used)).await.refused(400, "invalid_dpop_proof");
}

#[tokio::test]
async fn ensure_holder_of_key_required() {
    let plan = Plan::start().await;
    let key = Key::p256();
    let token = plan.token(&plan.client, PLAIN, &key).await;
    let body = plan.request(PLAIN, &Key::some(1)).await;
    plan.acme.wallet().request(&token, &body).await.refused(401, "invalid_token");
    let bare = plan.acme.wallet().post("/credential").json(&body);
    let bare = bare.header("authorization", format!("DPoP {}", token.text));
    Answer::to(bare).await.refused(401, "invalid_dpop_proof");
    let unbound = plan.proof(&key, "/credential").await.sign(&key);
    plan.acme.wallet().request_bound(&token, &unbound, &body).await.refused(401, "invalid_dpop_proof");
    plan.ask(&token, &key, &body).await.granted();
}

#[tokio::test]
async fn dpop_negative_tests_at_the_resource() {
    let plan = Plan::start().await;
    let key = Key::p256();
    let token = plan.token(&plan.client, PLAIN, &key).await;
    let body = plan.request(PLAIN, &Key::some(1)).await;
    let right = plan.acme.wallet().dpop_with(&key, &token).await;
    let mut wrong = wrong_proofs(&right, &key, &plan.acme.identifier);
    wrong.extend([
        ("no ath", right.clone().without("ath")),
        ("another ath", right.clone().claim("ath", sha256("another"))),
        ("one for the token endpoint", plan.proof(&key, "/token").await),
    ]);
    for (what, proof) in wrong {
        let answer = plan.acme.wallet().request_bound(&token, &proof.sign(&key), &body).await;
        let challenge = answer.header("www-authenticate").unwrap_or_default();
        let says = challenge.contains("invalid_dpop_proof") || challenge.contains("invalid_token");
        assert!(answer.status == 401 && says, "{what}: {answer}");
    }
    for proof in [right.clone().without("nonce"), right.clone().claim("nonce", "unheard-of")] {
        let told = plan.acme.wallet().request_bound(&token, &proof.sign(&key), &body).await;
        assert!(told.challenged(401, "DPoP", "use_dpop_nonce").header("dpop-nonce").is_some());
    }
    let used = right.sign(&key);
    plan.acme.wallet().request_bound(&token, &used, &body).await.granted();
    let body = plan.request(PLAIN, &Key::some(1)).await;
    let again = plan.acme.wallet().request_bound(&token, &used, &body).await;
    again.challenged(401, "DPoP", "invalid_dpop_proof");
}

#[tokio::test]
async fn ensure_authorization_code_is_bound_to_client() {
    let plan = Plan::start().await;
    let key = Key::p256();
    let (asking, code) = plan.authorize(&plan.client, PLAIN).await;
    plan.redeem(&plan.other, &asking, &code, &key).await.refused(400, "invalid_grant");
    plan.redeem(&plan.client, &asking, &code, &key).await.granted();
}

#[tokio::test]
async fn ensure_client_assertion_names_the_client_of_the_request() {
    let plan = Plan::start().await;
    let (_, asking) = plan.begun().await;
    let form: Vec<_> = asking.form.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let mut form = plan.other.asserting(&form);
    form.push(("client_id", plan.client.id.clone()));
    let answer = Answer::to(plan.acme.wallet().post("/par").form(&form)).await;
    assert!(matches!(answer.status, 400 | 401), "{answer}");
    let stale = plan.client.assertion().claim("exp", now() - 60).sign(&plan.client.key);
    let form: Vec<_> = asking.form.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let form: Vec<_> = form.into_iter().filter(|(name, _)| *name != "client_id").collect();
    let form = chancery_tests::people::registered::with(&form, &stale);
    Answer::to(plan.acme.wallet().post("/par").form(&form)).await.refused(401, "invalid_client");
}

#[tokio::test]
async fn ensure_client_assertion_names_the_client_at_the_token_endpoint() {
    let plan = Plan::start().await;
    let key = Key::p256();
    let (asking, code) = plan.authorize(&plan.client, PLAIN).await;
    let mut form = plan.other.asserting(&asking.redemption(&code));
    form.push(("client_id", plan.client.id.clone()));
    let proof = plan.proof(&key, "/token").await.sign(&key);
    let answer = Answer::to(plan.acme.wallet().post("/token").form(&form).header("DPoP", proof)).await;
    assert!(matches!(answer.status, 400 | 401), "{answer}");
    plan.redeem(&plan.client, &asking, &code, &key).await.granted();
}

#[tokio::test]
async fn attempt_reuse_authorization_code() {
    let plan = Plan::start().await;
    let key = Key::p256();
    let (asking, code) = plan.authorize(&plan.client, PLAIN).await;
    let token = chancery_tests::people::Token::read(plan.redeem(&plan.client, &asking, &code, &key).await);
    plan.redeem(&plan.client, &asking, &code, &key).await.refused(400, "invalid_grant");
    let body = plan.request(PLAIN, &Key::some(1)).await;
    plan.ask(&token, &key, &body).await.challenged(401, "DPoP", "invalid_token");
}

/// A minute and a second pass for every code of the house.
async fn a_minute_passes(house: &House) {
    let mut database = PgConnection::connect(&house.database()).await.unwrap();
    let sql = "update chancery.authorizations set expires_at = expires_at - interval '61 seconds'";
    assert!(raw_sql(sql).execute(&mut database).await.unwrap().rows_affected() > 0);
}

#[tokio::test]
async fn ensure_authorization_code_expires_after_a_minute() {
    let house = House::of_many();
    let acme = house.platform().founded("acme");
    let wallet = acme.wallet();
    let mut redeemed = Vec::new();
    for is_late in [false, true] {
        let offer = acme.issuer().offer(badge().with("grant", "authorization_code")).await;
        let (asking, code) = wallet.consented(&offer, &Asking::scope("employee-badge")).await;
        if is_late {
            a_minute_passes(&house).await;
        }
        redeemed.push(wallet.token(&asking.redemption(&code)).await);
    }
    redeemed.pop().unwrap().refused(400, "invalid_grant");
    redeemed.pop().unwrap().granted();
}

#[tokio::test]
async fn refresh_token_is_bound() {
    let plan = Plan::start().await;
    plan.acme.choose(&json!({ "refresh_token_days": 30 })).await.is(200);
    let (key, stranger) = (Key::p256(), Key::p256());
    let token = plan.token(&plan.client, PLAIN, &key).await;
    let refresh = text(&token.answer["refresh_token"]);
    let form = [("grant_type", "refresh_token"), ("refresh_token", refresh.as_str())];
    plan.ask_for_token(&plan.other, &form, &key).await.refused(400, "invalid_grant");
    plan.ask_for_token(&plan.client, &form, &stranger).await.refused(400, "invalid_grant");
    // Nobody in particular, with the right key.
    let unknown = [&form[..], &[("client_id", plan.client.id.as_str())]].concat();
    let proof = plan.proof(&key, "/token").await.sign(&key);
    let asked = plan.acme.wallet().post("/token").form(&unknown).header("DPoP", proof);
    Answer::to(asked).await.refused(401, "invalid_client");
    let renewed = plan.ask_for_token(&plan.client, &form, &key).await.granted();
    assert!(renewed["token_type"].as_str().unwrap().eq_ignore_ascii_case("DPoP"));
}

#[tokio::test]
async fn par_attempt_reuse_request_uri() {
    let plan = Plan::start().await;
    let (_, asking) = plan.begun().await;
    let request_uri = plan.pushed(&asking).await;
    let page = plan.visit(&plan.client, &request_uri).await;
    plan.acme.holder().consent(&page).await;
    plan.visit(&plan.client, &request_uri).await.is(400);
}

#[tokio::test]
async fn par_ensure_request_uri_is_bound_to_client() {
    let plan = Plan::start().await;
    let (_, asking) = plan.begun().await;
    let request_uri = plan.pushed(&asking).await;
    plan.visit(&plan.other, &request_uri).await.is(400);
    plan.visit(&plan.client, &request_uri).await.is(200);
}

#[tokio::test]
async fn par_revisiting_the_page_before_deciding_is_allowed() {
    let plan = Plan::start().await;
    let (_, asking) = plan.begun().await;
    let request_uri = plan.pushed(&asking).await;
    plan.visit(&plan.client, &request_uri).await.is(200);
    let page = plan.visit(&plan.client, &request_uri).await.is(200);
    plan.acme.holder().consent(&page).await;
}

#[tokio::test]
async fn par_attempt_invalid_http_method() {
    let plan = Plan::start().await;
    plan.acme.stranger().get("/par").await.refused(405, "invalid_request");
}

#[tokio::test]
async fn par_pushed_request_is_refused_for_what_is_wrong_with_it() {
    let plan = Plan::start().await;
    let (_, asking) = plan.begun().await;
    for (name, value, error) in [
        ("request_uri", "urn:ietf:params:oauth:request_uri:x", "invalid_request"),
        ("code_challenge", "", "invalid_request"),
        ("code_challenge_method", "plain", "invalid_request"),
        ("response_type", "token", "unsupported_response_type"),
        ("response_type", "code id_token", "unsupported_response_type"),
        ("redirect_uri", "", "invalid_request"),
    ] {
        let wrong =
            if value.is_empty() { asking.clone().without(name) } else { asking.clone().with(name, value) };
        plan.push(&plan.client, &wrong).await.refused(400, error);
    }
    let form: Vec<_> = asking.form.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let mut twice = plan.client.asserting(&form);
    twice.push(("scope", PLAIN.configuration_id.to_owned()));
    Answer::to(plan.acme.wallet().post("/par").form(&twice)).await.refused(400, "invalid_request");
    plan.push(&plan.client, &asking).await.is(201);
}

#[tokio::test]
async fn ensure_pkce_code_verifier_required() {
    let plan = Plan::start().await;
    let key = Key::p256();
    let (asking, code) = plan.authorize(&plan.client, PLAIN).await;
    let good = asking.redemption(&code);
    for verifier in [None, Some("not-the-verifier-but-long-enough-to-be-one-of-them")] {
        let form = good.iter().filter(|(name, _)| *name != "code_verifier").copied();
        let form: Vec<_> = form.chain(verifier.map(|verifier| ("code_verifier", verifier))).collect();
        plan.ask_for_token(&plan.client, &form, &key).await.refused(400, "invalid_grant");
    }
    plan.redeem(&plan.client, &asking, &code, &key).await.granted();
}

#[tokio::test]
async fn ensure_authorization_request_without_par_fails() {
    let plan = Plan::start().await;
    let (_, asking) = plan.begun().await;
    let query: Vec<_> = asking.form.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    plan.acme.holder().visit(&query).await.is(400);
}

#[tokio::test]
async fn state_outside_of_the_pushed_request_counts_for_nothing() {
    let plan = Plan::start().await;
    let (_, asking) = plan.begun().await;
    let request_uri = plan.pushed(&asking).await;
    let query = [("client_id", plan.client.id.as_str()), ("request_uri", &request_uri), ("state", "other")];
    let page = plan.acme.holder().visit(&query).await.is(200);
    assert_eq!(plan.acme.holder().consent(&page).await["state"], "state of the wallet");
}
