//! Analysers under test behind one trait: ours and third parties'.
//!
//! A *subject* is an analyser that is asked about pickles and never believed. This crate starts
//! subjects, asks them and survives them: one that dies, hangs or babbles costs one answer. It
//! must not judge anything itself, and it never loads a pickle.

mod assay;
mod error;
mod exec;
mod judgement;
mod planted;
mod spec;
mod subject;

pub use error::{Error, Result};
pub use judgement::{Judged, Judgement};
pub use spec::{JudgeBy, SubjectSpec};
pub use subject::Subject;
