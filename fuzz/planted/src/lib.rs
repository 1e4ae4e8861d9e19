//! Analysers with one planted hole each: *ground truth* for campaigns.
//!
//! Whether a harness finds holes can only be measured where it is known that there is one. This
//! crate holds a small scanner that is right about what it covers, the *base*, and variations of
//! it that are wrong in one way, each modelled on a published advisory or on a miss that somebody
//! observed. It must know nothing of the generator, the gadgets or our own analyser: they are
//! what is measured.

mod allowlist;
mod holes;
mod machine;
mod report;
mod rules;
mod value;

pub use holes::{Grade, HOLES, Hole, hole};

use report::Report;
use rules::Rules;

/// A scanner: the base, or one with a hole.
#[derive(Clone, Copy)]
pub struct Scanner(&'static dyn Rules);

/// What a scanner says of an input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Loading it calls and resolves nothing beyond the allowlist.
    Safe,
    /// It may do more, or cannot be read; why, in one line.
    Dangerous(String),
}

/// The name of the unflawed scanner.
pub const BASE: &str = "base";

impl Scanner {
    /// The unflawed scanner.
    pub fn base() -> Self {
        Self(&rules::Base)
    }

    /// The scanner of that name: [`BASE`] or a hole's.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            BASE => Some(Self::base()),
            _ => hole(name).map(Hole::scanner),
        }
    }

    /// Judges an input without running anything of it.
    pub fn scan(self, input: &[u8]) -> Verdict {
        self.0.scan(input)
    }
}
