//! *Merging*: several campaigns, shards and nights put together, in whichever order they come.
//!
//! What is merged is a set of *parts*, each the shard of a campaign, and a set of *causes*, each
//! with its plainest witness and, by part, how often and when it was seen. Of one part seen
//! twice, as a copy made earlier, the one that got further stays. So the order does not matter,
//! nor how often one campaign is named. This module must never add up the same thing twice.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use assay_differential::versions;
use assay_pickle::Program;
use serde::{Deserialize, Serialize};

use crate::coverage::Coverage;
use crate::exhaustive::Counts;
use crate::finding::Finding;
use crate::pending::Pending;
use crate::store::{Meta, Sample};
use crate::summary::Control;
use crate::tally::Tally;

/// What tells one part from every other.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PartId {
    /// The campaign's id.
    pub id: String,
    /// Which shard of it.
    pub shard: u32,
}

/// One shard of a campaign.
#[derive(Clone, Debug, PartialEq)]
pub struct Part {
    /// What never changes.
    pub meta: Meta,
    /// Which shard.
    pub shard: u32,
    /// How long it ran.
    pub seconds: f64,
    /// What it counted.
    pub tally: Tally,
    /// What it generated.
    pub coverage: Coverage,
    /// Its positive control.
    pub control: Control,
    /// Its plots.
    pub timeline: Vec<Sample>,
    /// What it could not follow to the end.
    pub pending: Vec<Pending>,
    /// Units of an exhaustive campaign that it did.
    pub units: BTreeMap<u64, Counts>,
}

impl Part {
    /// What tells it from every other.
    pub fn id(&self) -> PartId {
        PartId { id: self.meta.id.clone(), shard: self.shard }
    }

    /// How far it got; the text decides between those that got equally far.
    fn progress(&self) -> (u64, u64, Reverse<usize>, String) {
        let rest =
            (&self.meta, self.seconds, &self.tally, &self.control, &self.timeline, &self.pending);
        let text = serde_json::to_string(&rest).expect("it has text keys only");
        let bytes = blake3::hash(&self.coverage.to_bytes()).to_hex();
        let left = Reverse(self.pending.len());
        (self.tally.generated, self.tally.executed(), left, format!("{text}{bytes}"))
    }
}

/// How often and when a part saw a cause.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sighting {
    /// How many pickles showed it.
    pub count: u64,
    /// Seconds into the part's campaign.
    pub first_seen_seconds: f64,
}

/// A root cause, and who saw it.
#[derive(Clone, Debug, PartialEq)]
pub struct Cause {
    finding: Finding,
    sightings: BTreeMap<PartId, Sighting>,
}

impl Cause {
    /// A cause that one part saw.
    pub fn new(mut finding: Finding, part: PartId, sighting: Sighting) -> Self {
        finding.count = sighting.count;
        finding.first_seen_seconds = sighting.first_seen_seconds;
        Self { finding, sightings: BTreeMap::from([(part, sighting)]) }
    }

    /// The plainest witness. Its count is that of all parts, its time the earliest of any.
    pub fn finding(&self) -> &Finding {
        &self.finding
    }

    /// Who saw it.
    pub fn sightings(&self) -> &BTreeMap<PartId, Sighting> {
        &self.sightings
    }

    fn merge(self, other: Self) -> Self {
        let mut sightings = self.sightings;
        for (part, seen) in other.sightings {
            sightings
                .entry(part)
                .and_modify(|known| {
                    known.count = known.count.max(seen.count);
                    known.first_seen_seconds =
                        known.first_seen_seconds.min(seen.first_seen_seconds);
                })
                .or_insert(seen);
        }
        let mut finding = witness(self.finding, other.finding);
        finding.count = sightings.values().map(|seen| seen.count).sum();
        finding.first_seen_seconds =
            sightings.values().map(|seen| seen.first_seen_seconds).fold(f64::INFINITY, f64::min);
        Self { finding, sightings }
    }
}

