//! What a house remembers when it was killed, and what it refuses when it wakes up

use std::fs;
use std::time::{Duration, Instant};

use chancery_tests::answer::text;
use chancery_tests::jose::Key;
use chancery_tests::people::wallet::{GRANT, badge_request, credentials, request_for};
use chancery_tests::people::{Offer, Wallet, badge, diploma};
use chancery_tests::{Acme, Answer, House};
use reqwest::Method;

async fn guess(wallet: &Wallet, offer: &Offer, code: &str, right: bool) -> Answer {
    let tx_code = offer.tx_code.clone().unwrap();
    let tx_code =
        if right { tx_code } else { format!("{:06}", (tx_code.parse::<u32>().unwrap() + 1) % 1_000_000) };
    wallet.token(&[("grant_type", GRANT), ("pre-authorized_code", code), ("tx_code", &tx_code)]).await
}

#[tokio::test]
async fn a_house_that_was_killed_goes_on_where_it_was() {
    let mut house = House::start();
    let before = house.acme();
    let (issuer, wallet) = (before.issuer(), before.wallet());

    // Between token and credential, bound and unbound.
    let waiting = issuer.offer(badge()).await;
    let token = wallet.redeem(&waiting).await;
    let dpop_key = Key::p256();
    let bound = wallet.redeem_bound(&issuer.offer(badge().and(&diploma())).await, &dpop_key).await;
    let nonces = [wallet.nonce().await, wallet.nonce().await];
    // Used up.
    let used_nonce = wallet.nonce().await;
    let used_proof = wallet.dpop_with(&dpop_key, &bound).await.sign(&dpop_key);
    let body = badge_request(&wallet.proofs(&Key::some(1), &used_nonce));
    wallet.request_bound(&bound, &used_proof, &body).await.granted();
    let used_code = wallet.code(&issuer.offer(badge()).await).await;
    wallet.exchange(&used_code).await.granted();
    // Half guessed.
    let guarded = issuer.offer(badge().tx_code()).await;
    let guarded_code = wallet.code(&guarded).await;
    for _ in 0..3 {
        guess(&wallet, &guarded, &guarded_code, false).await.refused(400, "invalid_grant");
    }
    // Revoked.
    let revoked_offer = issuer.offer(badge()).await;
    let revoked = wallet.claim(&revoked_offer).await;
    let revoked_id = issuer.issued(&revoked_offer).await.remove(0);
    issuer.change(&revoked_id, "revoke").await.granted();
    // Answered.
    let order = chancery_tests::unique("order ");
    let create = |acme: &chancery_tests::Acme| {
        let request = acme.holder_of(&before.key).request(Method::POST, "/offers");
        Answer::to(request.header("idempotency-key", &order).json(&badge().tx_code().0))
    };
    let answered = create(&before).await.is(201).body;
    let jwks = before.verifier().keys().await;

    house.kill();
    house.start_again();
    let after = house.acme();
    assert_eq!(after.identifier, before.identifier);
    assert_eq!(after.verifier().keys().await, jwks, "what was signed stays verifiable");
    let wallet = after.wallet();

    let answer = wallet.request_badge(&token, &wallet.proofs(&Key::some(20), &nonces[0])).await.granted();
    let first_after = after.verifier().verify(&credentials(&answer)[0]).await;
    let second = request_for("university-diploma", &wallet.proofs(&Key::some(1), &nonces[1]));
    wallet.request_bound(&bound, &used_proof, &second).await.challenged(401, "DPoP", "invalid_dpop_proof");
    let proof = wallet.dpop_with(&dpop_key, &bound).await.sign(&dpop_key);
    wallet.request_bound(&bound, &proof, &second).await.granted();

    wallet.exchange(&used_code).await.refused(400, "invalid_grant");
    let other = wallet.redeem(&after.issuer().offer(badge()).await).await;
    let replayed = wallet.proofs(&Key::some(1), &used_nonce);
    wallet.request_badge(&other, &replayed).await.refused(400, "invalid_nonce");

    guess(&wallet, &guarded, &guarded_code, false).await.refused(400, "invalid_grant");
    guess(&wallet, &guarded, &guarded_code, false).await.refused(400, "invalid_grant");
    guess(&wallet, &guarded, &guarded_code, true).await.refused(400, "invalid_grant");

    let revoked = after.verifier().verify(&revoked).await;
    assert_eq!(after.verifier().status(&revoked).await, 1);
    // Indices that were leased to the killed process are not given out again.
    assert_ne!(
        revoked.payload["status"]["status_list"]["idx"],
        first_after.payload["status"]["status_list"]["idx"]
    );
    assert_eq!(after.verifier().status(&first_after).await, 0);
    let reinstated = after.holder_of(&before.key).change(&revoked_id, "reinstate").await;
    reinstated.problem(409, "wrong-state");

    assert_eq!(
        create(&after).await.is(201).body,
        answered,
        "an answer survives, still sealed for its caller"
    );
}

