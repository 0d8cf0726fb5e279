//! Guests in other languages: the contract is WIT, not Rust.

use chancery_engine::{Class, Limits, Outcome, PrepareRequest, Purpose, Refused, Verdict};
use serde_json::json;

use crate::support::{Host, at, built, with_section};

const NOW: i64 = 1_793_000_000;

/// Loads one, has it describe itself and run its examples, and asks it something.
async fn works(name: &str, subject: serde_json::Value) {
    let host = Host::new();
    let (report, component) = host.engine.examine(&built(name)).await;
    assert!(report.passed(), "{report:#?}");
    assert!(report.imports.iter().all(|import| import.starts_with("chancery:")), "{:?}", report.imports);
    let component = component.unwrap();
    assert_eq!((component.name(), component.class()), (name, Class::Interpreted));
    assert_eq!(component.limits(), &Limits::default().of(Class::Interpreted));
    let cases = report.self_test.unwrap().cases;
    assert!(cases.len() >= 2 && cases.iter().all(|case| case.verdict == Verdict::Passed));

    let template = host.engine.template(&component, json!({})).await.unwrap();
    let request = PrepareRequest::new(Purpose::Issue, "acme", &subject, at(NOW));
    let measured = template.measure(&request).await;
    let Outcome::Issue(dataset) = measured.answer.unwrap() else { panic!("{name} issues nothing") };
    assert_eq!(serde_json::Value::Object(dataset.values), subject);
    // The same again, from the cache of compiled plugins.
    assert!(host.engine.examine(&built(name)).await.0.compiled_before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_template_in_python_works() {
    works(
        "library-card",
        json!({"given_name": "Jörg", "family_name": "Mustermann", "card_number": "79927398713"}),
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_template_in_javascript_works() {
    works("event-ticket", json!({"event": "Konzert", "venue": "Köln", "day": "2034-01-14"})).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_say_that_it_brings_an_interpreter_may_not_be_as_large() {
    let manifest = json!({"name": "library-card", "version": "1", "hook": "credential-template"});
    let silent = with_section(&built("library-card"), "chancery:plugin", manifest.to_string().as_bytes());
    let refused = Host::new().engine.load(&silent).await.unwrap_err();
    assert!(matches!(refused, Refused::TooLarge { allowed, .. } if allowed == 2 << 20), "{refused}");
    assert!(refused.fix().contains("interpreted"));
}
