//! The oracle: loads the bytes of a pickle for real, in sandboxed CPythons, and records what
//! the load touched.
//!
//! This crate finds interpreters, keeps workers alive and turns what they report into
//! [`Observation`]s. It must know nothing of any analyser or policy: it is the other witness.

mod engine;
mod observation;

pub use engine::{Encoding, Engine, Mode, Run};
pub use observation::{Effect, EffectKind, Observation, Outcome, TouchKind, Touched};
