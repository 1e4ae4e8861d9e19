//! A pickle as a list of encoded opcodes that can be cut, spliced and joined.

use crate::{Instruction, Opcode, Reader};

/// One opcode with its argument, as bytes. Never empty; the first byte spells the opcode.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Code(Vec<u8>);

impl Code {
    /// An opcode without argument.
    pub fn op(opcode: Opcode) -> Self {
        Self(vec![opcode.byte()])
    }

    /// The encoded instruction in `bytes`: exactly one, else `None`.
    pub fn from_bytes(bytes: Vec<u8>) -> Option<Self> {
        let len = Reader::new(&bytes).read().ok()?.len;
        (len == bytes.len()).then_some(Self(bytes))
    }

    /// Its bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Its opcode.
    pub fn opcode(&self) -> Opcode {
        self.view().opcode
    }

    /// Its decoded form; the offset is 0.
    pub fn view(&self) -> Instruction<'_> {
        Reader::new(&self.0).read().expect("a Code is made from one readable instruction")
    }
}

/// A program, and what follows its last readable opcode.
///
/// Opcodes are read on past STOP, so that a stream of several pickles is one program.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Program {
    /// The opcodes.
    pub codes: Vec<Code>,
    /// The bytes from the first unreadable opcode to the end.
    pub tail: Vec<u8>,
}

impl Program {
    /// Splits `bytes` into opcodes. `to_bytes` gives the same bytes back.
    pub fn parse(bytes: &[u8]) -> Self {
        let mut reader = Reader::new(bytes);
        let mut codes = Vec::new();
        while let Ok(instruction) = reader.read() {
            codes.push(Code(bytes[instruction.offset..instruction.end()].to_vec()));
        }
        Self { codes, tail: bytes[reader.offset()..].to_vec() }
    }

    /// The bytes of the program.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        for code in &self.codes {
            out.extend_from_slice(code.bytes());
        }
        out.extend_from_slice(&self.tail);
        out
    }
}
