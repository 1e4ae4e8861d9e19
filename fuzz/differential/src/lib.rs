//! Compares judgements with observations; buckets, minimises and explains discrepancies.
//!
//! The *judgement* is what an analyser claims of a pickle; *observations* are what CPythons did
//! with it. Where they part is a *discrepancy*; discrepancies with one root cause share a
//! *bucket*. This crate takes both witnesses as they are and adds nothing to either.

pub mod advisory;
mod behaviour;
mod bench;
mod bucket;
mod canonicalise;
mod class;
pub mod classify;
mod compare;
pub mod divergence;
mod explain;
pub mod fault;
pub mod labelled;
pub mod machine;
mod mechanism;
pub mod minimise;
pub mod offence;
mod permissions;
#[cfg(test)]
mod testing;
pub mod versions;
mod vmeasure;

pub use behaviour::Behaviour;
pub use bench::{Bench, Checked, Load, Several, Traced, Witness, other_modes};
pub use bucket::{is_about_a_name, is_safe_crash, rough_key, rough_parting};
pub use canonicalise::{Canonical, Hints, Probe, Target, canonicalise, is_whole};
pub use class::{Class, Hunt};
pub use compare::{Discrepancy, Sighting, compare, offences};
pub use explain::{Explanation, Line, explain};
pub use permissions::Permissions;
pub use vmeasure::{VMeasure, v_measure};
