//! *Canonicalising*: the plainest pickle that is still interesting.
//!
//! One hole can be reached in a thousand spellings. Each rewriting here takes away a peculiarity
//! that a pickle may have without need: INST where GLOBAL and REDUCE would do, a name from the
//! memo where a literal would do, an end that is broken without reason. What is left when no
//! rewriting keeps the pickle interesting is what the hole needs; buckets are read off that.

use assay_pickle::{Argument, Code, Opcode, Program, Writer};

use crate::machine::{self, Kind, Run, literal_text};
use crate::minimise::{Budget, Minimised, minimise};

/// Minimises and canonicalises in turn until neither gets further. The budget is for all of it.
///
/// `targets` are globals that may show the same if asked for, or called; with them a shortcut is
/// tried: the plainest pickle that does so, in the place, by the opcodes and with the ending of
/// `bytes`.
pub fn canonicalise(
    bytes: &[u8],
    targets: &[Target],
    interesting: &mut dyn FnMut(&[u8]) -> bool,
    budget: Budget,
) -> Minimised {
    let mut tests = 0;
    let mut best = bytes.to_vec();
    for candidate in witnesses(targets, &Program::parse(bytes)) {
        tests += 1;
        if interesting(&candidate) {
            best = candidate;
            break;
        }
    }
    // A pickle that can be whole is minimised as a whole one: what is broken by need shows.
    if let Some(whole) = heal(&Program::parse(&best)) {
        tests += 1;
        if interesting(&whole) {
            best = whole;
        }
    }
    let mut complete = true;
    loop {
        let whole = is_whole(&best);
        let mut wanted =
            |candidate: &[u8]| (!whole || is_whole(candidate)) && interesting(candidate);
        let left = Budget { tests: budget.tests.saturating_sub(tests) };
        let reduced = minimise(&best, &mut wanted, left);
        tests += reduced.tests;
        complete &= reduced.complete;
        best = reduced.bytes;
        let mut rewritten = None;
        for candidate in rewritings(&Program::parse(&best)) {
            if tests >= budget.tests {
                complete = false;
                break;
            }
            let bytes = candidate.to_bytes();
            if bytes == best {
                continue;
            }
            tests += 1;
            if wanted(&bytes) {
                rewritten = Some(bytes);
                break;
            }
        }
        match rewritten {
            Some(bytes) => best = bytes,
            None => return Minimised { bytes: best, tests, complete },
        }
    }
}

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

/// Pickles that do nothing but reach a target, plainest first. Only peculiarities of `like` are
/// used, lest one hole be taken for another.
fn witnesses(targets: &[Target], like: &Program) -> Vec<Vec<u8>> {
    let run = machine::run(&like.codes);
    let broken = !like.tail.is_empty() || run.fault.is_some() || !run.stopped;
    let uses = |opcode: Opcode| like.codes.iter().any(|code| code.opcode() == opcode);
    let places: &[&[u8]] = if run.pickles > 1 { &[b"", b"N."] } else { &[b""] };
    let ends: &[&[u8]] = if broken { &[b".", b""] } else { &[b"."] };
    let mut out = Vec::new();
    for place in places {
        for end in ends {
            for form in [Form::Plain, Form::Stack, Form::Shadowed, Form::Inst, Form::Obj] {
                if form.needs().iter().all(|&opcode| uses(opcode)) {
                    let whole = |target: &Target| [place, &*target.form(form), end].concat();
                    out.extend(targets.iter().map(whole));
                }
            }
        }
    }
    out
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
    /// Opcodes without which a pickle gives no reason to try it.
    fn needs(self) -> &'static [Opcode] {
        match self {
            Self::Plain => &[],
            Self::Stack => &[Opcode::StackGlobal],
            Self::Shadowed => &[Opcode::StackGlobal, Opcode::Pop],
            Self::Inst => &[Opcode::Inst],
            Self::Obj => &[Opcode::Obj],
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

/// Whether every pickle of the stream ends in STOP and nothing is left over.
pub fn is_whole(bytes: &[u8]) -> bool {
    let program = Program::parse(bytes);
    let run = machine::run(&program.codes);
    program.tail.is_empty() && run.fault.is_none() && run.stopped
}

/// The program up to where it breaks, ended properly.
fn heal(program: &Program) -> Option<Vec<u8>> {
    let run = machine::run(&program.codes);
    if program.tail.is_empty() && run.fault.is_none() && run.stopped {
        return None;
    }
    let mut codes = program.codes[..run.steps.len()].to_vec();
    codes.extend([Code::op(Opcode::None), Code::op(Opcode::Stop)]);
    Some(Program { codes, tail: Vec::new() }.to_bytes())
}

/// Plainer programs with the same touches, each with one peculiarity less.
fn rewritings(program: &Program) -> Vec<Program> {
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
            Opcode::Global => global(&program.codes[step.index])
                .map(|code| (step.index, step.index + 1, vec![code])),
            _ => text(program, &run, step),
        };
        if let Some((start, end, new)) = replaced {
            let mut codes = program.codes[..start].to_vec();
            codes.extend(new);
            codes.extend_from_slice(&program.codes[end..]);
            out.push(Program { codes, tail: program.tail.clone() });
        }
    }
    out
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
        Kind::Text(text) if !text.contains('\n') && !text.is_empty() => Some(text.as_bytes()),
        _ => None,
    };
    let argument = Argument::Name { module: text(0)?, name: text(1)? };
    let pop = || Code::op(Opcode::Pop);
    Some((step.index, step.index + 1, vec![pop(), pop(), encode(Opcode::Global, argument)?]))
}

