//! Gives the top of the stack to a call, whose result takes its place.

use arbitrary::Unstructured;
use assay_pickle::{Opcode, Program};

use super::{MAX_CODES, Mutator, depths, places};
use crate::choices::Choices;
use crate::{Error, Result};

/// See the module.
pub(super) struct Wrap;

/// Callables of one argument that take the top, module and name.
const CALLS: [(&str, &str); 10] = [
    ("builtins", "list"),
    ("builtins", "str"),
    ("builtins", "iter"),
    ("builtins", "eval"),
    ("os", "system"),
    ("decimal", "Decimal"),
    ("collections", "OrderedDict"),
    ("builtins", "getattr"),
    ("operator", "attrgetter"),
    ("_codecs", "encode"),
];

/// A memo index that picklers seldom come to, where the top waits for its call.
const WAITING: u8 = 251;

impl Mutator for Wrap {
    fn name(&self) -> &'static str {
        "wrap"
    }

    fn can_mutate(&self, program: &Program) -> bool {
        !program.codes.is_empty() && program.codes.len() < MAX_CODES
    }

    fn change(&self, program: &mut Program, entropy: &mut Unstructured<'_>) -> Result<()> {
        let mut choices = Choices::new(entropy);
        let depths = depths(program);
        let mut places = places(program, &depths, &mut choices);
        let place = places.find(|&place| depths[place].0 > 0).ok_or(Error::NotApplicable)?;
        let (module, name) = *choices.pick(&CALLS);
        let mut bytes = vec![Opcode::BinPut.byte(), WAITING, Opcode::Pop.byte()];
        bytes.extend(format!("c{module}\n{name}\n").bytes());
        bytes.extend([
            Opcode::BinGet.byte(),
            WAITING,
            Opcode::Tuple1.byte(),
            Opcode::Reduce.byte(),
        ]);
        program.codes.splice(place..place, Program::parse(&bytes).codes);
        Ok(())
    }
}
