//! Dropping: whole pickles, ranges of opcodes, ranges of bytes.

use assay_pickle::{Argument, Code, Opcode, Program, Writer};

use super::runs::end_of_run;
use super::search::Search;

/// Drops whole pickles of a stream, and what can't be read behind them.
pub fn drop_pickles(search: &mut Search<'_>) {
    let mut program = Program::clone(&search.best());
    if !program.tail.is_empty() {
        program.tail.clear();
        search.offer(program);
    }
    // From the last to the first.
    let mut left = usize::MAX;
    loop {
        let program = search.best();
        let all = pickles(&program);
        if all.len() < 2 {
            return;
        }
        let candidates = (0..all.len().min(left)).rev().map(|at| {
            let (start, end) = all[at];
            (at, cut(&program, start, end))
        });
        match search.offer_first(candidates) {
            Some(at) => left = at,
            None => return,
        }
    }
}

/// Drops all opcodes that only say how the rest is packed, and all memo entries never fetched.
pub fn drop_packing(search: &mut Search<'_>) {
    let program = search.best();
    let fetches = program
        .codes
        .iter()
        .any(|code| matches!(code.opcode(), Opcode::Get | Opcode::BinGet | Opcode::LongBinGet));
    let packing = |code: &Code| matches!(code.opcode(), Opcode::Frame | Opcode::Proto);
    let stores = |code: &Code| {
        let stores = [Opcode::Put, Opcode::BinPut, Opcode::LongBinPut, Opcode::Memoize];
        !fetches && stores.contains(&code.opcode())
    };
    let mut without = Program::clone(&program);
    without.codes.retain(|code| !packing(code) && !stores(code));
    search.offer(without);
}

/// The range of opcodes of each pickle.
fn pickles(program: &Program) -> Vec<(usize, usize)> {
    let mut out = Vec::new();
    let mut start = 0;
    for (i, code) in program.codes.iter().enumerate() {
        if code.opcode() == Opcode::Stop {
            out.push((start, i + 1));
            start = i + 1;
        }
    }
    if start < program.codes.len() {
        out.push((start, program.codes.len()));
    }
    out
}

/// Drops ranges of opcodes, halves first, until no single opcode can go.
pub fn drop_ranges(search: &mut Search<'_>) {
    let mut width = (search.best().codes.len() / 2).max(1);
    loop {
        let before = search.accepted();
        let mut from = 0;
        loop {
            let program = search.best();
            let candidates = starts(&program.codes, from, width).flat_map(|start| {
                let end = (start + width).min(program.codes.len());
                let plain = Some((start, cut(&program, start, end)));
                let renumbered = renumbered(&program, start, end).map(|other| (start, other));
                [plain, renumbered].into_iter().flatten()
            });
            match search.offer_first(candidates) {
                Some(start) => from = start,
                None => break,
            }
        }
        if search.spent() {
            return;
        }
        if width > 1 {
            width /= 2;
        } else if search.accepted() == before {
            return;
        }
    }
}

/// Where to cut ranges of this width, from a place on. Any other part of one repetition would
/// leave the same program.
fn starts(codes: &[Code], from: usize, width: usize) -> impl Iterator<Item = usize> {
    let next = move |&start: &usize| {
        let end = (start + width).min(codes.len());
        let repeated = end_of_run(codes, start);
        let next = if repeated >= end { repeated } else { start + width };
        (next < codes.len()).then_some(next)
    };
    std::iter::successors((from < codes.len()).then_some(from), next)
}

/// Beyond this size single bytes are not tried: there would be too many of them.
const POLISHED: usize = 4096;

/// Drops ranges of bytes, then single bytes.
pub fn drop_bytes(search: &mut Search<'_>) {
    let mut width = (search.best().to_bytes().len() / 2).max(1);
    if width > POLISHED / 2 {
        return;
    }
    loop {
        let before = search.accepted();
        let mut from = 0;
        loop {
            let all = search.best().to_bytes();
            let candidates = (from..all.len()).step_by(width).map(|start| {
                let end = (start + width).min(all.len());
                (start, [&all[..start], &all[end..]].concat())
            });
            match search.offer_first_bytes(candidates) {
                Some(start) => from = start,
                None => break,
            }
        }
        if width > 1 {
            width /= 2;
        } else if search.accepted() == before || search.spent() {
            return;
        }
    }
}

fn cut(program: &Program, start: usize, end: usize) -> Program {
    let mut codes = program.codes.clone();
    codes.drain(start..end);
    Program { codes, tail: program.tail.clone() }
}

/// As [`cut`], with later GETs moved down by as many MEMOIZEs as went: MEMOIZE stores at the
/// memo's length, so that dropping one renames all later entries.
fn renumbered(program: &Program, start: usize, end: usize) -> Option<Program> {
    let memoize = |code: &&Code| code.opcode() == Opcode::Memoize;
    let gone = program.codes[start..end].iter().filter(memoize).count() as u64;
    if gone == 0 {
        return None;
    }
    let kept = program.codes[..start].iter().filter(memoize).count() as u64;
    let mut out = cut(program, start, end);
    for code in &mut out.codes[start..] {
        let view = code.view();
        let (opcode, key) = match (view.opcode, view.argument) {
            (Opcode::BinGet | Opcode::LongBinGet, Argument::UInt(key)) => (view.opcode, key),
            _ => continue,
        };
        if key < kept + gone {
            continue;
        }
        let mut writer = Writer::new();
        writer.instruction(opcode, &Argument::UInt(key - gone));
        if let Some(moved) = Code::from_bytes(writer.take()) {
            *code = moved;
        }
    }
    Some(out)
}
