//! Replacing what builds a value by less.

use assay_pickle::{Code, Opcode, Program};

use super::search::Search;
use crate::machine;

/// A range of opcodes, its end left out.
type Span = (usize, usize);

/// Most values of one program that are tried, the largest: those nested by the hundred thousand
/// would take a try each, and repetitions are shortened elsewhere.
const MOST: usize = 256;

/// Replaces the opcodes that build a value by nothing, by one that pushes a constant, or by
/// those of one of its parts; larger ones first, until none can be.
pub fn replace(search: &mut Search<'_>) {
    while !search.spent() && once(search) {}
}

fn once(search: &mut Search<'_>) -> bool {
    let program = search.best();
    let run = machine::run(&program.codes);
    let span = |id: usize| {
        let value = &run.values[id];
        (value.first, value.made_by + 1)
    };
    // What builds a value, and what builds its parts.
    let mut spans: Vec<(Span, Vec<Span>)> = Vec::new();
    for step in &run.steps {
        let parts: Vec<Span> = step.took.iter().map(|&id| span(id)).collect();
        match (step.gave, parts.as_slice()) {
            (Some(id), _) => spans.push((span(id), parts)),
            // What was made only to be dropped goes with what drops it.
            (None, &[(start, end)]) if end == step.index && step.opcode == Opcode::Pop => {
                spans.push(((start, step.index + 1), Vec::new()));
            }
            _ => {}
        }
    }
    spans.retain(|((start, end), _)| end - start > 1);
    spans.sort_by_key(|&((start, end), _)| (usize::MAX - (end - start), start));
    spans.truncate(MOST);
    let candidates = spans.into_iter().flat_map(|((start, end), parts)| {
        let program = &program;
        let with = move |new: &[Code]| {
            let mut codes = program.codes[..start].to_vec();
            codes.extend_from_slice(new);
            codes.extend_from_slice(&program.codes[end..]);
            ((), Program { codes, tail: program.tail.clone() })
        };
        let less: [&[Code]; 3] = [&[], &[Code::op(Opcode::None)], &[Code::op(Opcode::EmptyTuple)]];
        let less = less.map(with);
        let inside = parts.into_iter().filter(move |&(from, to)| start <= from && to <= end);
        less.into_iter().chain(inside.map(move |(from, to)| with(&program.codes[from..to])))
    });
    search.offer_first(candidates).is_some()
}
