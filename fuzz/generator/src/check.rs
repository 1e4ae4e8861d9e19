//! Whether a pickle holds together, by opcodes and types alone.
//!
//! It runs the abstract machine over bytes. It knows no values, so a pickle that holds together
//! may still raise within a call; it must not be used to judge one.

use assay_pickle::{Argument, ErrorKind, Instruction, Opcode, Reader};

use crate::machine::{Fault, Machine};

/// How far a pickle gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// To STOP.
    Stopped {
        /// Nothing but the result was left on the stack, and no mark.
        balanced: bool,
    },
    /// To an opcode that can't run.
    Fault {
        /// Offset in bytes of the opcode.
        offset: usize,
        /// Why.
        fault: Fault,
    },
    /// To bytes that can't be read.
    Malformed {
        /// Offset in bytes of the opcode.
        offset: usize,
        /// Why.
        kind: ErrorKind,
    },
}

impl Outcome {
    /// Whether it gets to STOP.
    pub fn is_loadable(self) -> bool {
        matches!(self, Self::Stopped { .. })
    }
}

/// The memo index that an instruction names; 0 if it names none or one that is in doubt.
pub(crate) fn memo_index(instruction: &Instruction<'_>) -> u64 {
    match instruction.argument {
        Argument::UInt(index) => index,
        Argument::Numeral(numeral) => {
            numeral.value.and_then(|value| u64::try_from(value).ok()).unwrap_or(0)
        }
        _ => 0,
    }
}

/// Runs the first pickle of `bytes` and says how far it gets.
pub fn check(bytes: &[u8]) -> Outcome {
    let mut machine = Machine::new();
    let mut reader = Reader::new(bytes);
    loop {
        let instruction = match reader.read() {
            Ok(instruction) => instruction,
            Err(error) => return Outcome::Malformed { offset: error.offset, kind: error.kind },
        };
        if let Err(fault) = machine.step(instruction.opcode, memo_index(&instruction)) {
            return Outcome::Fault { offset: instruction.offset, fault };
        }
        if instruction.opcode == Opcode::Stop {
            let balanced = machine.height() == 0 && machine.marks() == 0;
            return Outcome::Stopped { balanced };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_how_far_a_pickle_gets() {
        assert_eq!(check(b"N."), Outcome::Stopped { balanced: true });
        assert_eq!(check(b"NN."), Outcome::Stopped { balanced: false });
        assert!(matches!(check(b"N"), Outcome::Malformed { offset: 1, .. }));
        assert_eq!(check(b"NR."), Outcome::Fault { offset: 1, fault: Fault::Underflow });
    }

    #[test]
    fn every_seed_holds_together() {
        for seed in assay_corpus::seeds() {
            assert_eq!(check(seed.bytes), Outcome::Stopped { balanced: true }, "{}", seed.name);
        }
    }
}
