//! Whether a program can act on what it resolves, or does no more than resolve it.

use assay_generator::exhaustive::Alphabet;
use assay_oracle::{DenyObservation, Observation, Outcome, TouchKind};
use assay_pickle::Opcode as O;

/// Opcodes whose handlers build plain values, move them about, or resolve a global: they call
/// nothing that a pickle named, hash nothing and set nothing.
const STILL: [O; 44] = [
    O::Int,
    O::BinInt,
    O::BinInt1,
    O::BinInt2,
    O::Long,
    O::Long1,
    O::Long4,
    O::String,
    O::BinString,
    O::ShortBinString,
    O::BinBytes,
    O::ShortBinBytes,
    O::BinBytes8,
    O::ByteArray8,
    O::None,
    O::NewTrue,
    O::NewFalse,
    O::Unicode,
    O::ShortBinUnicode,
    O::BinUnicode,
    O::BinUnicode8,
    O::Float,
    O::BinFloat,
    O::EmptyList,
    O::EmptyTuple,
    O::Tuple,
    O::Tuple1,
    O::Tuple2,
    O::Tuple3,
    O::EmptyDict,
    O::EmptySet,
    O::Pop,
    O::Dup,
    O::Mark,
    O::PopMark,
    O::BinGet,
    O::LongBinGet,
    O::BinPut,
    O::LongBinPut,
    O::Memoize,
    O::Global,
    O::StackGlobal,
    O::Proto,
    O::Stop,
];

/// Whether a program is read as it is written, and nothing in it acts on a global.
pub fn is_still(alphabet: &Alphabet, program: &[usize]) -> bool {
    program.iter().all(|&at| {
        let symbol = &alphabet.symbols()[at];
        !symbol.open && STILL.contains(&symbol.opcode)
    })
}

/// Whether everything that a still program can touch was seen: it was loaded to its end, and asked
/// for allowed globals only.
pub fn was_seen_whole(seen: &DenyObservation) -> bool {
    matches!(seen.outcome, Outcome::Loaded | Outcome::Raised)
        && seen.complete
        && seen.persistent == 0
        && seen.resolved.iter().all(|asked| asked.allowed)
}

/// Whether the unpickler itself did more than resolve and import.
pub fn acted(seen: &Observation) -> bool {
    seen.touched.iter().any(|touched| {
        touched.by.is_none() && !matches!(touched.kind, TouchKind::Resolve | TouchKind::Import)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn still(parts: &[&[u8]]) -> bool {
        let at = |bytes: &&[u8]| {
            Alphabet::standard().symbols().iter().position(|symbol| symbol.bytes == *bytes)
        };
        is_still(Alphabet::standard(), &parts.iter().map(at).collect::<Option<Vec<_>>>().unwrap())
    }

    #[test]
    fn whoever_acts_is_not_still() {
        assert!(still(&[b"cx\ny\n", b")", b"."]));
        for acting in [
            &b"R"[..],
            b"b",
            b"o",
            b"a",
            b"e",
            b"s",
            b"u",
            b"d",
            b"l",
            b"\x81",
            b"\x90",
            b"\x91",
            b"\x92",
            b"Q",
            b"\x97",
            b"\x98",
            b"\x82\x01",
            b"ix\ny\n",
        ] {
            assert!(!still(&[b"cx\ny\n", acting]), "{acting:?}");
        }
        // Read otherwise than written.
        assert!(!still(&[b"cx\ny\n", b"\x8c\x02"]));
        assert!(!still(&[b"\x95\0\0\0\0\0\0\0\0", b"cx\ny\n"]));
    }
}
