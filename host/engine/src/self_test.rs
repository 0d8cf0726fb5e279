//! A component against the examples that it carries, each of them twice.
//!
//! A decision must be one that can be made again: the same input, the same answer, the same fuel.

use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{
    component::Component,
    difference::{Difference, differences},
    fault::{ConfigureError, Fault, FaultKind},
    license::License,
    measured::{Measured, Usage},
    policy::Policy,
    report::StageResult,
    template::Template,
    vectors::{self, Case, Vector, license::LicenseVector, policy::PolicyVector, template::TemplateVector},
};

/// For how long examples run at most, all of them together.
const PATIENCE: Duration = Duration::from_secs(10);

/// What the examples of a component showed.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct SelfTest {
    /// One entry for each example, in the order of the component.
    pub cases: Vec<TestCase>,
}

/// What one example showed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TestCase {
    /// What it was to show.
    pub claim: String,
    /// Whether it did.
    pub verdict: Verdict,
    /// What the call cost.
    pub usage: Usage,
}

/// Whether an example showed what it was to show.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// The decision was the expected one, twice.
    Passed,
    /// The decision was another one.
    Different(Vec<Difference>),
    /// The component cannot be used under the example's configuration.
    Unusable(String),
    /// The call brought no answer.
    Fault(Fault),
    /// The second call of the same did not go as the first.
    NotDeterministic(String),
    /// The examples before it took too long together.
    NotRun,
}

impl SelfTest {
    /// Whether every example showed what it was to show.
    pub fn passed(&self) -> bool {
        self.cases.iter().all(|case| case.verdict == Verdict::Passed)
    }

    /// It as a stage of a report.
    pub(crate) fn result(&self) -> StageResult {
        let failed = self.cases.iter().filter(|case| case.verdict != Verdict::Passed).count();
        if failed == 0 {
            return StageResult::Passed;
        }
        StageResult::Failed {
            code: "self-test".into(),
            cause: format!("{failed} of {} examples did not go as they say", self.cases.len()),
            fix: "run them with `chancery plugin test`, and mend the plugin or the example".into(),
        }
    }

    /// The most that an example used of each.
    pub fn most(&self) -> Usage {
        self.cases.iter().fold(Usage::default(), |most, TestCase { usage, .. }| Usage {
            fuel: most.fuel.max(usage.fuel),
            memory: most.memory.max(usage.memory),
            time: most.time.max(usage.time),
        })
    }
}

impl Component {
    /// Runs the examples that the component carries. One that carries none passes.
    pub async fn self_test(&self) -> SelfTest {
        let started = Instant::now();
        let mut cases = Vec::new();
        for vector in self.vectors() {
            let (verdict, usage) = if started.elapsed() < PATIENCE {
                self.test(vector).await
            } else {
                (Verdict::NotRun, Usage::default())
            };
            cases.push(TestCase { claim: vector.claim.clone(), verdict, usage });
        }
        SelfTest { cases }
    }

    async fn test(&self, vector: &Vector) -> (Verdict, Usage) {
        let Judged { verdict, usage, .. } = self.judged(vector).await;
        (verdict, usage)
    }

    /// Runs one example, and keeps what the component said.
    pub(crate) async fn judged(&self, vector: &Vector) -> Judged {
        match &vector.case {
            Case::Template(case) => self.test_template(&vector.configuration, case).await,
            Case::Policy(case) => self.test_policy(&vector.configuration, case).await,
            Case::License(case) => self.test_license(&vector.configuration, case).await,
        }
    }

    async fn test_template(&self, configuration: &Value, case: &TemplateVector) -> Judged {
        let template = match Template::describe(self, configuration).await {
            Ok(template) => template,
            Err(error) => return unusable(&error, "outcome", &case.outcome),
        };
        let input = match case.request(|request| template.input(request)) {
            Ok(input) => input,
            Err(fault) => return Judged::unasked(Verdict::Fault(fault)),
        };
        let (first, second) = (template.run(&input).await, template.run(&input).await);
        judge(first, &second, ("outcome", &case.outcome), vectors::template::spelled)
    }

    async fn test_policy(&self, configuration: &Value, case: &PolicyVector) -> Judged {
        let policy = match Policy::describe(self, configuration).await {
            Ok(policy) => policy,
            Err(error) => return unusable(&error, "decision", &case.decision),
        };
        let input = match policy.input(&case.request()) {
            Ok(input) => input,
            Err(fault) => return Judged::unasked(Verdict::Fault(fault)),
        };
        let (first, second) = (policy.run(&input).await, policy.run(&input).await);
        judge(first, &second, ("decision", &case.decision), vectors::policy::spelled)
    }

