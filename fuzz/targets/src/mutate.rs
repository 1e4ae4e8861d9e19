//! Mutation for libFuzzer: on programs, by the generator's mutators.

use std::sync::LazyLock;

use arbitrary::Unstructured;
use assay_generator::{Config, Generator, Profile, fill_entropy, generate_seeded, mutate as by};

use crate::Target;

/// Entropy of one mutation. What a mutation does not find it takes for 0.
const ENTROPY: usize = 256;

/// One in so many writes a new pickle instead, so that an empty corpus is no hindrance.
const ANEW: u32 = 64;

static GENERATORS: LazyLock<[Generator; 4]> = LazyLock::new(|| {
    Profile::ALL.map(|profile| Generator::new(Config { profile, ..Config::default() }))
});

/// Spreads libFuzzer's seeds, so that choices made of one seed have nothing to do with each other.
fn entropy(seed: u32, index: u64) -> [u8; ENTROPY] {
    let mut entropy = [0; ENTROPY];
    fill_entropy(u64::from(seed), index, &mut entropy);
    entropy
}

/// Mutates `data[..size]` within `max_size` and gives the new size; `bytes` is libFuzzer's own
/// mutation, of the same arguments. For `fuzz_mutator!`.
pub fn mutate<T: Target>(
    data: &mut [u8],
    size: usize,
    max_size: usize,
    seed: u32,
    bytes: impl FnOnce(&mut [u8], usize, usize) -> usize,
) -> usize {
    // libFuzzer's own mutations know the dictionary and what the target compared with what.
    if seed % 16 >= T::PROGRAMS {
        return bytes(data, size, max_size);
    }
    let mut mutant = Vec::new();
    if (seed / 16).is_multiple_of(ANEW) {
        let which = (seed / 16 / ANEW) as usize % GENERATORS.len();
        generate_seeded(&GENERATORS[which], u64::from(seed), 0, &mut mutant);
    } else {
        mutant = T::mutant(&data[..size], &mut Unstructured::new(&entropy(seed, 0)));
    }
    if mutant.is_empty() || mutant.len() > max_size {
        return bytes(data, size, max_size);
    }
    data[..mutant.len()].copy_from_slice(&mutant);
    mutant.len()
}

/// Puts parts of two inputs together in `out` and gives how much it is. For `fuzz_crossover!`.
pub fn crossover<T: Target>(one: &[u8], other: &[u8], out: &mut [u8], seed: u32) -> usize {
    let joined = if seed % 16 >= T::PROGRAMS {
        // The start of one before the end of the other.
        let place = |len: usize, by: u32| by as usize % (len + 1);
        let (start, end) = (place(one.len(), seed / 16), place(other.len(), seed.swap_bytes()));
        [&one[..start], &other[end..]].concat()
    } else {
        by::crossover(one, other, &mut Unstructured::new(&entropy(seed, 1)))
    };
    let fitting = if joined.len() <= out.len() { &joined } else { one };
    let len = fitting.len().min(out.len());
    out[..len].copy_from_slice(&fitting[..len]);
    len
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Decode, Soundness};

    #[test]
    fn stays_within_bounds_and_leaves_some_to_libfuzzer() {
        let (mut own, mut changed) = (0, 0);
        for seed in 0..4000 {
            let mut data = [0; 64];
            data[..5].copy_from_slice(b"\x80\x04K\x07.");
            let size = mutate::<Soundness>(&mut data, 5, 64, seed, |_, size, _| {
                own += 1;
                size
            });
            assert!(size <= 64);
            changed += u32::from(&data[..size] != b"\x80\x04K\x07.");
        }
        assert!((1000..1400).contains(&own), "{own}");
        assert!(changed > 2000, "{changed}");
    }

    #[test]
    fn a_crossover_fits() {
        for seed in 0..200 {
            let mut out = [0; 6];
            assert!(crossover::<Decode>(b"]K\x01a.", b"}NNs.", &mut out, seed) <= 6);
        }
    }
}
