//! What plugins did lately, as far as this process saw: how often they answered and failed, at which tenant, and
//! what a shadow would have answered instead. Never a claim's value.

mod breaker;
mod lines;
mod shadow;
mod usage;

use std::collections::{BTreeMap, HashMap};

use chancery_domain::TenantId;
use chancery_engine::Measured;
use parking_lot::Mutex;
use serde::Serialize;
use time::OffsetDateTime;

use self::breaker::Breaker;
pub(crate) use self::breaker::Tripped;
pub(crate) use self::lines::Line;
use self::lines::Lines;
pub(crate) use self::shadow::{Compared, ShadowTally};
use self::usage::UsageTally;

/// How many plugins of how many tenants are counted; the rest goes uncounted, and unbroken.
const MOST: usize = 50_000;

/// A plugin at a tenant.
type Place = (TenantId, [u8; 32]);

/// The tallies of this process.
#[derive(Default)]
pub(crate) struct Tallies {
    places: Mutex<HashMap<Place, Counted>>,
    tripped: Mutex<Vec<Tripped>>,
}

#[derive(Default)]
struct Counted {
    tally: Tally,
    breaker: Breaker,
    lines: Lines,
}

impl Counted {
    fn add<T>(&mut self, call: &Measured<T>, now: OffsetDateTime) {
        let fault = call.answer.as_ref().err().map(|fault| &fault.kind);
        self.tally.calls += 1;
        self.tally.usage.count(&call.usage);
        self.lines.note(&call.log, fault, now);
        if let Some(kind) = fault {
            *self.tally.faults.entry(kind.code()).or_default() += 1;
        }
    }
}

/// What a plugin did at a tenant since this process started.
#[derive(Debug, Clone, Default, PartialEq, Serialize, utoipa::ToSchema)]
pub(crate) struct Tally {
    /// How often it was asked.
    calls: u64,
    /// How often it did not answer, by what happened.
    faults: BTreeMap<&'static str, u64>,
    /// What its calls used.
    usage: UsageTally,
    /// What it would have answered, while it stood in the shadow of another version.
    #[serde(skip_serializing_if = "Option::is_none")]
    shadow: Option<ShadowTally>,
}

impl Tallies {
    /// Counts a call. A plugin that fails too often is noted, to be taken from where it does.
    pub(crate) fn count<T>(
        &self,
        (tenant, component): Place,
        configuration_id: &str,
        call: &Measured<T>,
        now: OffsetDateTime,
    ) {
        let fault = call.answer.as_ref().err().map(|fault| &fault.kind);
        let reason = self.at((tenant, component), |counted| {
            counted.add(call, now);
            counted.breaker.count(fault.is_some_and(breaker::counts), now)
        });
        if let Some(Some(reason)) = reason {
            let configuration_id = configuration_id.to_owned();
            let tripped = Tripped { tenant, component, configuration_id, reason };
            self.tripped.lock().push(tripped);
        }
    }

    /// Counts a call of a plugin that decides for the deployment. Nothing is taken from where it fails: a policy that
    /// does not answer holds registrations, and a licence plugin narrows what it granted.
    pub(crate) fn note<T>(&self, place: Place, call: &Measured<T>, now: OffsetDateTime) {
        self.at(place, |counted| counted.add(call, now));
    }

    /// Counts what a shadow would have answered.
    pub(crate) fn count_shadow(&self, place: Place, compared: Compared) {
        self.at(place, |counted| counted.tally.shadow.get_or_insert_default().count(compared));
    }

    /// What failed too often since this was asked last.
    pub(crate) fn take_tripped(&self) -> Vec<Tripped> {
        std::mem::take(&mut *self.tripped.lock())
    }

    /// What the plugin did at the tenant; nothing if it was never asked there.
    pub(crate) fn of(&self, place: Place) -> Tally {
        let places = self.places.lock();
        places.get(&place).map(|counted| counted.tally.clone()).unwrap_or_default()
    }

    /// What the plugin said at the tenant lately, after the line of that number.
    pub(crate) fn lines_of(&self, place: Place, after: u64) -> Vec<Line> {
        let places = self.places.lock();
        places.get(&place).map(|counted| counted.lines.after(after)).unwrap_or_default()
    }

    /// What the plugin did everywhere.
    pub(crate) fn of_component(&self, component: &[u8; 32]) -> Tally {
        let places = self.places.lock();
        let here = places.iter().filter(|((_, of), _)| of == component);
        here.fold(Tally::default(), |sum, (_, counted)| sum.and(&counted.tally))
    }

    fn at<R>(&self, place: Place, then: impl FnOnce(&mut Counted) -> R) -> Option<R> {
        let mut places = self.places.lock();
        if places.len() >= MOST && !places.contains_key(&place) {
            return None;
        }
        Some(then(places.entry(place).or_default()))
    }
}

impl Tally {
    fn and(mut self, other: &Self) -> Self {
        self.calls += other.calls;
        self.usage.add(&other.usage);
        for (kind, count) in &other.faults {
            *self.faults.entry(kind).or_default() += count;
        }
        if let Some(shadow) = &other.shadow {
            self.shadow.get_or_insert_default().add(shadow);
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use chancery_domain::TenantId;
    use chancery_engine::{Fault, FaultKind, Usage};

    use super::*;

    fn call(fault: Option<FaultKind>) -> Measured<()> {
        let fault = fault.map(|kind| Fault { plugin: "badge".to_owned(), kind, trace: Vec::new() });
        Measured { answer: fault.map_or(Ok(()), Err), usage: Usage::default(), log: Vec::new() }
    }

    const NOW: OffsetDateTime = time::macros::datetime!(2026-11-21 10:20:30 UTC);

    fn tenant(number: u8) -> TenantId {
        TenantId::new(NOW, [number; 10])
    }

    #[test]
    fn each_tenant_has_its_own_count_and_the_operator_the_sum() {
        let (tallies, plugin) = (Tallies::default(), [1; 32]);
        tallies.count((tenant(1), plugin), "badge", &call(None), NOW);
        tallies.count((tenant(2), plugin), "badge", &call(Some(FaultKind::Timeout)), NOW);
        tallies.count((tenant(2), [2; 32]), "badge", &call(None), NOW);
        assert_eq!(tallies.of((tenant(1), plugin)).calls, 1);
        assert_eq!(tallies.of((tenant(3), plugin)), Tally::default());
        let all = tallies.of_component(&plugin);
        assert_eq!((all.calls, all.faults.get("timeout")), (2, Some(&1)));
    }

    #[test]
    fn what_fails_again_and_again_is_noted_once_and_where_it_does() {
        let (tallies, plugin) = (Tallies::default(), [1; 32]);
        for _ in 0..8 {
            tallies.count((tenant(1), plugin), "badge", &call(Some(FaultKind::Trap(String::new()))), NOW);
            tallies.count((tenant(2), plugin), "badge", &call(None), NOW);
        }
        let tripped = tallies.take_tripped();
        assert_eq!(tripped.len(), 1);
        assert_eq!((tripped[0].tenant, tripped[0].configuration_id.as_str()), (tenant(1), "badge"));
        assert!(tallies.take_tripped().is_empty());
    }
}
