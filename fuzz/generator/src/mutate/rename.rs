//! Puts another name where a global is named: another idiom's, a gadget's, or one dotted further.

use arbitrary::Unstructured;
use assay_corpus::{GlobalName, gadgets};
use assay_pickle::{Argument, Code, Opcode, Program};

use super::{Mutator, code, counted, place_where};
use crate::choices::Choices;
use crate::{Error, Result, SafeGlobal};

/// See the module.
pub(super) struct Rename;

/// Where to go on to from any object.
const FURTHER: [&str; 6] =
    [".__call__", ".__class__", ".__init__", ".__reduce__", ".__globals__", ".__dict__"];

fn names(code: &Code) -> bool {
    matches!(code.opcode(), Opcode::Global | Opcode::Inst | Opcode::StackGlobal)
}

fn another(choices: &mut Choices<'_, '_>) -> GlobalName {
    let all = SafeGlobal::all();
    if choices.one_in(2) {
        choices.pick(&all).global.clone()
    } else {
        choices.pick(gadgets()).global.clone()
    }
}

impl Mutator for Rename {
    fn name(&self) -> &'static str {
        "rename"
    }

    fn can_mutate(&self, program: &Program) -> bool {
        program.codes.iter().any(names)
    }

    fn change(&self, program: &mut Program, entropy: &mut Unstructured<'_>) -> Result<()> {
        let mut choices = Choices::new(entropy);
        let place = place_where(program, &mut choices, names).ok_or(Error::NotApplicable)?;
        let old = program.codes[place].view();
        let further = choices.one_in(3);
        let name = match old.argument {
            Argument::Name { module, name } if further => {
                let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
                let suffix = choices.pick(&FURTHER);
                GlobalName { module: text(module), name: format!("{}{suffix}", text(name)) }
            }
            _ => another(&mut choices),
        };
        if old.opcode == Opcode::StackGlobal {
            // Drop what was named and name anew, so that the stack stays as deep.
            let text = |text: &str| counted(Opcode::BinUnicode, 4, text.as_bytes());
            let (Some(module), Some(name)) = (text(&name.module), text(&name.name)) else {
                return Err(Error::NotApplicable);
            };
            let pop = || Code::op(Opcode::Pop);
            program.codes.splice(place..place, [pop(), pop(), module, name]);
        } else {
            let byte = char::from(old.opcode.byte());
            let line = format!("{byte}{}\n{}\n", name.module, name.name);
            program.codes[place] = code(line.as_bytes()).ok_or(Error::NotApplicable)?;
        }
        Ok(())
    }
}
