//! Implementations that were not written here: what they say of ours counts more than what we say

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use chancery_tests::answer::text;
use chancery_tests::jose::Key;
use chancery_tests::people::wallet::{credentials, request_for};
use chancery_tests::people::{badge, person};
use chancery_tests::{House, acme, house, platform};
use serde_json::{Value, json};

use crate::platform::document_signers::{authority, in_country, mdoc};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// Where everything is built.
fn target() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap().to_owned()
}

/// Runs the program of the workspace in `tests/strangers`, which it builds first if need be.
fn stranger(arguments: &[&str]) -> Value {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(["run", "--quiet", "--locked", "--manifest-path"]);
    command.arg(root().join("tests/strangers/Cargo.toml")).arg("--target-dir");
    command.arg(target().join("strangers")).arg("--").args(arguments);
    // Of the outer build: it would make another one of the same crates.
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy().into_owned();
        if name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_") {
            command.env_remove(name);
        }
    }
    answer(&command.output().unwrap())
}

#[track_caller]
fn answer(output: &Output) -> Value {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The interpreter of `cargo xtask setup`, which has the oracles.
fn python() -> PathBuf {
    let python = std::env::var_os("CHANCERY_TEST_PYTHON").map(PathBuf::from);
    let python = python.unwrap_or_else(|| target().join("tools/python/bin/python"));
    assert!(python.exists(), "there is no {}: `cargo xtask setup` makes it", python.display());
    python
}

/// Runs a script of `tests/strangers` that reads one document and writes another.
pub(crate) fn python_says(script: &str, given: &Value) -> Value {
    let mut python = Command::new(python());
    python.arg(root().join("tests/strangers").join(script));
    let python = python.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut python = python.spawn().unwrap();
    python.stdin.take().unwrap().write_all(given.to_string().as_bytes()).unwrap();
    answer(&python.wait_with_output().unwrap())
}

/// What the subject of a badge is, member by member, in what a reader made of the credential.
#[track_caller]
fn is_the_badge(claims: &Value) {
    for (claim, value) in badge().0["credentials"][0]["subject"].as_object().unwrap() {
        assert_eq!(&claims[claim], value);
    }
}

#[track_caller]
fn shows_the_family_name_alone(claims: &Value) {
    assert_eq!(claims["family_name"], "Lovelace");
    for hidden in ["given_name", "employee_id", "department", "job_title", "email"] {
        assert!(claims.get(hidden).is_none(), "{hidden} is shown");
    }
    for always in ["iss", "iat", "exp", "vct", "cnf", "status"] {
        assert!(claims.get(always).is_some(), "{always} is hidden");
    }
}

#[tokio::test]
async fn impierces_wallet_claims_and_iotas_reader_reads() {
    // Below a path: this wallet puts a slash behind an identifier that has none.
    let house = House::at_path("/acme");
    let acme = house.acme().below("/acme");
    for tx_code in [false, true] {
        let request = if tx_code { badge().tx_code() } else { badge().by_value() };
        let offer = acme.issuer().offer(request).await;
        let arguments: Vec<&str> =
            ["claim", &offer.link].into_iter().chain(offer.tx_code.as_deref()).collect();
        let claimed = stranger(&arguments);
        assert_eq!(claimed["configuration_id"], "employee-badge");
        assert_eq!(acme.issuer().state(&offer).await, "accepted");

        let jwks = acme.stranger().get("/jwks").await.json().to_string();
        let read = stranger(&["read", &text(&claimed["credential"]), &jwks]);
        assert_eq!(read["typ"], "dc+sd-jwt");
        assert_eq!(read["bound"], true);
        is_the_badge(&read["all"]);
        shows_the_family_name_alone(&read["shown"]);
        assert_eq!(read["withheld"], 5);
    }
}

#[tokio::test]
async fn python_verifies_credential_certificate_and_status() {
    let acme = acme();
    let offer = acme.issuer().offer(badge()).await;
    let credential = acme.wallet().claim(&offer).await;
    let taken_apart = acme.verifier().verify(&credential).await;
    let list = taken_apart.payload["status"]["status_list"]["uri"].as_str().unwrap();
    let anchor = fs::read_to_string(house::shared_data().join("development-ca.crt")).unwrap();
    let id = acme.issuer().issued(&offer).await.remove(0);
    for (change, status) in [("reinstate", 0), ("suspend", 2), ("revoke", 1)] {
        acme.issuer().change(&id, change).await.granted();
        tokio::time::sleep(std::time::Duration::from_millis(1500)).await;
        let list = acme.stranger().get(list.strip_prefix(&acme.identifier).unwrap()).await;
        let given = json!({
            "issuer": acme.identifier, "credential": credential, "jwks": acme.verifier().keys().await,
            "anchor": anchor, "status_list": list.text(),
        });
        let read = python_says("verify.py", &given);
        is_the_badge(&read["all"]);
        shows_the_family_name_alone(&read["shown"]);
        assert_eq!(read["status"], status);
        assert_eq!(read["size"], 1 << 20);
    }
}

#[tokio::test]
async fn spruces_library_reads_an_mdoc() {
    let acme = acme();
    let offer = acme.issuer().offer(person("person-identification-data.mso_mdoc")).await;
    let wallet = acme.wallet();
    let key = Key::p256();
    let token = wallet.redeem(&offer).await;
    let proofs = wallet.proofs(std::slice::from_ref(&key), &wallet.nonce().await);
    let asked = request_for("person-identification-data.mso_mdoc", &proofs);
    let credential = credentials(&wallet.request(&token, &asked).await.granted()).remove(0);
    let read = stranger(&["mdoc", &credential]);
    assert_eq!(read["doctype"], "eu.europa.ec.eudi.pid.1");
    assert_eq!(read["elements"]["eu.europa.ec.eudi.pid.1/family_name"], "Mustermann");
    assert_eq!(read["elements"]["eu.europa.ec.eudi.pid.1/birth_date"], "1964-08-12");
    assert_eq!(read["device_key_x"], key.jwk()["x"]);
    let elements = read["elements"].as_object().unwrap().len() as u64;
    assert!(read["digests"].as_u64().unwrap() > elements, "what is absent leaves a digest");
    assert!(read["signed"].as_i64().unwrap() < read["valid_until"].as_i64().unwrap());
}

#[tokio::test]
async fn spruces_library_takes_an_authority_with_a_country_for_an_issuing_authority() {
    let tenant = in_country("AT").await;
    let anchor = authority(&tenant).await;
    let read = stranger(&["mdoc", &mdoc(&tenant).await, &anchor]);
    assert_eq!(read["faults"], json!([]));
    assert_eq!(read["doctype"], "eu.europa.ec.eudi.pid.1");
    // Another authority of that very country does not vouch for it.
    let other = authority(&in_country("AT").await).await;
    assert_ne!(stranger(&["mdoc", &mdoc(&tenant).await, &other])["faults"], json!([]));
    // Without a country it is an authority as any other, whose mdocs have a chain all the same.
    let plain = platform().newcomer().await;
    plain.choose(&json!({ "certificate_authority": "own" })).await.is(200);
    let read = stranger(&["mdoc", &mdoc(&plain).await, &authority(&plain).await]);
    assert_ne!(read["faults"], json!([]), "the oracle knows the difference");
    plain.stranger().get("/authority.crl").await.is(404);
}
