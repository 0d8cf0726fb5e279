//! When a plugin fails too often to be asked again.

use chancery_domain::TenantId;
use chancery_domain::template::Revision;
use chancery_engine::FaultKind;
use time::{Duration, OffsetDateTime};

/// So many failures in a row are too many.
const IN_A_ROW: u32 = 5;
/// Over so long, the share of failures counts.
const WINDOW: Duration = Duration::minutes(1);
/// From so many calls on.
const ENOUGH: u32 = 50;
/// One in so many is one too many.
const ONE_IN: u32 = 5;

/// What goes on failing is said again after this time: somebody may have lifted the halt. Until then calls under way
/// come to their end, and other replicas hear of it.
const AGAIN_AFTER: Duration = Duration::seconds(10);

/// A plugin that is to be taken from where it fails.
#[derive(Debug)]
pub(crate) struct Tripped {
    pub(crate) tenant: TenantId,
    pub(crate) revision: Revision,
    pub(crate) configuration_id: String,
    pub(crate) reason: String,
}

/// Counts failures of one revision of a plugin at one tenant.
#[derive(Default)]
pub(super) struct Breaker {
    in_a_row: u32,
    since: Option<OffsetDateTime>,
    calls: u32,
    failures: u32,
    said: Option<OffsetDateTime>,
}

impl Breaker {
    /// Counts a call; says why the plugin is not to be asked again, when that comes to be so.
    pub(super) fn count(&mut self, failed: bool, now: OffsetDateTime) -> Option<String> {
        if self.since.is_none_or(|since| now - since >= WINDOW) {
            (self.since, self.calls, self.failures) = (Some(now), 0, 0);
        }
        self.calls = self.calls.saturating_add(1);
        if !failed {
            self.in_a_row = 0;
            return None;
        }
        self.in_a_row = self.in_a_row.saturating_add(1);
        self.failures += 1;
        let often = self.calls >= ENOUGH && self.failures * ONE_IN > self.calls;
        let is_said = self.said.is_some_and(|said| now - said < AGAIN_AFTER);
        if is_said || (self.in_a_row < IN_A_ROW && !often) {
            return None;
        }
        let reason = if often {
            format!("it failed {} of {} times within a minute", self.failures, self.calls)
        } else {
            format!("it failed {} times in a row", self.in_a_row)
        };
        *self = Self { said: Some(now), ..Self::default() };
        Some(reason)
    }
}

/// What a plugin is to blame for. That it says it cannot answer is an answer.
pub(super) fn counts(kind: &FaultKind) -> bool {
    match kind {
        FaultKind::Trap(_)
        | FaultKind::Timeout
        | FaultKind::OutOfFuel
        | FaultKind::OutOfMemory
        | FaultKind::OutputTooLarge { .. }
        | FaultKind::Contract(_)
        | FaultKind::Crash => true,
        FaultKind::Plugin { .. }
        | FaultKind::InputTooLarge { .. }
        | FaultKind::Busy
        | FaultKind::Unloaded
        // Whoever ended the process that ran it: somebody else, or there was none to begin with.
        | FaultKind::Lost(_)
        | FaultKind::Host(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: OffsetDateTime = time::macros::datetime!(2026-11-21 10:20:30 UTC);

    #[test]
    fn five_in_a_row_are_too_many_and_said_once() {
        let mut breaker = Breaker::default();
        let said: Vec<bool> = (0..7).map(|_| breaker.count(true, NOW).is_some()).collect();
        assert_eq!(said, [false, false, false, false, true, false, false]);
    }

    #[test]
    fn what_goes_on_failing_is_said_again_after_a_while() {
        let mut breaker = Breaker::default();
        let mut said = Vec::new();
        for second in 0..30 {
            if breaker.count(true, NOW + Duration::seconds(second)).is_some() {
                said.push(second);
            }
        }
        assert_eq!(said, [4, 14, 24]);
    }

    #[test]
    fn nobody_answers_for_what_others_do() {
        let not_its_own = [
            FaultKind::Lost("fork: Resource temporarily unavailable".to_owned()),
            FaultKind::Host(String::new()),
            FaultKind::Busy,
            FaultKind::Unloaded,
            FaultKind::InputTooLarge { limit: 1 },
            FaultKind::Plugin { code: String::new(), message: String::new(), retryable: false },
        ];
        assert!(!not_its_own.iter().any(counts));
        let its_own = [
            FaultKind::Crash,
            FaultKind::Timeout,
            FaultKind::Trap(String::new()),
            FaultKind::Contract(String::new()),
        ];
        assert!(its_own.iter().all(counts));
    }

    #[test]
    fn a_success_begins_anew() {
        let mut breaker = Breaker::default();
        for _ in 0..20 {
            for _ in 0..4 {
                // Four failures to one success would be too many of fifty.
                assert_eq!(breaker.count(true, NOW + Duration::ZERO), None);
                breaker.since = None;
            }
            breaker.count(false, NOW);
        }
    }

    #[test]
    fn more_than_a_fifth_of_fifty_within_a_minute_are_too_many() {
        let mut breaker = Breaker::default();
        let tripped = (0..60).find(|call| breaker.count(call % 4 == 0, NOW).is_some());
        assert_eq!(tripped, Some(52));
        let mut slower = Breaker::default();
        let every = |call: i32| NOW + Duration::seconds(i64::from(call) * 2);
        assert!((0..600).all(|call| slower.count(call % 4 == 0, every(call)).is_none()));
    }
}
