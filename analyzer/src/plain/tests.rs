//! What is called plain, and that the machine says the same of it.

use std::sync::LazyLock;

use proptest::prelude::*;

use super::protocol;
use crate::loader::Loader;
use crate::stream::analyze_in_full;
use crate::{Limits, Policy, Verdict, analyze};

/// Pieces of plain data, and what it is not made of.
const PIECES: [&[u8]; 40] = [
    b"N",
    b"\x88",
    b"K\x01",
    b"M\x01\x02",
    b"J\0\0\0\0",
    b"\x8a\x01\x05",
    b"\x8b\x01\0\0\0\x05",
    b"G\0\0\0\0\0\0\0\0",
    b"\x8c\x01a",
    b"\x8c\x01\xff",
    b"X\x03\0\0\0\xed\xa0\x80",
    b"\x8d\x01\0\0\0\0\0\0\0b",
    b"C\x01a",
    b"C\x04\x80\x04N.",
    b"B\x01\0\0\0.",
    b"U\x01a",
    b"]",
    b"}",
    b")",
    b"\x8f",
    b"\x85",
    b"\x86",
    b"\x87",
    b"(",
    b"t",
    b"l",
    b"a",
    b"e",
    b"s",
    b"u",
    b"0",
    b"2",
    b"\x94",
    b"q\0",
    b"r\x01\0\0\0",
    b"h\0",
    b"j\x01\0\0\0",
    b"\x95\x03\0\0\0\0\0\0\0",
    b"\x95\x01\0\0\0\0\0\0\0",
    b"\x80\x04",
];

/// Whether the bytes are plain; then the machine must say the same of them.
fn agrees(bytes: &[u8]) -> bool {
    static POLICY: LazyLock<Policy> = LazyLock::new(|| Policy::load(&["pandas"]).unwrap());
    let limits = Limits::default();
    let Some(protocol) = protocol(bytes, limits.memory) else { return false };
    let machine = analyze_in_full(bytes, &POLICY, Loader::Pickle, &limits);
    assert_eq!(machine.verdict, Verdict::Safe, "{bytes:?}: {:?}", machine.reasons().next());
    assert_eq!(machine.pickles[0].protocol, protocol);
    assert_eq!(machine, analyze(bytes, &POLICY), "{bytes:?}");
    true
}

fn pickle(pieces: &[&[u8]]) -> Vec<u8> {
    [&[&b"\x80\x04"[..]], pieces, &[&b"."[..]]].concat().concat()
}

#[test]
fn the_machine_says_the_same_of_all_that_is_short() {
    let mut plain = 0;
    let none: &[u8] = b"";
    let pieces = || PIECES.into_iter().chain([none]);
    for first in pieces() {
        for second in pieces() {
            for third in pieces() {
                plain += usize::from(agrees(&pickle(&[first, second, third])));
            }
        }
    }
    assert!(plain > 300, "{plain}");
}

