//! `/api/offers`

use chancery_tests::people::{Offer, badge, diploma};
use chancery_tests::{Answer, acme};
use reqwest::Method;
use serde_json::{Value, json};

#[tokio::test]
async fn what_is_wrong_with_an_offer_is_said_to_the_issuer_part_by_part() {
    let issuer = acme().issuer();
    let of = |subject: Value| {
        let mut request = badge();
        request.0["credentials"][0]["subject"] = subject;
        request
    };
    let mut unknown = badge();
    unknown.0["credentials"][0]["configuration_id"] = "unheard-of".into();
    let eleven = (0..10).fold(badge(), |all, _| all.and(&badge()));
    let at = "/credentials/0/subject";
    for (request, parts) in [
        (
            of(json!({})),
            vec![format!("{at}/employee_id"), format!("{at}/family_name"), format!("{at}/given_name")],
        ),
        (badge().subject("given_name", 7), vec![format!("{at}/given_name")]),
        (badge().subject("given_name", Value::Null), vec![format!("{at}/given_name")]),
        (badge().subject("given_name", ""), vec![format!("{at}/given_name")]),
        (badge().subject("given_name", "x".repeat(151)), vec![format!("{at}/given_name")]),
        (badge().subject("email", "not an address"), vec![format!("{at}/email")]),
        (badge().subject("iss", "https://elsewhere.example"), vec![format!("{at}/iss")]),
        (
            badge().subject("cnf", json!({})).subject("vct", "x"),
            vec![format!("{at}/cnf"), format!("{at}/vct")],
        ),
        (badge().subject("a/b~c", 1), vec![format!("{at}/a~1b~0c")]),
        (of(json!([])), vec![at.to_owned()]),
        (of(json!("Ada")), vec![at.to_owned()]),
        (of(Value::Null), vec![at.to_owned()]),
        (diploma().subject("graduation_date", "9999-12-31"), vec![format!("{at}/graduation_date")]),
        (diploma().subject("graduation_date", "2021-02-30"), vec![format!("{at}/graduation_date")]),
        (unknown, vec!["/credentials/0/configuration_id".to_owned()]),
        (badge().and(&badge()), vec!["/credentials/1/configuration_id".to_owned()]),
        (badge().with("credentials", json!([])), vec!["/credentials".to_owned()]),
        (badge().with("expires_in", 29), vec!["/expires_in".to_owned()]),
        (badge().with("expires_in", 2_592_001), vec!["/expires_in".to_owned()]),
        (
            badge().and(&diploma().subject("degree", 1)).subject("email", "x").with("expires_in", 1),
            vec![
                "/credentials/0/subject/email".to_owned(),
                "/credentials/1/subject/degree".to_owned(),
                "/expires_in".to_owned(),
            ],
        ),
    ] {
        let wrong = issuer.create(&request).await.wrong_parts();
        // A rule of the template may speak beside the schema's; the places are the same.
        let mut distinct = wrong.clone();
        distinct.dedup();
        assert_eq!(distinct, parts, "{}", request.0);
    }
    let parts = issuer.create(&eleven).await.wrong_parts();
    assert!(parts.contains(&"/credentials".to_owned()), "{parts:?}");
}

#[tokio::test]
async fn members_of_the_wrong_kind_are_wrong_parts_too() {
    let issuer = acme().issuer();
    for request in [
        badge().with("unheard_of", 1),
        badge().with("tx_code", "yes"),
        badge().with("tx_code", json!({})),
        badge().with("by_value", 1),
        badge().with("expires_in", "600"),
        badge().with("expires_in", -1),
        badge().with("expires_in", 1.5),
        badge().with("expires_in", 5_000_000_000_i64),
        badge().with("credentials", json!({})),
        badge().with("credentials", json!([1])),
        badge().with("credentials", json!([{ "configuration_id": "employee-badge" }])),
        badge().with("credentials", json!([{ "configuration_id": 1, "subject": {} }])),
        badge().with("credentials", json!([{ "configuration_id": "x", "subject": {}, "x": 1 }])),
    ] {
        assert!(!issuer.create(&request).await.wrong_parts().is_empty());
    }
    for body in [json!({}), json!([]), json!(null), json!("x")] {
        assert!(!issuer.post("/offers", &body).await.wrong_parts().is_empty());
    }
}

