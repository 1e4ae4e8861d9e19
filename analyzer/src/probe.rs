//! Tells pickles from other bytes, where nothing else says what they are.

use assay_pickle::{Error, ErrorKind, Opcode, Reader};

/// Opcodes read before a member that is neither framed nor declared is taken for a pickle.
const MAX_PROBE: usize = 1 << 16;

/// Opcodes that ask for a global, or call.
const ASKS: [Opcode; 7] = [
    Opcode::Global,
    Opcode::Inst,
    Opcode::StackGlobal,
    Opcode::Ext1,
    Opcode::Ext2,
    Opcode::Ext4,
    Opcode::Reduce,
];

/// Whether a member of an archive is to be judged as a pickle: it declares a protocol, or reads
/// as opcodes to a STOP, or asks for a global on the way to a fault.
pub(crate) fn is_pickle(bytes: &[u8]) -> bool {
    if matches!(bytes, [0x80, 0..=5, ..]) {
        return true;
    }
    let mut reader = Reader::new(bytes);
    let mut opcodes = 0;
    let mut names = false;
    while opcodes < MAX_PROBE {
        match reader.read() {
            Ok(instruction) if instruction.opcode == Opcode::Stop => return opcodes > 0,
            Ok(instruction) => {
                names |= ASKS.contains(&instruction.opcode);
            }
            Err(error) => return names || is_cut_name(bytes, &error),
        }
        opcodes += 1;
    }
    true
}

/// Whether a load of the bytes does anything at all: their first byte is an opcode that can be read.
pub(crate) fn is_begun(bytes: &[u8]) -> bool {
    Reader::new(bytes).read().map_or_else(|error| is_cut_name(bytes, &error), |_| true)
}

/// Whether the fault is the end of the input within a global's name: `pickle.py` asks for it.
fn is_cut_name(bytes: &[u8], error: &Error) -> bool {
    let opcode = bytes.get(error.offset).and_then(|byte| Opcode::from_byte(*byte));
    let is_name = matches!(opcode, Some(Opcode::Global | Opcode::Inst));
    is_name && error.kind == ErrorKind::MissingNewline
}

/// Whether the bytes are one pickle from the first to the last that declares its protocol or asks
/// for a global: anything less is more likely chance.
pub(crate) fn is_whole_pickle(bytes: &[u8]) -> bool {
    let mut reader = Reader::new(bytes);
    let mut telling = matches!(bytes, [0x80, 2..=5, ..]);
    while let Ok(instruction) = reader.read() {
        telling |= ASKS.contains(&instruction.opcode);
        if instruction.opcode == Opcode::Stop {
            return telling && reader.offset() == bytes.len();
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_a_pickle_and_what_is_chance() {
        for pickle in [&b"\x80\x04N."[..], b"cos\nsystem\n(S'true'\ntR.", b"\x80\x02]."] {
            assert!(is_pickle(pickle) && is_whole_pickle(pickle));
        }
        for chance in [&b"N."[..], b"The end.", b"\x80\x04N.N.", b"\x80\x04N", b""] {
            assert!(!is_whole_pickle(chance), "{chance:?}");
        }
        assert!(!is_pickle(b"The end") && is_pickle(b"cos\nsystem\n\xff"));
        assert!(is_pickle(b"cos\nsystem") && is_begun(b"cos\nsystem"));
        assert!(is_begun(b"N\0") && !is_begun(b"\xff") && !is_begun(b""));
    }
}