/// The plainer of two findings of one cause, with the interpreters and engines of both. Its count
/// and time are those of the plainer.
pub fn witness(a: Finding, b: Finding) -> Finding {
    let pythons = versions::united(&a.pythons, &b.pythons);
    let engines = union(&a.engines, &b.engines);
    let (a_size, b_size) = (plainness(&a), plainness(&b));
    let mut out = if b_size < a_size { b } else { a };
    (out.pythons, out.engines) = (pythons, engines);
    out
}

/// Sorts findings: fewest opcodes, fewest bytes; then by whatever else tells them apart.
fn plainness(finding: &Finding) -> (usize, usize, Vec<u8>, String) {
    let mut rest = finding.clone();
    (rest.count, rest.first_seen_seconds) = (0, 0.0);
    (rest.pythons, rest.engines) = (Vec::new(), Vec::new());
    let text = serde_json::to_string(&rest).expect("a finding has text keys only");
    let opcodes = Program::parse(&finding.minimized).codes.len();
    (opcodes, finding.minimized.len(), finding.minimized.clone(), text)
}

fn union<T: Ord + Clone>(a: &[T], b: &[T]) -> Vec<T> {
    let mut out = [a, b].concat();
    out.sort();
    out.dedup();
    out
}

/// Several campaigns as one.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Merged {
    parts: BTreeMap<PartId, Part>,
    causes: BTreeMap<(String, String), Cause>,
}

impl Merged {
    /// Takes in everything of another.
    pub fn merge(&mut self, other: Self) {
        for part in other.parts.into_values() {
            self.add_part(part);
        }
        for cause in other.causes.into_values() {
            self.add_cause(cause);
        }
    }

    /// Takes in a part.
    pub fn add_part(&mut self, part: Part) {
        match self.parts.entry(part.id()) {
            Entry::Vacant(entry) => {
                entry.insert(part);
            }
            Entry::Occupied(mut entry) => {
                if part.progress() > entry.get().progress() {
                    entry.insert(part);
                }
            }
        }
    }

    /// Takes in a cause.
    pub fn add_cause(&mut self, cause: Cause) {
        let key = (cause.finding.analyzer.clone(), cause.finding.bucket.clone());
        let cause = match self.causes.remove(&key) {
            Some(known) => known.merge(cause),
            None => cause,
        };
        self.causes.insert(key, cause);
    }

    /// The parts, in the order in which they began.
    pub fn parts(&self) -> Vec<&Part> {
        let mut out: Vec<&Part> = self.parts.values().collect();
        out.sort_by_key(|part| (part.meta.began, part.id()));
        out
    }

    /// The causes, by analyser and bucket.
    pub fn causes(&self) -> impl Iterator<Item = &Cause> {
        self.causes.values()
    }

    /// The findings, by analyser and bucket.
    pub fn findings(&self) -> impl Iterator<Item = &Finding> {
        self.causes.values().map(Cause::finding)
    }

    /// What no part could follow to the end.
    pub fn pending(&self) -> impl Iterator<Item = &Pending> {
        self.parts.values().flat_map(|part| &part.pending)
    }

    /// What all parts counted.
    pub fn tally(&self) -> Tally {
        let mut out = Tally::default();
        self.parts.values().for_each(|part| out.add(&part.tally));
        out
    }

    /// What all parts generated.
    pub fn coverage(&self) -> Coverage {
        let mut out = Coverage::default();
        self.parts.values().for_each(|part| out.merge(&part.coverage));
        out
    }

    /// What `of` gives of each part, each once, in order.
    pub fn each(&self, of: impl Fn(&Meta) -> &Vec<String>) -> Vec<String> {
        let mut out: Vec<String> =
            self.parts.values().flat_map(|part| of(&part.meta).iter().cloned()).collect();
        out.sort();
        out.dedup();
        out
    }
}
