//! What plugins did lately, as far as this process saw: how often they answered and failed, at which tenant, and
//! what a shadow would have answered instead. Never a claim's value.

mod breaker;
mod lines;
mod metered;
mod shadow;
mod usage;

use std::collections::{BTreeMap, HashMap};

use chancery_domain::TenantId;
use chancery_domain::template::Revision;
use chancery_engine::Measured;
use parking_lot::Mutex;
use serde::Serialize;
use time::OffsetDateTime;

use self::breaker::Breaker;
pub(crate) use self::breaker::Tripped;
pub(crate) use self::lines::Line;
use self::lines::Lines;
use self::metered::Metered;
pub(crate) use self::shadow::{Compared, ShadowTally};
use self::usage::UsageTally;

/// How many plugins at how many tenants are counted. Beyond that, those that were not asked for the longest are counted
/// anew when they are.
const MOST: usize = 50_000;
/// Bytes of all lines together. Beyond that, those of who was not asked for the longest are forgotten.
const MOST_SAID: usize = 32 << 20;

/// Of how many configurations of a plugin failures are counted apart.
const MOST_CONFIGURATIONS: usize = 32;

/// A plugin at a tenant.
type Place = (TenantId, [u8; 32]);

/// The tallies of this process.
#[derive(Default)]
pub(crate) struct Tallies {
    places: Mutex<Places>,
    tripped: Mutex<Vec<Tripped>>,
    metered: Metered,
}

#[derive(Default)]
struct Places {
    all: HashMap<Place, Counted>,
    /// Bytes of all lines.
    said: usize,
    /// How often anything was counted.
    turn: u64,
}

#[derive(Default)]
struct Counted {
    tally: Tally,
    /// At which turn it was counted last.
    turn: u64,
    /// By the digest of the configuration.
    breakers: HashMap<[u8; 32], Breaker>,
    lines: Lines,
}

impl Counted {
    fn breaker(&mut self, configuration: [u8; 32]) -> &mut Breaker {
        // Whoever changes the configuration that often begins anew.
        if self.breakers.len() >= MOST_CONFIGURATIONS && !self.breakers.contains_key(&configuration) {
            self.breakers.clear();
        }
        self.breakers.entry(configuration).or_default()
    }

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
        (tenant, revision): (TenantId, Revision),
        configuration_id: &str,
        call: &Measured<T>,
        now: OffsetDateTime,
    ) {
        let fault = call.answer.as_ref().err().map(|fault| &fault.kind);
        self.metered.count(&revision.component, call);
        let reason = self.at((tenant, revision.component), |counted| {
            counted.add(call, now);
            counted.breaker(revision.configuration).count(fault.is_some_and(breaker::counts), now)
        });
        if let Some(reason) = reason {
            let configuration_id = configuration_id.to_owned();
            let tripped = Tripped { tenant, revision, configuration_id, reason };
            self.tripped.lock().push(tripped);
        }
    }

    /// Counts a call of a plugin that decides for the deployment. Nothing is taken from where it fails: a policy that
    /// does not answer holds registrations, and a licence plugin narrows what it granted.
    pub(crate) fn note<T>(&self, place: Place, call: &Measured<T>, now: OffsetDateTime) {
        self.metered.count(&place.1, call);
        self.at(place, |counted| counted.add(call, now));
    }

    /// Keeps why a plugin that decides for the deployment could not even be asked.
    pub(crate) fn tell(&self, place: Place, why: &str, now: OffsetDateTime) {
        self.at(place, |counted| counted.lines.fail(why, now));
    }

    /// Counts what a shadow would have answered, and keeps what it said and why it failed: its author looks for that.
    pub(crate) fn count_shadow<T>(
        &self,
        place: Place,
        call: &Measured<T>,
        compared: Compared,
        now: OffsetDateTime,
    ) {
        self.at(place, |counted| {
            counted.lines.note(&call.log, call.answer.as_ref().err().map(|fault| &fault.kind), now);
            counted.tally.shadow.get_or_insert_default().count(compared);
        });
    }

    /// What failed too often since this was asked last.
    pub(crate) fn take_tripped(&self) -> Vec<Tripped> {
        std::mem::take(&mut *self.tripped.lock())
    }

    /// What the plugin did at the tenant; nothing if it was never asked there.
    pub(crate) fn of(&self, place: Place) -> Tally {
        self.places.lock().all.get(&place).map(|counted| counted.tally.clone()).unwrap_or_default()
    }

    /// What the plugin said at the tenant lately, after the line of that number.
    pub(crate) fn lines_of(&self, place: Place, after: u64) -> Vec<Line> {
        self.places.lock().all.get(&place).map(|counted| counted.lines.after(after)).unwrap_or_default()
    }

    /// What the plugin did everywhere.
    pub(crate) fn of_component(&self, component: &[u8; 32]) -> Tally {
        let places = self.places.lock();
        let here = places.all.iter().filter(|((_, of), _)| of == component);
        here.fold(Tally::default(), |sum, (_, counted)| sum.and(&counted.tally))
    }

    fn at<R>(&self, place: Place, then: impl FnOnce(&mut Counted) -> R) -> R {
        self.places.lock().at(place, then)
    }
}

impl Places {
    fn at<R>(&mut self, place: Place, then: impl FnOnce(&mut Counted) -> R) -> R {
        if self.all.len() >= MOST && !self.all.contains_key(&place) {
            let quiet = self.quiet_until(MOST / 4);
            self.all.retain(|_, counted| counted.turn > quiet);
            self.said = self.all.values().map(|counted| counted.lines.bytes()).sum();
        }
        self.turn += 1;
        let counted = self.all.entry(place).or_default();
        counted.turn = self.turn;
        let before = counted.lines.bytes();
        let done = then(counted);
        self.said = self.said - before + counted.lines.bytes();
        if self.said > MOST_SAID {
            self.forget_lines();
        }
        done
    }

