//! What a report says about a file, and what calls cost.

use chancery_engine::{
    Class, FaultKind, Hook, Input, LogLevel, PrepareRequest, Purpose, Report, Stage, StageResult, Verdict,
};
use serde_json::json;

use crate::support::{Host, at, built, carrying};

const NOW: i64 = 1_793_000_000;

fn result(report: &Report, stage: Stage) -> &StageResult {
    &report.stages.iter().find(|step| step.stage == stage).unwrap().result
}

#[tokio::test(flavor = "multi_thread")]
async fn a_good_plugin_passes_every_stage() {
    let host = Host::new();
    let wasm = built("employee-badge");
    let (report, component) = host.engine.examine(&wasm).await;
    assert!(report.passed(), "{report:#?}");
    let component = component.unwrap();
    assert_eq!(report.size, wasm.len() as u64);
    assert!(format!("{component:?}").contains(&report.digest), "{component:?}");
    assert_eq!((component.hook(), component.class()), (Hook::CredentialTemplate, Class::Compiled));
    assert_eq!(report.hook(), Some(Hook::CredentialTemplate));
    assert_eq!(report.imports, ["chancery:log/log@0.1.0", "chancery:types/types@0.1.0"]);
    assert_eq!(report.exports, ["chancery:credential-template/template@0.1.0"]);
    assert!(report.resources.unwrap().memory > 0);
    assert!(report.description.unwrap().fuel > 0);
    assert_eq!(report.self_test.as_ref().unwrap().cases.len(), component.vectors().len());
    assert!(!report.compiled_before);
    assert!(host.engine.examine(&wasm).await.0.compiled_before);
    // What an API shows is what the engine found.
    let text = serde_json::to_string(&report).unwrap();
    assert_eq!(serde_json::from_str::<Report>(&text).unwrap(), report);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_names_everything_that_is_wrong_by_name_and_what_comes_after_it_is_not_reached() {
    let wat = r#"(component (import "wasi:filesystem/types@0.2.6" (instance)))"#;
    let (report, component) = Host::new().engine.examine(&wat::parse_str(wat).unwrap()).await;
    assert!(component.is_none());
    let failed: Vec<Stage> = report.failures().map(|step| step.stage).collect();
    assert_eq!(failed, [Stage::Manifest, Stage::Imports, Stage::Exports]);
    for stage in [Stage::Size, Stage::Structure, Stage::Validation] {
        assert_eq!(result(&report, stage), &StageResult::Passed, "{stage:?}");
    }
    for stage in [Stage::Vectors, Stage::Compile, Stage::Link, Stage::Describe, Stage::SelfTest] {
        assert_eq!(result(&report, stage), &StageResult::NotReached, "{stage:?}");
    }
    let StageResult::Failed { code, cause, fix } = result(&report, Stage::Imports) else { panic!() };
    assert_eq!(code, "import");
    assert!(cause.contains("wasi:filesystem/types@0.2.6") && !fix.is_empty(), "{cause}");
    assert_eq!(report.imports, ["wasi:filesystem/types@0.2.6"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_example_that_does_not_hold_fails_with_what_was_expected_and_what_came() {
    let subject = json!({"given_name": "Erika", "family_name": "Mustermann", "employee_id": "E-1042"});
    let vectors = json!([
        {"claim": "right", "now": NOW, "subject": subject, "outcome": {"issue": subject}},
        {"claim": "wrong", "now": NOW, "subject": subject, "outcome": {"issue": {
            "given_name": "Erika", "family_name": "Gabler", "employee_id": "E-1042"
        }}},
        {"claim": "badly configured", "now": NOW, "configuration": {"colour": "red"}, "subject": subject,
            "outcome": {"issue": subject}}
    ]);
    let (report, component) = Host::new().engine.examine(&carrying(&built("employee-badge"), &vectors)).await;
    assert!(component.is_some(), "whether it may be used is for others to say");
    assert!(!report.passed());
    let cases = report.self_test.unwrap().cases;
    assert_eq!(cases[0].verdict, Verdict::Passed);
    assert!(cases[0].usage.fuel > 0 && cases[0].usage.memory >= 64 << 10, "{:?}", cases[0].usage);
    let Verdict::Different(differences) = &cases[1].verdict else { panic!("{:?}", cases[1]) };
    assert_eq!(differences.len(), 1);
    assert_eq!(differences[0].pointer, "/issue/family_name");
    assert_eq!(differences[0].expected, Some(json!("Gabler")));
    assert_eq!(differences[0].got, Some(json!("Mustermann")));
    let Verdict::Unusable(reason) = &cases[2].verdict else { panic!("{:?}", cases[2]) };
    assert!(reason.contains("nothing is expected here"), "{reason}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hostile_example_costs_no_more_than_a_call() {
    let vectors: Vec<_> = ["endless", "memory", "panic", "large-output", "fault"]
        .map(|behaviour| {
            json!({"claim": behaviour, "configuration": {"prepare": behaviour}, "now": NOW, "subject": {},
                "outcome": {"fault": "not-today"}})
        })
        .into();
    let host = Host::new();
    let component = host.engine.load(&carrying(&built("hostile"), &json!(vectors))).await.unwrap();
    let cases = component.self_test().await.cases;
    let faults: Vec<&str> = cases
        .iter()
        .map(|case| match &case.verdict {
            Verdict::Fault(fault) => fault.kind.code(),
            Verdict::Passed => "passed",
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(faults, ["out-of-fuel", "out-of-memory", "trap", "output-too-large", "passed"]);
    assert_eq!(cases[0].usage.fuel, component.limits().fuel);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_tells_what_it_used_and_said_and_where_it_stopped() {
    let host = Host::new();
    let subject = json!({});
    let request = PrepareRequest::new(Purpose::Issue, "acme", &subject, at(NOW));
    let well = host.template("hostile", json!({})).await.measure(&request).await;
    let again = host.template("hostile", json!({})).await.measure(&request).await;
    assert!(well.answer.is_ok() && well.log.is_empty());
    assert_eq!((well.usage.fuel, well.usage.memory), (again.usage.fuel, again.usage.memory));
    let panicked = host.template("hostile", json!({"prepare": "panic"})).await.measure(&request).await;
    assert_eq!(panicked.log[0].level, LogLevel::Error);
    assert!(panicked.log[0].message.contains("it fell over\\nin two lines"), "{:?}", panicked.log);
    let fault = panicked.answer.unwrap_err();
    assert!(matches!(fault.kind, FaultKind::Trap(_)));
    assert!(fault.trace.iter().any(|function| function.contains("prepare")), "{:?}", fault.trace);
    let greedy = host.template("hostile", json!({"prepare": "memory"})).await.measure(&request).await;
    assert!(greedy.usage.memory > 8 << 20, "{:?}", greedy.usage);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_decision_can_be_written_down_and_made_again() {
    let host = Host::new();
    let template = host.template("hostile", json!({"prepare": "random"})).await;
    let subject = json!({"value": "x"});
    let input = template.input(&PrepareRequest::new(Purpose::Issue, "acme", &subject, at(NOW))).unwrap();
    let written = serde_json::to_string(&input).unwrap();
    let read: Input = serde_json::from_str(&written).unwrap();
    assert_eq!(read.digest(), input.digest());
    let (first, second) = (template.run(&input).await, template.run(&read).await);
    assert_eq!(first.answer.unwrap(), second.answer.unwrap());
    assert_eq!(first.usage.fuel, second.usage.fuel);
    let later = template.input(&PrepareRequest::new(Purpose::Issue, "acme", &subject, at(NOW + 1))).unwrap();
    assert_ne!(later.digest(), input.digest());
}
