//! What a runner says of a call, as far as it is believed: a runner that was broken into says what it likes, as much of
//! it as fits into a message. It is held to what a call may use and say.

use std::time::Duration;

use crate::{
    fault::{Fault, FaultKind},
    limits::Limits,
    log::{LogBudget, escaped},
    measured::{Measured, Usage},
};

/// Functions in a trace, and bytes of each.
const FRAMES: usize = 20;
const NAME: usize = 200;
/// Bytes of a reason.
const REASON: usize = 700;

/// The same call, within its limits, its lines escaped and passed on.
pub(crate) fn believed<T>(call: Measured<T>, plugin: &str, limits: &Limits) -> Measured<T> {
    let Measured { answer, usage, log } = call;
    let mut budget = LogBudget::new(limits);
    for line in log.into_iter().take(limits.log_lines.saturating_add(1)) {
        budget.line(plugin, line.level, &line.message);
    }
    let usage = Usage {
        fuel: usage.fuel.min(limits.fuel),
        memory: usage.memory.min(limits.memory as u64),
        time: usage.time.min(limits.whole + Duration::from_secs(1)),
    };
    let answer = answer.map_err(|fault| Fault {
        plugin: plugin.to_owned(),
        kind: told(fault.kind),
        trace: fault.trace.into_iter().take(FRAMES).map(|name| escaped(&name, NAME)).collect(),
    });
    Measured { answer, usage, log: budget.said() }
}

fn told(kind: FaultKind) -> FaultKind {
    let short = |text: &str| escaped(text, REASON);
    match kind {
        FaultKind::Trap(reason) => FaultKind::Trap(short(&reason)),
        FaultKind::Contract(reason) => FaultKind::Contract(short(&reason)),
        FaultKind::Host(reason) => FaultKind::Host(short(&reason)),
        FaultKind::Plugin { code, message, retryable } => {
            FaultKind::Plugin { code: escaped(&code, 64), message: escaped(&message, 1000), retryable }
        }
        // Only the server knows of these.
        FaultKind::Crash | FaultKind::Lost(_) | FaultKind::Unloaded | FaultKind::InputTooLarge { .. } => {
            FaultKind::Host("the runner said what only the server knows".into())
        }
        FaultKind::Timeout
        | FaultKind::OutOfFuel
        | FaultKind::OutOfMemory
        | FaultKind::OutputTooLarge { .. }
        | FaultKind::Busy => kind,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measured::{LogLevel, LogLine};

    #[test]
    fn what_a_runner_says_is_bounded_and_escaped() {
        let limits = Limits::default();
        let line = |message: String| LogLine { level: LogLevel::Info, message };
        let long = "x\u{1b}[2J\n".repeat(10_000);
        let call = Measured::<()> {
            answer: Err(Fault {
                plugin: "somebody else".into(),
                kind: FaultKind::Trap(long.clone()),
                trace: vec![long.clone(); 1_000],
            }),
            usage: Usage { fuel: u64::MAX, memory: u64::MAX, time: Duration::MAX },
            log: vec![line(long.clone()); 1_000],
        };
        let believed = believed(call, "badge 1", &limits);
        let fault = believed.answer.unwrap_err();
        assert_eq!((fault.plugin.as_str(), fault.trace.len()), ("badge 1", FRAMES));
        let FaultKind::Trap(reason) = &fault.kind else { unreachable!() };
        let said: usize = believed.log.iter().map(|line| line.message.len()).sum();
        assert!(reason.len() <= REASON && fault.trace[0].len() <= NAME && said <= limits.log_bytes);
        let all = fault.trace.iter().chain([reason]).chain(believed.log.iter().map(|line| &line.message));
        assert!(all.into_iter().all(|text| !text.chars().any(char::is_control)));
        assert!(believed.log.len() <= limits.log_lines);
        assert_eq!((believed.usage.fuel, believed.usage.memory), (limits.fuel, limits.memory as u64));
        assert!(believed.usage.time < Duration::from_mins(1));
    }

    #[test]
    fn a_runner_does_not_speak_for_the_server() {
        for kind in [FaultKind::Crash, FaultKind::Unloaded, FaultKind::Lost("fork".into())] {
            assert!(matches!(told(kind), FaultKind::Host(_)));
        }
        assert_eq!(told(FaultKind::Timeout), FaultKind::Timeout);
    }
}
