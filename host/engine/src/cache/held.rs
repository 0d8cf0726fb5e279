//! Machine code that the disk did not take: bounded, the oldest goes first. Whoever needs what went has it compiled again.

use std::{collections::VecDeque, sync::Arc};

/// Bytes of all of it; the newest is held however long it is.
const MOST: usize = 128 << 20;

/// What is held, the oldest first.
#[derive(Default)]
pub(super) struct Held(VecDeque<([u8; 32], Arc<[u8]>)>);

impl Held {
    pub(super) fn get(&self, digest: &[u8; 32]) -> Option<Arc<[u8]>> {
        self.0.iter().find(|(held, _)| held == digest).map(|(_, code)| Arc::clone(code))
    }

    pub(super) fn insert(&mut self, digest: &[u8; 32], code: &[u8]) {
        self.remove(digest);
        self.0.push_back((*digest, code.into()));
        let mut bytes: usize = self.0.iter().map(|(_, code)| code.len()).sum();
        while bytes > MOST && self.0.len() > 1 {
            bytes -= self.0.pop_front().map_or(0, |(_, code)| code.len());
        }
    }

    pub(super) fn remove(&mut self, digest: &[u8; 32]) {
        self.0.retain(|(held, _)| held != digest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_disk_does_not_take_is_held_as_long_as_there_is_room() {
        let mut held = Held::default();
        let half = vec![0; MOST / 2];
        for component in 1..=3 {
            held.insert(&[component; 32], &half);
        }
        assert!(held.get(&[1; 32]).is_none() && held.get(&[2; 32]).is_some() && held.get(&[3; 32]).is_some());
        held.insert(&[4; 32], &vec![0; MOST + 1]);
        assert!(held.get(&[3; 32]).is_none() && held.get(&[4; 32]).is_some());
        held.insert(&[4; 32], b"again");
        assert_eq!(held.get(&[4; 32]).as_deref(), Some(&b"again"[..]));
        held.remove(&[4; 32]);
        assert!(held.get(&[4; 32]).is_none());
    }
}
