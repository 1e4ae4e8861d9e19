//! Puts a literal of another type where a literal is.

use arbitrary::Unstructured;
use assay_pickle::{Code, Opcode, Program};

use super::{Mutator, code, place_where};
use crate::choices::Choices;
use crate::{Error, Result};

/// See the module.
pub(super) struct Retype;

/// Literals of every type.
const LITERALS: [&[u8]; 18] = [
    b"N",
    b"\x88",
    b"\x89",
    b"K\x00",
    b"K\x01",
    b"J\xff\xff\xff\xff",
    b"I0\n",
    b"L1L\n",
    b"\x8a\x09\0\0\0\0\0\0\0\0\x01",
    b"G\x7f\xf8\0\0\0\0\0\0",
    b"X\0\0\0\0",
    b"\x8c\x02os",
    b"S'os'\n",
    b"C\0",
    b"C\x01\xff",
    b"]",
    b"}",
    b")",
];

fn is_literal(code: &Code) -> bool {
    let info = code.opcode().info();
    info.before.is_empty()
        && info.after.len() == 1
        && !matches!(
            info.opcode,
            Opcode::Mark
                | Opcode::Global
                | Opcode::Get
                | Opcode::BinGet
                | Opcode::LongBinGet
                | Opcode::PersId
        )
}

impl Mutator for Retype {
    fn name(&self) -> &'static str {
        "retype"
    }

    fn can_mutate(&self, program: &Program) -> bool {
        program.codes.iter().any(is_literal)
    }

    fn change(&self, program: &mut Program, entropy: &mut Unstructured<'_>) -> Result<()> {
        let mut choices = Choices::new(entropy);
        let place = place_where(program, &mut choices, is_literal).ok_or(Error::NotApplicable)?;
        program.codes[place] =
            code(choices.pick::<&[u8]>(&LITERALS)).ok_or(Error::NotApplicable)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_literal_is_one() {
        for literal in LITERALS {
            assert!(is_literal(&code(literal).unwrap()), "{}", literal.escape_ascii());
        }
    }
}
