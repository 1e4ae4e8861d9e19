//! Cuts a program short, within an opcode or between two, and may put a fault where it ends.

use arbitrary::Unstructured;
use assay_pickle::{Code, Opcode, Program};

use super::Mutator;
use crate::choices::Choices;
use crate::{Error, Result};

/// See the module.
pub(super) struct Truncate;

impl Mutator for Truncate {
    fn mends_frames(&self) -> bool {
        false
    }

    fn name(&self) -> &'static str {
        "truncate"
    }

    fn can_mutate(&self, program: &Program) -> bool {
        program.codes.len() >= 2
    }

    fn change(&self, program: &mut Program, entropy: &mut Unstructured<'_>) -> Result<()> {
        let mut choices = Choices::new(entropy);
        let place = 1 + choices.below((program.codes.len() - 1).min(super::MAX_CODES));
        let cut = program.codes.get(place).ok_or(Error::NotApplicable)?.clone();
        program.codes.truncate(place);
        program.tail.clear();
        match choices.below(4) {
            0 => program.codes.push(Code::op(Opcode::Stop)),
            1 => program.tail.push(0xff),
            2 if cut.bytes().len() > 1 => {
                let len = 1 + choices.below(cut.bytes().len() - 1);
                let rest = Program::parse(&cut.bytes()[..len]);
                program.codes.extend(rest.codes);
                program.tail = rest.tail;
            }
            _ => {}
        }
        Ok(())
    }
}
