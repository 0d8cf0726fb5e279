//! Plugins in a process of their own: the same answers, and what happens when that process is broken or broken into.

use std::os::unix::process::ExitStatusExt as _;
use std::process::{Command, Stdio};
use std::time::Duration;

use chancery_engine::{
    Apart, FaultKind, Limits, Outcome, PrepareRequest, Purpose, Refused, RunnerConfig, Template,
};
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
                // By somebody else; but it was the only one that was asked.
                Err(fault) => {
                    assert!(matches!(fault.kind, FaultKind::Lost(_) | FaultKind::Crash), "{fault}");
                }
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
        assert!(matches!(fault.kind, FaultKind::Lost(_) | FaultKind::Crash), "{fault}");
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
    // It was the only one that was asked.
    assert_eq!(template.prepare(&request).await.unwrap_err().kind, FaultKind::Crash);
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

/// Where the kernel does not tell which pages were written.
fn old_kernel(limits: Limits) -> Host {
    let mut apart = apart();
    apart.runner.arguments.push("on-an-old-kernel".into());
    Host::apart(limits, apart)
}

/// Whether a runner asks the kernel which pages were written; unknown to who may not look.
fn asks_for_pages(runner: &str) -> Option<bool> {
    let open = std::fs::read_dir(format!("/proc/{runner}/fd")).ok()?.flatten();
    let mut open = open.filter_map(|entry| std::fs::read_link(entry.path()).ok());
    Some(open.any(|to| to.ends_with("pagemap")))
}

#[tokio::test(flavor = "multi_thread")]
async fn on_an_old_kernel_plugins_answer_the_same_and_nothing_is_left_behind() {
    let (new, old) = (host(), old_kernel(Limits::default()));
    let subject = ada();
    let request = PrepareRequest::new(Purpose::Issue, "acme", &subject, at(1_800_000_000));
    let before = runners();
    let mut calls = Vec::new();
    for host in [&new, &old] {
        calls.push(host.template("employee-badge", json!({})).await.measure(&request).await);
    }
    assert_eq!(calls[0].answer, calls[1].answer);
    assert_eq!((calls[0].usage.fuel, calls[0].usage.memory), (calls[1].usage.fuel, calls[1].usage.memory));
    let asking: Vec<bool> = runners().iter().filter_map(|runner| asks_for_pages(runner)).collect();
    assert!(before.is_empty() && (asking.is_empty() || asking.contains(&false)), "{asking:?}");

    let subject = json!({ "value": "x" });
    let request = PrepareRequest::new(Purpose::Issue, "acme", &subject, at(0));
    // To look at all of its memory takes a while.
    let patient = old_kernel(Limits {
        fuel: u64::MAX / 2,
        running: Duration::from_secs(30),
        whole: Duration::from_secs(30),
        ..Limits::default()
    });
    for (behaviour, fresh) in [("remember", "0"), ("canary", "0")] {
        let template = patient.template("hostile", json!({ "prepare": behaviour })).await;
        for _ in 0..20 {
            let Outcome::Issue(dataset) = template.prepare(&request).await.unwrap() else { unreachable!() };
            assert_eq!(dataset.values["value"], fresh, "{behaviour}");
        }
    }
    for (what, _) in MISBEHAVIOURS {
        old.template("hostile", json!({ "prepare": what })).await.prepare(&request).await.unwrap_err();
    }
    let well = old.template("hostile", json!({ "prepare": "well" })).await;
    well.prepare(&request).await.unwrap();
}

/// Sends a signal.
fn signal(runner: &str, signal: &str) {
    assert!(Command::new("kill").args([signal, runner]).status().unwrap().success());
}

