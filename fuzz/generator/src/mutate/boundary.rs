//! Puts a boundary value where an argument is.

use arbitrary::Unstructured;
use assay_pickle::{ArgumentForm, Code, Program};

use super::{Mutator, place_where};
use crate::choices::Choices;
use crate::emitter::Emitter;
use crate::grammar::Grammar;
use crate::{Error, Profile, Result, SafeGlobal};

/// See the module.
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
    fn what_can_be_read_behind_it_is_kept() {
        for byte in 0..=255 {
            let mut program = Program::parse(b"I1\nNNN.");
            Boundary.mutate(&mut program, &mut Unstructured::new(&[0, byte, byte, byte])).unwrap();
            assert!(program.to_bytes().ends_with(b"NNN."), "{:?}", program);
        }
    }
}
