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

/// Files that the engine finds when it starts, and how old each is; which are there afterwards.
fn left_of(files: &[(&str, u64)]) -> Vec<String> {
    let host = Host::new();
    for (name, hours) in files {
        let path = host.cache.path().join(name);
        fs::write(&path, "x").unwrap();
        #[expect(clippy::disallowed_methods, reason = "files are dated by the clock of the system")]
        let then = std::time::SystemTime::now() - std::time::Duration::from_hours(*hours);
        fs::File::options().write(true).open(path).unwrap().set_modified(then).unwrap();
    }
    host.restarted(KEY);
    let left = fs::read_dir(host.cache.path()).unwrap();
    let mut left: Vec<_> = left.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    left.sort();
    left
}

#[test]
fn what_nobody_needs_any_more_goes_at_the_next_start() {
    let digest = "ab".repeat(32);
    let of = |end: &str| format!("{digest}-0123456789abcdef.compiled{end}");
    assert_eq!(left_of(&[(&of(""), 200)]), [""; 0], "of a compiler of last week");
    assert_eq!(left_of(&[(&of(""), 20)]), [of("")], "of another replica, or for the way back");
    assert_eq!(left_of(&[(&of(".77"), 2), (&of(".78"), 0)]), [of(".78")], "half written, and being written");
    assert_eq!(left_of(&[("README", 10_000)]), ["README"], "somebody else's");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_discarded_leaves_nothing_on_the_disk() {
    let host = Host::new();
    let component = host.component("employee-badge").await;
    let other =
        host.cache.path().join(format!("{}-0123456789abcdef.compiled", hex::encode(component.digest())));
    fs::write(&other, "of another compiler").unwrap();
    host.component("university-diploma").await;
    host.engine.forget(&component.digest());
    assert!(!file(&host).to_string_lossy().contains(&hex::encode(component.digest())));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_takes_nothing_is_left_clean_and_the_plugin_works() {
    let host = Host::new();
    // A folder of that name is in the way of the file.
    let component = host.component("employee-badge").await;
    let path = file(&host);
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    fs::write(path.join("inside"), "").unwrap();
    let engine = host.restarted(KEY);
    let again = engine.load(&built("employee-badge")).await.unwrap();
    assert_eq!(again.digest(), component.digest());
    assert_eq!(file(&host), path, "nothing half written is left beside it");
}
