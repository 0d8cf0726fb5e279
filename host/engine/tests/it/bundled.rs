//! The bundled plugins through the engine, by the vectors that their own tests run natively.

use chancery_engine::{Answer, Outcome, PrepareRequest, Purpose};
use serde_json::{Value, json};

use crate::support::{Host, at, plugins};

/// The bundled plugins and the fields that each must have.
const BUNDLED: [&str; 1] = ["employee-badge"];

#[tokio::test(flavor = "multi_thread")]
async fn a_bundled_plugin_has_its_own_name_as_its_type() {
    let host = Host::new();
    for name in BUNDLED {
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
async fn the_vectors_of_the_bundled_plugins_hold_through_the_engine() {
    let host = Host::new();
    for name in BUNDLED {
        let mut ran = 0;
        for entry in std::fs::read_dir(plugins().join(name).join("vectors")).unwrap() {
            let path = entry.unwrap().path();
            let vector: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
            check(&host, name, &vector).await;
            ran += 1;
        }
        assert!(ran > 0, "{name} has no vectors");
    }
}

async fn check(host: &Host, name: &str, vector: &Value) {
    let claim = &vector["claim"];
    let configuration = vector.get("configuration").cloned().unwrap_or_else(|| json!({}));
    let template = host.template(name, configuration).await;
    let answers: Vec<Answer> = vector["answers"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|answer| Answer {
            id: answer["id"].as_str().unwrap().to_owned(),
            document: answer.get("document").cloned(),
        })
        .collect();
    let purpose = match vector["purpose"].as_str() {
        Some("offer") => Purpose::Offer,
        Some("renew") => Purpose::Renew,
        _ => Purpose::Issue,
    };
    let now = at(vector["now"].as_i64().unwrap());
    let request =
        PrepareRequest { answers: &answers, ..PrepareRequest::new(purpose, "test", &vector["subject"], now) };
    let outcome = template.prepare(&request).await.unwrap_or_else(|fault| panic!("{claim}: {fault}"));
    let found = match outcome {
        Outcome::Issue(dataset) => {
            assert_eq!(template.check_subject(&vector["subject"]), Ok(()), "{claim}");
            json!({"issue": dataset.values})
        }
        Outcome::Refuse(issues) => {
            let places = issues.iter().map(|issue| json!({"pointer": issue.pointer, "code": issue.code}));
            json!({"refuse": places.collect::<Vec<_>>()})
        }
        Outcome::Defer(deferral) => json!({"defer": deferral.after.as_secs()}),
        Outcome::Need(lookups) => {
            let lookups = lookups
                .iter()
                .map(|it| json!({"id": it.id, "source": it.source, "parameters": it.parameters}));
            json!({"need": lookups.collect::<Vec<_>>()})
        }
    };
    assert_eq!(found, vector["outcome"], "{claim}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_badge_refuses_unknown_and_missing_members_by_pointer() {
    let template = Host::new().template("employee-badge", json!({})).await;
    let issues = template
        .check_subject(&json!({"given_name": "Erika", "family_name": "", "salary": 1}))
        .unwrap_err()
        .into_iter()
        .map(|issue| (issue.pointer, issue.code))
        .collect::<std::collections::BTreeSet<_>>();
    let expected =
        [("/employee_id", "required"), ("/family_name", "too-short"), ("/salary", "unknown-member")];
    assert_eq!(issues, expected.map(|(pointer, code)| (pointer.to_owned(), code.to_owned())).into());
}