/// Ends all runners while these are asked, each as often as there are runners; what becomes of the calls.
async fn ended_while_asked(templates: &[&Template]) -> Vec<FaultKind> {
    let runners = runners();
    for runner in &runners {
        signal(runner, "-STOP");
    }
    let mut calls = Vec::new();
    for template in templates {
        for _ in &runners {
            let template = (*template).clone();
            calls.push(tokio::spawn(async move { ask(&template).await.unwrap_err().kind }));
            // The next one goes where fewer wait.
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
    for runner in &runners {
        signal(runner, "-KILL");
    }
    let mut kinds = Vec::new();
    for call in calls {
        kinds.push(call.await.unwrap());
    }
    kinds
}

/// Asks for what either of them issues.
async fn ask(template: &Template) -> Result<Outcome, chancery_engine::Fault> {
    let subject =
        if template.definition().configuration_id == "hostile" { json!({ "value": "x" }) } else { ada() };
    template.prepare(&PrepareRequest::new(Purpose::Issue, "acme", &subject, at(0))).await
}

/// Asks both so often at a time that every runner has both.
async fn warm(badge: &Template, other: &Template) {
    let calls = (0..40).map(|turn| {
        let template = if turn % 2 == 0 { badge.clone() } else { other.clone() };
        tokio::spawn(async move { ask(&template).await.unwrap() })
    });
    for call in calls.collect::<Vec<_>>() {
        call.await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_ends_a_runner_alone_is_to_blame_and_of_several_nobody() {
    let host = host();
    let badge = host.template("employee-badge", json!({})).await;
    let other = host.template("hostile", json!({ "prepare": "well" })).await;
    warm(&badge, &other).await;
    let alone = ended_while_asked(&[&badge]).await;
    assert!(!alone.is_empty() && alone.iter().all(|kind| *kind == FaultKind::Crash), "{alone:?}");
    warm(&badge, &other).await;
    let among = ended_while_asked(&[&badge, &other]).await;
    assert!(among.iter().all(|kind| matches!(kind, FaultKind::Lost(_))), "{among:?}");

    // Each is a suspect now, and asked where nobody else is.
    ask(&other).await.unwrap();
    assert_eq!(runners().len(), 1);
    let culprit = ended_while_asked(&[&other]).await;
    assert_eq!(culprit, [FaultKind::Crash]);
    for _ in 0..10 {
        ask(&badge).await.unwrap();
    }
    assert_eq!(runners().len(), 1, "there is no other runner yet");
    ask(&badge).await.unwrap();
    assert_eq!(runners().len(), 2, "it is among others again");
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_to_blame_for_a_runner_that_cannot_be_started() {
    let mut broken = apart();
    // Told to be what it is not, it ends at once.
    broken.runner.arguments = vec!["nothing".into()];
    let host = Host::apart(Limits::default(), broken);
    let lost = host.engine.load(&built("employee-badge")).await;
    assert!(matches!(lost, Err(Refused::Lost(_))));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_runner_that_sends_files_is_ended_and_none_of_them_arrives() {
    let mut broken = apart();
    broken.runner.arguments = vec!["passer".into()];
    let host = Host::apart(Limits::default(), broken);
    let open = || std::fs::read_dir("/proc/self/fd").unwrap().count();
    let (before, began) = (open(), std::time::Instant::now());
    let lost = host.engine.load(&built("employee-badge")).await;
    assert!(matches!(lost, Err(Refused::Lost(_))));
    assert!(began.elapsed() < Duration::from_mins(1));
    assert!(open() < before + 16, "{before} files were open, {} are", open());
    let own = std::process::id().to_string();
    let passers = Command::new("pgrep").args(["-P", &own, "-f", "engine-child passer"]).output().unwrap();
    assert_eq!(String::from_utf8(passers.stdout).unwrap(), "");
}

/// What a child prints, line by line.
fn lines_of(arguments: &[&str]) -> Vec<String> {
    let said = Command::new(CHILD).args(arguments).output().unwrap();
    String::from_utf8(said.stdout).unwrap().lines().map(str::to_owned).collect()
}

/// How an attempt ends, with all that it could want lying about.
fn attempted(action: &str, more: &[&str]) -> std::process::ExitStatus {
    let folder = tempfile::tempdir().unwrap();
    for name in ["key", "unlinked", "renamed"] {
        std::fs::write(folder.path().join(name), "0f1e2d3c").unwrap();
    }
    std::fs::create_dir(folder.path().join("mounted")).unwrap();
    let _door = std::os::unix::net::UnixListener::bind(folder.path().join("door")).unwrap();
    let mut child = Command::new(CHILD);
    child.args(["drill", action]).arg(folder.path()).args(more).env_clear();
    child.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap()
}

/// Everything that somebody tries who runs as the runner, each in a runner of its own.
#[test]
fn whoever_breaks_out_of_the_sandbox_finds_nothing_to_do() {
    let actions = lines_of(&["drill", "list"]);
    assert!(actions.len() >= 40, "{}", actions.len());
    for action in &actions {
        let ended = attempted(action, &[]);
        let denied = ended.code() == Some(0) || ended.signal() == Some(31);
        assert!(denied, "{action}: {ended}");
    }
}

#[test]
fn what_is_denied_behind_the_walls_succeeds_without_them() {
    let elsewhere = lines_of(&["drill", "not-everywhere"]);
    for action in lines_of(&["drill", "list"]) {
        let ended = attempted(&action, &["without-walls"]);
        assert!(ended.code() == Some(1) || elsewhere.contains(&action), "{action}: {ended}");
    }
}

/// A line of a file of a process.
fn proc(pid: &str, file: &str, begins: &str) -> Vec<String> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/{file}")).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(begins)).unwrap_or_default();
    line.split_whitespace().map(str::to_owned).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_runner_that_answers_is_behind_its_walls() {
    let host = host();
    ask(&host.template("employee-badge", json!({})).await).await.unwrap();
    let runner = runners().remove(0);
    assert_eq!(proc(&runner, "status", "Seccomp:"), ["2"]);
    assert_eq!(proc(&runner, "status", "NoNewPrivs:"), ["1"]);
    // Itself, and the clock that interrupts guests.
    assert_eq!(proc(&runner, "status", "Threads:"), ["2"]);
    for (limit, most) in [
        ("Max open files", "64"),
        ("Max core file size", "0"),
        ("Max file size", "0"),
        ("Max data size", "1073741824"),
        ("Max locked memory", "0"),
    ] {
        assert_eq!(proc(&runner, "limits", limit)[..2], [most, most], "{limit}");
    }
}
