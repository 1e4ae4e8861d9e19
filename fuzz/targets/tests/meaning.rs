//! Mutators that say they keep a pickle's meaning do: the value that CPython loads is the same.

use arbitrary::Unstructured;
use assay_generator::{Config, Generator, Profile, fill_entropy, generate_seeded, mutate};
use assay_oracle::{Engine, Oracle, OracleConfig, Run, discover};
use assay_pickle::Program;

/// Pickles by mutator.
const COUNT: u64 = 300;

/// Data as the generator writes it, and every fourth as a CPython did.
fn pickle(index: u64) -> Vec<u8> {
    if index.is_multiple_of(4) {
        let seeds = assay_corpus::seeds();
        let data: Vec<_> = seeds.iter().filter(|seed| seed.policy == "stdlib").collect();
        return data[(index * 7) as usize % data.len()].bytes.to_vec();
    }
    let generator = Generator::new(Config { profile: Profile::Data, ..Config::default() });
    let mut out = Vec::new();
    generate_seeded(&generator, 11, index, &mut out);
    out
}

#[test]
fn the_value_is_the_same() {
    let python = discover().into_iter().next().expect("the tests need a CPython");
    let mut oracle = Oracle::new(OracleConfig::new(vec![python])).expect("the sandbox works");
    for engine in [Engine::CLoads, Engine::Py] {
        for mutator in mutate::all().iter().filter(|mutator| mutator.keeps_meaning()) {
            let mut pairs = Vec::new();
            for index in 0..COUNT {
                let before = pickle(index);
                let mut entropy = [0; 32];
                fill_entropy(5, index, &mut entropy);
                let mut program = Program::parse(&before);
                if mutator.can_mutate(&program)
                    && mutator.mutate(&mut program, &mut Unstructured::new(&entropy)).is_ok()
                {
                    pairs.push((before, program.to_bytes()));
                }
            }
            let changed = pairs.iter().filter(|(before, after)| before != after).count();
            assert!(changed > 50, "{}: {changed}", mutator.name());
            let mut load = |pickles: Vec<&[u8]>| {
                oracle.full_batch(0, Run::from(engine), &pickles).expect("the oracle answers")
            };
            let before = load(pairs.iter().map(|(before, _)| before.as_slice()).collect());
            let after = load(pairs.iter().map(|(_, after)| after.as_slice()).collect());
            for ((one, other), bytes) in before.iter().zip(&after).zip(&pairs) {
                assert_eq!(
                    (one.outcome, &one.result),
                    (other.outcome, &other.result),
                    "{} on {}: {} became {}",
                    mutator.name(),
                    engine.name(),
                    bytes.0.escape_ascii(),
                    bytes.1.escape_ascii()
                );
            }
        }
    }
}
