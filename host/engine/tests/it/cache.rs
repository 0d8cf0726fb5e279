//! Only what this host compiled and nobody changed is ever loaded from the cache.

use std::{
    fs,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    path::PathBuf,
};

use chancery_engine::{PrepareRequest, Purpose};
use serde_json::json;

use crate::support::{Host, at, built};

const KEY: [u8; 32] = [7; 32];

fn file(host: &Host) -> PathBuf {
    let files: Vec<_> = fs::read_dir(host.cache.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(files.len(), 1, "{files:?}");
    files[0].clone()
}

/// Loads the badge in a restarted engine; whether it had to compile.
async fn compiles_again(host: &Host, key: [u8; 32]) -> bool {
    let path = file(host);
    let before = fs::metadata(&path).unwrap();
    let engine = host.restarted(key);
    let component = engine.load(&built("employee-badge")).await.unwrap();
    let template = engine.template(&component, json!({})).await.unwrap();
    let subject = json!({"given_name": "Erika", "family_name": "Mustermann", "employee_id": "E-1042"});
    let request = PrepareRequest::new(Purpose::Issue, "acme", &subject, at(1_793_000_000));
    template.prepare(&request).await.unwrap();
    let after = fs::metadata(&path).unwrap();
    before.ino() != after.ino()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_does_not_compile_again() {
    let host = Host::new();
    host.component("employee-badge").await;
    assert!(!compiles_again(&host, KEY).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_host_can_read_and_write_what_it_compiled() {
    let host = Host::new();
    host.component("employee-badge").await;
    assert_eq!(fs::metadata(file(&host)).unwrap().permissions().mode() & 0o777, 0o600);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_modified_file_is_compiled_again_and_replaced() {
    let host = Host::new();
    host.component("employee-badge").await;
    let path = file(&host);
    let compiled = fs::read(&path).unwrap();
    let mut places: Vec<usize> = (0..compiled.len()).step_by(compiled.len() / 4).collect();
    places.extend([31, 32, compiled.len() - 1]);
    for place in places {
        let mut modified = compiled.clone();
        modified[place] ^= 1;
        fs::write(&path, &modified).unwrap();
        assert!(compiles_again(&host, KEY).await, "byte {place} was changed and loaded");
        assert!(!compiles_again(&host, KEY).await, "the file was not replaced");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_truncated_empty_or_extended_file_is_compiled_again() {
    let host = Host::new();
    host.component("employee-badge").await;
    let path = file(&host);
    let compiled = fs::read(&path).unwrap();
    let extended = [&*compiled, b"x"].concat();
    for bytes in
        [&compiled[..0], &compiled[..31], &compiled[..32], &compiled[..compiled.len() - 1], &*extended]
    {
        fs::write(&path, bytes).unwrap();
        assert!(compiles_again(&host, KEY).await, "{} bytes were loaded", bytes.len());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_compiled_under_another_key_is_compiled_again() {
    let host = Host::new();
    host.component("employee-badge").await;
    assert!(compiles_again(&host, [8; 32]).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_compiled_form_of_another_plugin_is_not_taken_for_this_one() {
    let other = Host::new();
    other.component("university-diploma").await;
    let host = Host::new();
    host.component("employee-badge").await;
    fs::copy(file(&other), file(&host)).unwrap();
    assert!(compiles_again(&host, KEY).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cache_that_cannot_be_written_costs_a_compilation_and_nothing_else() {
    let host = Host::new();
    host.component("employee-badge").await;
    let path = file(&host);
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    fs::write(path.join("in the way"), "").unwrap();
    host.restarted(KEY).load(&built("employee-badge")).await.unwrap();
}
