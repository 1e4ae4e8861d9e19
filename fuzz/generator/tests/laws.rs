//! Laws of generated pickles and of mutation, for any entropy.

use arbitrary::Unstructured;
use assay_generator::check::{Outcome, check};
use assay_generator::{Config, Coverage, Generator, Profile, generate_seeded, mutate};
use assay_pickle::{Opcode, Program};
use proptest::prelude::*;

fn generator(profile: Profile, protocol: Option<u8>) -> Generator {
    Generator::new(Config { profile, protocol, ..Config::default() })
}

/// Pickles for the laws that hold of most: enough that a share of them is steady.
const SAMPLE: u64 = 10_000;

fn share(generator: &Generator, holds: impl Fn(&[u8]) -> bool) -> f64 {
    let mut pickle = Vec::new();
    let mut count = 0;
    for index in 0..SAMPLE {
        generate_seeded(generator, 3, index, &mut pickle);
        count += u32::from(holds(&pickle));
    }
    f64::from(count) / SAMPLE as f64
}

proptest! {
    #[test]
    fn data_holds_together(entropy in prop::collection::vec(any::<u8>(), 0..2000), protocol in 0_u8..6) {
        let generator = generator(Profile::Data, Some(protocol));
        let pickle = generator.generate(&mut Unstructured::new(&entropy));
        match check(&pickle) {
            Outcome::Stopped { balanced } => prop_assert!(balanced),
            // What only a caller can supply is in one program of 64.
            Outcome::Fault { fault, .. } => {
                prop_assert_eq!(fault, assay_generator::machine::Fault::NotSupplied)
            }
            outcome => prop_assert!(false, "{:?}: {}", outcome, pickle.escape_ascii()),
        }
    }

    #[test]
    fn any_profile_reads_back(entropy in prop::collection::vec(any::<u8>(), 0..2000), which in 0_usize..4) {
        let generator = generator(Profile::ALL[which], None);
        let pickle = generator.generate(&mut Unstructured::new(&entropy));
        prop_assert_eq!(Program::parse(&pickle).to_bytes(), pickle);
    }

    #[test]
    fn the_limit_is_kept(entropy in prop::collection::vec(any::<u8>(), 0..4000), max_opcodes in 24_usize..400) {
        let config = Config { profile: Profile::Data, max_opcodes, ..Config::default() };
        let pickle = Generator::new(config).generate(&mut Unstructured::new(&entropy));
        let count = Program::parse(&pickle).codes.len();
        prop_assert!(count <= max_opcodes + 24, "{} opcodes of {}", count, max_opcodes);
    }

    #[test]
    fn mutants_read_back(seed in any::<u64>(), entropy in prop::collection::vec(any::<u8>(), 0..200)) {
        let generator = generator(Profile::Mixed, None);
        let (mut one, mut other) = (Vec::new(), Vec::new());
        generate_seeded(&generator, seed, 0, &mut one);
        generate_seeded(&generator, seed, 1, &mut other);
        let mutant = mutate::mutate(&one, Some(&other), &mut Unstructured::new(&entropy));
        prop_assert_eq!(Program::parse(&mutant).to_bytes(), mutant);
    }

    #[test]
    fn bytes_that_are_no_pickle_can_be_mutated(
        bytes in prop::collection::vec(any::<u8>(), 0..200),
        entropy in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        mutate::mutate(&bytes, Some(&bytes), &mut Unstructured::new(&entropy));
    }
}

#[test]
fn what_should_load_holds_together_in_every_protocol() {
    for protocol in 0..=5 {
        for (profile, least) in
            [(Profile::Data, 0.95), (Profile::Mixed, 0.88), (Profile::Attack, 0.7)]
        {
            let share =
                share(&generator(profile, Some(protocol)), |pickle| check(pickle).is_loadable());
            assert!(share >= least, "{profile:?} at protocol {protocol}: {share}");
        }
    }
}

#[test]
fn mixed_reaches_every_opcode_and_most_transitions() {
    for protocol in [None, Some(0), Some(5)] {
        let generator = generator(Profile::Mixed, protocol);
        let mut coverage = Coverage::new();
        let mut pickle = Vec::new();
        for index in 0..SAMPLE {
            generate_seeded(&generator, 1, index, &mut pickle);
            coverage.add(&pickle);
        }
        assert_eq!(coverage.stats().opcodes_missing, Vec::<&str>::new());
        assert!(coverage.transitions_seen() >= 4300, "{}", coverage.transitions_seen());
    }
}

#[test]
fn attacks_call() {
    let calls = |pickle: &[u8]| {
        Program::parse(pickle).codes.iter().any(|code| {
            matches!(
                code.opcode(),
                Opcode::Reduce
                    | Opcode::Inst
                    | Opcode::Obj
                    | Opcode::NewObj
                    | Opcode::NewObjEx
                    | Opcode::Build
                    | Opcode::SetItem
                    | Opcode::SetItems
                    | Opcode::Append
                    | Opcode::Appends
            )
        })
    };
    let share = share(&generator(Profile::Attack, None), calls);
    assert!(share > 0.95, "{share}");
}

#[test]
fn protocols_are_declared() {
    for protocol in 2..=5 {
        let declared = |pickle: &[u8]| pickle.starts_with(&[0x80, protocol]);
        let share = share(&generator(Profile::Mixed, Some(protocol)), declared);
        assert!(share > 0.8, "protocol {protocol}: {share}");
    }
}
