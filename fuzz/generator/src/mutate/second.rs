//! Moves the end of a program into a second pickle, or puts a harmless pickle before it.

use arbitrary::Unstructured;
use assay_pickle::{Code, Opcode, Program};

use super::{MAX_CODES, Mutator};
use crate::Result;
use crate::choices::Choices;

/// See the module.
pub(super) struct Second;

impl Mutator for Second {
    fn name(&self) -> &'static str {
        "second"
    }

    fn can_mutate(&self, program: &Program) -> bool {
        (2..MAX_CODES).contains(&program.codes.len())
    }

    fn change(&self, program: &mut Program, entropy: &mut Unstructured<'_>) -> Result<()> {
        let mut choices = Choices::new(entropy);
        match choices.below(3) {
            0 => {
                let first = [Code::op(Opcode::None), Code::op(Opcode::Stop)];
                program.codes.splice(0..0, first);
            }
            1 => {
                // Memo and stack are lost here, unless one unpickler goes on.
                let place = 1 + choices.below(program.codes.len() - 1);
                program.codes.insert(place, Code::op(Opcode::Stop));
            }
            _ => {
                let again = program.codes.clone();
                if program.tail.is_empty() {
                    program.codes.extend(again);
                } else {
                    program.codes.push(Code::op(Opcode::Stop));
                }
            }
        }
        Ok(())
    }
}
