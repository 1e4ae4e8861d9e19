//! *Exhaustion*: a campaign over every program of at most N opcodes of an alphabet.
//!
//! What is to be shown is a statement about all of them: *of the programs that the analyser calls
//! safe, none touches anything outside the policy, on any interpreter, by any engine, in any load
//! mode*. A program, an interpreter, an engine and a mode make a *case*. Every case of a program
//! that is called safe is loaded, or pruned by a [`Rule`] which says why it cannot differ from one
//! that is; the two add up to all there are. What was done, and whether the rules held where they
//! were tried, is in the [`Certificate`]. This module must not leave out a case for any other
//! reason, and must not count what was not done.

mod acts;
mod certificate;
mod control;
mod cost;
mod counts;
mod ended;
mod loads;
mod modes;
mod names;
mod plan;
mod rule;
mod sample;
mod unit;

pub use certificate::{Certificate, certificates};
pub use cost::Cost;
pub use counts::{Contradiction, Counts, Pruned};
pub(crate) use names::spelled_otherwise;
pub use plan::{Plan, Queue};
pub use rule::Rule;
