//! The curated corpus: seeds, gadgets, records and regressions, as data.
//!
//! A *seed* is a pickle that a CPython wrote of a real object. A *gadget* is a callable whose
//! call from a pickle has an effect that the oracle sees and that does no harm. A *record* is a
//! submitted pickle with what is expected of oracle and analysers; a *regression* is a pickle
//! that once went wrong, with the root cause. This crate embeds the data, reads it and lints it.
//! It must not judge a pickle, nor load one: replaying records belongs to the campaign. Nothing
//! here may be derived from an analyser's policy, nor a policy from it, or a missing entry of
//! either could never be found.

mod embedded;
mod error;
mod gadget;
pub mod lint;
pub mod records;
mod regression;
mod seed;
mod value;

pub use error::{Error, Result};
pub use gadget::{EFFECTS, Gadget, How, PythonVersion, gadgets, parse_gadgets};
pub use regression::{Regression, regressions};
pub use seed::{Seed, seeds};
pub use value::{GlobalName, Value};
