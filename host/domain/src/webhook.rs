//! A webhook's patience: when a delivery is tried again, when it is given up, when its receiver is.

use serde::{Deserialize, Serialize};
use time::Duration;

/// How often a delivery is tried.
pub const MOST_ATTEMPTS: u16 = 12;
/// A webhook that accepted nothing for so long is disabled.
pub const GIVEN_UP_AFTER: Duration = Duration::days(5);
/// For how long deliveries are kept, whatever became of them.
pub const KEPT_FOR: Duration = Duration::days(14);
/// How many webhooks a tenant may have.
pub const MOST_WEBHOOKS: u32 = 10;

/// The wait after the first attempt; each later one is four times as long, …
const FIRST_WAIT: Duration = Duration::seconds(2);
/// … up to this.
const LONGEST_WAIT: Duration = Duration::hours(12);

/// How far a delivery has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DeliveryState {
    /// It was not accepted yet.
    Pending,
    /// It was accepted.
    Delivered,
    /// It was tried often enough.
    Dead,
}

impl DeliveryState {
    /// The word that the database and the API use.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Delivered => "delivered",
            Self::Dead => "dead",
        }
    }

    /// Reads the word back.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Pending, Self::Delivered, Self::Dead].into_iter().find(|state| state.as_str() == word)
    }
}

/// How long to wait after so many attempts; none: it is dead. `chance` spreads those that failed together over
/// four tenths of the wait.
pub fn wait_after(attempts: u16, chance: u8) -> Option<Duration> {
    if attempts >= MOST_ATTEMPTS {
        return None;
    }
    let doublings = 2 * u32::from(attempts.saturating_sub(1));
    let wait = FIRST_WAIT.whole_milliseconds() << doublings.min(40);
    let wait = wait.min(LONGEST_WAIT.whole_milliseconds());
    // From 80 to 120 of a hundred.
    let spread = wait * (800 + i128::from(chance) * 400 / 255) / 1_000;
    Some(Duration::milliseconds(i64::try_from(spread).unwrap_or(i64::MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_and_end_after_two_days() {
        let waits: Vec<_> = (1..MOST_ATTEMPTS).map(|attempts| wait_after(attempts, 127).unwrap()).collect();
        assert!(waits[0] < Duration::seconds(3) && waits[1] > Duration::seconds(7));
        assert!(waits.is_sorted());
        let all: Duration = waits.iter().sum();
        assert!((Duration::hours(44)..Duration::hours(60)).contains(&all), "{all}");
        assert_eq!(wait_after(MOST_ATTEMPTS, 0), None);
        assert_eq!(wait_after(u16::MAX, 0), None);
    }

    #[test]
    fn chance_spreads_a_wait_by_a_fifth_to_either_side() {
        assert_eq!(wait_after(1, 0), Some(Duration::milliseconds(1_600)));
        assert_eq!(wait_after(1, 255), Some(Duration::milliseconds(2_400)));
    }
}
