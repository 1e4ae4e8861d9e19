//! The holes: one row each, with what it is modelled on.

mod calls;
mod context;
mod extensions;
mod extent;
mod faults;
mod memo;
mod names;
mod nested;
mod opcodes;
mod permissions;
mod table;

use std::fmt;

pub use table::HOLES;

use crate::Scanner;
use crate::rules::Rules;

/// How much it takes to find a hole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Grade {
    /// Any attack of the right kind shows it.
    Easy,
    /// It takes a second condition: a decoy, a fault at the right place, a list's gap.
    Middle,
    /// It takes a chain of calls, several conditions at once, an exotic opcode or argument, state
    /// that is poisoned and then used, or it shows on one engine only.
    Hard,
}

impl Grade {
    /// The name in tables and JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Easy => "easy",
            Self::Middle => "middle",
            Self::Hard => "hard",
        }
    }
}

impl fmt::Display for Grade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A planted hole.
#[derive(Clone, Copy)]
pub struct Hole {
    /// Its name, as in `planted:NAME`.
    pub name: &'static str,
    /// How much it takes to find it.
    pub grade: Grade,
    /// What the scanner does wrong, in one sentence.
    pub about: &'static str,
    /// The advisory, report or paper that it is modelled on.
    pub source: &'static str,
    /// Whether it is held out: written after the generator, by someone who had not read it. The
    /// generator is not to be changed for such a hole without saying so.
    pub held_out: bool,
    rules: &'static dyn Rules,
}

impl Hole {
    /// The scanner with this hole.
    pub fn scanner(&self) -> Scanner {
        Scanner(self.rules)
    }
}

/// The hole of that name.
pub fn hole(name: &str) -> Option<&'static Hole> {
    HOLES.iter().find(|hole| hole.name == name)
}
