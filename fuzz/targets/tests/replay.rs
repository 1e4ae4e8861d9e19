//! Replays seeds, records and regressions through every target's body, and a short hunt from them.
//!
//! What a fuzzer found is kept in `corpus/regressions`, so it can't come back unnoticed.

use std::cell::RefCell;

use assay_corpus::{records::records, regressions, seeds};
use assay_targets::{
    Analyze, Containers, Decode, Divergence, Roundtrip, Soundness, Target, files, fuzz, mutate,
};

/// Every pickle of the corpus.
fn corpus() -> impl Iterator<Item = (String, &'static [u8])> {
    let seeds = seeds().iter().map(|seed| (seed.name.to_owned(), seed.bytes));
    let regressions = regressions().iter().map(|found| (found.name.clone(), found.bytes));
    let records = records().iter().map(|record| (record.front.id.clone(), &record.pickle[..]));
    seeds.chain(regressions).chain(records)
}

/// Runs a target over every `step`th seed, all else, and some mutants of each; gives how many
/// behaviours there were.
fn replay<T: Target>(step: usize, mutants: u32) -> usize {
    let count = seeds().len();
    let some = corpus().enumerate().filter(|(index, _)| *index >= count || index % step == 0);
    replay_all::<T>(some.map(|(_, it)| it), mutants)
}

/// Runs a target over these and some mutants of each.
fn replay_all<T: Target>(
    inputs: impl Iterator<Item = (String, impl AsRef<[u8]>)>,
    mutants: u32,
) -> usize {
    let mut target = T::new();
    let mut behaviours = std::collections::HashSet::new();
    for (index, (name, bytes)) in inputs.enumerate() {
        let bytes = bytes.as_ref();
        let mut input = bytes.to_vec();
        for round in 0..=mutants {
            match target.run(&input) {
                Ok(features) => behaviours.extend(features),
                Err(wrong) => panic!("{name}: {wrong}\n{}", input.escape_ascii()),
            }
            input = bytes.to_vec();
            let size = input.len();
            input.resize(size + 256, 0);
            // Those that are left to libFuzzer, which is not here, change nothing.
            let seed = index as u32 * mutants + round;
            let size = mutate::<T>(&mut input, size, size + 256, seed, |_, size, _| size);
            input.truncate(size);
        }
    }
    behaviours.len()
}

#[test]
fn decode() {
    assert!(replay::<Decode>(1, 8) > 10);
}

#[test]
fn roundtrip() {
    assert!(replay::<Roundtrip>(1, 8) > 20);
}

#[test]
fn analyze() {
    assert!(replay::<Analyze>(1, 8) > 20);
}

#[test]
fn soundness() {
    assert!(replay::<Soundness>(1, 2) > 20);
}

#[test]
fn divergence() {
    assert!(replay::<Divergence>(8, 2) > 20);
}

/// With what this machine has: at least the decompressors of the standard library.
#[test]
fn containers() {
    assert!(Containers::new().loaders().iter().all(|loaders| !loaders.is_empty()));
    let files = files().expect("the repository is whole");
    assert!(replay_all::<Containers>(files.into_iter(), 20) > 20);
}

/// Finds fault with everything.
struct Wrong;

impl Target for Wrong {
    const NAME: &'static str = "wrong";
    const PROGRAMS: u32 = 0;

    fn new() -> Self {
        Self
    }

    fn run(&mut self, _: &[u8]) -> Result<Vec<u64>, String> {
        Err("all of it".to_owned())
    }
}

#[test]
#[should_panic(expected = "wrong: all of it")]
fn what_a_target_finds_ends_the_process() {
    fuzz(&RefCell::new(Wrong), b"N.");
}
