//! Plainer programs with the same touches, each with one peculiarity less.
//!
//! A rewriting never leads back to what another one made, so that applying them ends.

use assay_pickle::{Argument, Code, Opcode, Program, Writer};

use super::Hints;
use super::witnesses::is_plain;
use crate::fault;
use crate::machine::{self, Kind, Run, literal_text};

/// Every program that comes of one rewriting.
pub fn of(program: &Program, hints: &Hints) -> Vec<Program> {
    let run = machine::run(&program.codes);
    let mut out = Vec::new();
    for step in &run.steps {
        let replaced = match step.opcode {
            Opcode::Inst => inst(program, &run, step),
            Opcode::Obj => obj(program, &run, step),
            Opcode::NewObj => Some((step.index, step.index + 1, vec![Code::op(Opcode::Reduce)])),
            Opcode::NewObjEx => {
                let pop_and_reduce = vec![Code::op(Opcode::Pop), Code::op(Opcode::Reduce)];
                Some((step.index, step.index + 1, pop_and_reduce))
            }
            Opcode::StackGlobal => stack_global(&run, step),
            Opcode::PopMark => pop_mark(program, &run, step),
            Opcode::Global => global(&program.codes[step.index]).map(|code| instead(step, code)),
            _ => text(program, &run, step).or_else(|| literal(&program.codes[step.index], step)),
        };
        out.extend(replaced.map(|replacement| apply(program, vec![replacement])));
    }
    for step in run.steps.iter().filter(|step| fault::names(step.opcode)) {
        out.extend(renamed(program, &run, step, hints));
    }
    out.extend(short_strings(program));
    out
}

fn apply(program: &Program, mut replacements: Vec<Replacement>) -> Program {
    replacements.sort_by_key(|&(start, ..)| std::cmp::Reverse(start));
    let mut codes = program.codes.clone();
    for (start, end, new) in replacements {
        codes.splice(start..end, new);
    }
    Program { codes, tail: program.tail.clone() }
}

fn instead(step: &machine::Step, code: Code) -> Replacement {
    (step.index, step.index + 1, vec![code])
}

/// A range of opcodes and what replaces it.
type Replacement = (usize, usize, Vec<Code>);

fn encode(opcode: Opcode, argument: Argument<'_>) -> Option<Code> {
    let mut writer = Writer::new();
    writer.instruction(opcode, &argument);
    Code::from_bytes(writer.take())
}

/// `( args INST` as `GLOBAL ( args TUPLE REDUCE`.
fn inst(program: &Program, run: &Run, step: &machine::Step) -> Option<Replacement> {
    let start = run.values[step.gave?].first;
    let name = encode(Opcode::Global, program.codes[step.index].view().argument)?;
    let mut new = vec![name];
    new.extend_from_slice(&program.codes[start..step.index]);
    new.extend([Code::op(Opcode::Tuple), Code::op(Opcode::Reduce)]);
    Some((start, step.index + 1, new))
}

/// `( callable args OBJ` as `callable ( args TUPLE REDUCE`.
fn obj(program: &Program, run: &Run, step: &machine::Step) -> Option<Replacement> {
    let start = run.values[step.gave?].first;
    let callable = &run.values[*step.took.first()?];
    if callable.first != start + 1 {
        return None;
    }
    let end = callable.made_by + 1;
    let mut new = program.codes[callable.first..end].to_vec();
    new.push(Code::op(Opcode::Mark));
    new.extend_from_slice(&program.codes[end..step.index]);
    new.extend([Code::op(Opcode::Tuple), Code::op(Opcode::Reduce)]);
    Some((start, step.index + 1, new))
}

/// STACK_GLOBAL as GLOBAL; its operands stay behind, dropped, for the minimiser to take away.
fn stack_global(run: &Run, step: &machine::Step) -> Option<Replacement> {
    let text = |i: usize| match &run.values[*step.took.get(i)?].kind {
        Kind::Text(text) if is_plain(text) => Some(text.as_bytes()),
        _ => None,
    };
    let argument = Argument::Name { module: text(0)?, name: text(1)? };
    let pop = || Code::op(Opcode::Pop);
    Some((step.index, step.index + 1, vec![pop(), pop(), encode(Opcode::Global, argument)?]))
}

