//! Who was asked when a runner ended, and others were asked, too: one of them may have ended it. They are asked alone for
//! a while, one after another, in a runner that is for that; so whoever ends that one is known.

use std::collections::HashMap;

use parking_lot::Mutex;
use tokio::sync::{Mutex as Turn, MutexGuard};

use super::Seat;

/// So often a suspect answers alone before it is asked among others again.
const ANSWERS: u8 = 10;
/// So many are suspected at a time; whoever is the culprit is among others the next time, too.
const MOST: usize = 1_000;

/// The suspects.
#[derive(Default)]
pub(super) struct Suspects {
    /// How often each has yet to answer.
    components: Mutex<HashMap<[u8; 32], u8>>,
    turn: Turn<()>,
    seat: Seat,
}

impl Suspects {
    pub(super) fn add(&self, component: &[u8; 32]) {
        let mut components = self.components.lock();
        if components.len() < MOST {
            components.insert(*component, ANSWERS);
        }
    }

    pub(super) fn has(&self, component: &[u8; 32]) -> bool {
        self.components.lock().contains_key(component)
    }

    /// It answered, alone, and its runner lives on.
    pub(super) fn clear(&self, component: &[u8; 32]) {
        let mut components = self.components.lock();
        if let Some(left) = components.get_mut(component) {
            *left = left.saturating_sub(1);
            if *left == 0 {
                components.remove(component);
            }
        }
    }

    /// Held by whoever is asked alone.
    pub(super) async fn turn(&self) -> MutexGuard<'_, ()> {
        self.turn.lock().await
    }

    /// The runner in which they are.
    pub(super) fn seat(&self) -> &Seat {
        &self.seat
    }
}
