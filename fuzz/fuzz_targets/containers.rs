#![no_main]

use std::cell::RefCell;

use assay_targets::{Containers, Target, crossover, fuzz, mutate};
use libfuzzer_sys::{fuzz_crossover, fuzz_mutator, fuzz_target, fuzzer_mutate};

thread_local!(static TARGET: RefCell<Containers> = RefCell::new(Containers::new()));

fuzz_target!(|file: &[u8]| TARGET.with(|target| fuzz(target, file)));

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    mutate::<Containers>(data, size, max_size, seed, fuzzer_mutate)
});

fuzz_crossover!(|one: &[u8], other: &[u8], out: &mut [u8], seed: u32| {
    crossover::<Containers>(one, other, out, seed)
});
