//! Puts calls in: around an object that stands on the stack, or of a gadget beside it.

use arbitrary::Unstructured;
use assay_corpus::gadgets;
use assay_pickle::{Code, Opcode, Program};

use super::{MAX_CODES, Mutator, depths, first_stop};
use crate::choices::Choices;
use crate::emitter::Emitter;
use crate::grammar::Grammar;
use crate::{Error, Profile, Result, SafeGlobal};

/// Gives the top of the stack to a call, whose result takes its place.
pub(super) struct Wrap;

/// Calls that take the top: what to write before (below it, hence after a swap by memo) and after.
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
        let end = first_stop(program).min(depths.len().saturating_sub(1));
        let from = choices.below((end + 1).min(MAX_CODES));
        let place = (from..=end).find(|&place| depths[place].0 > 0).ok_or(Error::NotApplicable)?;
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

/// Calls a gadget and drops the result, or leaves it in the place of the top.
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
        let end = first_stop(program).min(depths.len().saturating_sub(1));
        let place = choices.below((end + 1).min(MAX_CODES));
        let (depth, _) = *depths.get(place).ok_or(Error::NotApplicable)?;
        let instead = depth > 0 && choices.one_in(2);
        let gadget = choices.pick(gadgets());
        let mut bytes = Vec::new();
        let mut emitter = Emitter::new(choices, &GRAMMAR, 60, &mut bytes);
        emitter.protocol = gadget.max_protocol.min(4);
        emitter.features = emitter.features.without(crate::features::Features::MEMO);
        emitter.gadget(gadget);
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