/// Python 2's spellings of modules that attacks are fond of, and Python 3's
/// (`_compat_pickle.IMPORT_MAPPING`).
const RENAMED: [(&[u8], &[u8]); 4] = [
    (b"__builtin__", b"builtins"),
    (b"copy_reg", b"copyreg"),
    (b"commands", b"subprocess"),
    (b"cPickle", b"pickle"),
];

/// A global of Python 2 in Python 3's spelling.
fn global(code: &Code) -> Option<Code> {
    let Argument::Name { module, name } = code.view().argument else { return None };
    let (_, new) = RENAMED.iter().find(|(old, _)| *old == module)?;
    encode(Opcode::Global, Argument::Name { module: new, name })
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
    Some((step.index, step.index + 1, vec![code]))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Interesting is what asks for `os.system`, as the machine of labels sees it.
    fn asks(bytes: &[u8]) -> bool {
        let program = Program::parse(bytes);
        let run = machine::run(&program.codes);
        run.steps.iter().any(|step| match step.opcode {
            Opcode::Inst => {
                matches!(
                    program.codes[step.index].view().argument,
                    Argument::Name { module: b"os", name: b"system" }
                )
            }
            _ => run.kind(step) == Some(&Kind::Global("os.system".into())),
        })
    }

    fn plain(bytes: &[u8], mut interesting: impl FnMut(&[u8]) -> bool) -> Vec<u8> {
        assert!(interesting(bytes));
        let out = canonicalise(bytes, &[], &mut interesting, Budget::default());
        let target = Target { module: "os".into(), name: "system".into(), call: false };
        let quick =
            canonicalise(bytes, std::slice::from_ref(&target), &mut interesting, Budget::default());
        assert_eq!(out.bytes, quick.bytes);
        assert!(quick.tests < 120, "{}", quick.tests);
        assert!(out.complete && interesting(&out.bytes));
        out.bytes
    }

    #[test]
    fn every_spelling_comes_to_the_same() {
        for bytes in [
            b"cos\nsystem\n(S'id'\ntR.".as_slice(),
            b"(S'id'\nios\nsystem\n.",
            b"(cos\nsystem\nS'id'\no.",
            b"\x80\x04\x8c\x02os\x94\x8c\x06system\x94\x93\x94\x8c\x02id\x85R.",
            b"\x80\x04\x8c\x02os\x94\x8c\x06system\x940N0h\x00h\x01\x93.",
            b"Vo\\u0073\nS's\\x79stem'\n\x93).",
            b"N.cos\nsystem\n.",
            b"cos\nsystem\n\xff\xff",
        ] {
            assert_eq!(plain(bytes, asks), b"cos\nsystem\n.", "{bytes:?}");
        }
    }

    #[test]
    fn what_the_hole_needs_stays() {
        let has = |bytes: &[u8], opcode| {
            Program::parse(bytes).codes.iter().any(|code| code.opcode() == opcode)
        };
        let bytes = b"\x80\x02N0(S'id'\nios\nsystem\n.";
        assert_eq!(plain(bytes, |b| asks(b) && has(b, Opcode::Inst)), b"(ios\nsystem\n.");
        let second = |bytes: &[u8]| {
            let end = bytes.iter().position(|&byte| byte == b'.').unwrap_or(bytes.len());
            asks(bytes) && !asks(&bytes[..end])
        };
        let bytes = b"(K\x01tq\x01.\x8c\x02os\x8c\x06system\x93\x8c\x02id\x85R.";
        assert_eq!(plain(bytes, second), b"N.cos\nsystem\n.");
        let broken = |bytes: &[u8]| asks(bytes) && !is_whole(bytes);
        assert_eq!(plain(b"(S'id'\nios\nsystem\n00\xff.", broken), b"cos\nsystem\n");
    }
}
