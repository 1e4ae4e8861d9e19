//! Calls a gadget and drops the result, or leaves it in the place of the top.

use arbitrary::Unstructured;
use assay_corpus::gadgets;
use assay_pickle::{Code, Opcode, Program};

use super::{MAX_CODES, Mutator, depths, places};
use crate::choices::Choices;
use crate::emitter::Emitter;
use crate::grammar::Grammar;
use crate::{Error, Profile, Result, SafeGlobal};

/// See the module.
pub(super) struct Gadget;

impl Mutator for Gadget {
    fn name(&self) -> &'static str {
        "gadget"
    }

    fn can_mutate(&self, program: &Program) -> bool {
        !program.codes.is_empty() && program.codes.len() < MAX_CODES
    }

    fn change(&self, program: &mut Program, entropy: &mut Unstructured<'_>) -> Result<()> {
        static GRAMMAR: std::sync::LazyLock<Grammar> =
            std::sync::LazyLock::new(|| Grammar::new(Profile::Attack, SafeGlobal::all()));
        let mut choices = Choices::new(entropy);
        let depths = depths(program);
        let place = *places(program, &depths, &mut choices).start();
        let (depth, _) = *depths.get(place).ok_or(Error::NotApplicable)?;
        let instead = depth > 0 && choices.one_in(2);
        let gadget = choices.pick(gadgets());
        let mut bytes = Vec::new();
        let mut emitter = Emitter::new(choices, &GRAMMAR, 60, &mut bytes);
        emitter.protocol = gadget.max_protocol.min(4);
        emitter.features = emitter.features.without(crate::features::Features::MEMO);
        emitter.gadget(gadget);
        drop(emitter);
        let mut codes = Program::parse(&bytes).codes;
        if instead {
            codes.insert(0, Code::op(Opcode::Pop));
        } else {
            codes.push(Code::op(Opcode::Pop));
        }
        program.codes.splice(place..place, codes);
        Ok(())
    }
}