/// Python 2's spellings of modules that attacks are fond of, and Python 3's
/// (`_compat_pickle.IMPORT_MAPPING`).
const RENAMED: [(&str, &str); 4] = [
    ("__builtin__", "builtins"),
    ("copy_reg", "copyreg"),
    ("commands", "subprocess"),
    ("cPickle", "pickle"),
];

/// A global of Python 2 in Python 3's spelling.
fn global(code: &Code) -> Option<Code> {
    let Argument::Name { module, name } = code.view().argument else { return None };
    let new = modern(std::str::from_utf8(module).ok()?)?;
    encode(Opcode::Global, Argument::Name { module: new.as_bytes(), name })
}

/// What Python 3 calls a module of Python 2.
pub fn modern(module: &str) -> Option<&'static str> {
    RENAMED.iter().find(|(old, _)| *old == module).map(|(_, new)| *new)
}

/// A text that is spelled in any way, or fetched or doubled, as SHORT_BINUNICODE.
fn text(program: &Program, run: &Run, step: &machine::Step) -> Option<Replacement> {
    let text = match step.opcode {
        Opcode::ShortBinUnicode => return None,
        Opcode::Get | Opcode::BinGet | Opcode::LongBinGet | Opcode::Dup => match run.kind(step)? {
            Kind::Text(text) => text.clone(),
            _ => return None,
        },
        _ => literal_text(&program.codes[step.index].view().argument)?,
    };
    u8::try_from(text.len()).ok()?;
    let code = encode(Opcode::ShortBinUnicode, Argument::Str(text.as_bytes()))?;
    Some(instead(step, code))
}

/// A literal or a memo opcode in the shortest of the forms that do the same work. Where only the
/// kind of a literal matters its value may change too.
fn literal(code: &Code, step: &machine::Step) -> Option<Replacement> {
    // 2^64: the smallest that no machine integer holds.
    const BIG: &[u8] = &[0, 0, 0, 0, 0, 0, 0, 0, 1];
    let view = code.view();
    let new = match (view.opcode, view.argument) {
        (Opcode::Int | Opcode::Long | Opcode::Long4, _) => {
            encode(Opcode::Long1, Argument::Long(BIG))
        }
        (Opcode::Float, Argument::FloatText(text)) => {
            let value: f64 = std::str::from_utf8(text).ok()?.trim().parse().ok()?;
            encode(Opcode::BinFloat, Argument::Float(value))
        }
        (Opcode::Ext2 | Opcode::Ext4, _) => encode(Opcode::Ext1, Argument::UInt(1)),
        (Opcode::LongBinPut, Argument::UInt(key)) if key < 256 => {
            encode(Opcode::BinPut, Argument::UInt(key))
        }
        (Opcode::LongBinGet, Argument::UInt(key)) if key < 256 => {
            encode(Opcode::BinGet, Argument::UInt(key))
        }
        (Opcode::Put, Argument::Numeral(numeral)) => {
            let key = numeral.value.and_then(|key| u8::try_from(key).ok())?;
            encode(Opcode::BinPut, Argument::UInt(key.into()))
        }
        (Opcode::Get, Argument::Numeral(numeral)) => {
            let key = numeral.value.and_then(|key| u8::try_from(key).ok())?;
            encode(Opcode::BinGet, Argument::UInt(key.into()))
        }
        _ => None,
    };
    Some(instead(step, new?))
}

/// 8-bit strings in the form that gives their length in one byte.
fn short_strings(program: &Program) -> Vec<Program> {
    let mut out = Vec::new();
    for (index, code) in program.codes.iter().enumerate() {
        let bytes = match (code.opcode(), code.view().argument) {
            (Opcode::BinString, Argument::String8(bytes)) => bytes.to_vec(),
            (Opcode::String, argument) => match literal_text(&argument) {
                Some(text) => text.into_bytes(),
                None => continue,
            },
            _ => continue,
        };
        if let Some(new) = encode(Opcode::ShortBinString, Argument::String8(&bytes)) {
            out.push(apply(program, vec![(index, index + 1, vec![new])]));
        }
    }
    out
}

/// `( a b POP_MARK` as `a b POP POP`.
fn pop_mark(program: &Program, run: &Run, step: &machine::Step) -> Option<Replacement> {
    let mark = run.values[*step.took.first()?].first.checked_sub(1)?;
    if program.codes[mark].opcode() != Opcode::Mark {
        return None;
    }
    let mut new = program.codes[mark + 1..step.index].to_vec();
    new.extend(step.took.iter().map(|_| Code::op(Opcode::Pop)));
    Some((mark, step.index + 1, new))
}

