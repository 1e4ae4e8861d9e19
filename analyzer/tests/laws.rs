//! Laws that hold for every pickle: what must never turn an unsafe verdict into `safe`.

use std::sync::LazyLock;

use assay_analyzer::{Policy, Verdict, analyze};
use assay_pickle::{Opcode, Program};
use proptest::prelude::*;

/// Pieces of programs: data, names, calls, state, memo, marks, frames, faults.
const PIECES: [&[u8]; 34] = [
    b"N",
    b"K\x01",
    b"I01\n",
    b"I010\n",
    b"Vos\n",
    b"X\x06\0\0\0system",
    b"S'a'\n",
    b"]",
    b"}",
    b")",
    b"(",
    b"t",
    b"\x85",
    b"\x86",
    b"0",
    b"1",
    b"2",
    b"q\x00",
    b"h\x00",
    b"\x94",
    b"a",
    b"s",
    b"u",
    b"cos\nsystem\n",
    b"ccollections\nOrderedDict\n",
    b"c_codecs\nencode\n",
    b"\x93",
    b"R",
    b"o",
    b"b",
    b"\x81",
    b".",
    b"\x80\x02",
    b"\x95\x03\0\0\0\0\0\0\0",
];

fn program() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop::sample::select(PIECES.to_vec());
    prop::collection::vec(piece, 1..24).prop_map(|pieces| {
        let mut bytes = pieces.concat();
        bytes.push(b'.');
        bytes
    })
}

fn verdict(bytes: &[u8]) -> Verdict {
    static POLICY: LazyLock<Policy> =
        LazyLock::new(|| Policy::load(&["stdlib"]).expect("the profile is built in"));
    analyze(bytes, &POLICY).verdict
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_stop_with_more_behind_it_is_at_least_as_bad(first in program(), second in program()) {
        prop_assert!(verdict(&[first.clone(), second].concat()) >= verdict(&first));
    }

    #[test]
    fn a_cut_pickle_is_never_safe(bytes in program(), at in any::<prop::sample::Index>()) {
        let cut = &bytes[..at.index(bytes.len())];
        if !cut.ends_with(b".") {
            prop_assert_ne!(verdict(cut), Verdict::Safe);
        }
    }

    #[test]
    fn noise_before_stop_changes_nothing(bytes in program()) {
        let mut program = Program::parse(&bytes);
        let framed = program.codes.iter().any(|code| code.opcode() == Opcode::Frame);
        let stop = program.codes.iter().position(|code| code.opcode() == Opcode::Stop);
        if let (false, Some(stop)) = (framed, stop) {
            let noise = Program::parse(b"N0").codes;
            program.codes.splice(stop..stop, noise);
            prop_assert_eq!(verdict(&program.to_bytes()), verdict(&bytes));
        }
    }

    #[test]
    fn any_bytes_get_a_verdict(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        verdict(&bytes);
    }
}
