#![no_main]

use std::cell::RefCell;

use assay_targets::{Roundtrip, Target, crossover, fuzz, mutate};
use libfuzzer_sys::{fuzz_crossover, fuzz_mutator, fuzz_target, fuzzer_mutate};

thread_local!(static TARGET: RefCell<Roundtrip> = RefCell::new(Roundtrip::new()));

fuzz_target!(|pickle: &[u8]| TARGET.with(|target| fuzz(target, pickle)));

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    mutate::<Roundtrip>(data, size, max_size, seed, fuzzer_mutate)
});

fuzz_crossover!(|one: &[u8], other: &[u8], out: &mut [u8], seed: u32| {
    crossover::<Roundtrip>(one, other, out, seed)
});
