//! `GET /status-lists/{list}` (Token Status List)

use std::time::Duration;

use chancery_tests::answer::text;
use chancery_tests::people::badge;
use chancery_tests::sd_jwt::{self, SdJwt};
use chancery_tests::{Acme, Answer, House, acme, mdoc, now, together};
use reqwest::Method;

async fn credential(acme: &Acme) -> (SdJwt, String) {
    let offer = acme.issuer().offer(badge()).await;
    let credential = acme.wallet().claim(&offer).await;
    let id = acme.issuer().issued(&offer).await.remove(0);
    (acme.verifier().verify(&credential).await, id)
}

fn path_of(acme: &Acme, credential: &SdJwt) -> String {
    let uri = text(&credential.payload["status"]["status_list"]["uri"]);
    uri.strip_prefix(&acme.identifier).unwrap().to_owned()
}

/// Waits until the list says so; revocations are visible within two seconds.
async fn becomes(acme: &Acme, credential: &SdJwt, status: u8) {
    let started = tokio::time::Instant::now();
    while acme.verifier().status(credential).await != status {
        assert!(started.elapsed() < Duration::from_secs(2), "the list does not say {status} in time");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test]
async fn a_list_is_signed_dated_and_always_of_full_size() {
    let acme = acme();
    let (credential, _) = credential(&acme).await;
    let (header, claims) = acme.verifier().status_list(&credential).await;
    assert_eq!(header["typ"], "statuslist+jwt");
    assert!(!header["x5c"].as_array().unwrap().is_empty());
    let (issued, expires) = (claims["iat"].as_i64().unwrap(), claims["exp"].as_i64().unwrap());
    assert!(issued <= now() && expires > now() + 3600 && expires - issued <= 86_400);
    assert!(claims["ttl"].as_i64().unwrap() > 0);
    assert_eq!(claims["status_list"]["bits"], 2);
    let index = credential.payload["status"]["status_list"]["idx"].as_u64().unwrap();
    let (status, entries) = sd_jwt::status(&text(&claims["status_list"]["lst"]), index);
    assert_eq!((status, entries), (0, 1 << 20), "the length tells nobody how much was issued");
    let members: Vec<_> = claims["status_list"].as_object().unwrap().keys().collect();
    assert_eq!(members, ["bits", "lst", "aggregation_uri"]);
    // A list has a million places and a number: that there are so many tells no more than trying the next one.
    let all = acme.here(&text(&claims["status_list"]["aggregation_uri"]));
    let all = Answer::to(acme.http.get(all)).await.is(200).json();
    let uri = &credential.payload["status"]["status_list"]["uri"];
    assert!(all["status_lists"].as_array().unwrap().contains(uri), "{all}");
    let server = acme.stranger().get("/.well-known/oauth-authorization-server").await.is(200).json();
    assert_eq!(server["status_list_aggregation_endpoint"], claims["status_list"]["aggregation_uri"]);
}

#[tokio::test]
async fn who_reads_cbor_gets_the_same_list_as_cwt() {
    let acme = acme();
    let (credential, id) = credential(&acme).await;
    let index = credential.payload["status"]["status_list"]["idx"].as_u64().unwrap();
    acme.issuer().change(&id, "revoke").await.is(200);
    becomes(&acme, &credential, 1).await;
    let url = acme.at(&path_of(&acme, &credential));
    let fetch = || acme.http.get(&url).header("accept", "application/statuslist+cwt");
    let started = tokio::time::Instant::now();
    loop {
        let answer = Answer::to(fetch()).await.is(200);
        assert_eq!(answer.header("content-type"), Some("application/statuslist+cwt"));
        assert_eq!(answer.header("vary").map(|vary| vary.contains("accept")), Some(true));
        let (header, claims) = mdoc::verify_cwt(&answer.body, &acme.verifier().keys().await);
        assert_eq!(member_of(&header, 16).as_text(), Some("application/statuslist+cwt"));
        let uri = text(&credential.payload["status"]["status_list"]["uri"]);
        assert_eq!(member_of(&claims, 2).as_text(), Some(uri.as_str()));
        let list = member_of(&claims, 65_533);
        let packed = sd_jwt::inflated(mdoc::member(list, "lst").as_bytes().unwrap());
        let place = usize::try_from(index).unwrap();
        let status = packed[place / 4] >> (place % 4 * 2) & 0b11;
        if status == 1 {
            break;
        }
        assert!(started.elapsed() < Duration::from_secs(2), "the list does not say it in time");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    // Whoever takes anything gets the JWT.
    let any = Answer::to(acme.http.get(&url).header("accept", "*/*")).await.is(200);
    assert_eq!(any.header("content-type"), Some("application/statuslist+jwt"));
}

fn member_of(map: &ciborium::Value, label: i64) -> &ciborium::Value {
    let members = map.as_map().unwrap();
    &members.iter().find(|(name, _)| *name == label.into()).unwrap().1
}

#[tokio::test]
async fn a_credential_is_suspended_reinstated_and_then_revoked_for_ever() {
    let acme = acme();
    let issuer = acme.issuer();
    let (credential, id) = credential(&acme).await;
    becomes(&acme, &credential, 0).await;
    for (change, word, status) in [
        ("suspend", "suspended", 2),
        ("suspend", "suspended", 2),
        ("reinstate", "valid", 0),
        ("reinstate", "valid", 0),
        ("suspend", "suspended", 2),
        ("revoke", "revoked", 1),
        ("revoke", "revoked", 1),
    ] {
        let changed = issuer.change(&id, change).await.granted();
        assert_eq!(changed["status"], word);
        becomes(&acme, &credential, status).await;
    }
    for change in ["reinstate", "suspend"] {
        issuer.change(&id, change).await.problem(409, "wrong-state");
    }
    tokio::time::sleep(Duration::from_millis(1500)).await;
    becomes(&acme, &credential, 1).await;
    let shown = issuer.get(&format!("/credentials/{id}")).await.granted();
    assert_eq!(shown["status"], "revoked");
}

#[tokio::test]
async fn revoking_one_copy_leaves_the_others_valid() {
    let acme = acme();
    let offer = acme.issuer().offer(badge()).await;
    let copies = acme.wallet().claim_copies(&offer, 5).await;
    let ids = acme.issuer().issued(&offer).await;
    acme.issuer().change(&ids[2], "revoke").await.granted();
    tokio::time::sleep(Duration::from_millis(1500)).await;
    let mut statuses = Vec::new();
    for copy in &copies {
        let copy = acme.verifier().verify(copy).await;
        statuses.push(acme.verifier().status(&copy).await);
    }
    statuses.sort_unstable();
    assert_eq!(statuses, [0, 0, 0, 0, 1]);
}

#[tokio::test]
async fn verifiers_may_keep_a_list_and_ask_whether_it_changed() {
    let acme = acme();
    let (credential, _) = credential(&acme).await;
    let path = path_of(&acme, &credential);
    // Others revoke in the same list meanwhile: the tag may change between two requests, not often.
    for attempt in 0..20 {
        let list = acme.stranger().get(&path).await.is(200);
        assert_eq!(list.header("content-type"), Some("application/statuslist+jwt"));
        let caching = list.header("cache-control").unwrap();
        assert!(caching.contains("public") && caching.contains("max-age="), "{caching}");
        assert_eq!(list.header("access-control-allow-origin"), Some("*"));
        assert!(list.header("set-cookie").is_none());
        let tag = list.header("etag").unwrap();
        let request = acme.stranger().request(Method::GET, &path).header("if-none-match", tag);
        let again = Answer::to(request).await;
        if again.status == 304 {
            assert!(again.body.is_empty());
            assert_eq!(again.header("etag"), Some(tag));
            break;
        }
        assert!(attempt < 19, "{again}");
    }
    let weak = acme.stranger().request(Method::GET, &path).header("if-none-match", "\"another\"");
    Answer::to(weak).await.is(200);
}

#[tokio::test]
async fn a_list_has_one_name() {
    let acme = acme();
    let (credential, _) = credential(&acme).await;
    let path = path_of(&acme, &credential);
    let number = path.rsplit('/').next().unwrap();
    for other in [
        format!("0{number}"),
        format!("+{number}"),
        format!("{number}/"),
        format!("{number}%20"),
        "4294967295".to_owned(),
        "4294967296".to_owned(),
        "-1".to_owned(),
        "x".to_owned(),
    ] {
        acme.stranger().get(&format!("/status-lists/{other}")).await.refused(404, "invalid_request");
    }
}

#[tokio::test]
async fn the_past_of_a_list_is_not_served() {
    let acme = acme();
    let (credential, _) = credential(&acme).await;
    let path = path_of(&acme, &credential);
    let past = acme.stranger().get(&format!("{path}?time={}", now() - 86_400)).await;
    assert!([404, 501].contains(&past.status), "Token Status List §8.4: {past}");
}

/// How many lists were signed as CWT.
async fn signed(acme: &Acme) -> u64 {
    let metrics = acme.stranger().get("/metrics").await.is(200);
    let of_cwt = |line: &&str| line.starts_with(r#"chancery_status_lists_signed_total{form="cwt"}"#);
    let line = metrics.text().lines().find(of_cwt).map(str::to_owned);
    line.map_or(0, |line| line.rsplit(' ').next().unwrap().parse().unwrap())
}

#[tokio::test]
async fn of_forty_who_ask_for_a_list_that_changed_one_has_it_signed() {
    let house = House::start();
    let acme = house.acme();
    let (credential, id) = credential(&acme).await;
    let url = acme.at(&path_of(&acme, &credential));
    let fetch = |acme: Acme, url: String| async move {
        Answer::to(acme.http.get(url).header("accept", "application/statuslist+cwt")).await
    };
    for turn in 1..=3 {
        acme.issuer().change(&id, ["reinstate", "suspend"][turn % 2]).await.granted();
        tokio::time::sleep(Duration::from_millis(1200)).await;
        let lists = together((0..40).map(|_| fetch(acme.clone(), url.clone()))).await;
        let first = lists[0].body.clone();
        assert!(lists.iter().all(|list| list.status == 200 && list.body == first), "all have the same");
        assert_eq!(signed(&acme).await, u64::try_from(turn).unwrap());
    }
}

#[tokio::test]
async fn whoever_has_no_certificates_to_go_by_finds_the_key_at_the_authorization_server() {
    let acme = acme();
    let (credential, _) = credential(&acme).await;
    let list = acme.stranger().get(&path_of(&acme, &credential)).await.is(200);
    let server = acme.stranger().get("/.well-known/oauth-authorization-server").await.is(200).json();
    let keys = Answer::to(acme.http.get(acme.here(&text(&server["jwks_uri"])))).await.is(200).json();
    let (_, claims) = chancery_tests::jose::verify(list.text(), &keys);
    assert_eq!(claims["sub"], credential.payload["status"]["status_list"]["uri"]);
    // The other way round nothing changes: no key of a token is among those of credentials.
    let of_credentials = acme.verifier().keys().await;
    let of_credentials = of_credentials["keys"].as_array().unwrap();
    let more = keys["keys"].as_array().unwrap().iter().filter(|key| !of_credentials.contains(key));
    assert!(more.count() > 0);
}
