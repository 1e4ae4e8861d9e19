//! What tells one cause of a divergence from another: who is apart, and over what.
//!
//! Of a minimised pickle the last opcode that acts is the one over which they part: what stands
//! before it only makes its operands, what follows only ends the pickle. Where an argument that
//! readers read differently, a frame or a missing operand is left, that is the cause, whatever
//! the opcode.

use std::collections::BTreeSet;

use assay_oracle::Engine;
use assay_pickle::{Ambiguity, Argument, Opcode, Program};

use super::{builds_data, ending, family, is_filler, lower};
use crate::compare::Discrepancy;
use crate::divergence::{Axis, Divergence, Facet};
use crate::fault;
use crate::machine::{Fault, Run, Step};

/// Everything that tells the cause from others, most telling first.
pub(super) fn features(found: &Discrepancy, program: &Program, run: &Run) -> Vec<String> {
    let Some(divergence) = &found.divergence else { return Vec::new() };
    let who = parties(divergence);
    let mut out = vec![who.to_owned()];
    if divergence.axis == Axis::Versions {
        out.extend(doubts(program));
        out.extend(last_name(program, run));
    } else if who == STREAM_VS_REUSE && run.pickles > 1 && fetches(program) {
        out.push("memo".into());
    } else if let Some(frame) = frames(program) {
        out.push(frame.into());
    } else if who == DIS_REJECTS && run.left_over {
        out.push("left-over".into());
    } else if who == DIS_REJECTS && run.stored_again {
        out.push("stored-again".into());
    } else if let Some((at, Fault::Stack)) = run.fault {
        let opcode = program.codes[at].opcode();
        out.push("operand-missing".into());
        // A mark is missing, or nothing is above it; else what is there is a mark.
        if matches!(opcode, Opcode::Inst | Opcode::Obj) {
            out.push(lower(opcode));
        }
    } else if let Some(doubts) = Some(doubts(program)).filter(|doubts| !doubts.is_empty()) {
        out.extend(doubts);
    } else if let Some(opcode) = unread(program, run) {
        out.extend(["unread".into(), lower(opcode)]);
    } else {
        // `dis` reads to the end whatever it is told; a pickle without one is refused by all.
        out.extend(ending(program, run).filter(|_| who != DIS_ACCEPTS));
        let Some(step) = decisive(run) else { return out };
        if who == DIS_ACCEPTS {
            out.push(unchecked(step).into());
        } else {
            out.push(lower(family(step.opcode)));
            out.extend(state(run, step).map(str::to_owned));
        }
    }
    out
}

/// `pickletools.dis` runs nothing, so that it accepts whatever fails by being run.
const DIS_ACCEPTS: &str = "dis-accepts";
/// It has rules of its own.
const DIS_REJECTS: &str = "dis-rejects";
const STREAM_VS_REUSE: &str = "stream-vs-reuse";

/// Which unpicklers are on different sides: those in C count as one unless they are apart
/// themselves.
fn parties(divergence: &Divergence) -> &'static str {
    if divergence.axis == Axis::Versions {
        return "versions";
    }
    let side_of =
        |engine: Engine| divergence.sides.iter().position(|side| side.engines.contains(&engine));
    let accepts = |engine: Engine| side_of(engine).and_then(|at| divergence.sides[at].accepts);
    let apart = |one: Engine, other: Engine| matches!((side_of(one), side_of(other)), (Some(a), Some(b)) if a != b);
    if apart(Engine::CLoads, Engine::CFile) {
        "loads-vs-file"
    } else if apart(Engine::CStream, Engine::CReuse) {
        STREAM_VS_REUSE
    } else if apart(Engine::CLoads, Engine::Py) || apart(Engine::CFile, Engine::Py) {
        match (divergence.facet, accepts(Engine::Py)) {
            (Facet::Limit, _) => "c-vs-py-limit",
            (Facet::Value, _) => "c-vs-py-value",
            (Facet::Touched, _) => "c-vs-py-touched",
            (Facet::Acceptance, Some(true)) => "py-accepts",
            (Facet::Acceptance, _) => "c-accepts",
        }
    } else if accepts(Engine::Dis) == Some(true) {
        DIS_ACCEPTS
    } else {
        DIS_REJECTS
    }
}

/// Where a frame ends in a way that unpicklers treat differently, if there is one at all: Python
/// enforces the ends of frames, C only makes sure that there are as many bytes.
pub(super) fn frames(program: &Program) -> Option<&'static str> {
    let mut starts: BTreeSet<u64> = BTreeSet::new();
    // Where each begins, and where it should end.
    let mut frames: Vec<(u64, u64)> = Vec::new();
    let mut endless = false;
    let mut at = 0;
    for code in &program.codes {
        let begin = at;
        starts.insert(begin);
        at += code.bytes().len() as u64;
        if let (Opcode::Frame, Argument::UInt(length)) = (code.opcode(), code.view().argument) {
            frames.push((begin, at.saturating_add(length)));
            endless |= i64::try_from(length).is_err();
        }
    }
    starts.insert(at);
    let total = at + program.tail.len() as u64;
    if frames.is_empty() {
        None
    } else if endless {
        Some("frame-of-no-size")
    } else if frames.iter().any(|&(_, end)| end > total) {
        Some("frame-beyond-end")
    } else if frames.windows(2).any(|pair| pair[1].0 < pair[0].1) {
        Some("frame-in-frame")
    } else if frames.iter().any(|(_, end)| !starts.contains(end)) {
        Some("frame-cuts-opcode")
    } else {
        Some("frame")
    }
}

