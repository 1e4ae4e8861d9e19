//! Randomness for seeded generation: xoshiro256++, filled into a buffer of entropy.
//!
//! Not for secrets. It is written here because its bytes must never change: a seed that someone
//! reported must give the same pickles in every later build.

/// The generator's state.
pub(crate) struct Xoshiro([u64; 4]);

/// SplitMix64, which spreads a seed over a state (as xoshiro's authors advise).
fn split_mix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

impl Xoshiro {
    /// The stream of number `index` under `seed`.
    pub(crate) fn new(seed: u64, index: u64) -> Self {
        let mut first = seed;
        // Mixed before the index is added, lest (seed, index + 1) be (seed + 1, index).
        let mut state = split_mix(&mut first) ^ index.wrapping_mul(0xd134_2543_de82_ef95);
        Self([(); 4].map(|()| split_mix(&mut state)))
    }

    fn next(&mut self) -> u64 {
        let s = &mut self.0;
        let result = s[0].wrapping_add(s[3]).rotate_left(23).wrapping_add(s[0]);
        let t = s[1] << 17;
        s[2] ^= s[0];
        s[3] ^= s[1];
        s[1] ^= s[2];
        s[0] ^= s[3];
        s[2] ^= t;
        s[3] = s[3].rotate_left(45);
        result
    }

    /// Fills `buffer`.
    pub(crate) fn fill(&mut self, buffer: &mut [u8]) {
        for chunk in buffer.chunks_mut(8) {
            chunk.copy_from_slice(&self.next().to_le_bytes()[..chunk.len()]);
        }
    }
}

/// Fills `buffer` with the entropy of number `index` under `seed`: for who mutates by seed.
pub fn fill_entropy(seed: u64, index: u64, buffer: &mut [u8]) {
    Xoshiro::new(seed, index).fill(buffer);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_means_the_same_bytes_for_ever() {
        let mut bytes = [0; 12];
        Xoshiro::new(1, 2).fill(&mut bytes);
        assert_eq!(bytes, [241, 33, 59, 137, 142, 25, 235, 92, 184, 88, 252, 102]);
        let mut other = [0; 12];
        Xoshiro::new(2, 1).fill(&mut other);
        assert_ne!(bytes, other);
    }
}
