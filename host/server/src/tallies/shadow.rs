//! How a version in the shadow compares with the one that answers.

use std::collections::BTreeMap;

use chancery_domain::Dataset;
use chancery_engine::{Fault, Outcome};
use serde::Serialize;

/// How many distinct differences are told apart.
const MOST_TOLD: usize = 100;
/// What differs if the two end at different times. No field of a dataset has that name.
const GOOD_UNTIL: &str = "good-until";

/// What a version would have answered in the shadow of another.
#[derive(Debug, Clone, Default, PartialEq, Serialize, utoipa::ToSchema)]
pub(crate) struct ShadowTally {
    /// How often it was compared.
    compared: u64,
    /// How often it answered the same.
    same: u64,
    /// How often it answered otherwise, by where: a field of the dataset, `good-until`, or `decision`; `fault` where it
    /// failed.
    different: BTreeMap<String, u64>,
}

/// One comparison: where the two differ; nowhere if they are the same.
pub(crate) struct Compared(Vec<String>);

impl Compared {
    /// Compares what was answered with what would have been. Values stay here: only where they differ goes on.
    pub(crate) fn of(answered: &Outcome, shadow: &Result<Outcome, Fault>) -> Self {
        let one = |word: &str| vec![word.to_owned()];
        Self(match (answered, shadow) {
            (_, Err(_)) => one("fault"),
            (Outcome::Issue(answered), Ok(Outcome::Issue(shadow))) => differing(answered, shadow),
            (answered, Ok(shadow)) if answered == shadow => Vec::new(),
            _ => one("decision"),
        })
    }
}

fn differing(one: &Dataset, other: &Dataset) -> Vec<String> {
    let ends_otherwise = one.good_until != other.good_until;
    let (one, other) = (&one.values, &other.values);
    let mut names: Vec<String> = one.keys().chain(other.keys()).cloned().collect();
    names.sort();
    names.dedup();
    names.retain(|name| one.get(name) != other.get(name));
    names.extend(ends_otherwise.then(|| GOOD_UNTIL.to_owned()));
    names
}

impl ShadowTally {
    pub(super) fn count(&mut self, Compared(places): Compared) {
        self.compared += 1;
        self.same += u64::from(places.is_empty());
        for place in places {
            self.note(place, 1);
        }
    }

    pub(super) fn add(&mut self, other: &Self) {
        self.compared += other.compared;
        self.same += other.same;
        for (place, count) in &other.different {
            self.note(place.clone(), *count);
        }
    }

    fn note(&mut self, place: String, count: u64) {
        if self.different.len() < MOST_TOLD || self.different.contains_key(&place) {
            *self.different.entry(place).or_default() += count;
        }
    }
}

#[cfg(test)]
mod tests {
    use chancery_engine::FaultKind;
    use serde_json::{Value, json};

    use super::*;

    fn issue(dataset: Value) -> Outcome {
        let Value::Object(members) = dataset else { unreachable!() };
        Outcome::Issue(Dataset { values: members, good_until: None })
    }

    #[test]
    fn where_they_differ_is_told_and_never_what_they_said() {
        let answered = issue(json!({ "name": "Ada", "born": "1815-12-10" }));
        let mut tally = ShadowTally::default();
        for shadow in [
            Ok(answered.clone()),
            Ok(issue(json!({ "name": "Ada L.", "born": "1815-12-10" }))),
            Ok(issue(json!({ "name": "Ada", "title": "Countess" }))),
            Ok(Outcome::Refuse(Vec::new())),
            Err(Fault { plugin: "badge".to_owned(), kind: FaultKind::Timeout, trace: Vec::new() }),
        ] {
            tally.count(Compared::of(&answered, &shadow));
        }
        let expected = json!({
            "compared": 5, "same": 1,
            "different": { "born": 1, "decision": 1, "fault": 1, "name": 1, "title": 1 }
        });
        assert_eq!(serde_json::to_value(&tally).unwrap(), expected);
    }
}