/// Arguments that their readers read differently, whichever opcode has them: one function reads
/// those of several.
pub(super) fn doubts(program: &Program) -> Vec<String> {
    let mut doubts: BTreeSet<String> = BTreeSet::new();
    for code in &program.codes {
        let view = code.view();
        let Some(ambiguity) = view.ambiguity else { continue };
        let text = match view.argument {
            Argument::Numeral(numeral) => numeral.text,
            Argument::FloatText(text) => text,
            _ => &[],
        };
        doubts.insert(match ambiguity {
            // Where a text ends in C.
            _ if text.contains(&0) => "nul".to_owned(),
            Ambiguity::Float if overflows(text) => "float-overflow".to_owned(),
            other => format!("{other:?}").to_lowercase(),
        });
    }
    // An argument that our own reader refuses, and some CPython does not.
    if let Some(opcode) = program.tail.first().and_then(|&byte| Opcode::from_byte(byte)) {
        let text = program.tail.split(|&byte| byte == b'\n').next().unwrap_or_default();
        let lines = opcode.info().form.is_line();
        if lines && text[1..].contains(&0) {
            doubts.insert("nul".into());
        }
    }
    doubts.into_iter().collect()
}

/// The opcode whose argument our own reader refuses, where that ends the pickle.
fn unread(program: &Program, run: &Run) -> Option<Opcode> {
    let opcode = program.tail.first().and_then(|&byte| Opcode::from_byte(byte));
    opcode.filter(|_| !run.stopped)
}

/// Whether the text is a decimal number beyond every double.
fn overflows(text: &[u8]) -> bool {
    let text = std::str::from_utf8(text).unwrap_or_default();
    text.contains(|c: char| c.is_ascii_digit()) && text.parse().is_ok_and(f64::is_infinite)
}

/// The last step that acts; else the last of the memo; else the last that is there for a reason.
fn decisive(run: &Run) -> Option<&Step> {
    let drops = |opcode| matches!(opcode, Opcode::Pop | Opcode::PopMark | Opcode::Dup);
    let memo = |opcode| matches!(family(opcode), Opcode::BinPut | Opcode::BinGet | Opcode::Memoize);
    let makes = |opcode| {
        let empty = matches!(opcode, Opcode::EmptyList | Opcode::EmptyDict | Opcode::EmptySet);
        empty || builds_data(opcode)
    };
    let last =
        |wanted: &dyn Fn(Opcode) -> bool| run.steps.iter().rev().find(|step| wanted(step.opcode));
    last(&|opcode| !is_filler(opcode) && !makes(opcode) && !drops(opcode) && !memo(opcode))
        .or_else(|| last(&memo))
        .or_else(|| last(&|opcode| !is_filler(opcode) && !drops(opcode)))
        .or_else(|| run.steps.last())
}

/// What `pickletools.dis` does not look at.
fn unchecked(step: &Step) -> &'static str {
    match step.opcode {
        Opcode::PersId | Opcode::BinPersId | Opcode::NextBuffer => "supplied",
        Opcode::ShortBinString | Opcode::BinString => "8-bit-text",
        Opcode::Ext1 | Opcode::Ext2 | Opcode::Ext4 => "extension",
        Opcode::Put => "negative-index",
        // The dict itself is taken, too.
        Opcode::SetItems if step.took.len().is_multiple_of(2) => "odd-items",
        Opcode::Dict if !step.took.len().is_multiple_of(2) => "odd-items",
        _ => "runs-nothing",
    }
}

/// The forms of state that unpicklers tell apart: a dict, a pair, and the rest.
fn state(run: &Run, step: &Step) -> Option<&'static str> {
    if step.opcode != Opcode::Build {
        return None;
    }
    let &state = step.took.last()?;
    match run.step(run.values[state].origin)?.opcode {
        Opcode::EmptyDict | Opcode::Dict => Some("dict"),
        Opcode::Tuple2 => Some("pair"),
        _ => None,
    }
}

fn fetches(program: &Program) -> bool {
    program.codes.iter().any(|code| family(code.opcode()) == Opcode::BinGet)
}

/// The last name asked for: versions differ in what the standard library does.
fn last_name(program: &Program, run: &Run) -> Option<String> {
    let step = run.steps.iter().rev().find(|step| fault::names(step.opcode))?;
    let (module, name) = fault::module_and_name(program, run, step)?;
    Some(format!("{module}.{name}"))
}
