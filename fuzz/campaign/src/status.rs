//! What a campaign says of itself while it runs.

use std::collections::BTreeMap;

use crate::tally::Tally;

/// A snapshot for a live display.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Status {
    /// Seconds so far, earlier sessions included.
    pub seconds: f64,
    /// Seconds left, if there is an end to it.
    pub left: Option<f64>,
    /// Counts so far.
    pub tally: Tally,
    /// Pickles generated and judged per second, of late.
    pub generated_per_second: f64,
    /// Loads per second in the deny tier, of late.
    pub deny_per_second: f64,
    /// Loads per second in the full tier, of late.
    pub full_per_second: f64,
    /// Opcodes generated, of 68.
    pub opcodes_seen: usize,
    /// Transitions generated.
    pub transitions_seen: usize,
    /// Findings by class.
    pub buckets: BTreeMap<String, u64>,
    /// Crashes among them of what an analyser calls safe.
    pub safe_crashes: u64,
    /// The last new bucket, and when.
    pub last_new: Option<(String, f64)>,
    /// When the planted hole was found.
    pub control_found: Option<f64>,
    /// Pickles kept for mutation.
    pub interesting: usize,
    /// How far an exhaustive campaign is.
    pub exhausted: Option<Exhausted>,
    /// Why nothing can be saved at present, if so.
    pub trouble: Option<String>,
}

/// How far an exhaustive campaign is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exhausted {
    /// The most opcodes of a program.
    pub length: u32,
    /// Programs of this shard.
    pub programs: u64,
    /// Those of units that are done.
    pub done: u64,
}
