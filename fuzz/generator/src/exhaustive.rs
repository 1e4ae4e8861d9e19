//! *Exhaustion in the small*: every program of at most N opcodes over an alphabet.
//!
//! A *symbol* is an opcode with one argument; a *program* is a run of symbols, to which STOP is
//! added. Programs are numbered: shorter ones first, those of one length in the order of the
//! alphabet, so that the program of any number, and the number of any program, is had at once.
//! What is left out, and why nothing is lost by it, is a *rule*. This module enumerates and names
//! equivalents; it must not load anything, so that rules which need a load are its caller's.

mod alphabet;
mod memo;
mod space;

pub use alphabet::{Alphabet, Symbol};
pub use memo::with_first_memo_first;
pub use space::{Space, Unit};
