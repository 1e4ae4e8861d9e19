//! How far the plainest pickle generalises: variants of it, held to the same predicate.
//!
//! Two holes may be shown by the same pickle, one of them by many more. What variants tell keeps
//! them apart.

use assay_pickle::{Argument, Code, Opcode, Program, Writer};

use super::{Asked, Hints, Probe, is_whole};
use crate::minimise::with_frames_mended;
use crate::{fault, machine};

/// Asks about the variants.
pub fn ask(best: &[u8], hints: &Hints, asked: &mut Asked<'_>) -> Vec<Probe> {
    let program = Program::parse(best);
    let run = machine::run(&program.codes);
    let mut out = Vec::new();
    let naming = run.steps.iter().find(|step| fault::names(step.opcode));
    if let Some(step) = naming
        && step.opcode == Opcode::Global
        && let Argument::Name { module, name } = program.codes[step.index].view().argument
    {
        let mut stack = Writer::new();
        for text in [module, name] {
            stack.instruction(Opcode::BinUnicode, &Argument::Str(text));
        }
        stack.op(Opcode::StackGlobal);
        if !either(asked, &spliced(&program, step.index, step.index + 1, &stack.take())) {
            out.push(Probe::GlobalOnly);
        }
    }
    if let Some(step) = naming
        && !hints.call
        && !run.steps.iter().any(|step| fault::calls(step.opcode))
    {
        let after = step.index + 1;
        if !either(asked, &spliced(&program, after, after, b"\x8c\x00\x85R")) {
            out.push(Probe::Uncalled);
        }
    }
    if !is_whole(best) {
        let done = Program { codes: program.codes[..run.steps.len()].to_vec(), tail: Vec::new() };
        let done = done.to_bytes();
        let ends: [&[u8]; 3] = [b"", b"\xff", b"00000000N."];
        let passed = ends.iter().filter(|end| asked.ask(&[&done, **end].concat())).count();
        if passed > 1 {
            out.push(Probe::Unreadable);
        }
    }
    out
}

/// Whether the variant is interesting as it is, or with its frames as long as what they hold.
fn either(asked: &mut Asked<'_>, variant: &[u8]) -> bool {
    asked.ask(variant)
        || with_frames_mended(&Program::parse(variant))
            .is_some_and(|mended| asked.ask(&mended.to_bytes()))
}

fn spliced(program: &Program, start: usize, end: usize, new: &[u8]) -> Vec<u8> {
    let bytes = |codes: &[Code]| -> Vec<u8> {
        codes.iter().flat_map(|code| code.bytes().iter().copied()).collect()
    };
    [&bytes(&program.codes[..start]), new, &bytes(&program.codes[end..]), &program.tail].concat()
}

/// Whether the pickle holds anything that a stricter reader than CPython may refuse.
pub fn is_irregular(bytes: &[u8]) -> bool {
    let program = Program::parse(bytes);
    if !is_whole(bytes) {
        return true;
    }
    let odd = |text: &[u8]| {
        text.is_empty() || !text.iter().all(|b| b.is_ascii_alphanumeric() || b"_.".contains(b))
    };
    program.codes.iter().any(|code| {
        let view = code.view();
        let spelled = match view.argument {
            Argument::Name { module, name } => odd(module) || odd(name),
            _ => false,
        };
        spelled
            || view.ambiguity.is_some()
            || matches!(
                view.opcode,
                Opcode::Proto
                    | Opcode::Frame
                    | Opcode::String
                    | Opcode::BinString
                    | Opcode::ShortBinString
                    | Opcode::Unicode
                    | Opcode::Put
                    | Opcode::Get
                    | Opcode::LongBinPut
                    | Opcode::LongBinGet
                    | Opcode::Long
                    | Opcode::Long4
                    | Opcode::Ext1
                    | Opcode::Ext2
                    | Opcode::Ext4
            )
    })
}
