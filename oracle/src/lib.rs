//! The oracle: loads the bytes of a pickle for real, in sandboxed CPythons, and records what
//! the load touched.
//!
//! This crate finds interpreters, keeps workers alive and turns what they report into
//! [`Observation`]s. It must know nothing of any analyser or policy: it is the other witness.

#[allow(dead_code, reason = "half of it is the worker's")]
mod bounds;
mod config;
mod engine;
mod error;
mod loader;
mod observation;
mod oracle;
mod process;
#[allow(dead_code, reason = "half of it is the worker's")]
mod protocol;
mod python;
mod records;
mod restarts;
mod shared;
mod worker;

pub use config::{Limits, OracleConfig, Refused};
pub use engine::{Encoding, Engine, Mode, Run};
pub use error::{Error, Result};
pub use loader::Loader;
pub use observation::{
    DenyObservation, Effect, EffectKind, Filtered, Observation, Outcome, Resolved, TouchKind,
    Touched,
};
pub use oracle::Oracle;
pub use python::{Python, discover};
pub use restarts::Restarts;
