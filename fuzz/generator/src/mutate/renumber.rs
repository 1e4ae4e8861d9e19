//! Numbers the memo anew: every index that is stored at and recalled moves alike.

use arbitrary::Unstructured;
use assay_pickle::{Argument, Code, Opcode, Program};

use super::{Mutator, code};
use crate::check::memo_index;
use crate::choices::Choices;
use crate::emitter::MAX_MEMO;
use crate::{Error, Result};

/// See the module.
pub(super) struct Renumber;

/// Whether the index is one that all unpicklers read alike, and small.
fn is_certain(code: &Code) -> bool {
    let instruction = code.view();
    let readable = match instruction.argument {
        Argument::Numeral(numeral) => numeral.value.is_some_and(|value| value >= 0),
        _ => true,
    };
    readable && instruction.ambiguity.is_none() && memo_index(&instruction) < MAX_MEMO as u64
}

impl Mutator for Renumber {
    fn name(&self) -> &'static str {
        "renumber"
    }

    fn keeps_meaning(&self) -> bool {
        true
    }

    fn can_mutate(&self, program: &Program) -> bool {
        let mut used =
            program.codes.iter().filter(|code| code.opcode().has_memo_index()).peekable();
        // MEMOIZE stores at the number of entries, so its index can't be moved.
        used.peek().is_some()
            && used.all(is_certain)
            && program.codes.iter().all(|code| code.opcode() != Opcode::Memoize)
    }

    fn change(&self, program: &mut Program, entropy: &mut Unstructured<'_>) -> Result<()> {
        if !self.can_mutate(program) {
            return Err(Error::NotApplicable);
        }
        let mut choices = Choices::new(entropy);
        // Adding, or exchanging neighbours: both map different indices to different ones.
        let (shift, flip) = (choices.below(300) as u64, u64::from(choices.one_in(2)));
        for old in program.codes.iter_mut().filter(|code| code.opcode().has_memo_index()) {
            let instruction = old.view();
            let index = (memo_index(&instruction) ^ flip) + shift;
            let byte = instruction.opcode.byte();
            let new = match instruction.opcode {
                Opcode::Get | Opcode::Put => {
                    code(format!("{}{index}\n", char::from(byte)).as_bytes())
                }
                Opcode::BinGet | Opcode::LongBinGet => binary(index, Opcode::BinGet),
                _ => binary(index, Opcode::BinPut),
            };
            *old = new.ok_or(Error::NotApplicable)?;
        }
        Ok(())
    }
}

/// BINGET or BINPUT, or the long form if the index needs it.
fn binary(index: u64, short: Opcode) -> Option<Code> {
    match u8::try_from(index) {
        Ok(index) => code(&[short.byte(), index]),
        Err(_) => {
            let long =
                if short == Opcode::BinGet { Opcode::LongBinGet } else { Opcode::LongBinPut };
            let mut bytes = vec![long.byte()];
            bytes.extend((index as u32).to_le_bytes());
            code(&bytes)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stores_and_recalls_move_together() {
        let mut program = Program::parse(b"Np0\n0g0\n.");
        Renumber.mutate(&mut program, &mut Unstructured::new(&[255, 255, 0])).unwrap();
        assert_eq!(program.to_bytes(), b"Np299\n0g299\n.");
        assert!(!Renumber.can_mutate(&Program::parse(b"N\x94h\0.")));
        for doubtful in ["00", "-1", "-9223372036854775809"] {
            let pickle = format!("Np{doubtful}\n0g0\n.");
            assert!(!Renumber.can_mutate(&Program::parse(pickle.as_bytes())), "{doubtful}");
        }
    }
}
