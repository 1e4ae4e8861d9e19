//! *Hindcasts*: what the estimator would have foretold of a campaign stopped early, beside what
//! came when it went on.

use serde::Serialize;

use crate::estimate::Abundance;
use crate::store::Sample;

/// What was foretold and what came.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Hindcast {
    /// Pickles at which it is taken to have stopped.
    pub stopped: u64,
    /// Pickles after that.
    pub more: u64,
    /// New causes that were to be expected.
    pub expected: f64,
    /// What their number was not to exceed, with 95 % confidence.
    pub at_most: f64,
    /// New causes that came.
    pub came: u64,
}

/// As if it had stopped at the first sample and gone on until the second.
pub fn between(stop: &Sample, end: &Sample) -> Hindcast {
    let seen = Abundance {
        trials: stop.generated,
        species: stop.buckets as u64,
        singletons: stop.singletons as u64,
        doubletons: stop.doubletons as u64,
    };
    let more = end.generated.saturating_sub(stop.generated);
    Hindcast {
        stopped: stop.generated,
        more,
        at_most: seen.expected_bound(more as f64),
        expected: (seen.expected(more as f64) * 10.0).round() / 10.0,
        came: end.buckets.saturating_sub(stop.buckets) as u64,
    }
}

/// As if it had stopped at half its pickles; `None` if it has too few samples to tell, or older
/// ones that do not know how often causes were seen.
pub fn at_half(timeline: &[Sample]) -> Option<Hindcast> {
    let end = timeline.last()?;
    let stop = timeline.iter().rev().find(|sample| sample.generated <= end.generated / 2)?;
    let known = timeline.iter().any(|sample| sample.singletons + sample.doubletons > 0);
    (known && stop.generated > 0 && timeline.len() >= 10).then(|| between(stop, end))
}
