//! Puts another opcode of the same effect on the stack in an opcode's place.

use arbitrary::Unstructured;
use assay_pickle::{ArgumentForm, Code, Opcode, Program};

use super::{Mutator, place_where};
use crate::choices::Choices;
use crate::{Error, Result};

/// See the module.
pub(super) struct Swap;

/// Opcodes without argument that take as many objects and marks as another and leave as many.
const GROUPS: [&[Opcode]; 9] = [
    &[
        Opcode::None,
        Opcode::NewTrue,
        Opcode::NewFalse,
        Opcode::EmptyList,
        Opcode::EmptyTuple,
        Opcode::EmptyDict,
        Opcode::EmptySet,
        Opcode::NextBuffer,
        Opcode::Dup,
        Opcode::Mark,
    ],
    &[Opcode::List, Opcode::Tuple, Opcode::Dict, Opcode::FrozenSet, Opcode::Obj],
    &[Opcode::Appends, Opcode::AddItems, Opcode::SetItems, Opcode::PopMark],
    &[Opcode::Append, Opcode::Build, Opcode::Pop],
    &[Opcode::Reduce, Opcode::NewObj, Opcode::StackGlobal, Opcode::Tuple2],
    &[Opcode::Append, Opcode::Build, Opcode::Reduce, Opcode::NewObj],
    &[Opcode::NewObjEx, Opcode::Tuple3, Opcode::SetItem],
    &[Opcode::Tuple1, Opcode::Memoize, Opcode::BinPersId, Opcode::ReadonlyBuffer],
    &[Opcode::Pop, Opcode::PopMark],
];

fn groups(opcode: Opcode) -> impl Iterator<Item = &'static [Opcode]> {
    GROUPS.into_iter().filter(move |group| group.contains(&opcode))
}

fn swappable(code: &Code) -> bool {
    code.bytes().len() == 1
        && code.opcode().info().form == ArgumentForm::None
        && groups(code.opcode()).next().is_some()
}

impl Mutator for Swap {
    fn name(&self) -> &'static str {
        "swap"
    }

    fn can_mutate(&self, program: &Program) -> bool {
        program.codes.iter().any(swappable)
    }

    fn change(&self, program: &mut Program, entropy: &mut Unstructured<'_>) -> Result<()> {
        let mut choices = Choices::new(entropy);
        let place = place_where(program, &mut choices, swappable).ok_or(Error::NotApplicable)?;
        let old = program.codes[place].opcode();
        let several: Vec<_> = groups(old).collect();
        let group = *choices.pick(&several);
        let own = group.iter().position(|opcode| *opcode == old).unwrap_or(0);
        let step = 1 + choices.below(group.len() - 1);
        program.codes[place] = Code::op(group[(own + step) % group.len()]);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn never_puts_back_what_was_there() {
        for byte in 0..=255 {
            let mut program = Program::parse(b"N.");
            Swap.mutate(&mut program, &mut Unstructured::new(&[0, 0, byte])).unwrap();
            assert_ne!(program.codes[0].opcode(), Opcode::None);
        }
    }
}
