//! Leaves out a run of opcodes.

use arbitrary::Unstructured;
use assay_pickle::Program;

use super::Mutator;
use crate::Result;
use crate::choices::Choices;

/// See the module.
pub(super) struct Delete;

impl Mutator for Delete {
    fn name(&self) -> &'static str {
        "delete"
    }

    fn can_mutate(&self, program: &Program) -> bool {
        program.codes.len() >= 2
    }

    fn change(&self, program: &mut Program, entropy: &mut Unstructured<'_>) -> Result<()> {
        let mut choices = Choices::new(entropy);
        let start = choices.below(program.codes.len().min(super::MAX_CODES));
        let longest = if choices.one_in(4) { 8 } else { 1 };
        let len = 1 + choices.below(longest.min(program.codes.len() - start));
        program.codes.drain(start..start + len);
        Ok(())
    }
}
