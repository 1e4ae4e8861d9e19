//! *Ground truth*: how long it takes to find a hole that is known to be there.
//!
//! A *trial* is a campaign against an analyser with a planted hole that ends with its first find.
//! What was found counts only if the analyser passes it and the base, which lacks the hole, does
//! not: otherwise it says something of the base and nothing of the hole.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use assay_differential::Class;
use assay_subjects::{Judged, SubjectSpec};

use crate::{CampaignConfig, Finding, Result, Status, Store, run};

/// One campaign that ended with its first find, or without one.
#[derive(Clone, Debug)]
pub struct Trial {
    /// What everything random in it derived from.
    pub seed: u64,
    /// Pickles generated until then.
    pub generated: u64,
    /// Loads in both tiers until then.
    pub executed: u64,
    /// How long it ran.
    pub seconds: f64,
    /// What was found.
    pub found: Option<Found>,
}

/// The first find of a trial.
#[derive(Clone, Debug)]
pub struct Found {
    /// Seconds until it was found and minimised.
    pub seconds: f64,
    /// The id of its cause.
    pub bucket: String,
    /// The smallest pickle that shows it.
    pub minimized: Vec<u8>,
    /// Whether it shows the hole: the analyser passes it and the base does not.
    pub by_the_hole: bool,
}

/// Runs a campaign against one analyser until it refutes a `safe` of it, until its time is up,
/// or until `stop` is set. `base` is the analyser without the hole.
///
/// # Errors
/// If the environment does not allow a campaign.
pub fn trial(config: &CampaignConfig, base: &SubjectSpec, stop: &AtomicBool) -> Result<Trial> {
    let enough = AtomicBool::new(false);
    let at_find: Mutex<Option<(u64, u64)>> = Mutex::new(None);
    let summary = run(config, &enough, &|status: &Status| {
        let unsound = status.buckets.get(Class::Unsound.name()).is_some_and(|&count| count > 0);
        let found = unsound || status.safe_crashes > 0;
        if found {
            let mut at_find = at_find.lock().unwrap_or_else(PoisonError::into_inner);
            at_find.get_or_insert((status.tally.generated, status.tally.executed()));
        }
        if found || stop.load(Ordering::Relaxed) {
            enough.store(true, Ordering::Relaxed);
        }
    })?;
    let state = Store::open(&config.out)?.state(config.shard.index)?;
    let first = state
        .findings
        .into_iter()
        .filter(Finding::refutes_safe)
        .min_by(|a, b| a.first_seen_seconds.total_cmp(&b.first_seen_seconds));
    let found = match first {
        Some(finding) => Some(Found {
            by_the_hole: shows(config, base, &finding.minimized)?,
            seconds: finding.first_seen_seconds,
            bucket: finding.bucket,
            minimized: finding.minimized,
        }),
        None => None,
    };
    let at_end = (summary.generated, summary.executed);
    let (generated, executed) =
        at_find.into_inner().unwrap_or_else(PoisonError::into_inner).unwrap_or(at_end);
    Ok(Trial { seed: config.seed, generated, executed, seconds: summary.seconds, found })
}

fn shows(config: &CampaignConfig, base: &SubjectSpec, pickle: &[u8]) -> Result<bool> {
    let judged = |spec: &SubjectSpec| -> Result<Judged> {
        let mut subject = spec.start(&config.policy, Duration::from_secs(5))?;
        Ok(subject.judge(pickle).verdict)
    };
    for analyzer in &config.analyzers {
        if judged(analyzer)? != Judged::Safe {
            return Ok(false);
        }
    }
    Ok(judged(base)? != Judged::Safe)
}

/// The median of several trials' times to the first find, where those without one count as
/// longer than any: `None` if half of them or more have none.
pub fn median(trials: &[Trial], of: impl Fn(&Trial) -> f64) -> Option<f64> {
    let found = |trial: &&Trial| trial.found.as_ref().is_some_and(|found| found.by_the_hole);
    let mut values: Vec<f64> = trials.iter().filter(found).map(of).collect();
    values.sort_by(f64::total_cmp);
    values.get(trials.len() / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trial(seconds: Option<f64>) -> Trial {
        let found = seconds.map(|seconds| Found {
            seconds,
            bucket: String::new(),
            minimized: Vec::new(),
            by_the_hole: true,
        });
        Trial { seed: 0, generated: 0, executed: 0, seconds: 60.0, found }
    }

    fn median_of(times: &[Option<f64>]) -> Option<f64> {
        let trials: Vec<Trial> = times.iter().map(|time| trial(*time)).collect();
        median(&trials, |trial| trial.found.as_ref().map_or(0.0, |found| found.seconds))
    }

    #[test]
    fn trials_without_a_find_count_as_the_longest() {
        assert_eq!(median_of(&[Some(3.0), Some(1.0), Some(2.0)]), Some(2.0));
        assert_eq!(median_of(&[Some(3.0), None, Some(2.0)]), Some(3.0));
        assert_eq!(median_of(&[Some(3.0), None, None]), None);
        assert_eq!(median_of(&[]), None);
    }

    #[test]
    fn what_is_not_by_the_hole_does_not_count() {
        let mut other = trial(Some(1.0));
        other.found.as_mut().unwrap().by_the_hole = false;
        assert_eq!(median(&[other], |_| 1.0), None);
    }
}
