//! The order in which a list hands out its indices: a keyed permutation, so that a
//! counter is all the database keeps and no index tells when its credential was made.
//!
//! A balanced Feistel network over the smallest even number of bits that covers the
//! list, walking the cycle until it is back inside. Ten rounds of HMAC-SHA256, as many
//! as the format-preserving modes of NIST SP 800-38G take.

use std::fmt;

use aws_lc_rs::hmac;

const ROUNDS: u8 = 10;

/// A bijection on `0..size` that looks random without the key.
#[derive(Clone)]
pub struct IndexPermutation {
    key: hmac::Key,
    size: u32,
    half_bits: u32,
}

impl IndexPermutation {
    pub(crate) fn new(key: &[u8; 32], size: u32) -> Self {
        let bits = u32::BITS - size.saturating_sub(1).leading_zeros();
        Self { key: hmac::Key::new(hmac::HMAC_SHA256, key), size, half_bits: bits.div_ceil(2).max(1) }
    }

    /// How many indices there are.
    pub fn size(&self) -> u32 {
        self.size
    }

    /// The index that the `position`-th credential of the list gets; none beyond its end.
    pub fn index(&self, position: u32) -> Option<u32> {
        if position >= self.size {
            return None;
        }
        let mut value = u64::from(position);
        // The network is a bijection on a domain of at most four times the size (or four values):
        // the cycle that starts inside comes back inside, within four steps on average.
        loop {
            value = self.encrypt(value);
            match u32::try_from(value) {
                Ok(index) if index < self.size => return Some(index),
                _ => {}
            }
        }
    }

    fn encrypt(&self, value: u64) -> u64 {
        let mask = (1_u64 << self.half_bits) - 1;
        let (mut left, mut right) = (value >> self.half_bits, value & mask);
        for round in 0..ROUNDS {
            (left, right) = (right, left ^ (self.round(round, right) & mask));
        }
        (left << self.half_bits) | right
    }

    fn round(&self, round: u8, half: u64) -> u64 {
        let mut context = hmac::Context::with_key(&self.key);
        context.update(&[round]);
        context.update(&half.to_be_bytes());
        let tag = context.sign();
        tag.as_ref().first_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes))
    }
}

impl fmt::Debug for IndexPermutation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IndexPermutation").field("size", &self.size).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_index_comes_once() {
        for size in [1, 2, 3, 5, 16, 17, 100, 1000, 4096, 5000] {
            let permutation = IndexPermutation::new(&[1; 32], size);
            let mut seen = vec![false; size as usize];
            for position in 0..size {
                let index = permutation.index(position).unwrap() as usize;
                assert!(!seen[index], "{index} of {size} came twice");
                seen[index] = true;
            }
            assert_eq!(permutation.index(size), None);
        }
        assert_eq!(IndexPermutation::new(&[1; 32], 0).index(0), None);
    }

    #[test]
    fn the_greatest_size_works() {
        let permutation = IndexPermutation::new(&[1; 32], u32::MAX);
        assert!(permutation.index(u32::MAX - 1).unwrap() < u32::MAX);
    }

    #[test]
    fn neighbours_land_apart_and_another_key_gives_another_order() {
        let size = 1 << 17;
        let one = IndexPermutation::new(&[1; 32], size);
        let two = IndexPermutation::new(&[2; 32], size);
        let order = |permutation: &IndexPermutation| {
            (0..64).map(|position| permutation.index(position).unwrap()).collect::<Vec<_>>()
        };
        assert_ne!(order(&one), order(&two));
        let steps =
            order(&one).windows(2).map(|pair| i64::from(pair[1]) - i64::from(pair[0])).collect::<Vec<_>>();
        assert!(steps.windows(2).all(|pair| pair[0] != pair[1]), "an arithmetic progression: {steps:?}");
        assert!(steps.iter().all(|step| step.abs() > 1));
    }

    #[test]
    fn indices_spread_evenly() {
        // χ² over 256 buckets; 330.5 is exceeded once in a thousand keys, and the key is fixed.
        let size = 1 << 17;
        let permutation = IndexPermutation::new(&[3; 32], size);
        let mut buckets = [0_u32; 256];
        for position in 0..10_000 {
            buckets[(permutation.index(position).unwrap() >> 9) as usize] += 1;
        }
        let expected = 10_000.0 / 256.0;
        let chi: f64 = buckets.iter().map(|&count| (f64::from(count) - expected).powi(2) / expected).sum();
        assert!(chi < 330.5, "χ² = {chi}");
    }
}
