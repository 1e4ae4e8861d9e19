//! Compares judgements with observations; buckets, minimises and explains discrepancies.
//!
//! The *judgement* is what an analyser claims of a pickle; *observations* are what CPythons did
//! with it. Where they part is a *discrepancy*; discrepancies with one root cause share a
//! *bucket*. This crate takes both witnesses as they are and adds nothing to either.

mod bucket;
mod canonicalise;
mod class;
pub mod classify;
mod compare;
pub mod divergence;
pub mod fault;
pub mod machine;
pub mod minimise;
pub mod offence;
mod permissions;
#[cfg(test)]
mod testing;

pub use bucket::{bucket, features};
pub use canonicalise::{canonicalise, is_whole};
pub use class::{Class, Hunt};
pub use compare::{Discrepancy, Sighting, compare, offences};
pub use permissions::Permissions;
