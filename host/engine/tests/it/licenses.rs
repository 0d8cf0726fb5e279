//! Licences through the engine.

use std::fs;

use chancery_engine::{Circumstances, FaultKind, Hook, License, LicenseState, Permission, Used};
use serde_json::{Value, json};

use crate::support::{Host, at, plugins};

const NOW: i64 = 1_793_000_000;

/// The licence of the plugin's own examples, and the key that it is signed with.
fn example() -> (String, Value) {
    let vector = fs::read(plugins().join("signed-license/vectors/active.json")).unwrap();
    let vector: Value = serde_json::from_slice(&vector).unwrap();
    (vector["document"].as_str().unwrap().to_owned(), vector["configuration"].clone())
}

async fn license(host: &Host, configuration: Value) -> License {
    let component = host.component("signed-license").await;
    assert_eq!(component.hook(), Hook::License);
    host.engine.license(&component, configuration).await.unwrap()
}

fn circumstances(now: i64) -> Circumstances {
    Circumstances {
        now: at(now),
        latest: at(now),
        installation: "https://issuer.example".into(),
        locale: "en".into(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signed_licence_grants_what_it_says_until_it_expires() {
    let (document, configuration) = example();
    let license = license(&Host::new(), configuration).await;
    let granted = license.entitlements(Some(&document), &circumstances(NOW)).await.unwrap();
    assert_eq!(granted.state, LicenseState::Active);
    assert_eq!(granted.limits.max_total_tenants, Some(100));
    assert!(granted.features.contains("self-signup") && !granted.features.contains("federation"));
    assert_eq!(granted.quotas["credentials-per-month"], 10_000);
    let end = granted.expires.unwrap().unix_timestamp();
    for (now, state) in [
        (end - 1, LicenseState::Active),
        (end, LicenseState::Grace),
        (end + 14 * 86_400, LicenseState::Expired),
    ] {
        let then = license.entitlements(Some(&document), &circumstances(now)).await.unwrap();
        assert_eq!((then.state, granted.state_at(at(now))), (state, state), "at {now}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operation_is_checked_against_what_is_granted() {
    let (document, configuration) = example();
    let license = license(&Host::new(), configuration).await;
    let now = circumstances(NOW);
    let granted = license.entitlements(Some(&document), &now).await.unwrap();
    let used = |total_tenants| Used { total_tenants, hierarchy_depth: 2, ..Used::default() };
    let check =
        async |operation: &str, total| license.check(operation, &used(total), &granted, &now).await.unwrap();
    assert_eq!(check("register-subtenant", 99).await, Permission::Allow);
    let Permission::Deny(reasons) = check("register-subtenant", 100).await else { panic!("one too many") };
    assert_eq!((&*reasons[0].pointer, &*reasons[0].code), ("/limits/max-total-tenants", "exhausted"));
    assert!(matches!(check("federation", 0).await, Permission::Deny(_)));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_configuration_no_document_is_trusted() {
    let (document, _) = example();
    let license = license(&Host::new(), json!({})).await;
    let granted = license.entitlements(Some(&document), &circumstances(NOW)).await.unwrap();
    assert_eq!(granted.state, LicenseState::Invalid);
    assert!(granted.reason.unwrap().contains("not trusted"));
    let missing = license.entitlements(None, &circumstances(NOW)).await.unwrap();
    assert_eq!(missing.state, LicenseState::Missing);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_that_is_too_long_is_not_handed_in() {
    let license = license(&Host::new(), json!({})).await;
    let long = "x".repeat((64 << 10) + 1);
    let fault = license.entitlements(Some(&long), &circumstances(NOW)).await.unwrap_err();
    assert_eq!(fault.kind, FaultKind::InputTooLarge { limit: 64 << 10 });
}
