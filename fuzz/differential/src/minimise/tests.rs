use assay_pickle::{Opcode, Program};
use proptest::prelude::*;

use super::*;

fn reduce(bytes: &[u8], mut interesting: impl FnMut(&[u8]) -> bool) -> Vec<u8> {
    assert!(interesting(bytes));
    let out = minimise(bytes, &mut interesting, Budget { tests: 100_000 });
    assert!(out.complete);
    assert!(interesting(&out.bytes));
    out.bytes
}

fn has(bytes: &[u8], opcode: Opcode) -> bool {
    Program::parse(bytes).codes.iter().any(|code| code.opcode() == opcode)
}

#[test]
fn what_does_not_matter_goes() {
    let bytes = b"\x80\x04\x95\x10\0\0\0\0\0\0\0N.\x80\x02]q\x00(K\x01K\x02X\x03\0\0\0abce(S'x'\nios\nsystem\nq\x01.N.";
    let out = reduce(bytes, |bytes| has(bytes, Opcode::Inst));
    assert_eq!(out, b"i\n\n");
    let out = reduce(bytes, |bytes| {
        let codes = Program::parse(bytes).codes;
        let run = crate::machine::run(&codes);
        run.fault.is_none() && run.stopped && has(bytes, Opcode::Inst)
    });
    assert_eq!(out, b"(i\n\n.");
}

#[test]
fn values_are_replaced_by_their_parts() {
    let bytes = b"((K\x01(K\x02X\x03\0\0\0abcttt.";
    let out = reduce(bytes, |bytes| {
        let run = crate::machine::run(&Program::parse(bytes).codes);
        run.stopped && bytes.windows(3).any(|w| w == b"abc")
    });
    assert_eq!(out, b"X\x03\0\0\0abc.");
}

#[test]
fn dropping_a_memoize_renames_later_entries() {
    let bytes = b"K\x01\x940K\x02\x940K\x03\x940h\x02.";
    let out = reduce(bytes, |bytes| {
        let codes = Program::parse(bytes).codes;
        let run = crate::machine::run(&codes);
        run.fault.is_none()
            && run.stopped
            && has(bytes, Opcode::Memoize)
            && has(bytes, Opcode::BinGet)
    });
    assert_eq!(out, b"N\x94h\0.");
}

#[test]
fn frames_shrink_with_what_they_hold() {
    let bytes = b"\x95\x0b\0\0\0\0\0\0\0K\x01K\x02K\x03000N.";
    let framed = |bytes: &[u8]| {
        let program = Program::parse(bytes);
        let [frame, rest @ ..] = program.codes.as_slice() else { return false };
        let length: usize = rest.iter().map(|code| code.bytes().len()).sum();
        let declared = frame.bytes().get(1).copied().map(usize::from);
        frame.opcode() == Opcode::Frame && declared == Some(length) && has(bytes, Opcode::Stop)
    };
    let out = reduce(bytes, framed);
    assert_eq!(out, b"\x95\x01\0\0\0\0\0\0\0.");
}

#[test]
fn a_spent_budget_still_leaves_something_interesting() {
    let bytes = vec![b'N'; 500];
    let mut asked = 0;
    let out = minimise(
        &bytes,
        &mut |bytes: &[u8]| {
            asked += 1;
            bytes.len() >= 100
        },
        Budget { tests: 5 },
    );
    assert_eq!((out.tests, out.complete, asked), (5, false, 5));
    assert!(out.bytes.len() >= 100);
}

/// Programs with a bit of everything, unreadable ends included.
fn pickles() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        Just(b"N".to_vec()),
        Just(b"(".to_vec()),
        Just(b"t".to_vec()),
        Just(b"K\x07".to_vec()),
        Just(b"X\x02\0\0\0os".to_vec()),
        Just(b"\x94".to_vec()),
        Just(b"h\x00".to_vec()),
        Just(b"cos\nsystem\n".to_vec()),
        Just(b"R".to_vec()),
        Just(b"0".to_vec()),
        Just(b".".to_vec()),
        Just(b"\xff".to_vec()),
    ];
    proptest::collection::vec(piece, 1..24).prop_map(|pieces| pieces.concat())
}

fn assert_one_minimal(out: &[u8], interesting: &dyn Fn(&[u8]) -> bool) {
    let program = Program::parse(out);
    for i in 0..program.codes.len() {
        let mut without = program.clone();
        without.codes.remove(i);
        assert!(!interesting(&without.to_bytes()), "opcode {i} of {out:?} can go");
    }
}

/// Asked about several at once, all of which it looks at.
struct Wide<F>(F, usize);

impl<F: Fn(&[u8]) -> bool> Predicate for Wide<F> {
    fn first(&mut self, candidates: &[&[u8]]) -> Option<usize> {
        assert!((1..=self.1).contains(&candidates.len().div_ceil(2)), "{}", candidates.len());
        let all: Vec<bool> = candidates.iter().map(|candidate| (self.0)(candidate)).collect();
        all.into_iter().position(|interesting| interesting)
    }

    fn width(&self) -> usize {
        self.1
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..Default::default() })]

    #[test]
    fn one_minimal_for_monotone_predicates(bytes in pickles(), wanted in 0usize..6) {
        let wanted = [Opcode::None, Opcode::Mark, Opcode::BinGet, Opcode::Global, Opcode::Stop, Opcode::Pop][wanted];
        prop_assume!(has(&bytes, wanted));
        let interesting = |bytes: &[u8]| has(bytes, wanted);
        let out = reduce(&bytes, interesting);
        assert_one_minimal(&out, &interesting);
        prop_assert_eq!(Program::parse(&out).codes.len(), 1);
    }

    #[test]
    fn one_minimal_for_arbitrary_predicates(bytes in pickles(), salt: u64, modulus in 2u64..5) {
        let original = bytes.clone();
        let interesting = move |candidate: &[u8]| {
            let hash = blake3::hash(candidate);
            let word = u64::from_le_bytes(*hash.as_bytes().first_chunk().unwrap());
            candidate == original || (word ^ salt).is_multiple_of(modulus)
        };
        let out = reduce(&bytes, &interesting);
        assert_one_minimal(&out, &interesting);
        let again = reduce(&bytes, &interesting);
        prop_assert_eq!(out, again);
    }

    #[test]
    fn asking_about_several_at_once_changes_nothing(
        bytes in pickles(), salt: u64, modulus in 2u64..12, tests in 0usize..400, width in 2usize..40,
    ) {
        let original = bytes.clone();
        let interesting = move |candidate: &[u8]| {
            let hash = blake3::hash(candidate);
            let word = u64::from_le_bytes(*hash.as_bytes().first_chunk().unwrap());
            candidate == original || (word ^ salt).is_multiple_of(modulus)
        };
        let budget = Budget { tests };
        let one = minimise(&bytes, &mut interesting.clone(), budget);
        let wide = minimise(&bytes, &mut Wide(interesting, width), budget);
        prop_assert_eq!(one, wide);
    }
}