#[test]
fn what_picklers_write_of_data_is_plain() {
    for (pickle, plain) in [
        // {'a': [1, (2.5, None), 'a'], 3: ()}, in a frame too long, in one that fits, in protocol 2.
        (&b"\x80\x04\x95\x21\0\0\0\0\0\0\0}\x94(\x8c\x01a\x94]\x94(K\x01G@\x04\0\0\0\0\0\0N\x86\x94h\x01eK\x03)u."[..], false),
        (b"\x80\x04\x95\x20\0\0\0\0\0\0\0}\x94(\x8c\x01a\x94]\x94(K\x01G@\x04\0\0\0\0\0\0N\x86\x94h\x01eK\x03)u.", true),
        (b"\x80\x02}q\0(X\x01\0\0\0aq\x01]q\x02(K\x01G@\x04\0\0\0\0\0\0N\x86q\x03h\x01eK\x03)u.", true),
        // A list that is fetched may be changed by then; a tuple may not.
        (b"\x80\x04]\x94h\0\x86.", false),
        (b"\x80\x04)\x94h\0\x86.", true),
        // No key.
        (b"\x80\x04}]Ns.", false),
        (b"\x80\x04})Ns.", false),
        // Frames: behind one another, unfinished, straddled, beyond the input.
        (b"\x80\x04\x95\x01\0\0\0\0\0\0\0N\x95\x02\0\0\0\0\0\0\0\x85.", true),
        (b"\x80\x04\x95\x01\0\0\0\0\0\0\0N\x8c\x01a\x86.", true),
        (b"\x80\x04\x95\x03\0\0\0\0\0\0\0N.", false),
        (b"\x80\x04\x95\x01\0\0\0\0\0\0\0K\x01.", false),
        (b"\x80\x04\x95\x03\0\0\0\0\0\0\0K\x01.\0", false),
        // Within one another; MEMOIZE behind the end of one.
        (b"\x80\x04\x95\x0b\0\0\0\0\0\0\0\x95\0\0\0\0\0\0\0\0N.", false),
        (b"\x80\x04\x95\x01\0\0\0\0\0\0\0]\x94\x95\x01\0\0\0\0\0\0\0.", true),
        // A mark is no object, and nothing below one is taken.
        (b"\x80\x04N(N\x86t.", false),
        (b"\x80\x04](\x94t.", false),
        (b"\x80\x04](Nat.", false),
        (b"\x80\x04](Nae.", false),
        (b"\x80\x04](Ne.", true),
        // Stored elsewhere than picklers would.
        (b"\x80\x04Nq\x05h\0\x86.", false),
        (b"\x80\x04Nq\0h\0\x86.", true),
        // What stands behind STOP, or on the stack.
        (b"\x80\x04N.N.", false),
        (b"\x80\x04NN.", false),
        (b"\x80\x04N", false),
    ] {
        assert_eq!(agrees(pickle), plain, "{pickle:?}");
    }
}

#[test]
fn marks_are_bounded() {
    let nested =
        |marks: usize| [&b"\x80\x04"[..], &b"(".repeat(marks), &b"t".repeat(marks), b"."].concat();
    assert!(agrees(&nested(1024)));
    assert!(!agrees(&nested(1025)));
}

#[test]
fn memory_is_bounded() {
    assert_eq!(protocol(b"\x80\x04N.", 8), Some(4));
    assert_eq!(protocol(b"\x80\x04N.", 7), None);
}

fn plain() -> impl Strategy<Value = Vec<u8>> {
    let leaf = prop::sample::select(PIECES[..9].to_vec()).prop_map(<[u8]>::to_vec);
    let key = leaf.clone();
    leaf.prop_recursive(6, 60, 6, move |inner| {
        let many = |inner| prop::collection::vec(inner, 0..6).prop_map(|all| all.concat());
        let pair = (key.clone(), inner.clone()).prop_map(|(key, value)| [key, value].concat());
        prop_oneof![
            many(inner.clone().boxed()).prop_map(|all| [&b"]\x94("[..], &all, b"e"].concat()),
            many(pair.boxed()).prop_map(|all| [&b"}\x94("[..], &all, b"u"].concat()),
            many(inner.clone().boxed()).prop_map(|all| [&b"("[..], &all, b"t\x94"].concat()),
            (inner.clone(), inner).prop_map(|(one, two)| [&one[..], &two, b"\x86"].concat()),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, rng_seed: prop::test_runner::RngSeed::Fixed(20_261_201), ..ProptestConfig::default() })]

    #[test]
    fn data_is_plain_and_the_machine_says_the_same(data in plain()) {
        prop_assert!(agrees(&pickle(&[&data])));
    }

    #[test]
    fn the_machine_says_the_same_of_what_is_left_of_data(
        data in plain(),
        edits in prop::collection::vec((any::<prop::sample::Index>(), prop::sample::select(PIECES.to_vec()), 0..4_usize), 1..4),
    ) {
        let mut data = data;
        for (place, piece, cut) in edits {
            let place = place.index(data.len() + 1);
            let end = data.len().min(place + cut);
            data.splice(place..end, piece.iter().copied());
        }
        agrees(&pickle(&[&data]));
    }
}