/// The same with a stand-in for what is named; and with it called on one empty text, where the
/// arguments were made for the other.
fn renamed(program: &Program, run: &Run, step: &machine::Step, hints: &Hints) -> Vec<Program> {
    let Some((module, name)) = fault::module_and_name(program, run, step) else {
        return Vec::new();
    };
    let known = hints.stand_ins.iter().position(|&(m, n)| (m, n) == (&module, &name));
    let better = &hints.stand_ins[..known.unwrap_or(hints.stand_ins.len())];
    let mut out = Vec::new();
    for (module, name) in better {
        let Some(naming) = spelled(program, run, step, module, name) else { continue };
        out.push(apply(program, naming.clone()));
        let mut both = naming;
        if let Some(arguments) = plain_arguments(run, step) {
            both.push(arguments);
            out.push(apply(program, both));
        } else if hints.call && fault::naming_and_calling(run, step).1.is_none() {
            // What importing the module did, calling the stand-in does.
            both.push((step.index + 1, step.index + 1, plain_call()));
            out.push(apply(program, both));
        }
    }
    out
}

/// What makes the step name this.
fn spelled(
    program: &Program,
    run: &Run,
    step: &machine::Step,
    module: &str,
    name: &str,
) -> Option<Vec<Replacement>> {
    if step.opcode != Opcode::StackGlobal {
        let name = Argument::Name { module: module.as_bytes(), name: name.as_bytes() };
        return Some(vec![instead(step, encode(step.opcode, name)?)]);
    }
    let &[first, second] = step.took.as_slice() else { return None };
    let literal = |id: usize, text: &str| -> Option<Replacement> {
        let at = run.values[id].origin;
        let (opcode, argument) = match program.codes[at].view().argument {
            Argument::Str(_) => (program.codes[at].opcode(), Argument::Str(text.as_bytes())),
            Argument::String8(_) => {
                (program.codes[at].opcode(), Argument::String8(text.as_bytes()))
            }
            Argument::RawUnicode(raw) => {
                // That there is an escape may be what matters.
                let escaped = raw.contains(&b'\\').then(|| with_escape(text));
                let text = escaped.as_deref().unwrap_or(text).as_bytes();
                return Some((
                    at,
                    at + 1,
                    vec![encode(Opcode::Unicode, Argument::RawUnicode(text))?],
                ));
            }
            Argument::Quoted { quote, .. } => {
                (Opcode::String, Argument::Quoted { quote, text: text.as_bytes() })
            }
            _ => return None,
        };
        Some((at, at + 1, vec![encode(opcode, argument)?]))
    };
    Some(vec![literal(first, module)?, literal(second, name)?])
}

/// The text with its first character spelled as UNICODE's escape.
fn with_escape(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars.next().map_or_else(String::new, |c| format!("\\u{:04x}", u32::from(c)));
    first + chars.as_str()
}

/// Opcodes that call what is on top with one empty text.
fn plain_call() -> Vec<Code> {
    let mut out: Vec<Code> =
        encode(Opcode::ShortBinUnicode, Argument::Str(b"")).into_iter().collect();
    out.extend([Code::op(Opcode::Tuple1), Code::op(Opcode::Reduce)]);
    out
}

/// One empty text for the arguments of whatever calls what the step names.
fn plain_arguments(run: &Run, step: &machine::Step) -> Option<Replacement> {
    let (_, calling) = fault::naming_and_calling(run, step);
    let calling = calling?;
    let empty = encode(Opcode::ShortBinUnicode, Argument::Str(b""))?;
    match calling.opcode {
        Opcode::Reduce | Opcode::NewObj => {
            let arguments = &run.values[*calling.took.get(1)?];
            let new = vec![empty, Code::op(Opcode::Tuple1)];
            (arguments.first > step.index).then_some((arguments.first, arguments.made_by + 1, new))
        }
        Opcode::Inst => {
            let start = run.values[step.gave?].first;
            Some((start + 1, step.index, vec![empty]))
        }
        Opcode::Obj => Some((step.index + 1, calling.index, vec![empty])),
        _ => None,
    }
}
