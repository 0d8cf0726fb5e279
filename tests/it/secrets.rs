//! What must be found neither on the disk, nor in a dump, nor in the log

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use chancery_tests::answer::text;
use chancery_tests::jose::{self, Key};
use chancery_tests::people::wallet::{GRANT, badge_request, credentials};
use chancery_tests::people::{Transaction, badge};
use chancery_tests::{Acme, House, unique};
use reqwest::Method;

/// Things to look for, by what they are.
#[derive(Default)]
struct Canaries(Vec<(String, Vec<u8>)>);

impl Canaries {
    /// A secret: as it is written, and, where that is base64url, the bytes it stands for.
    fn add(&mut self, what: &str, secret: &str) {
        assert!(secret.len() >= 8, "{what} is too short to be looked for");
        self.0.push((what.to_owned(), secret.as_bytes().to_vec()));
        let bare = secret.strip_prefix("chk_").unwrap_or(secret);
        if let Ok(bytes) = base64::Engine::decode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, bare)
            && bytes.len() >= 16
        {
            let digits =
                |byte: &u8| [byte >> 4, byte & 15].map(|digit| b"0123456789abcdef"[usize::from(digit)]);
            self.0.push((format!("{what} in hexadecimal"), bytes.iter().flat_map(digits).collect()));
            self.0.push((format!("{what} as bytes"), bytes));
        }
    }

    /// Which of them occur.
    fn found_in(&self, text: &[u8]) -> Vec<&str> {
        let mut by_beginning: HashMap<[u8; 8], Vec<&(String, Vec<u8>)>> = HashMap::new();
        for canary in &self.0 {
            by_beginning.entry(canary.1[..8].try_into().unwrap()).or_default().push(canary);
        }
        let mut found = Vec::new();
        for (position, window) in text.windows(8).enumerate() {
            if let Some(candidates) = by_beginning.get(window) {
                let here = candidates.iter().filter(|(_, bytes)| text[position..].starts_with(bytes));
                found.extend(here.map(|(what, _)| what.as_str()));
            }
        }
        found.sort_unstable();
        found.dedup();
        found
    }

    /// Which of them occur in any file below `directory`.
    fn found_below(&self, directory: &Path) -> Vec<String> {
        let mut found = Vec::new();
        for entry in fs::read_dir(directory).unwrap().map(Result::unwrap) {
            let path = entry.path();
            if path.is_dir() {
                found.extend(self.found_below(&path));
            } else if path.is_file() {
                let content = fs::read(&path).unwrap();
                found.extend(
                    self.found_in(&content).iter().map(|what| format!("{what} in {}", path.display())),
                );
            }
        }
        found
    }
}

/// Waited for, with what was brought later: one is fetched, one is not.
async fn somebody_waits(acme: &Acme, secret: &mut Canaries) {
    let (issuer, wallet) = (acme.issuer(), acme.wallet());
    let bearer = wallet.redeem(&issuer.offer(badge()).await).await;
    secret.add("a bearer token", &bearer.text);
    for fetched in [true, false] {
        let name = unique("Canary");
        secret.add("a subject that was brought later", &name);
        let offer = issuer.offer(badge().deferred().about_nobody()).await;
        let waits = wallet.redeem(&offer).await;
        let holder = Key::some(1);
        let proofs = wallet.proofs(&holder, &wallet.nonce().await);
        let transaction = Transaction::read(wallet.request_badge(&waits, &proofs).await);
        secret.add("the token of a wallet that waits", &waits.text);
        secret.add("the key of a holder who waits", &text(&holder[0].jwk()["x"]));
        secret.add("a transaction", &transaction.id);
        let brought = badge().subject("given_name", name.clone()).subject("department", name).0;
        let brought = serde_json::json!({ "subject": brought["credentials"][0]["subject"] });
        issuer.complete(&offer.deferral(), &brought).await.is(200);
        if fetched {
            wallet.come_back(&waits, &transaction).await.granted();
        }
    }
}

