//! Which components a runner has at hand, and which it forgets first: their code takes memory for as long as it has
//! them, and to load one again takes a moment.

use std::{collections::HashMap, sync::Arc};

use parking_lot::Mutex;
use tokio::sync::OnceCell;

use crate::report::Resources;

/// What came of loading one; set once that is over.
pub(super) type Loading = Arc<OnceCell<Result<Option<Resources>, String>>>;

/// The components of one runner.
pub(super) struct Loaded {
    /// Bytes of machine code, at most; one component alone may have more.
    most: usize,
    shelf: Mutex<Shelf>,
}

#[derive(Default)]
struct Shelf {
    places: HashMap<[u8; 32], Place>,
    /// How often anything was asked for.
    turns: u64,
}

#[derive(Default)]
struct Place {
    loading: Loading,
    bytes: usize,
    /// When it was asked for last.
    turn: u64,
}

impl Loaded {
    pub(super) fn at_most(most: usize) -> Self {
        Self { most, shelf: Mutex::default() }
    }

    /// The component's place, whether it is loaded or yet to be. It is not forgotten while somebody has this.
    pub(super) fn place(&self, component: &[u8; 32]) -> Loading {
        let mut shelf = self.shelf.lock();
        shelf.turns += 1;
        let turn = shelf.turns;
        let place = shelf.places.entry(*component).or_default();
        place.turn = turn;
        Arc::clone(&place.loading)
    }

    /// Makes room for the component's code. These are to be forgotten, which were not asked for the longest; while all
    /// are in use, there is more than there should be.
    pub(super) fn make_room(&self, component: &[u8; 32], bytes: usize) -> Vec<[u8; 32]> {
        let mut shelf = self.shelf.lock();
        shelf.places.entry(*component).or_default().bytes = bytes;
        let mut all: usize = shelf.places.values().map(|place| place.bytes).sum();
        let mut forgotten = Vec::new();
        while all > self.most {
            let idle = |place: &Place| place.bytes > 0 && Arc::strong_count(&place.loading) == 1;
            let others = shelf.places.iter().filter(|(other, place)| *other != component && idle(place));
            let oldest = others.min_by_key(|(_, place)| place.turn).map(|(other, _)| *other);
            let Some(oldest) = oldest else { break };
            all -= shelf.places.remove(&oldest).map_or(0, |place| place.bytes);
            forgotten.push(oldest);
        }
        forgotten
    }

    /// Nobody needs the component any more.
    pub(super) fn remove(&self, component: &[u8; 32]) {
        self.shelf.lock().places.remove(component);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_asked_for_the_longest_is_forgotten_first() {
        let loaded = Loaded::at_most(30);
        for component in 1..=3 {
            loaded.place(&[component; 32]);
            assert!(loaded.make_room(&[component; 32], 10).is_empty());
        }
        loaded.place(&[1; 32]);
        loaded.place(&[4; 32]);
        assert_eq!(loaded.make_room(&[4; 32], 15), [[2; 32], [3; 32]]);
        assert!(loaded.make_room(&[5; 32], 5).is_empty());
    }

    #[test]
    fn the_largest_is_loaded_all_the_same_and_alone() {
        let loaded = Loaded::at_most(30);
        loaded.make_room(&[1; 32], 10);
        assert_eq!(loaded.make_room(&[2; 32], 100), [[1; 32]]);
        assert_eq!(loaded.make_room(&[3; 32], 1), [[2; 32]]);
    }

    #[test]
    fn what_somebody_uses_is_not_forgotten() {
        let loaded = Loaded::at_most(10);
        let used = loaded.place(&[1; 32]);
        loaded.make_room(&[1; 32], 10);
        assert!(loaded.make_room(&[2; 32], 10).is_empty());
        drop(used);
        assert_eq!(loaded.make_room(&[3; 32], 10).len(), 2);
    }

    #[test]
    fn what_is_removed_makes_room() {
        let loaded = Loaded::at_most(30);
        loaded.make_room(&[1; 32], 20);
        loaded.remove(&[1; 32]);
        assert!(loaded.make_room(&[2; 32], 20).is_empty());
    }
}
