//! Renamings of the memo: programs that differ only in which of two indices is called 0.
//!
//! An unpickler's memo maps indices to values. Nothing but the opcodes with an index and MEMOIZE
//! (which stores at the number of entries) ever looks at an index, so that renaming 0 and 1
//! throughout changes neither what is loaded nor what is touched, as long as no MEMOIZE counts
//! the entries, no other index could clash, and both are spelled alike in every form.

use assay_pickle::Opcode;

use super::Alphabet;

/// The program with its memo indices renamed such that the one used first is 0, if that is
/// another program than this one; `None` if it stands for itself.
///
/// Only for programs in which every memo opcode is a plainly spelled 0 or 1, no MEMOIZE is there,
/// and every symbol is read as it is written.
pub fn with_first_memo_first(alphabet: &Alphabet, program: &[usize]) -> Option<Vec<usize>> {
    let symbols = alphabet.symbols();
    let mut first = None;
    for &at in program {
        let symbol = &symbols[at];
        if symbol.open || matches!(symbol.opcode, Opcode::Memoize | Opcode::Frame) {
            return None;
        }
        if symbol.opcode.has_memo_index() {
            let index = plain(symbol.opcode, &symbol.bytes[1..])?;
            first.get_or_insert(index);
        }
    }
    if first != Some(1) {
        return None;
    }
    program
        .iter()
        .map(|&at| {
            let symbol = &symbols[at];
            if !symbol.opcode.has_memo_index() {
                return Some(at);
            }
            let other = 1 - plain(symbol.opcode, &symbol.bytes[1..])?;
            symbols.iter().position(|candidate| {
                candidate.opcode == symbol.opcode
                    && plain(candidate.opcode, &candidate.bytes[1..]) == Some(other)
            })
        })
        .collect()
}

/// The index, if it is 0 or 1 and spelled in the one way that every reader reads alike.
fn plain(opcode: Opcode, argument: &[u8]) -> Option<u8> {
    match (opcode, argument) {
        (Opcode::Get | Opcode::Put, b"0\n") => Some(0),
        (Opcode::Get | Opcode::Put, b"1\n") => Some(1),
        (Opcode::BinGet | Opcode::BinPut, &[index @ 0..=1]) => Some(index),
        (Opcode::LongBinGet | Opcode::LongBinPut, &[index @ 0..=1, 0, 0, 0]) => Some(index),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn program(parts: &[&[u8]]) -> Vec<usize> {
        let at = |bytes: &&[u8]| {
            Alphabet::standard().symbols().iter().position(|symbol| symbol.bytes == *bytes)
        };
        parts.iter().map(at).collect::<Option<_>>().unwrap()
    }

    fn renamed(parts: &[&[u8]]) -> Option<Vec<usize>> {
        with_first_memo_first(Alphabet::standard(), &program(parts))
    }

    #[test]
    fn the_index_used_first_becomes_0() {
        let expected = program(&[b"N", b"q\x00", b"p1\n", b"h\x00"]);
        assert_eq!(renamed(&[b"N", b"q\x01", b"p0\n", b"h\x01"]), Some(expected));
        assert_eq!(renamed(&[b"N", b"q\x00", b"h\x01"]), None);
        assert_eq!(renamed(&[b"N"]), None);
    }

    #[test]
    fn what_could_tell_indices_apart_keeps_them() {
        for other in [&b"\x94"[..], b"h\xff", b"g01\n", b"p-1\n", b"\x8c\x02"] {
            assert_eq!(renamed(&[b"N", b"q\x01", other]), None, "{other:?}");
        }
    }

    #[test]
    fn what_stands_for_others_stands_for_itself() {
        let alphabet = Alphabet::standard();
        let space = super::super::Space::new(alphabet.len(), 2).unwrap();
        let mut renamings = 0;
        for number in 0..space.programs() {
            if let Some(other) = with_first_memo_first(alphabet, &space.program(number)) {
                assert_eq!(with_first_memo_first(alphabet, &other), None);
                assert_ne!(space.number(&other), number);
                renamings += 1;
            }
        }
        assert!(renamings > 500, "{renamings}");
    }
}
