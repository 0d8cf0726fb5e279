//! A guest that misbehaves on demand harms nobody, and the fault says what it did.

use std::{
    io,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use chancery_domain::Dataset;
use chancery_engine::{
    Answer, Blame, ConfigureError, Fault, FaultKind, Limits, Outcome, PrepareRequest, Purpose, Template,
};
use serde_json::{Value, json};
use tracing_subscriber::fmt::MakeWriter;

use crate::support::{Host, at};

const NOW: i64 = 1_793_000_000;

async fn template(host: &Host, behaviour: &str) -> Template {
    host.template("hostile", json!({"prepare": behaviour})).await
}

async fn ask(template: &Template) -> Result<Outcome, Fault> {
    let subject = json!({"value": "x"});
    template.prepare(&PrepareRequest::new(Purpose::Issue, "acme", &subject, at(NOW))).await
}

async fn fault(host: &Host, behaviour: &str) -> FaultKind {
    let template = template(host, behaviour).await;
    let started = Instant::now();
    let fault = ask(&template).await.expect_err(behaviour);
    assert!(started.elapsed() < Duration::from_secs(5), "{behaviour} took {:?}", started.elapsed());
    assert!(fault.to_string().contains("hostile 0.1.0"), "{fault}");
    let well = host.template("hostile", json!({})).await;
    assert!(ask(&well).await.is_ok(), "the engine goes on after {behaviour}");
    fault.kind
}

/// For guests that have a lot to do before they misbehave.
fn patient() -> Host {
    Host::with(Limits { fuel: u64::MAX / 2, running: Duration::from_secs(5), ..Limits::default() })
}

fn value(outcome: Outcome) -> Value {
    let Outcome::Issue(Dataset { values, .. }) = outcome else { panic!("{outcome:?}") };
    values["value"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endless_loop_runs_out_of_fuel() {
    assert_eq!(fault(&Host::new(), "endless").await, FaultKind::OutOfFuel);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endless_loop_is_interrupted_however_much_fuel_it_has() {
    // Nothing but the interruption can end it.
    let whole = Duration::from_mins(1);
    let host = Host::with(Limits { fuel: u64::MAX / 2, whole, ..Limits::default() });
    assert_eq!(fault(&host, "endless").await, FaultKind::Timeout);
}

#[tokio::test(flavor = "current_thread")]
async fn an_endless_loop_lets_others_have_the_thread() {
    let limits = Limits { fuel: u64::MAX / 2, running: Duration::from_secs(2), ..Limits::default() };
    let host = Host::with(limits);
    let (endless, well) = (template(&host, "endless").await, template(&host, "").await);
    let endless = tokio::spawn(async move { ask(&endless).await });
    tokio::task::yield_now().await;
    assert!(ask(&well).await.is_ok());
    assert!(!endless.is_finished(), "the loop still runs");
    assert_eq!(endless.await.unwrap().unwrap_err().kind, FaultKind::Timeout);
}

#[tokio::test(flavor = "multi_thread")]
async fn copying_without_end_is_interrupted() {
    // Nothing but the interruption can end it.
    let whole = Duration::from_mins(1);
    let host = Host::with(Limits { fuel: u64::MAX / 2, whole, ..Limits::default() });
    assert_eq!(fault(&host, "busy-copy").await, FaultKind::Timeout);
}

#[tokio::test(flavor = "multi_thread")]
async fn waiting_in_the_host_times_out() {
    let host = Host::with(Limits { whole: Duration::from_millis(200), ..Limits::default() });
    assert_eq!(fault(&host, "sleep").await, FaultKind::Timeout);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_memory_bomb_runs_out_of_memory() {
    assert_eq!(fault(&Host::new(), "memory").await, FaultKind::OutOfMemory);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endless_recursion_traps() {
    for (behaviour, expected) in
        [("deep-recursion", "call stack exhausted"), ("recursion", "out of bounds memory access")]
    {
        let FaultKind::Trap(reason) = fault(&Host::new(), behaviour).await else { panic!("no trap") };
        assert!(reason.contains(expected), "{reason}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_traps_with_its_message_on_one_line() {
    let kind = fault(&Host::new(), "panic").await;
    let FaultKind::Trap(reason) = &kind else { panic!("{kind:?}") };
    assert!(reason.contains("it fell over\\nin two lines"), "{reason}");
    assert_eq!(kind.blame(), Blame::Plugin);
}

#[tokio::test(flavor = "multi_thread")]
async fn too_much_output_is_refused_in_every_form() {
    let host = patient();
    for behaviour in ["large-output", "larger-output", "many-issues", "tables-of-issues", "large-log"] {
        assert_eq!(
            fault(&host, behaviour).await,
            FaultKind::OutputTooLarge { limit: 256 << 10 },
            "{behaviour}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn too_much_input_is_not_handed_in() {
    let host = Host::new();
    let template = template(&host, "").await;
    let subject = json!({"value": "x".repeat(256 << 10)});
    let request = PrepareRequest::new(Purpose::Issue, "acme", &subject, at(NOW));
    let kind = template.prepare(&request).await.unwrap_err().kind;
    assert_eq!(kind, FaultKind::InputTooLarge { limit: 256 << 10 });
}

#[tokio::test(flavor = "current_thread")]
async fn a_flood_of_log_lines_is_bounded_and_escaped_and_does_not_fail_the_call() {
    let host = patient();
    let template = template(&host, "log-flood").await;
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt().with_writer(log.clone()).with_ansi(false).finish();
    let recording = tracing::subscriber::set_default(subscriber);
    assert_eq!(value(ask(&template).await.unwrap()), "said");
    drop(recording);
    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert_eq!(log.lines().count(), 101, "a hundred lines, and one that says that there were more");
    assert!(log.lines().all(|line| line.contains("hostile 0.1.0")), "{log}");
    assert!(log.contains("line 0\\n\\u{1b}[31m"), "{log}");
}

/// What was logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dataset_that_breaks_its_definition_is_refused() {
    let host = Host::new();
    for (behaviour, named) in
        [("undeclared-field", "`iss`"), ("missing-field", "`value`"), ("wrong-kind", "`value` is not text")]
    {
        let FaultKind::Contract(reason) = fault(&host, behaviour).await else { panic!("{behaviour}") };
        assert!(reason.contains(named), "{reason}");
        assert!(!reason.contains("evil"), "a value is in {reason}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fault_of_its_own_is_passed_on() {
    let FaultKind::Plugin { code, retryable, .. } = fault(&Host::new(), "fault").await else { panic!() };
    assert_eq!((&*code, retryable), ("not-today", true));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fault_is_one_short_line_whatever_the_guest_says() {
    let kind = fault(&Host::new(), "long-fault").await;
    let FaultKind::Plugin { code, message, .. } = &kind else { panic!("{kind:?}") };
    assert!(code.len() <= 64 && message.len() <= 1_000);
    assert!(message.contains("\\u{1b}[31m fell\\nover") && !message.contains('\n'), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn lookups_have_names_of_their_own_and_there_is_at_least_one() {
    for behaviour in ["twin-lookups", "no-lookups"] {
        let kind = fault(&Host::new(), behaviour).await;
        assert!(matches!(kind, FaultKind::Contract(_)), "{behaviour}: {kind:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_user_of_a_component_may_have_less_than_another() {
    let host = Host::new();
    let component = host.component("hostile").await;
    let lean = component.with_limits(Limits { fuel: 1_000, ..*component.limits() });
    let error = host.engine.template(&lean, json!({})).await.unwrap_err();
    assert!(matches!(error, ConfigureError::Fault(Fault { kind: FaultKind::OutOfFuel, .. })), "{error:?}");
    assert!(ask(&template(&host, "").await).await.is_ok());
    assert_eq!(lean.digest(), component.digest());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_storm_of_traps_costs_its_own_calls_and_no_others() {
    let host = Host::new();
    let (panicking, well) = (template(&host, "panic").await, template(&host, "").await);
    let storm = {
        let panicking = panicking.clone();
        tokio::spawn(async move {
            for _ in 0..300 {
                ask(&panicking).await.unwrap_err();
            }
        })
    };
    let mut answered = 0;
    while !storm.is_finished() {
        assert_eq!(value(ask(&well).await.unwrap()), "x");
        answered += 1;
    }
    storm.await.unwrap();
    assert!(answered > 10, "{answered} calls beside the storm");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_state_outlives_a_call() {
    let host = patient();
    for (behaviour, untouched) in [("remember", "0"), ("canary", "0")] {
        let template = template(&host, behaviour).await;
        for _ in 0..50 {
            assert_eq!(value(ask(&template).await.unwrap()), untouched, "{behaviour}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_outside_world_is_a_clock_that_stands_still_and_seeded_randomness() {
    let host = Host::new();
    assert_eq!(value(ask(&template(&host, "clock").await).await.unwrap()), NOW.to_string());
    assert_eq!(value(ask(&template(&host, "environment").await).await.unwrap()), "0");
    let timer = value(ask(&template(&host, "timer").await).await.unwrap());
    assert_eq!(timer, "20000", "who waits for the clock learns nothing of real time");
    let random = template(&host, "random").await;
    let first = value(ask(&random).await.unwrap());
    assert_eq!(value(ask(&random).await.unwrap()), first, "a decision can be replayed bit for bit");
    let (one, other) = first.as_str().unwrap().split_once(' ').unwrap();
    assert_ne!(one, other);
    let subject = json!({});
    let later = PrepareRequest::new(Purpose::Issue, "acme", &subject, at(NOW + 1));
    assert_ne!(value(random.prepare(&later).await.unwrap()), first);
}

#[tokio::test(flavor = "multi_thread")]
async fn lookups_go_out_and_answers_come_in() {
    let host = Host::new();
    let template = template(&host, "need").await;
    let Outcome::Need(lookups) = ask(&template).await.unwrap() else { panic!("no lookup") };
    assert_eq!((&*lookups[0].source, &lookups[0].parameters), ("register", &json!({"name": "Erika"})));
    let answers = [Answer { id: "one".into(), document: Some(json!("known")) }];
    let subject = json!({});
    let request = PrepareRequest {
        answers: &answers,
        ..PrepareRequest::new(Purpose::Issue, "acme", &subject, at(NOW))
    };
    assert_eq!(value(template.prepare(&request).await.unwrap()), "known");
    assert!(matches!(fault(&host, "need-unknown-source").await, FaultKind::Contract(_)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deferral_goes_out() {
    let host = Host::new();
    let Outcome::Defer(deferral) = ask(&template(&host, "defer").await).await.unwrap() else { panic!() };
    assert_eq!(deferral.after, Duration::from_mins(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_definition_that_cannot_be_issued_is_refused_by_pointer() {
    let host = Host::new();
    let component = host.component("hostile").await;
    for (behaviour, pointer, code) in [
        ("reserved-claim", "/sd-jwt/claims/0/path", "reserved"),
        ("reserved-below", "/sd-jwt/claims/0/path", "reserved"),
        ("overlap", "/sd-jwt/claims/1/path", "overlap"),
        ("undeclared-field", "/sd-jwt/claims/0/field", "unknown-field"),
        ("twin-fields", "/fields/2/name", "duplicate"),
        ("remote-schema", "/subject-schema", "not-a-schema"),
        ("no-schema", "/subject-schema", "not-a-schema"),
        ("no-display", "/display", "required"),
        ("no-logo", "/display/1/logo/uri", "not-a-picture"),
        ("no-background", "/display/1/background-image", "not-a-picture"),
        ("no-vct", "/sd-jwt/vct", "not-a-uri"),
    ] {
        let error = host.engine.template(&component, json!({"describe": behaviour})).await.unwrap_err();
        let ConfigureError::Definition { issues, .. } = &error else { panic!("{behaviour}: {error:?}") };
        let found: Vec<_> = issues.iter().map(|issue| (&*issue.pointer, &*issue.code)).collect();
        assert_eq!(found, [(pointer, code)], "{behaviour}");
        assert!(error.to_string().contains("hostile 0.1.0"), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_description_has_the_same_limits() {
    let host = Host::new();
    let component = host.component("hostile").await;
    let error = host.engine.template(&component, json!({"describe": "endless"})).await.unwrap_err();
    assert!(matches!(error, ConfigureError::Fault(Fault { kind: FaultKind::OutOfFuel, .. })), "{error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn more_calls_than_slots_wait_for_their_turn() {
    let host = Host::new();
    let template = template(&host, "").await;
    let calls: Vec<_> = (0..200)
        .map(|_| {
            let template = template.clone();
            tokio::spawn(async move { ask(&template).await.map(value) })
        })
        .collect();
    for call in calls {
        assert_eq!(call.await.unwrap().unwrap(), "x");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_that_gives_up_gives_its_slot_back() {
    let host = Host::with(Limits { whole: Duration::from_mins(1), ..Limits::default() });
    let sleeping = template(&host, "sleep").await;
    for _ in 0..100 {
        let given_up = tokio::time::timeout(Duration::from_millis(2), ask(&sleeping)).await;
        assert!(given_up.is_err());
    }
    assert!(ask(&template(&host, "").await).await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_waits_too_long_for_its_turn_says_that_the_host_is_busy() {
    let host = Host::with(Limits { queue: Duration::from_millis(100), ..Limits::default() });
    let (sleeping, well) = (template(&host, "sleep").await, template(&host, "").await);
    let calls: Vec<_> = (0..8)
        .map(|_| {
            let sleeping = sleeping.clone();
            tokio::spawn(async move { ask(&sleeping).await })
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(50)).await;
    let kind = ask(&well).await.unwrap_err().kind;
    assert_eq!((kind.blame(), kind), (Blame::Host, FaultKind::Busy));
    for call in calls {
        call.abort();
    }
}