#[tokio::test]
async fn what_cannot_be_read_is_malformed() {
    let issuer = acme().issuer();
    let good = badge().0.to_string();
    let send = |content_type: &'static str, body: Vec<u8>| {
        Answer::to(issuer.request(Method::POST, "/offers").header("content-type", content_type).body(body))
    };
    let json = "application/json";
    for body in [
        "",
        "{",
        &format!("{good}x"),
        &good.replacen('{', r#"{"tx_code":true,"tx_code":false,"#, 1),
        &good.replacen(r#""subject":{"#, r#""subject":{"given_name":"Eve","#, 1),
        &format!("{{\"credentials\":{}", "[".repeat(100_000)),
        &good.replacen("\"Ada\"", "\"\\ud800\"", 1),
        &good.replacen("\"Ada\"", "1e999", 1),
    ] {
        send(json, body.as_bytes().to_vec()).await.problem(400, "malformed-request");
    }
    send(json, [good.as_bytes(), &[0xff]].concat()).await.problem(400, "malformed-request");
    for content_type in ["text/plain", "application/x-www-form-urlencoded", "application/jsonp", ""] {
        send(content_type, good.clone().into_bytes()).await.problem(415, "unsupported-media-type");
    }
    let untyped = issuer.request(Method::POST, "/offers").body(good.clone());
    Answer::to(untyped).await.problem(415, "unsupported-media-type");
    let large = badge().subject("department", "x".repeat(256 * 1024));
    issuer.create(&large).await.problem(413, "too-large");
    send("APPLICATION/json; charset=utf-8", good.into_bytes()).await.is(201);
}

#[tokio::test]
async fn any_text_that_is_allowed_arrives_in_the_credential() {
    let acme = acme();
    for name in
        ["\u{1f980}", "Zoë \u{202e}elpmaxe", "\u{0}", "\"\\/\u{8}", "'; drop table offers; --", "<b>&amp;"]
    {
        let offer = acme.issuer().offer(badge().subject("given_name", name)).await;
        let credential = acme.wallet().claim(&offer).await;
        assert_eq!(acme.verifier().verify(&credential).await.claims["given_name"], name);
    }
}

#[tokio::test]
async fn what_was_secret_cannot_be_read_again() {
    let acme = acme();
    let issuer = acme.issuer();
    let canary = chancery_tests::unique("Canary");
    let offer = issuer.offer(badge().tx_code().subject("given_name", canary.clone())).await;
    let code = acme.wallet().code(&offer).await;
    let members: Vec<_> = offer.answer.as_object().unwrap().keys().collect();
    assert_eq!(members, ["id", "offer_uri", "tx_code", "expires_at", "page_url", "state"]);
    let token = acme.wallet().redeem(&offer).await;
    let proofs = acme.wallet().proofs(&chancery_tests::jose::Key::some(1), &acme.wallet().nonce().await);
    acme.wallet().request_badge(&token, &proofs).await.granted();

    let credential = issuer.issued(&offer).await.remove(0);
    for path in [
        format!("/offers/{}", offer.id),
        "/offers?limit=100".to_owned(),
        format!("/credentials/{credential}"),
        format!("/credentials?offer={}", offer.id),
        "/api-keys".to_owned(),
    ] {
        let answer = issuer.get(&path).await.granted().to_string();
        for secret in [&canary, &code, &offer.secret(), &token.text, &acme.key] {
            assert!(!answer.contains(secret.as_str()), "{path} tells a secret");
        }
        for member in ["subject", "offer_uri", "page_url", "\"tx_code\"", "\"key\"", "hash"] {
            assert!(!answer.contains(member), "{path} has {member}");
        }
    }
}

#[tokio::test]
async fn lists_go_page_by_page_without_gap_or_repetition() {
    let issuer = acme().issuer();
    let mut made = Vec::new();
    for _ in 0..5 {
        made.push(issuer.offer(badge()).await.id);
    }
    let mut seen = Vec::new();
    let mut cursor = String::new();
    // Others make offers meanwhile; these are among the newest all the same.
    while !made.iter().all(|id| seen.contains(id)) {
        let page = issuer.get(&format!("/offers?limit=2{cursor}")).await.granted();
        let ids: Vec<String> = page["data"]
            .as_array()
            .unwrap()
            .iter()
            .map(|offer| chancery_tests::answer::text(&offer["id"]))
            .collect();
        assert!(ids.len() <= 2);
        assert!(ids.iter().all(|id| !seen.contains(id)), "nothing comes twice");
        seen.extend(ids);
        cursor = format!("&cursor={}", page["next_cursor"].as_str().expect("our offers come sooner"));
        assert!(seen.len() < 1000);
    }
    assert!(seen.windows(2).all(|pair| pair[0] > pair[1]), "the newest first");

    for query in [
        "limit=0",
        "limit=101",
        "limit=x",
        "limit=-1",
        "cursor=x",
        "cursor=",
        "unheard_of=1",
        "limit=1&limit=2",
    ] {
        issuer.get(&format!("/offers?{query}")).await.problem(400, "malformed-request");
    }
    let credential_cursor = format!("/offers?cursor=crd_{}", &made[0][4..]);
    issuer.get(&credential_cursor).await.problem(400, "malformed-request");
}

#[tokio::test]
async fn an_offer_is_withdrawn_while_it_is_open() {
    let acme = acme();
    let issuer = acme.issuer();
    let offer = issuer.offer(badge()).await;
    let path = format!("/offers/{}", offer.id);
    for _ in 0..2 {
        issuer.delete(&path).await.is(204);
        assert_eq!(issuer.state(&offer).await, "cancelled");
    }
    let taken = issuer.offer(badge()).await;
    acme.wallet().claim(&taken).await;
    issuer.delete(&format!("/offers/{}", taken.id)).await.problem(409, "wrong-state");
}

#[tokio::test]
async fn what_does_not_exist_and_what_is_no_id_are_one_answer() {
    let issuer = acme().issuer();
    let offer = issuer.offer(badge()).await;
    let hex = &offer.id[4..];
    let mut bodies = Vec::new();
    for id in [
        "ofr_00000000000070008000000000000000",
        &format!("crd_{hex}"),
        &format!("OFR_{hex}"),
        &format!("ofr_{}", hex.to_uppercase()),
        &format!("ofr_{hex}0"),
        hex,
        "ofr_",
        "x",
        "%00",
        "..%2f..%2foffers",
        "ofr_'%20or%20true--",
    ] {
        let path = format!("/offers/{id}");
        if offer.id == *id {
            continue;
        }
        bodies.push(issuer.get(&path).await.problem(404, "not-found"));
        bodies.push(issuer.delete(&path).await.problem(404, "not-found"));
        bodies.push(issuer.get(&format!("/credentials?offer={id}")).await.problem(404, "not-found"));
    }
    bodies.dedup();
    assert_eq!(bodies.len(), 1, "{bodies:?}");
    assert_eq!(issuer.state(&offer).await, "created");
}

#[tokio::test]
async fn a_link_is_good_for_a_qr_code() {
    let issuer = acme().issuer();
    let Offer { link, .. } = issuer.offer(badge()).await;
    assert!(link.starts_with("openid-credential-offer://?credential_offer_uri="), "{link}");
    assert!(link.len() < 300, "{link}");
}
