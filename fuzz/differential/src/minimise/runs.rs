//! Repetitions: a thousand times the same opcode is one thing, and how often is a number.

use std::ops::Range;

use assay_pickle::{Code, Program};

use super::search::Search;

/// Repetitions shorter than this are left to dropping ranges.
const LONG: usize = 16;

/// Makes each long repetition as short as it can be, by bisection.
pub fn shorten(search: &mut Search<'_>) {
    let mut at = 0;
    while !search.spent() {
        let Some(run) = next(&search.best().codes, at) else { return };
        at = run.start + shortest(search, &run).max(1);
    }
}

/// The first long repetition from `at` on.
fn next(codes: &[Code], mut at: usize) -> Option<Range<usize>> {
    while at < codes.len() {
        let end = end_of_run(codes, at);
        if end - at >= LONG {
            return Some(at..end);
        }
        at = end;
    }
    None
}

/// Where the repetition of the opcode at `at` ends.
pub fn end_of_run(codes: &[Code], at: usize) -> usize {
    let same = codes[at..].iter().take_while(|code| **code == codes[at]);
    at + same.count()
}

/// Shortens one repetition; says how long it still is.
fn shortest(search: &mut Search<'_>, run: &Range<usize>) -> usize {
    let program = search.best();
    let cut = |left: usize| {
        let mut codes = program.codes[..run.start + left].to_vec();
        codes.extend_from_slice(&program.codes[run.end..]);
        Program { codes, tail: program.tail.clone() }
    };
    if search.offer(cut(0)) {
        return 0;
    }
    let (mut too_short, mut enough) = (0, run.len());
    while enough - too_short > 1 && !search.spent() {
        let middle = too_short + (enough - too_short) / 2;
        if search.offer(cut(middle)) {
            enough = middle;
        } else {
            too_short = middle;
        }
    }
    enough
}