    /// Forgets lines until a quarter of the room is free.
    fn forget_lines(&mut self) {
        let mut talkers: Vec<&mut Counted> =
            self.all.values_mut().filter(|counted| counted.lines.bytes() > 0).collect();
        talkers.sort_by_key(|counted| counted.turn);
        for counted in talkers {
            if self.said <= MOST_SAID / 4 * 3 {
                return;
            }
            self.said -= counted.lines.bytes();
            counted.lines.clear();
        }
    }

    /// The turn until which that many were counted last.
    fn quiet_until(&self, count: usize) -> u64 {
        let mut turns: Vec<u64> = self.all.values().map(|counted| counted.turn).collect();
        *turns.select_nth_unstable(count).1
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

    fn of(component: [u8; 32]) -> Revision {
        Revision { component, configuration: [0; 32] }
    }

    #[test]
    fn each_tenant_has_its_own_count_and_the_operator_the_sum() {
        let (tallies, plugin) = (Tallies::default(), [1; 32]);
        tallies.count((tenant(1), of(plugin)), "badge", &call(None), NOW);
        tallies.count((tenant(2), of(plugin)), "badge", &call(Some(FaultKind::Timeout)), NOW);
        tallies.count((tenant(2), of([2; 32])), "badge", &call(None), NOW);
        assert_eq!(tallies.of((tenant(1), plugin)).calls, 1);
        assert_eq!(tallies.of((tenant(3), plugin)), Tally::default());
        let all = tallies.of_component(&plugin);
        assert_eq!((all.calls, all.faults.get("timeout")), (2, Some(&1)));
    }

    #[test]
    fn what_fails_again_and_again_is_noted_once_and_where_it_does() {
        let (tallies, plugin) = (Tallies::default(), [1; 32]);
        for _ in 0..8 {
            tallies.count((tenant(1), of(plugin)), "badge", &call(Some(FaultKind::Trap(String::new()))), NOW);
            tallies.count((tenant(2), of(plugin)), "badge", &call(None), NOW);
        }
        let tripped = tallies.take_tripped();
        assert_eq!(tripped.len(), 1);
        assert_eq!((tripped[0].tenant, tripped[0].configuration_id.as_str()), (tenant(1), "badge"));
        assert!(tallies.take_tripped().is_empty());
    }

    #[test]
    fn who_says_much_is_heard_until_others_said_more() {
        let tallies = Tallies::default();
        let place = |number: u32| {
            let mut component = [0; 32];
            component[..4].copy_from_slice(&number.to_be_bytes());
            (tenant(1), component)
        };
        let line = chancery_engine::LogLine {
            level: chancery_engine::LogLevel::Info,
            message: "x".repeat(16 << 10),
        };
        let loud = Measured { log: vec![line; 4], ..call(None) };
        for number in 0..1_000 {
            tallies.note(place(number), &loud, NOW);
        }
        assert!(tallies.places.lock().said <= MOST_SAID);
        assert!(tallies.lines_of(place(0), 0).is_empty() && tallies.lines_of(place(999), 0).len() == 4);
        assert_eq!(tallies.of(place(0)).calls, 1, "it is counted all the same");
    }

    #[test]
    fn who_was_not_asked_for_long_makes_room() {
        let tallies = Tallies::default();
        let place = |number: usize| {
            let mut component = [0; 32];
            component[..8].copy_from_slice(&number.to_be_bytes());
            (tenant(1), component)
        };
        for number in 0..=MOST {
            tallies.note(place(number), &call(None), NOW);
        }
        assert!(tallies.places.lock().all.len() < MOST);
        assert_eq!((tallies.of(place(0)).calls, tallies.of(place(MOST)).calls), (0, 1));
        assert_eq!(tallies.of(place(MOST / 2)).calls, 1);
    }

    #[test]
    fn why_a_shadow_failed_is_told() {
        let tallies = Tallies::default();
        let failed = call(Some(FaultKind::Contract("the field age is missing".to_owned())));
        let place = (tenant(1), [1; 32]);
        let nothing = chancery_engine::Outcome::Refuse(Vec::new());
        let compared = Compared::of(&nothing, &Err(failed.answer.clone().unwrap_err()));
        tallies.count_shadow(place, &failed, compared, NOW);
        let said = serde_json::to_value(tallies.lines_of(place, 0)).unwrap();
        assert_eq!(said[0]["level"], "fault");
        assert!(said[0]["message"].as_str().unwrap().contains("the field age is missing"), "{said}");
        assert_eq!(tallies.of(place).calls, 0);
    }

    #[test]
    fn one_configuration_is_not_taken_back_for_another() {
        let tallies = Tallies::default();
        let failing = call(Some(FaultKind::Timeout));
        for configuration in 0..4 {
            let revision = Revision { component: [1; 32], configuration: [configuration; 32] };
            for _ in 0..4 {
                tallies.count((tenant(1), revision), "badge", &failing, NOW);
            }
        }
        assert!(tallies.take_tripped().is_empty());
        let last = Revision { component: [1; 32], configuration: [3; 32] };
        tallies.count((tenant(1), last), "badge", &failing, NOW);
        assert_eq!(tallies.take_tripped()[0].revision, last);
    }
}
