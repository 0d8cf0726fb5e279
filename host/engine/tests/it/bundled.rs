//! The bundled plugins through the engine, by the vectors that their own tests run natively.

use std::collections::BTreeSet;

use chancery_domain::template::Issue;
use chancery_engine::{ConfigureError, Fault, FaultKind, Outcome, PrepareRequest, Purpose, Verdict};
use serde_json::{Value, json};

use crate::support::{Host, at, plugins};

/// Every bundled template.
const TEMPLATES: [&str; 13] = [
    "academic-transcript",
    "course-completion",
    "department-access",
    "drivers-license",
    "employee-badge",
    "mobile-driving-licence",
    "national-id",
    "passport",
    "person-identification-data",
    "professional-certification",
    "residence-permit",
    "role-credential",
    "university-diploma",
];
/// Every other bundled plugin.
const OTHERS: [&str; 3] = ["email-domain-policy", "manual-approval-policy", "signed-license"];

#[tokio::test(flavor = "multi_thread")]
async fn a_bundled_template_has_its_own_name_as_its_type() {
    let host = Host::new();
    for name in TEMPLATES {
        let template = host.template(name, json!({})).await;
        assert_eq!(template.component().name(), name);
        assert!(!template.component().description().is_empty());
        let definition = template.definition();
        assert_eq!(definition.configuration_id, name);
        assert!(definition.sd_jwt.is_some());
        for locale in ["en", "de"] {
            assert!(definition.display.iter().any(|display| display.locale == locale), "{name}: {locale}");
            for field in &definition.fields {
                let labelled = field.display.iter().any(|label| label.locale == locale);
                assert!(labelled, "{name}: {} has no label in {locale}", field.name);
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bundled_plugin_carries_its_vectors_and_does_what_they_say() {
    let host = Host::new();
    for name in TEMPLATES.into_iter().chain(OTHERS) {
        let component = host.component(name).await;
        let mut files: Vec<Value> = std::fs::read_dir(plugins().join(name).join("vectors"))
            .unwrap()
            .map(|entry| serde_json::from_slice(&std::fs::read(entry.unwrap().path()).unwrap()).unwrap())
            .collect();
        let mut carried: Vec<Value> = component.vectors().iter().map(|it| it.document.clone()).collect();
        assert!(!files.is_empty(), "{name} has no vectors");
        for documents in [&mut files, &mut carried] {
            documents.sort_by_key(|document| document["claim"].to_string());
        }
        assert_eq!(carried, files, "{name}");
        let tested = component.self_test().await;
        let failed: Vec<_> = tested.cases.iter().filter(|case| case.verdict != Verdict::Passed).collect();
        assert!(failed.is_empty(), "{name}: {failed:#?}");
        assert!(tested.most().fuel < component.limits().fuel / 3, "{name}: {:?}", tested.most());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_badge_refuses_unknown_and_missing_members_by_pointer() {
    let template = Host::new().template("employee-badge", json!({})).await;
    let subject = json!({"given_name": "Erika", "family_name": "", "email": "erika at example", "salary": 1});
    let found = places(&template.check_subject(&subject).unwrap_err());
    let expected = [
        ("/email", "wrong-format"),
        ("/employee_id", "required"),
        ("/family_name", "too-short"),
        ("/salary", "unknown-member"),
    ];
    assert_eq!(found, expected.map(|(pointer, code)| (pointer.to_owned(), code.to_owned())).into());
    let request = PrepareRequest::new(Purpose::Offer, "acme", &subject, at(1_793_000_000));
    let Outcome::Refuse(issues) = template.prepare(&request).await.unwrap() else { panic!("not refused") };
    assert_eq!(places(&issues), found, "the plugin is not asked about what its schema refuses");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pid_says_what_is_wrong_with_its_configuration() {
    let host = Host::new();
    let pid = host.component("person-identification-data").await;
    let issues = |configuration: Value| {
        let (engine, pid) = (host.engine.clone(), pid.clone());
        async move {
            match engine.template(&pid, configuration).await {
                Err(ConfigureError::Configuration { issues, .. }) => places(&issues),
                other => panic!("{other:?}"),
            }
        }
    };
    let place = |pointer: &str, code: &str| [(pointer.to_owned(), code.to_owned())].into();
    // Refused by the schema although the plugin took it, and although it did not.
    assert_eq!(issues(json!({"issuing_country": "de"})).await, place("/issuing_country", "wrong-format"));
    assert_eq!(issues(json!({"validity_days": "30"})).await, place("/validity_days", "wrong-type"));
    assert_eq!(issues(json!({"country": "DE"})).await, place("/country", "unknown-member"));
    // What only the plugin knows.
    let jurisdiction = json!({"issuing_country": "DE", "issuing_jurisdiction": "FR-75"});
    match host.engine.template(&pid, jurisdiction).await {
        Err(ConfigureError::Fault(Fault { kind: FaultKind::Plugin { code, .. }, .. })) => {
            assert_eq!(code, "invalid-configuration");
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revision_is_the_component_and_the_meaning_of_the_configuration() {
    let host = Host::new();
    let pid = host.component("person-identification-data").await;
    let configuration = |text| serde_json::from_str(text).unwrap();
    let one = configuration(r#"{"issuing_country":"DE","validity_days":7}"#);
    let same = configuration(r#"{"validity_days":7,"issuing_country":"DE"}"#);
    let other = configuration(r#"{"validity_days":8,"issuing_country":"DE"}"#);
    let one = host.engine.template(&pid, one).await.unwrap();
    let same = host.engine.template(&pid, same).await.unwrap();
    let other = host.engine.template(&pid, other).await.unwrap();
    assert_eq!(one.revision(), same.revision());
    assert_eq!(one.revision().component, pid.digest());
    assert_ne!(one.revision().configuration, other.revision().configuration);
    assert_eq!(one.definition().validity_days, 7);
}

fn places(issues: &[Issue]) -> BTreeSet<(String, String)> {
    issues.iter().map(|issue| (issue.pointer.clone(), issue.code.clone())).collect()
}