#[tokio::test]
async fn another_key_is_refused_and_the_right_one_finds_everything_as_it_was() {
    let mut house = House::start();
    let before = house.acme();
    let offer = before.issuer().offer(badge()).await;
    house.stop();
    assert!(processes_of(&house).is_empty(), "a house that stopped leaves nothing running");

    let path = house.data().join("signing.key");
    let right = fs::read_to_string(&path).unwrap();
    fs::write(&path, format!("{}\n", "42".repeat(32))).unwrap();
    let started = Instant::now();
    let refused = house.command().output().unwrap();
    assert!(!refused.status.success());
    assert!(started.elapsed() < Duration::from_secs(30));
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(said.contains("ISSUER_MASTER_KEY") && said.contains("another"), "{said}");
    assert!(refused.stdout.is_empty(), "nothing was announced");
    assert!(!said.contains("4242424242") && !said.contains(right.trim()), "no key is repeated");
    is_deserted(&house).await;

    // An additional master is another key too.
    fs::write(&path, &right).unwrap();
    let refused = house.command().env("ISSUER_MASTER_KEY", "17".repeat(32)).output().unwrap();
    assert!(!refused.status.success());

    house.start_again();
    let after = house.acme();
    assert_eq!(after.holder_of(&before.key).state(&offer).await, "created");
    let credential = after.wallet().claim(&offer).await;
    let credential = after.verifier().verify(&credential).await;
    assert_eq!(text(&credential.payload["iss"]), before.identifier);

    house.kill();
    is_deserted(&house).await;
}