#[tokio::test]
async fn no_secret_and_no_claim_reaches_the_disk_or_the_log() {
    // The log says as much as it ever does.
    let house = House::with(&[("CHANCERY_LOG", "debug")]);
    let acme = house.acme();
    let (issuer, wallet) = (acme.issuer(), acme.wallet());
    let mut secret = Canaries::default();
    secret.add("the first API key", &acme.key);
    let colleague = issuer.key(&["issuance:manage"]).await;
    secret.add("an API key", colleague.secret());
    let mut tx_codes = Vec::new();

    // One offer waits, one is claimed, one is withdrawn, one is refused.
    let mut offers = Vec::new();
    for fate in ["waiting", "claimed", "withdrawn"] {
        let name = unique("Canary");
        secret.add(&format!("the subject of an offer, {fate},"), &name);
        let request = badge().tx_code().subject("given_name", name.clone()).subject("department", name);
        let order = colleague.request(Method::POST, "/offers").header("idempotency-key", unique("order "));
        let answer = chancery_tests::Answer::to(order.json(&request.0)).await;
        let offer = chancery_tests::people::Offer::read(&answer);
        secret.add(&format!("the secret of an offer, {fate},"), &offer.secret());
        secret.add(&format!("the code of an offer, {fate},"), &wallet.code(&offer).await);
        tx_codes.push(offer.tx_code.clone().unwrap());
        offers.push(offer);
    }
    let name = unique("Canary");
    secret.add("the subject of a refused offer", &name);
    issuer
        .create(&badge().subject("given_name", name.clone()).subject("email", name.clone()))
        .await
        .wrong_parts();
    issuer.create(&badge().subject("family_name", name.repeat(20))).await.wrong_parts();
    issuer.create(&badge().with("tx_code", name.clone())).await.wrong_parts();
    let broken = format!("{{\"credentials\":[{{\"subject\":{{\"given_name\":\"{name}\"}}}}");
    let broken =
        issuer.request(Method::POST, "/offers").header("content-type", "application/json").body(broken);
    chancery_tests::Answer::to(broken).await.problem(400, "malformed-request");

    // Claimed, with a bound token and every mistake on the way.
    let offer = &offers[1];
    let code = wallet.code(offer).await;
    let wrong = [("grant_type", GRANT), ("pre-authorized_code", code.as_str()), ("tx_code", "x")];
    wallet.token(&wrong).await.refused(400, "invalid_grant");
    let key = Key::p256();
    let dpop = wallet.dpop(&key, "/token").await.sign(&key);
    let form = [
        ("grant_type", GRANT),
        ("pre-authorized_code", code.as_str()),
        ("tx_code", offer.tx_code.as_deref().unwrap()),
    ];
    let answer = chancery_tests::Answer::to(wallet.token_request(&form).header("DPoP", dpop)).await;
    let token = chancery_tests::people::Token::read(answer);
    secret.add("an access token", &token.text);
    wallet.request(&token, &badge_request(&[])).await.refused(401, "invalid_token");
    let holder = Key::some(1);
    let proofs = wallet.proofs(&holder, &wallet.nonce().await);
    let late = wallet.dpop_with(&key, &token).await.claim("iat", 0).sign(&key);
    wallet.request_bound(&token, &late, &badge_request(&proofs)).await.refused(401, "invalid_dpop_proof");
    let proof = wallet.dpop_with(&key, &token).await.sign(&key);
    let answer = wallet.request_bound(&token, &proof, &badge_request(&proofs)).await.granted();
    let credential = credentials(&answer).remove(0);
    let taken_apart = acme.verifier().verify(&credential).await;
    secret.add("the signature of a credential", credential.split(['.', '~']).nth(2).unwrap());
    for (disclosure, salt) in taken_apart.disclosures.iter().zip(&taken_apart.salts) {
        secret.add("a disclosure", disclosure);
        secret.add("a salt", salt);
    }
    secret.add("the holder's key", &text(&holder[0].jwk()["x"]));
    secret.add("the holder's thumbprint", &holder[0].thumbprint());
    secret.add("a notification id", &text(&answer["notification_id"]));
    somebody_waits(&acme, &mut secret).await;
    issuer.delete(&format!("/offers/{}", offers[2].id)).await.is(204);
    secret.add("the signing key", fs::read_to_string(house.data().join("signing.key")).unwrap().trim());

    // What may be found, and is: the search works.
    let mut public = Canaries::default();
    public.add("the configuration", "employee-badge");
    let id = jose::base64url(
        (0..32)
            .step_by(2)
            .map(|at| u8::from_str_radix(&offer.id[4..][at..at + 2], 16).unwrap())
            .collect::<Vec<_>>(),
    );
    public.add("the id of an offer", &id);

    let dump = house.dump();
    assert!(public.found_in(&dump).contains(&"the configuration"));
    assert_eq!(secret.found_in(&dump), Vec::<&str>::new());

    // A shutdown writes everything to its place; the write-ahead log is still there.
    house.stop();
    let database = house.data().join("postgres");
    let control = public.found_below(&database);
    assert!(
        control.iter().any(|found| found.contains("the id of an offer as bytes") && found.contains("pg_wal"))
    );
    assert!(control.iter().any(|found| found.contains("the configuration") && found.contains("base/")));
    assert_eq!(secret.found_below(&database), Vec::<String>::new());
    assert_eq!(secret.found_below(&house.data().join("postgres-run")), Vec::<String>::new());

    let log = house.log();
    assert!(
        log.contains("refused a wallet's request") && log.contains("DEBUG"),
        "the log says what happened"
    );
    assert_eq!(secret.found_in(log.as_bytes()), Vec::<&str>::new());
    // A time stamp may hold the same six digits.
    let without_times: String =
        log.lines().filter_map(|line| line.split_once(' ')).map(|(_, rest)| rest).collect();
    for tx_code in tx_codes {
        assert!(!without_times.contains(&tx_code), "a transaction code is in the log");
    }
}
