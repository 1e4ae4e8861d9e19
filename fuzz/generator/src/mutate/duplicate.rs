//! Repeats a run of opcodes, or exchanges two.

use arbitrary::Unstructured;
use assay_pickle::Program;

use super::{MAX_CODES, Mutator};
use crate::Result;
use crate::choices::Choices;

/// See the module.
pub(super) struct Duplicate;

impl Mutator for Duplicate {
    fn name(&self) -> &'static str {
        "duplicate"
    }

    fn can_mutate(&self, program: &Program) -> bool {
        (2..MAX_CODES).contains(&program.codes.len())
    }

    fn change(&self, program: &mut Program, entropy: &mut Unstructured<'_>) -> Result<()> {
        let mut choices = Choices::new(entropy);
        let count = program.codes.len();
        let start = choices.below(count);
        if choices.one_in(3) {
            let other = choices.below(count);
            program.codes.swap(start, other);
            return Ok(());
        }
        // Runs of a few: an argument, a call, an item.
        let len = 1 + choices.below(8.min(count - start));
        let run = program.codes[start..start + len].to_vec();
        let place = if choices.one_in(2) { start + len } else { choices.below(count) };
        program.codes.splice(place..place, run);
        Ok(())
    }
}