#[tokio::test]
async fn a_database_that_dies_costs_time_and_nothing_else() {
    let house = House::start();
    let acme = house.acme();
    let wallet = acme.wallet();
    let credential = wallet.claim(&acme.issuer().offer(badge()).await).await;
    let credential = acme.verifier().verify(&credential).await;
    assert_eq!(acme.verifier().status(&credential).await, 0);
    let token = wallet.redeem(&acme.issuer().offer(badge()).await).await;
    let proofs = wallet.proofs(&Key::some(1), &wallet.nonce().await);

    let postmaster = fs::read_to_string(house.data().join("postgres/postmaster.pid")).unwrap();
    let postmaster = postmaster.lines().next().unwrap();
    assert!(std::process::Command::new("kill").args(["-9", postmaster]).status().unwrap().success());
    let died = Instant::now();
    loop {
        // What verifiers need goes on without it, and so does what needs no memory.
        assert_eq!(acme.verifier().status(&credential).await, 0);
        wallet.nonce().await;
        acme.stranger().get("/livez").await.granted();
        let answer = wallet.request_badge(&token, &proofs).await;
        if answer.status == 200 {
            break;
        }
        assert!(answer.header("retry-after").is_some(), "{answer}");
        answer.refused(503, "temporarily_unavailable");
        let problem = acme.issuer().get("/offers").await;
        if problem.status != 200 {
            problem.problem(503, "unavailable");
        }
        assert!(died.elapsed() < Duration::from_secs(30), "the database does not come back");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    // A backend that outlived its postmaster may have served that, so the worst may be still to come.
    while acme.issuer().create(&badge()).await.status != 201 {
        assert!(died.elapsed() < Duration::from_secs(30), "the database does not come back");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    wallet.claim(&acme.issuer().offer(badge()).await).await;
    acme.stranger().get("/readyz").await.granted();
}

#[tokio::test]
async fn a_process_that_was_restarted_has_its_status_lists_while_the_database_is_away() {
    let house = House::start();
    let mut replica = house.twin();
    let acme = replica.acme();
    let offer = acme.issuer().offer(badge()).await;
    let credential = acme.verifier().verify(&acme.wallet().claim(&offer).await).await;
    let id = acme.issuer().issued(&offer).await.remove(0);
    assert_eq!(acme.verifier().status(&credential).await, 0);
    let before = signed_lists(&acme).await;
    acme.issuer().change(&id, "revoke").await.granted();
    // Nobody asks for it: it is signed because it changed.
    for _ in 0..100 {
        if signed_lists(&acme).await > before {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    replica.stop();
    let (database, identifier) = (house.database(), acme.identifier.clone());
    replica.start_again_with(&[("DATABASE_URL", &database), ("CHANCERY_PUBLIC_URL", &identifier)]);
    let keys = replica.acme().verifier().keys().await;
    house.stop();

    let uri = text(&credential.payload["status"]["status_list"]["uri"]);
    let index = credential.payload["status"]["status_list"]["idx"].as_u64().unwrap();
    let path = uri.strip_prefix(&identifier).unwrap();
    for _ in 0..2 {
        let list = replica.acme().stranger().get(path).await.is(200);
        let (_, claims) = chancery_tests::jose::verify(list.text(), &keys);
        assert_eq!(claims["sub"], uri.as_str());
        assert_eq!(chancery_tests::sd_jwt::status(&text(&claims["status_list"]["lst"]), index).0, 1);
    }
    // What was never signed cannot be served.
    let other = replica.acme().stranger().get(&format!("{path}/suspension")).await;
    other.refused(503, "temporarily_unavailable");
}

/// How many lists the process signed and kept as JWT.
async fn signed_lists(acme: &Acme) -> u64 {
    let metrics = acme.stranger().get("/metrics").await.is(200);
    let lines = metrics.text().lines();
    let of_jwt = r#"chancery_status_lists_signed_total{form="jwt"} "#;
    lines.filter_map(|line| line.strip_prefix(of_jwt)?.parse::<u64>().ok()).sum()
}

#[tokio::test]
async fn a_tenant_that_nobody_asked_for_since_the_start_has_its_status_lists_too() {
    let house = House::of_many();
    let mut replica = house.twin_with(&[("SAAS_MODE", "true")]);
    let tenant = replica.platform().newcomer().await;
    let credential = tenant.wallet().claim(&tenant.issuer().offer(badge()).await).await;
    let credential = tenant.verifier().verify(&credential).await;
    let keys = tenant.verifier().keys().await;
    assert_eq!(tenant.verifier().status(&credential).await, 0);
    replica.stop();
    let database = house.database();
    let (base, _) = tenant.identifier.rsplit_once('/').unwrap();
    let environment = [("DATABASE_URL", &*database), ("CHANCERY_PUBLIC_URL", base), ("SAAS_MODE", "true")];
    replica.start_again_with(&environment);
    let tenant = Acme { http: replica.platform().http.clone(), ..tenant.clone() };
    house.stop();

    let uri = text(&credential.payload["status"]["status_list"]["uri"]);
    let path = uri.strip_prefix(&tenant.identifier).unwrap();
    let list = tenant.stranger().get(path).await.is(200);
    assert_eq!(list.header("access-control-allow-origin"), Some("*"));
    assert_eq!(list.header("content-type"), Some("application/statuslist+jwt"));
    let (_, claims) = chancery_tests::jose::verify(list.text(), &keys);
    assert_eq!(claims["sub"], uri.as_str());
    for path in ["/status-lists/7", "/status-lists/x", "/jwks"] {
        tenant.stranger().get(path).await.refused(503, "temporarily_unavailable");
    }
}

/// Waits until the database is gone too: a host that ends without a word cannot wait for it.
async fn is_deserted(house: &House) {
    let ended = Instant::now();
    while !processes_of(house).is_empty() {
        assert!(ended.elapsed() < Duration::from_secs(30), "the database outlives its host");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// The command lines of whatever runs on the data of the house, its keeper aside.
fn processes_of(house: &House) -> Vec<String> {
    let data = house.data().display().to_string();
    let processes = fs::read_dir("/proc").into_iter().flatten().map(Result::unwrap);
    processes
        .filter_map(|process| fs::read(process.path().join("cmdline")).ok())
        .map(|line| String::from_utf8_lossy(&line).replace('\0', " "))
        .filter(|line| line.contains(&data) && !line.contains("keeper"))
        .collect()
}
