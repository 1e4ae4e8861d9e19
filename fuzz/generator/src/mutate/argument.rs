//! Changes arguments: to one of another type, or to a boundary of their form.

use arbitrary::Unstructured;
use assay_pickle::{ArgumentForm, Code, Opcode, Program};

use super::{Mutator, code, place_where};
use crate::choices::Choices;
use crate::emitter::Emitter;
use crate::grammar::Grammar;
use crate::{Error, Profile, Result, SafeGlobal};

/// Puts a literal of another type where a literal is.
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

/// Puts a boundary value where an argument is.
pub(super) struct Boundary;

fn has_argument(code: &Code) -> bool {
    code.opcode().info().form != ArgumentForm::None
}

impl Mutator for Boundary {
    fn mends_frames(&self) -> bool {
        false
    }

    fn name(&self) -> &'static str {
        "boundary"
    }

    fn can_mutate(&self, program: &Program) -> bool {
        program.codes.iter().any(has_argument)
    }

    fn change(&self, program: &mut Program, entropy: &mut Unstructured<'_>) -> Result<()> {
        static GRAMMAR: std::sync::LazyLock<Grammar> =
            std::sync::LazyLock::new(|| Grammar::new(Profile::Divergent, SafeGlobal::all()));
        let mut choices = Choices::new(entropy);
        let place = place_where(program, &mut choices, has_argument).ok_or(Error::NotApplicable)?;
        let mut bytes = Vec::new();
        Emitter::new(choices, &GRAMMAR, 8, &mut bytes).boundary(program.codes[place].opcode());
        match Code::from_bytes(bytes.clone()) {
            Some(code) => program.codes[place] = code,
            None => {
                // Not readable as it stands: the rest may be, and is kept behind it.
                let rest = program.codes.split_off(place);
                for code in &rest[1..] {
                    bytes.extend_from_slice(code.bytes());
                }
                bytes.append(&mut program.tail);
                let parsed = Program::parse(&bytes);
                program.codes.extend(parsed.codes);
                program.tail = parsed.tail;
            }
        }
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
