//! Runs campaigns: scheduling, feedback, store and report.
//!
//! A *campaign* generates pickles, has analysers judge them and the oracle load them, compares,
//! and follows every discrepancy down to its root cause, until its time is up. This crate decides
//! what is done when and keeps what comes of it. It must not judge: what a discrepancy is, and
//! which have the same cause, is for `assay_differential` to say.

mod aim;
mod apart;
mod batch;
mod config;
mod coverage;
mod error;
mod estimate;
pub mod exhaustive;
mod files;
mod finding;
mod gather;
pub mod ground_truth;
mod known;
pub mod merge;
mod pending;
mod pin;
mod pool;
mod pursue;
mod random;
mod render;
pub mod report;
mod reproduce;
mod run;
mod schedule;
mod source;
mod status;
mod store;
mod summary;
mod tally;
#[cfg(test)]
mod testing;
mod tiers;
mod worker;

pub use aim::Aim;
pub use config::{CampaignConfig, FailOn, Shard};
pub use coverage::Coverage;
pub use error::{Error, Result};
pub use estimate::{Abundance, Estimate};
pub use finding::{Finding, Line};
pub use run::run;
pub use status::{Exhausted, Status};
pub use store::{Meta, Sample, State, Store};
pub use summary::{Control, Summary};
pub use tally::Tally;
pub use worker::BATCH;
