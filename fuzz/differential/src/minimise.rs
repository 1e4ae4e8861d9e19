//! *Minimising*: the smallest pickle that is still interesting.
//!
//! Hierarchical delta debugging on the program: whole pickles of a stream go first, then long
//! repetitions, then ranges of opcodes, then what builds a value is replaced by less, then
//! arguments become simpler, and in the end single bytes go. The result is 1-minimal: no single
//! opcode of it can go. What is interesting is the caller's business; this module must not know
//! of analysers or oracles, and the same input and predicate give the same result.
//!
//! Most candidates are not interesting. So the next ones are made as if the one before were not,
//! and a predicate that can is asked about several at once; the first that is interesting, in
//! their order, counts, and the others are as if they had not been asked about. That changes
//! nothing but the time it takes.

mod argument;
mod predicate;
mod ranges;
mod runs;
mod search;
mod values;

pub use predicate::Predicate;
pub(crate) use search::with_frames_mended;
pub use search::{Budget, Minimised};

use search::Search;

/// The smallest variant of `bytes` that is interesting; `bytes` itself must be.
///
/// Ends early, with what it has, once the budget is spent.
pub fn minimise(bytes: &[u8], interesting: &mut dyn Predicate, budget: Budget) -> Minimised {
    let mut search = Search::new(bytes, interesting, budget);
    loop {
        let before = search.accepted();
        ranges::drop_packing(&mut search);
        ranges::drop_pickles(&mut search);
        runs::shorten(&mut search);
        ranges::drop_ranges(&mut search);
        values::replace(&mut search);
        argument::simplify(&mut search);
        argument::renumber_memo(&mut search);
        if search.accepted() == before {
            ranges::drop_bytes(&mut search);
        }
        if search.accepted() == before || search.spent() {
            return search.finish();
        }
    }
}

#[cfg(test)]
mod tests;
