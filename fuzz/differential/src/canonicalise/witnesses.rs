//! Plain pickles that may show the same as a complicated one.

use assay_pickle::{Argument, Opcode, Program, Writer};

use super::Hints;
use crate::{fault, machine};

/// A global to ask for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Its module.
    pub module: String,
    /// Its name in the module.
    pub name: String,
    /// Whether it must be called too, with one empty `str`.
    pub call: bool,
}

/// Pickles that do nothing but reach what `like` names itself, or a stand-in, plainest first. Only
/// peculiarities of `like` are used, lest one hole be taken for another.
pub fn like(like: &Program, hints: &Hints) -> Vec<Vec<u8>> {
    let run = machine::run(&like.codes);
    let broken = !like.tail.is_empty() || run.fault.is_some() || !run.stopped;
    let uses = |opcode: Opcode| like.codes.iter().any(|code| code.opcode() == opcode);
    let places: &[&[u8]] = if run.pickles > 1 { &[b"", b"N."] } else { &[b""] };
    let ends: &[&[u8]] = if broken { &[b".", b""] } else { &[b"."] };
    let stand_ins = hints.stand_ins.iter().map(|(module, name)| Target {
        module: (*module).to_owned(),
        name: (*name).to_owned(),
        call: hints.call,
    });
    let mut out = Vec::new();
    // Name by name, so that a hole that any name goes through is not taken for a missing name.
    let mut reach = |targets: &[Target]| {
        for place in places {
            for end in ends {
                for form in [Form::Plain, Form::Stack, Form::Shadowed, Form::Inst, Form::Obj] {
                    if form.needs().iter().all(|any| any.iter().any(|&opcode| uses(opcode))) {
                        let whole = |target: &Target| [place, &*target.form(form), end].concat();
                        out.extend(targets.iter().map(whole));
                    }
                }
            }
        }
    };
    reach(&hints.own);
    for stand_in in stand_ins {
        reach(&[stand_in]);
    }
    out
}

/// Plain pickles without an end that reach what this one names, or a stand-in.
pub fn cut_off(program: &Program, hints: &Hints) -> Vec<Vec<u8>> {
    let run = machine::run(&program.codes);
    let mut out = Vec::new();
    let mut put = |module: &str, name: &str| {
        let target = Target { module: module.into(), name: name.into(), call: hints.call };
        out.push(target.form(Form::Plain));
    };
    for step in run.steps.iter().filter(|step| fault::names(step.opcode)) {
        if let Some((module, name)) = fault::module_and_name(program, &run, step)
            && is_plain(&module)
            && is_plain(&name)
        {
            put(&module, &name);
        }
    }
    for (module, name) in hints.stand_ins {
        put(module, name);
    }
    out
}

/// Whether GLOBAL can spell it.
pub fn is_plain(text: &str) -> bool {
    !text.is_empty() && !text.contains('\n')
}

/// Ways of naming a target and calling it.
#[derive(Clone, Copy)]
enum Form {
    /// GLOBAL and REDUCE.
    Plain,
    /// STACK_GLOBAL and REDUCE.
    Stack,
    /// As `Stack`, with another name pushed and dropped between.
    Shadowed,
    /// INST.
    Inst,
    /// OBJ.
    Obj,
}

impl Form {
    /// Opcodes, one of each row, without which a pickle gives no reason to try it.
    fn needs(self) -> &'static [&'static [Opcode]] {
        match self {
            Self::Plain => &[],
            Self::Stack => &[&[Opcode::StackGlobal]],
            Self::Shadowed => &[&[Opcode::StackGlobal], &[Opcode::Pop, Opcode::PopMark]],
            Self::Inst => &[&[Opcode::Inst]],
            Self::Obj => &[&[Opcode::Obj]],
        }
    }
}

impl Target {
    /// The opcodes that name the target in this way, and call it if that is wanted.
    fn form(&self, form: Form) -> Vec<u8> {
        let mut writer = Writer::new();
        let name = Argument::Name { module: self.module.as_bytes(), name: self.name.as_bytes() };
        let argument = |writer: &mut Writer| {
            if self.call {
                writer.str("", 4);
            }
        };
        match form {
            Form::Inst => {
                writer.op(Opcode::Mark);
                argument(&mut writer);
                writer.instruction(Opcode::Inst, &name);
            }
            Form::Obj => {
                writer.op(Opcode::Mark).instruction(Opcode::Global, &name);
                argument(&mut writer);
                writer.op(Opcode::Obj);
            }
            Form::Plain | Form::Stack | Form::Shadowed => {
                match form {
                    Form::Plain => writer.instruction(Opcode::Global, &name),
                    Form::Stack => writer.str(&self.module, 4).str(&self.name, 4),
                    _ => {
                        writer.str(&self.module, 4).str(&self.name, 4);
                        // Harmless in any list of the harmless.
                        writer.str("builtins", 4).str("set", 4);
                        writer.op(Opcode::Pop).op(Opcode::Pop)
                    }
                };
                if !matches!(form, Form::Plain) {
                    writer.op(Opcode::StackGlobal);
                }
                if self.call {
                    argument(&mut writer);
                    writer.op(Opcode::Tuple1).op(Opcode::Reduce);
                }
            }
        }
        writer.take()
    }
}
