//! Inserts opcodes after which the stack is as it was.

use arbitrary::Unstructured;
use assay_pickle::{Code, Opcode, Program};

use super::{MAX_CODES, Mutator, depths, places};
use crate::choices::Choices;
use crate::{Error, Result};

/// See the module.
pub(super) struct Noise;

/// Noise that any stack bears.
const ANYWHERE: [&[u8]; 6] = [b"N0", b"(0", b"(N1", b"X\x02\0\0\0os0", b"((10", b")0"];

/// Noise that needs an object at the top.
const ON_TOP: [&[u8]; 2] = [b"20", b"2200"];

impl Mutator for Noise {
    fn name(&self) -> &'static str {
        "noise"
    }

    fn keeps_meaning(&self) -> bool {
        true
    }

    fn can_mutate(&self, program: &Program) -> bool {
        !program.codes.is_empty() && program.codes.len() < MAX_CODES
    }

    fn change(&self, program: &mut Program, entropy: &mut Unstructured<'_>) -> Result<()> {
        let mut choices = Choices::new(entropy);
        let depths = depths(program);
        let place = *places(program, &depths, &mut choices).start();
        let (depth, _) = *depths.get(place).ok_or(Error::NotApplicable)?;
        let noise = if depth > 0 && choices.one_in(3) {
            *choices.pick(&ON_TOP)
        } else {
            *choices.pick(&ANYWHERE)
        };
        let codes: Vec<Code> = Program::parse(noise).codes;
        debug_assert!(codes.iter().all(|code| code.opcode() != Opcode::Stop));
        program.codes.splice(place..place, codes);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::Machine;

    #[test]
    fn noise_leaves_the_stack_as_it_was() {
        for noise in ANYWHERE.iter().chain(&ON_TOP) {
            let mut machine = Machine::new();
            machine.step(Opcode::None, 0).unwrap();
            for code in Program::parse(noise).codes {
                machine.step(code.opcode(), 0).unwrap();
            }
            assert_eq!((machine.depth(), machine.marks()), (1, 0), "{}", noise.escape_ascii());
        }
    }
}