    async fn test_license(&self, configuration: &Value, case: &LicenseVector) -> Judged {
        let license = match License::describe(self, configuration).await {
            Ok(license) => license,
            Err(error) => {
                return unusable(&error, "entitlements", case.expected.as_ref().unwrap_or(&Value::Null));
            }
        };
        let circumstances = case.circumstances();
        let input = match license.input(case.document.as_deref(), &circumstances) {
            Ok(input) => input,
            Err(fault) => return Judged::unasked(Verdict::Fault(fault)),
        };
        let (first, second) = (license.run(&input).await, license.run(&input).await);
        let granted = first.answer.clone();
        // Where only the permission is of interest, the entitlements are what they are.
        let expected = match (&case.expected, &granted) {
            (Some(expected), _) => expected.clone(),
            (None, Ok(granted)) => vectors::license::spelled(granted),
            (None, Err(_)) => Value::Null,
        };
        let judged = judge(first, &second, ("entitlements", &expected), vectors::license::spelled);
        let (Verdict::Passed, Ok(granted), Some(operation), Some(permission)) =
            (&judged.verdict, granted, &case.operation, &case.permission)
        else {
            return judged;
        };
        let input = license.check_input(operation, &case.usage, &granted, &circumstances);
        let (first, second) = (license.run_check(&input).await, license.run_check(&input).await);
        let mut checked = judge(first, &second, ("permission", permission), vectors::license::allowed);
        checked.said.extend(judged.said);
        checked
    }
}

/// What an example came to.
pub(crate) struct Judged {
    pub(crate) verdict: Verdict,
    pub(crate) usage: Usage,
    /// What was said, as examples spell it, by the name of what is expected.
    pub(crate) said: Map<String, Value>,
}

impl Judged {
    fn unasked(verdict: Verdict) -> Self {
        Self { verdict, usage: Usage::default(), said: Map::new() }
    }
}

/// An example may expect a configuration to be refused.
fn unusable(error: &ConfigureError, name: &str, expected: &Value) -> Judged {
    let ConfigureError::Fault(Fault { kind: FaultKind::Plugin { code, .. }, .. }) = error else {
        return Judged::unasked(Verdict::Unusable(error.to_string()));
    };
    let got = fault(code);
    let passed = got == *expected;
    let verdict = if passed { Verdict::Passed } else { Verdict::Unusable(error.to_string()) };
    Judged { said: Map::from_iter([(name.to_owned(), got)]), ..Judged::unasked(verdict) }
}

fn fault(code: &str) -> Value {
    serde_json::json!({"fault": code})
}

/// The verdict on two calls of the same, what the first cost, and what it said.
fn judge<T: PartialEq>(
    first: Measured<T>,
    second: &Measured<T>,
    (name, expected): (&str, &Value),
    spelled: impl Fn(&T) -> Value,
) -> Judged {
    let (usage, said) = (first.usage, said(&first, &spelled));
    let said = said.map(|said| (name.to_owned(), said)).into_iter().collect();
    Judged { verdict: verdict(first, second, expected, spelled), usage, said }
}

/// What was answered, as examples spell it; a fault that is not the plugin's own has no spelling.
fn said<T>(call: &Measured<T>, spelled: impl Fn(&T) -> Value) -> Option<Value> {
    match &call.answer {
        Ok(answer) => Some(spelled(answer)),
        Err(Fault { kind: FaultKind::Plugin { code, .. }, .. }) => Some(fault(code)),
        Err(_) => None,
    }
}

fn verdict<T: PartialEq>(
    first: Measured<T>,
    second: &Measured<T>,
    expected: &Value,
    spelled: impl Fn(&T) -> Value,
) -> Verdict {
    if first.answer != second.answer {
        return Verdict::NotDeterministic("the same call was answered differently the second time".into());
    }
    if first.usage.fuel != second.usage.fuel {
        let (first, second) = (first.usage.fuel, second.usage.fuel);
        return Verdict::NotDeterministic(format!("the same call used {first} units of fuel, then {second}"));
    }
    let got = match first.answer {
        Ok(answer) => spelled(&answer),
        Err(Fault { kind: FaultKind::Plugin { code, .. }, .. }) => fault(&code),
        Err(other) => return Verdict::Fault(other),
    };
    match differences(expected, &got) {
        none if none.is_empty() => Verdict::Passed,
        some => Verdict::Different(some),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn answered(answer: i64, fuel: u64) -> Measured<i64> {
        Measured { answer: Ok(answer), usage: Usage { fuel, ..Usage::default() }, log: Vec::new() }
    }

    fn judged(first: Measured<i64>, second: &Measured<i64>) -> Verdict {
        verdict(first, second, &json!(1), |answer| json!(answer))
    }

    #[test]
    fn the_expected_answer_passes_when_it_comes_twice_at_the_same_price() {
        assert_eq!(judged(answered(1, 10), &answered(1, 10)), Verdict::Passed);
        assert!(matches!(judged(answered(2, 10), &answered(2, 10)), Verdict::Different(_)));
    }

    #[test]
    fn another_answer_or_another_price_is_not_deterministic() {
        for second in [answered(2, 10), answered(1, 11)] {
            assert!(matches!(judged(answered(1, 10), &second), Verdict::NotDeterministic(_)));
        }
    }

    #[test]
    fn a_fault_of_the_plugins_own_can_be_expected() {
        let kind =
            |code: &str| FaultKind::Plugin { code: code.into(), message: String::new(), retryable: false };
        let faulted = |kind| Measured::<i64>::not_made(Fault { plugin: "p".into(), kind, trace: Vec::new() });
        let judged = |kind: FaultKind| {
            verdict(faulted(kind.clone()), &faulted(kind), &json!({"fault": "not-today"}), |answer| {
                json!(answer)
            })
        };
        assert_eq!(judged(kind("not-today")), Verdict::Passed);
        assert!(matches!(judged(kind("tomorrow")), Verdict::Different(_)));
        assert!(matches!(judged(FaultKind::Timeout), Verdict::Fault(_)));
    }
}
