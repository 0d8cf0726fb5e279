//! A tenant's own domain, and how it comes to be trusted.

use serde::{Deserialize, Serialize};
use time::{Duration, OffsetDateTime};

/// Where a claimed domain stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DomainState {
    /// Claimed; nothing is proved, so it leads nowhere.
    Pending,
    /// The record was there when it was last looked for.
    Verified,
    /// It was verified, but the record cannot be found any more. It still leads to the tenant, for a while.
    Failing,
}

/// What is remembered between two checks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verification {
    /// Where the domain stands.
    pub state: DomainState,
    /// How many checks in a row found nothing.
    pub failures: u32,
    /// Since when a verified domain fails.
    pub failing_since: Option<OffsetDateTime>,
    /// When to look again.
    pub next_check_at: OffsetDateTime,
}

/// How long a domain that was verified keeps leading to its tenant without its record.
pub const GRACE: Duration = Duration::days(7);
const DAILY: Duration = Duration::days(1);
const HOURLY: Duration = Duration::hours(1);
/// Until the second look at a claim; then twice as long each time, up to an hour.
const SOON: Duration = Duration::seconds(30);

impl DomainState {
    /// The word that the database and the API use.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Verified => "verified",
            Self::Failing => "failing",
        }
    }

    /// Whether requests for the domain are the tenant's.
    pub const fn leads_to_its_tenant(self) -> bool {
        !matches!(self, Self::Pending)
    }

    /// Reads the word back.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Pending, Self::Verified, Self::Failing].into_iter().find(|state| state.as_str() == word)
    }
}

impl Verification {
    /// A domain that was claimed just now is looked at at once.
    pub const fn begin(now: OffsetDateTime) -> Self {
        Self { state: DomainState::Pending, failures: 0, failing_since: None, next_check_at: now }
    }

    /// After a check that found the record, or did not.
    #[must_use]
    pub fn after(self, is_there: bool, now: OffsetDateTime) -> Self {
        if is_there {
            let state = DomainState::Verified;
            return Self { state, failures: 0, failing_since: None, next_check_at: now + DAILY };
        }
        let failures = self.failures.saturating_add(1);
        let since = self.failing_since.unwrap_or(now);
        match self.state {
            DomainState::Verified | DomainState::Failing if now - since < GRACE => Self {
                state: DomainState::Failing,
                failures,
                failing_since: Some(since),
                next_check_at: now + HOURLY,
            },
            _ => {
                let pause = SOON.saturating_mul(1 << (failures - 1).min(7)).min(HOURLY);
                Self {
                    state: DomainState::Pending,
                    failures,
                    failing_since: None,
                    next_check_at: now + pause,
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: OffsetDateTime = time::macros::datetime!(2026-11-21 10:20:30 UTC);

    #[test]
    fn a_record_that_is_found_verifies_whatever_was_before() {
        let mut verification = Verification::begin(NOW);
        for _ in 0..3 {
            verification = verification.after(false, NOW).after(true, NOW);
            assert_eq!(verification.state, DomainState::Verified);
            assert_eq!(verification.next_check_at, NOW + DAILY);
        }
    }

    #[test]
    fn a_claim_is_looked_at_less_and_less_often() {
        let mut verification = Verification::begin(NOW);
        let mut pause = Duration::ZERO;
        for _ in 0..20 {
            verification = verification.after(false, NOW);
            assert_eq!(verification.state, DomainState::Pending);
            assert!(verification.next_check_at - NOW >= pause);
            pause = verification.next_check_at - NOW;
        }
        assert_eq!(pause, HOURLY);
    }

    #[test]
    fn a_record_that_goes_leaves_a_week_and_then_nothing() {
        let mut verification = Verification::begin(NOW).after(true, NOW);
        let mut now = NOW;
        while now - NOW < GRACE {
            verification = verification.after(false, now);
            assert_eq!(verification.state, DomainState::Failing, "after {}", now - NOW);
            now += HOURLY;
        }
        assert_eq!(verification.after(false, now).state, DomainState::Pending);
        assert_eq!(verification.after(true, now).state, DomainState::Verified);
    }
}
