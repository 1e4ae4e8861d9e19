//! *Canonicalising*: the plainest pickle that is still interesting.
//!
//! One hole can be reached in a thousand spellings. Each rewriting here takes away a peculiarity
//! that a pickle may have without need: INST where GLOBAL and REDUCE would do, a name from the
//! memo where a literal would do, an end that is broken without reason. What is left when no
//! rewriting keeps the pickle interesting is what the hole needs; buckets are read off that.
//!
//! Reducing alone may stop at a pickle from which no single step leads on, though a plainer one
//! exists. So a few plain pickles are tried outright, before reducing: *witnesses*, made of what
//! the pickle itself names and of opcodes it uses. They are guesses, held to the same predicate
//! as any candidate, and what they lead to is reduced like any other; they make sizes better and
//! buckets fewer than reducing alone would.

mod probes;
mod rewritings;
mod witnesses;

use std::collections::{HashMap, HashSet};

use assay_pickle::{Code, Opcode, Program};

use crate::minimise::{Budget, Minimised, Predicate, minimise, with_frames_mended};
use crate::{fault, machine};

pub use witnesses::Target;

/// What is known beforehand about the pickles that may be interesting.
#[derive(Clone, Debug, Default)]
pub struct Hints {
    /// Globals that the pickle itself asks for or calls.
    pub own: Vec<Target>,
    /// Globals that do as well as any other where the name does not matter, best first.
    pub stand_ins: &'static [(&'static str, &'static str)],
    /// Whether interesting pickles must call what they name.
    pub call: bool,
    /// Whether a value left on the stack, or a memo entry stored twice, must not creep in: what
    /// `pickletools` minds and nobody else.
    pub tidy: bool,
    /// Whether to look how far what is left generalises.
    pub probe: bool,
}

/// The plainest pickle, and how far it generalises.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Canonical {
    /// The result of the search.
    pub reduced: Minimised,
    /// What its variants tell: see [`Probe`].
    pub probes: Vec<Probe>,
}

/// What a variant of the plainest pickle tells about the hole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Probe {
    /// GLOBAL is needed: STACK_GLOBAL will not do.
    GlobalOnly,
    /// Calling what is named spoils it.
    Uncalled,
    /// It breaks off, and any other way of breaking off does as well.
    Unreadable,
}

/// Bytes from which on each test takes long,
const LARGE: usize = 1 << 16;

/// and how many are made then.
const LARGE_TESTS: usize = 80;

/// Minimises and canonicalises in turn until neither gets further. The budget is for all of it.
pub fn canonicalise(
    bytes: &[u8],
    hints: &Hints,
    interesting: &mut dyn Predicate,
    budget: Budget,
) -> Canonical {
    let most = if bytes.len() > LARGE { budget.tests.min(LARGE_TESTS) } else { budget.tests };
    let mut asked = Asked { interesting, known: HashMap::new(), tests: 0, most };
    let mut best = bytes.to_vec();
    if let Some(found) =
        first_of(&mut asked, witnesses::like(&Program::parse(bytes), hints).into_iter())
    {
        best = found;
    }
    // A pickle that can be whole is minimised as a whole one: what is broken by need shows.
    for better in [heal(&Program::parse(&best)), clear(&Program::parse(&best), hints)] {
        if let Some(better) = better
            && asked.ask(&better)
        {
            best = better;
        }
    }
    best = settle(best, hints, &mut asked);
    // What only a reader that is stricter than CPython minds may be one thing to it: unreadable.
    if hints.probe && probes::is_irregular(&best) {
        let cut = witnesses::cut_off(&Program::parse(&best), hints);
        let others = cut.into_iter().filter(|candidate| *candidate != best);
        if let Some(found) = first_of(&mut asked, others) {
            best = settle(found, hints, &mut asked);
        }
    }
    let probes = if hints.probe { probes::ask(&best, hints, &mut asked) } else { Vec::new() };
    let complete = asked.tests < asked.most;
    Canonical { reduced: Minimised { bytes: best, tests: asked.tests, complete }, probes }
}

/// The predicate, asked once about each candidate and no more often than the budget allows.
struct Asked<'i> {
    interesting: &'i mut dyn Predicate,
    known: HashMap<[u8; 32], bool>,
    tests: usize,
    most: usize,
}

impl Asked<'_> {
    fn ask(&mut self, candidate: &[u8]) -> bool {
        self.first(&[candidate]).is_some()
    }
}

impl Predicate for Asked<'_> {
    fn first(&mut self, candidates: &[&[u8]]) -> Option<usize> {
        let mut unknown: Vec<(usize, [u8; 32], &[u8])> = Vec::new();
        let mut already = None;
        for (at, candidate) in candidates.iter().enumerate() {
            let key = *blake3::hash(candidate).as_bytes();
            match self.known.get(&key) {
                Some(true) => {
                    already = Some(at);
                    break;
                }
                Some(false) => {}
                None if self.tests + unknown.len() < self.most => {
                    unknown.push((at, key, candidate));
                }
                None => {}
            }
        }
        let refs: Vec<&[u8]> = unknown.iter().map(|(.., candidate)| *candidate).collect();
        let first = if refs.is_empty() { None } else { self.interesting.first(&refs) };
        let asked = first.map_or(unknown.len(), |first| first + 1);
        self.tests += asked;
        for (place, (_, key, _)) in unknown[..asked].iter().enumerate() {
            self.known.insert(*key, Some(place) == first);
        }
        first.map(|first| unknown[first].0).or(already)
    }

    fn width(&self) -> usize {
        self.interesting.width()
    }
}

