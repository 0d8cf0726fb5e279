//! What the calls of a plugin used.

use chancery_engine::Usage;
use serde::Serialize;

/// What calls used, together and at most.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, utoipa::ToSchema)]
pub(crate) struct UsageTally {
    /// Instructions, roughly, of all calls together.
    fuel: u64,
    /// Of the call that used most.
    most_fuel: u64,
    /// Bytes of memory of the call that used most.
    most_memory: u64,
    /// Microseconds of processor time, of all calls together.
    microseconds: u64,
    /// Of the call that took longest.
    most_microseconds: u64,
}

impl UsageTally {
    pub(super) fn count(&mut self, usage: &Usage) {
        let microseconds = u64::try_from(usage.time.as_micros()).unwrap_or(u64::MAX);
        self.add(&Self {
            fuel: usage.fuel,
            most_fuel: usage.fuel,
            most_memory: usage.memory,
            microseconds,
            most_microseconds: microseconds,
        });
    }

    pub(super) fn add(&mut self, other: &Self) {
        self.fuel = self.fuel.saturating_add(other.fuel);
        self.most_fuel = self.most_fuel.max(other.most_fuel);
        self.most_memory = self.most_memory.max(other.most_memory);
        self.microseconds = self.microseconds.saturating_add(other.microseconds);
        self.most_microseconds = self.most_microseconds.max(other.most_microseconds);
    }
}
