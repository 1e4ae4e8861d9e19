//! *Tallies*: what was counted. They add up, over batches, workers, sessions and shards.

use std::collections::BTreeMap;

use assay_oracle::Outcome;
use assay_subjects::Judged;
use serde::{Deserialize, Serialize};

/// Counts of a batch, a worker, or a campaign.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Tally {
    /// Pickles generated.
    pub generated: u64,
    /// Judgements made.
    pub analyzed: u64,
    /// Loads in the deny tier.
    pub executed_deny: u64,
    /// Loads in the full tier.
    pub executed_full: u64,
    /// Of these, in a process that loaded nothing else. The others are filtered: only what shows
    /// nothing is left at that, hits are loaded again.
    pub executed_full_alone: u64,
    /// Loads, of either tier, that returned an object.
    pub loaded: u64,
    /// Loads that asked for something on the deny list.
    pub touched_denied: u64,
    /// Judgements `safe` of a pickle that calls something.
    pub safe_with_call: u64,
    /// Loads in the full tier of such pickles.
    pub safe_with_call_executed_full: u64,
    /// Judgements by verdict.
    pub verdicts: BTreeMap<String, u64>,
    /// Judgements by verdict and outcome of the load, `safe/loaded`.
    pub matrix: BTreeMap<String, u64>,
    /// Where the workers' time went, in microseconds, by stage.
    pub spent_us: BTreeMap<String, u64>,
}

impl Tally {
    /// Adds another.
    pub fn add(&mut self, other: &Self) {
        self.generated += other.generated;
        self.analyzed += other.analyzed;
        self.executed_deny += other.executed_deny;
        self.executed_full += other.executed_full;
        self.executed_full_alone += other.executed_full_alone;
        self.loaded += other.loaded;
        self.touched_denied += other.touched_denied;
        self.safe_with_call += other.safe_with_call;
        self.safe_with_call_executed_full += other.safe_with_call_executed_full;
        for (ours, theirs) in [
            (&mut self.verdicts, &other.verdicts),
            (&mut self.matrix, &other.matrix),
            (&mut self.spent_us, &other.spent_us),
        ] {
            for (key, count) in theirs {
                *ours.entry(key.clone()).or_default() += count;
            }
        }
    }

    /// Loads of both tiers.
    pub fn executed(&self) -> u64 {
        self.executed_deny + self.executed_full
    }

    /// Counts a judgement.
    pub fn judged(&mut self, verdict: Judged) {
        self.analyzed += 1;
        count(&mut self.verdicts, verdict.name());
    }

    /// Counts a judgement beside how the load ended.
    pub fn ended(&mut self, verdict: Judged, outcome: Outcome) {
        count(&mut self.matrix, &format!("{verdict}/{}", outcome_name(outcome)));
    }

    /// Adds to the time of a stage.
    pub fn spent(&mut self, stage: &str, time: std::time::Duration) {
        let us = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        *self.spent_us.entry(stage.to_owned()).or_default() += us;
    }
}

fn count(counts: &mut BTreeMap<String, u64>, key: &str) {
    match counts.get_mut(key) {
        Some(count) => *count += 1,
        None => {
            counts.insert(key.to_owned(), 1);
        }
    }
}

/// An outcome's name in JSON.
pub fn outcome_name(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Loaded => "loaded",
        Outcome::Raised => "raised",
        Outcome::Signaled => "signaled",
        Outcome::Timeout => "timeout",
        Outcome::Oom => "oom",
        Outcome::Sandbox => "sandbox",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tallies_add_up() {
        let mut a = Tally { generated: 3, loaded: 1, ..Tally::default() };
        a.judged(Judged::Safe);
        a.ended(Judged::Safe, Outcome::Loaded);
        let mut b = a.clone();
        b.judged(Judged::Unproven);
        a.add(&b);
        assert_eq!((a.generated, a.analyzed, a.loaded), (6, 3, 2));
        assert_eq!(a.verdicts["safe"], 2);
        assert_eq!(a.matrix["safe/loaded"], 2);
    }
}
