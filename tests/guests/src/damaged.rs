//! What a file may become on its way.

/// The same numbers in every run (`SplitMix64`).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % end as u64).unwrap()
    }
}

/// So many copies of a component, each cut short, with a length that is none, with a hole, or with one bit changed;
/// the same in every run.
pub fn damaged(component: &[u8], count: usize) -> impl Iterator<Item = Vec<u8>> {
    let mut numbers = Numbers(7);
    (0..count).map(move |_| {
        let mut wasm = component.to_vec();
        let from = 8 + numbers.below(wasm.len() - 16);
        match numbers.below(4) {
            0 => wasm.truncate(from),
            1 => wasm[from..from + 5].copy_from_slice(&[0xff, 0xff, 0xff, 0xff, 0x0f]),
            2 => drop(wasm.drain(from..(from + 200).min(component.len() - 8))),
            _ => wasm[from] ^= 1 << numbers.below(8),
        }
        wasm
    })
}
