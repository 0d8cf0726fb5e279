//! Plugins in a process of their own: the same answers, and what happens when that process is broken or broken into.

use std::os::unix::process::ExitStatusExt as _;
use std::process::{Command, Stdio};
use std::time::Duration;

use chancery_engine::{Apart, FaultKind, Limits, Outcome, PrepareRequest, Purpose, Refused, RunnerConfig};
use chancery_guests::MISBEHAVIOURS;
use serde_json::json;

use crate::support::{Host, at, built};

const CHILD: &str = env!("CARGO_BIN_EXE_engine-child");

fn apart() -> Apart {
    let child = |word: &str| {
        let (program, arguments) = (CHILD.into(), vec![word.into()]);
        RunnerConfig { program, arguments, environment: Vec::new() }
    };
    Apart { runner: child("runner"), compiler: child("compiler"), code: 192 << 20 }
}

fn host() -> Host {
    Host::apart(Limits::default(), apart())
}

/// The processes that run plugins for this test.
fn runners() -> Vec<String> {
    let own = std::process::id().to_string();
    let children = Command::new("pgrep").args(["-P", &own, "-f", "engine-child runner"]).output().unwrap();
    String::from_utf8(children.stdout).unwrap().lines().map(str::to_owned).collect()
}

fn ada() -> serde_json::Value {
    json!({ "given_name": "Ada", "family_name": "Lovelace", "employee_id": "1843-07" })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_component_answers_there_as_it_does_here() {
    let (here, there) = (Host::new(), host());
    for name in ["employee-badge", "university-diploma", "person-identification-data"] {
        let (report, component) = there.engine.examine(&built(name)).await;
        assert!(report.passed(), "{name}: {report:?}");
        assert!(component.is_some() && report.self_test.unwrap().passed());
    }
    let subject = ada();
    let request = PrepareRequest::new(Purpose::Issue, "acme", &subject, at(1_800_000_000));
    let mut calls = Vec::new();
    for host in [&here, &there] {
        calls.push(host.template("employee-badge", json!({})).await.measure(&request).await);
    }
    assert_eq!(calls[0].answer, calls[1].answer);
    assert_eq!((calls[0].usage.fuel, calls[0].usage.memory), (calls[1].usage.fuel, calls[1].usage.memory));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guest_that_misbehaves_there_is_ended_and_the_runner_lives_on() {
    let host = host();
    let subject = json!({ "value": "x" });
    let request = PrepareRequest::new(Purpose::Issue, "acme", &subject, at(0));
    let well = host.template("hostile", json!({ "prepare": "well" })).await;
    well.prepare(&request).await.unwrap();
    let before = runners();
    let mut said = Vec::new();
    for (what, _) in MISBEHAVIOURS {
        let template = host.template("hostile", json!({ "prepare": what })).await;
        said.push((what, template.prepare(&request).await.unwrap_err().kind));
    }
    assert_eq!(said.iter().map(|(what, kind)| (*what, kind.code())).collect::<Vec<_>>(), MISBEHAVIOURS);
    well.prepare(&request).await.unwrap();
    assert!(!before.is_empty());
    assert_eq!(runners(), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_runner_that_dies_costs_the_calls_under_way_and_is_replaced() {
    let host = host();
    let template = host.template("employee-badge", json!({})).await;
    let subject = ada();
    let request = PrepareRequest::new(Purpose::Issue, "acme", &subject, at(0));
    template.prepare(&request).await.unwrap();
    for _ in 0..3 {
        let runner = runners().remove(0);
        assert!(Command::new("kill").args(["-9", &runner]).status().unwrap().success());
        let began = std::time::Instant::now();
        loop {
            match template.prepare(&request).await {
                Ok(outcome) => break assert!(matches!(outcome, Outcome::Issue(_))),
                Err(fault) => assert!(matches!(fault.kind, FaultKind::Lost(_)), "{fault}"),
            }
            assert!(began.elapsed() < Duration::from_secs(10), "there is no other runner");
        }
        assert!(!runners().contains(&runner));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_component_whose_machine_code_is_gone_answers_again_once_it_was_loaded_again() {
    let host = host();
    let template = host.template("employee-badge", json!({})).await;
    let subject = ada();
    let request = PrepareRequest::new(Purpose::Issue, "acme", &subject, at(0));
    for file in std::fs::read_dir(host.cache.path()).unwrap() {
        std::fs::remove_file(file.unwrap().path()).unwrap();
    }
    template.prepare(&request).await.unwrap();
    let runner = runners().remove(0);
    assert!(Command::new("kill").args(["-9", &runner]).status().unwrap().success());
    let began = std::time::Instant::now();
    loop {
        let fault = template.prepare(&request).await.unwrap_err();
        if fault.kind == FaultKind::Unloaded {
            break;
        }
        assert!(matches!(fault.kind, FaultKind::Lost(_)), "{fault}");
        assert!(began.elapsed() < Duration::from_secs(10), "{fault}");
    }
    host.component("employee-badge").await;
    template.prepare(&request).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_runner_without_room_for_two_has_each_when_it_is_asked_for() {
    let host = Host::apart(Limits::default(), Apart { code: 1, ..apart() });
    let badge = host.template("employee-badge", json!({})).await;
    let hostile = host.template("hostile", json!({ "prepare": "well" })).await;
    let (ada, other) = (ada(), json!({ "value": "x" }));
    let calls = (0..40).map(|turn| {
        let (badge, hostile, ada, other) = (badge.clone(), hostile.clone(), ada.clone(), other.clone());
        tokio::spawn(async move {
            let (template, subject) = if turn % 2 == 0 { (badge, ada) } else { (hostile, other) };
            template.prepare(&PrepareRequest::new(Purpose::Issue, "acme", &subject, at(0))).await
        })
    });
    for call in calls.collect::<Vec<_>>() {
        assert!(matches!(call.await.unwrap().unwrap(), Outcome::Issue(_)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_runner_that_says_nothing_is_replaced() {
    let host = host();
    let template = host.template("employee-badge", json!({})).await;
    let subject = ada();
    let request = PrepareRequest::new(Purpose::Issue, "acme", &subject, at(0));
    let runner = runners().remove(0);
    assert!(Command::new("kill").args(["-STOP", &runner]).status().unwrap().success());
    let fault = template.prepare(&request).await.unwrap_err();
    assert!(matches!(fault.kind, FaultKind::Lost(_)), "{fault}");
    template.prepare(&request).await.unwrap();
    assert!(!runners().contains(&runner));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_is_no_runner_is_told_from_a_plugin_that_is_none() {
    let mut broken = apart();
    broken.runner.program = "/bin/false".into();
    let host = Host::apart(Limits::default(), broken);
    assert!(matches!(host.engine.load(&built("employee-badge")).await, Err(Refused::Lost(_))));
    let mut broken = apart();
    broken.compiler.program = "/bin/does-not-exist".into();
    let host = Host::apart(Limits::default(), broken);
    assert!(matches!(host.engine.load(&built("employee-badge")).await, Err(Refused::Lost(_))));
}

/// Everything that somebody tries who runs as the runner, each in a runner of its own.
#[test]
fn whoever_breaks_out_of_the_sandbox_finds_nothing_to_do() {
    let list = Command::new(CHILD).args(["drill", "list"]).output().unwrap();
    let actions: Vec<String> = String::from_utf8(list.stdout).unwrap().lines().map(str::to_owned).collect();
    assert!(actions.len() >= 40, "{}", actions.len());
    for action in &actions {
        let ended = Command::new(CHILD)
            .args(["drill", action])
            .env_clear()
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .unwrap();
        let denied = ended.code() == Some(0) || ended.signal() == Some(31);
        assert!(denied, "{action}: {ended}");
    }
}
