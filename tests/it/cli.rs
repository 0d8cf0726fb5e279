//! The same, with the `chancery` command: what a person does in a terminal

use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use chancery_tests::people::badge;
use chancery_tests::{Acme, acme, house, platform};
use serde_json::Value;

/// Runs the command against the house, with JSON on standard output.
fn chancery(acme: &Acme, arguments: &[&str], input: &str) -> Output {
    let mut command = Command::new(house::binary());
    command.args(["--output", "json"]).args(arguments).env_clear();
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    if !["wallet"].contains(&arguments[0]) {
        command.args(["--url", &acme.at("/api")]).env("CHANCERY_TOKEN", &acme.key);
    }
    let mut child = command.spawn().unwrap();
    // A command that reads nothing may be gone already.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!said.contains(&acme.key) && !said.contains("panicked"), "{said}");
    output
}

#[track_caller]
fn json(output: &Output) -> Value {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn subject() -> String {
    badge().0["credentials"][0]["subject"].to_string()
}

#[tokio::test]
async fn a_person_offers_claims_and_revokes() {
    let acme = acme();
    let create = ["offer", "create", "employee-badge", "--subject", "-", "--tx-code"];
    let offer = json(&chancery(&acme, &create, &subject()));
    let link = offer["offer_uri"].as_str().unwrap();
    let tx_code = offer["tx_code"].as_str().unwrap();
    let claim = ["wallet", "claim", link, "--tx-code", tx_code, "--count", "3", "--dpop"];
    let claimed = json(&chancery(&acme, &claim, ""));
    assert_eq!(claimed["issuer"], acme.identifier);
    assert_eq!(claimed["notification"], "accepted");
    assert_eq!(claimed["credentials"].as_array().unwrap().len(), 3);
    assert_eq!(claimed["credentials"][0]["claims"]["family_name"], "Lovelace");
    assert_eq!(claimed["credentials"][0]["status"], "valid");

    let id = offer["id"].as_str().unwrap();
    assert_eq!(json(&chancery(&acme, &["offer", "show", id], ""))["state"], "accepted");
    let listed = json(&chancery(&acme, &["credential", "list", "--offer", id], ""));
    let credential = listed["data"][0]["id"].as_str().unwrap();
    let revoked = json(&chancery(&acme, &["credential", "revoke", credential], ""));
    assert_eq!(revoked["status"], "revoked");
    let again = chancery(&acme, &["credential", "reinstate", credential], "");
    assert_eq!(again.status.code(), Some(1), "refused");
    let twice = chancery(&acme, &["wallet", "claim", link, "--tx-code", tx_code], "");
    assert_eq!(twice.status.code(), Some(1), "an offer is claimed once");
}

#[tokio::test]
async fn a_person_defers_a_wallet_waits_and_gets_it_in_the_end() {
    let acme = acme();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let file = std::env::temp_dir().join(chancery_tests::unique("waiting-"));
    let path = file.to_str().unwrap();
    let offer = json(&chancery(&acme, &["offer", "create", "employee-badge", "--deferred"], ""));
    let deferral = text(&offer["deferrals"][0]["id"]);
    let claim =
        ["wallet", "claim", offer["offer_uri"].as_str().unwrap(), "--count", "2", "--encrypt", "--out", path];
    let waits = json(&chancery(&acme, &claim, ""));
    assert!(waits["credentials"].as_array().unwrap().is_empty());
    assert_eq!((&waits["waiting"]["interval"], &waits["waiting"]["kept_in"]), (&5.into(), &path.into()));
    let resume = ["wallet", "resume", path, "--encrypt"];
    assert_eq!(json(&chancery(&acme, &resume, ""))["waiting"], waits["waiting"], "not yet");

    let listed = ["deferral", "list", "--state", "pending", "--offer", offer["id"].as_str().unwrap()];
    assert_eq!(json(&chancery(&acme, &listed, ""))["data"][0]["id"], deferral.as_str());
    let complete = ["deferral", "complete", deferral.as_str()];
    assert_eq!(chancery(&acme, &complete, "").status.code(), Some(1), "somebody has to bring the subject");
    let complete = [&complete[..], &["--subject", "-"]].concat();
    assert_eq!(json(&chancery(&acme, &complete, &subject()))["state"], "completed");
    let claimed = json(&chancery(&acme, &resume, ""));
    assert_eq!((&claimed["notification"], &claimed["waiting"]), (&"accepted".into(), &Value::Null));
    assert_eq!(claimed["credentials"][1]["claims"]["family_name"], "Lovelace");
    let kept: Value = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
    assert_eq!(kept[0]["credentials"].as_array().unwrap().len(), 2);
    assert_eq!(chancery(&acme, &resume, "").status.code(), Some(2), "nothing is waited for any more");
    std::fs::remove_file(file).unwrap();
    assert_eq!(json(&chancery(&acme, &["deferral", "show", &deferral], ""))["state"], "issued");

    // Somebody decides while the wallet waits.
    let offer = json(&chancery(
        &acme,
        &["offer", "create", "employee-badge", "--deferred", "--subject", "-"],
        &subject(),
    ));
    let deferral = text(&offer["deferrals"][0]["id"]);
    let (here, link) = (acme.clone(), text(&offer["offer_uri"]));
    let wallet = std::thread::spawn(move || chancery(&here, &["wallet", "claim", &link, "--wait", "60"], ""));
    while json(&chancery(&acme, &["deferral", "show", &deferral], "")).get("asked_at").is_none() {
        std::thread::sleep(std::time::Duration::from_millis(200));
    }
    assert!(chancery(&acme, &["deferral", "complete", &deferral], "").status.success());
    assert_eq!(json(&wallet.join().unwrap())["notification"], "accepted");

    let offer = json(&chancery(&acme, &["offer", "create", "employee-badge", "--deferred"], ""));
    let deferral = text(&offer["deferrals"][0]["id"]);
    let refuse = ["deferral", "refuse", &deferral, "--reason", "Not this year"];
    assert_eq!(json(&chancery(&acme, &refuse, ""))["state"], "refused");
    let late = chancery(&acme, &["wallet", "claim", offer["offer_uri"].as_str().unwrap()], "");
    assert_eq!(late.status.code(), Some(1));
}

#[tokio::test]
async fn a_person_halts_and_lets_go_on() {
    let acme = acme();
    // Of a plugin that nobody has: this house is everybody's.
    let nobodys = "0".repeat(64);
    let halt = json(&chancery(&acme, &["halt", "plugin", &nobodys, "--reason", "wrong claims"], ""));
    assert_eq!(
        (&halt["scope"], &halt["component"]),
        (&Value::from("plugin"), &Value::from(nobodys.as_str()))
    );
    let id = halt["id"].as_str().unwrap();
    let listed = json(&chancery(&acme, &["halt", "list"], ""));
    assert!(listed["data"].as_array().unwrap().contains(&halt), "{listed}");
    assert!(chancery(&acme, &["halt", "lift", id], "").status.success());
    assert_eq!(chancery(&acme, &["halt", "lift", id], "").status.code(), Some(1), "it is gone");
    let elsewhere = chancery(&acme, &["halt", "tenant", "tnt_1", "--reason", "x"], "");
    assert_eq!(elsewhere.status.code(), Some(2), "only the platform names tenants");
}

#[tokio::test]
async fn mistakes_have_exit_codes_of_their_own() {
    let acme = acme();
    let refused = chancery(&acme, &["offer", "create", "unheard-of", "--subject", "-"], &subject());
    assert_eq!(refused.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("employee-badge"), "it says what there is");
    assert!(refused.stdout.is_empty());
    let wrong = chancery(&acme, &["offer", "create"], "");
    assert_eq!(wrong.status.code(), Some(2));
    let nowhere = Acme { base: "http://127.0.0.1:9".to_owned(), ..acme };
    let unreachable = chancery(&nowhere, &["offer", "list"], "");
    assert_eq!(unreachable.status.code(), Some(3));
}

#[tokio::test]
async fn a_person_lets_their_wallet_ask_and_consents() {
    let acme = acme();
    let issuer = acme.identifier.as_str();
    let request =
        ["wallet", "request", issuer, "employee-badge", "--subject", "-", "--authorization-details"];
    let claimed = json(&chancery(&acme, &request, &subject()));
    assert_eq!(claimed["notification"], "accepted");
    assert_eq!(claimed["credentials"][0]["claims"]["family_name"], "Lovelace");

    let create = ["offer", "create", "employee-badge", "--subject", "-", "--tx-code", "--sign-in"];
    let offer = json(&chancery(&acme, &create, &subject()));
    let (link, tx_code) = (offer["offer_uri"].as_str().unwrap(), offer["tx_code"].as_str().unwrap());
    let claim = ["wallet", "claim", link, "--tx-code", tx_code, "--dpop"];
    assert_eq!(json(&chancery(&acme, &claim, ""))["notification"], "accepted");
    assert_eq!(chancery(&acme, &claim, "").status.code(), Some(1), "an offer is claimed once");

    let create = ["offer", "create", "employee-badge", "--subject", "-", "--sign-in"];
    let offer = json(&chancery(&acme, &create, &subject()));
    let page = offer["page_url"].as_str().unwrap();
    let request = ["wallet", "request", issuer, "employee-badge", "--link", page, "--count", "2"];
    assert_eq!(json(&chancery(&acme, &request, ""))["credentials"].as_array().unwrap().len(), 2);
    let nobody = chancery(&acme, &["wallet", "request", issuer, "employee-badge"], "");
    assert_eq!(nobody.status.code(), Some(2), "the page asks who the holder is");
}

#[tokio::test]
async fn a_wallet_that_is_registered_authenticates_by_its_key() {
    let acme = acme();
    // RFC 7515, appendix A.3.
    let (x, y) =
        ("f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0");
    let mut key = serde_json::json!({ "kty": "EC", "crv": "P-256", "x": x, "y": y });
    let name = chancery_tests::unique("wallet ");
    let body = serde_json::json!({ "name": name, "scopes": [], "jwks": { "keys": [key.clone()] } });
    let client = acme.issuer().post("/clients", &body).await.is(201).json();
    key["d"] = "jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI".into();
    let file = std::env::temp_dir().join(chancery_tests::unique("wallet-key-"));
    std::fs::write(&file, key.to_string()).unwrap();
    let known = ["--client", client["client_id"].as_str().unwrap(), "--client-key", file.to_str().unwrap()];
    for sign_in in [&[][..], &["--sign-in"]] {
        let create = [&["offer", "create", "employee-badge", "--subject", "-"], sign_in].concat();
        let offer = json(&chancery(&acme, &create, &subject()));
        let claim = [&["wallet", "claim", offer["offer_uri"].as_str().unwrap()], &known[..]].concat();
        assert_eq!(json(&chancery(&acme, &claim, ""))["notification"], "accepted");
    }
    let stolen = serde_json::json!({ "kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
        "d": "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A" });
    std::fs::write(&file, stolen.to_string()).unwrap();
    let offer = json(&chancery(&acme, &["offer", "create", "employee-badge", "--subject", "-"], &subject()));
    let claim = [&["wallet", "claim", offer["offer_uri"].as_str().unwrap()], &known[..]].concat();
    assert!(!chancery(&acme, &claim, "").status.success());
    std::fs::remove_file(file).unwrap();
}

#[tokio::test]
async fn a_wallet_that_somebody_vouches_for_is_served_where_nobody_else_is() {
    let acme = platform().newcomer().await;
    let file = std::env::temp_dir().join(chancery_tests::unique("wallet-provider-"));
    let path = file.to_str().unwrap();
    let anchor = json(&chancery(&acme, &["wallet", "provider", path], ""))["certificate"].clone();
    assert_eq!(
        json(&chancery(&acme, &["wallet", "provider", path], ""))["certificate"],
        anchor,
        "once for all"
    );
    let required = serde_json::json!({ "employee-badge": { "key_storage": ["iso_18045_high"] } });
    let chosen = serde_json::json!({
        "profile": "haip", "wallet_providers": anchor, "key_attesters": anchor,
        "key_attestations_required": required,
    });
    acme.choose(&chosen).await.is(200);
    let create = ["offer", "create", "employee-badge", "--subject", "-", "--sign-in"];
    let offer = json(&chancery(&acme, &create, &subject()));
    let claim = ["wallet", "claim", offer["offer_uri"].as_str().unwrap(), "--count", "2"];
    assert!(!chancery(&acme, &claim, "").status.success(), "nobody vouches for it");
    let claimed = json(&chancery(&acme, &[&claim[..], &["--provider", path]].concat(), ""));
    assert_eq!(claimed["credentials"].as_array().unwrap().len(), 2);
    assert_eq!(claimed["notification"], "accepted");
    std::fs::write(&file, "nothing").unwrap();
    let broken = chancery(&acme, &[&claim[..], &["--provider", path]].concat(), "");
    assert!(String::from_utf8_lossy(&broken.stderr).contains("chancery wallet provider FILE"));
    std::fs::remove_file(file).unwrap();
}

#[tokio::test]
async fn a_wallet_verifies_w3c_credentials() {
    let acme = acme();
    let graduate = serde_json::json!({
        "given_name": "Ada", "family_name": "Lovelace", "degree": "Analyst",
        "institution": "University of London", "graduation_date": "1842-10-10",
    });
    for format in ["jwt_vc_json", "vc_jwt"] {
        let diploma = format!("university-diploma.{format}");
        let create = ["offer", "create", &diploma, "--subject", "-"];
        let offer = json(&chancery(&acme, &create, &graduate.to_string()));
        let claim = ["wallet", "claim", offer["offer_uri"].as_str().unwrap(), "--count", "2", "--encrypt"];
        let claimed = json(&chancery(&acme, &claim, ""));
        assert_eq!(claimed["notification"], "accepted");
        assert_eq!(claimed["credentials"][1]["claims"]["degree"], "Analyst");
    }
}

#[tokio::test]
async fn a_wallet_verifies_an_mdoc() {
    let acme = acme();
    let person = serde_json::json!({
        "given_name": "Erika", "family_name": "Mustermann", "birthdate": "1964-08-12",
        "place_of_birth": { "country": "DE" }, "nationalities": ["DE"],
    });
    let pid = "person-identification-data.mso_mdoc";
    let create = ["offer", "create", pid, "--subject", "-"];
    let offer = json(&chancery(&acme, &create, &person.to_string()));
    let claim = ["wallet", "claim", offer["offer_uri"].as_str().unwrap(), "--count", "2"];
    let claimed = json(&chancery(&acme, &claim, ""));
    assert_eq!(claimed["notification"], "accepted");
    let claims = &claimed["credentials"][1]["claims"]["eu.europa.ec.eudi.pid.1"];
    assert_eq!((&claims["family_name"], &claims["age_over_18"]), (&"Mustermann".into(), &true.into()));
}