/// Asks about those alone that may be considered at all.
struct Wanted<'a, 'i, F> {
    considered: F,
    asked: &'a mut Asked<'i>,
}

impl<F: Fn(&[u8]) -> bool> Predicate for Wanted<'_, '_, F> {
    fn first(&mut self, candidates: &[&[u8]]) -> Option<usize> {
        let (places, left): (Vec<usize>, Vec<&[u8]>) = (candidates.iter().copied().enumerate())
            .filter(|(_, candidate)| (self.considered)(candidate))
            .unzip();
        self.asked.first(&left).map(|first| places[first])
    }

    fn width(&self) -> usize {
        self.asked.width()
    }
}

/// The first of several that is interesting, asked about a few at a time.
fn first_of(
    asked: &mut dyn Predicate,
    mut candidates: impl Iterator<Item = Vec<u8>>,
) -> Option<Vec<u8>> {
    loop {
        let mut some: Vec<Vec<u8>> = candidates.by_ref().take(asked.width().max(1)).collect();
        if some.is_empty() {
            return None;
        }
        let refs: Vec<&[u8]> = some.iter().map(Vec::as_slice).collect();
        if let Some(first) = asked.first(&refs) {
            return Some(some.swap_remove(first));
        }
    }
}

/// Minimises and rewrites in turn.
fn settle(bytes: Vec<u8>, hints: &Hints, asked: &mut Asked<'_>) -> Vec<u8> {
    let mut best = bytes;
    let mut seen = HashSet::new();
    // A name cut short is no name: whatever takes the place of one is one too.
    let mut known = names(&best);
    let modern: Vec<_> = known
        .iter()
        .filter_map(|(module, name)| Some((rewritings::modern(module)?.to_owned(), name.clone())))
        .collect();
    known.extend(modern);
    known.extend(
        hints.stand_ins.iter().map(|(module, name)| ((*module).to_owned(), (*name).to_owned())),
    );
    loop {
        let asked_left = asked.most - asked.tests;
        if asked_left == 0 {
            return best;
        }
        let whole = is_whole(&best);
        let untidy = untidiness(&best);
        let considered = |candidate: &[u8]| {
            (!whole || is_whole(candidate))
                && (!hints.tidy || no_worse(untidiness(candidate), untidy))
                && (hints.stand_ins.is_empty() || names(candidate).is_subset(&known))
        };
        let mut wanted = Wanted { considered, asked };
        // Most of what is asked again is known already, so it may ask a few times more.
        let budget = Budget { tests: asked_left.saturating_mul(4) };
        best = minimise(&best, &mut wanted, budget).bytes;
        // Minimising may shorten the name that a rewriting brought in: then it stays shortened.
        if !seen.insert(best.clone()) {
            return best;
        }
        let rewritten: Vec<Vec<u8>> = rewritings::of(&Program::parse(&best), hints)
            .iter()
            .flat_map(|candidate| [Some(candidate.clone()), with_frames_mended(candidate)])
            .flatten()
            .map(|candidate| candidate.to_bytes())
            .filter(|candidate| *candidate != best)
            .collect();
        let rewritten = first_of(&mut wanted, rewritten.into_iter());
        match rewritten {
            Some(bytes) => best = bytes,
            None => return best,
        }
    }
}

/// Whether every pickle of the stream ends in STOP and nothing is left over.
pub fn is_whole(bytes: &[u8]) -> bool {
    let program = Program::parse(bytes);
    let run = machine::run(&program.codes);
    program.tail.is_empty() && run.fault.is_none() && run.stopped
}

/// Every name that a pickle asks for, as far as it is known.
fn names(bytes: &[u8]) -> HashSet<(String, String)> {
    let program = Program::parse(bytes);
    let run = machine::run(&program.codes);
    let named = run.steps.iter().filter(|step| fault::names(step.opcode));
    named.filter_map(|step| fault::module_and_name(&program, &run, step)).collect()
}

/// Whether a value is left on the stack, and whether a memo entry is stored twice.
fn untidiness(bytes: &[u8]) -> (bool, bool) {
    let run = machine::run(&Program::parse(bytes).codes);
    (run.left_over, run.stored_again)
}

/// Whether one has nothing untidy that the other has not.
fn no_worse(one: (bool, bool), other: (bool, bool)) -> bool {
    one.0 <= other.0 && one.1 <= other.1
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

/// The program with what is left on the stack taken along by STOP's value: none is left over.
fn clear(program: &Program, hints: &Hints) -> Option<Vec<u8>> {
    let run = machine::run(&program.codes);
    if !hints.tidy || !run.left_over || run.pickles != 1 || program.codes.is_empty() {
        return None;
    }
    let mut codes = vec![Code::op(Opcode::Mark)];
    codes.extend_from_slice(&program.codes[..program.codes.len() - 1]);
    codes.extend([Code::op(Opcode::Tuple), Code::op(Opcode::Stop)]);
    Some(Program { codes, tail: Vec::new() }.to_bytes())
}

#[cfg(test)]
mod tests;
