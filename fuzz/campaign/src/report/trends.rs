//! *Trends*: what each night found, what it found anew, and what it no longer saw.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, UNIX_EPOCH};

use serde_json::{Value, json};

use super::plots::duration;
use crate::merge::{Cause, Merged, Part};

/// One row per campaign, all its shards together, in the order in which they began; empty for
/// fewer than two.
pub fn nights(merged: &Merged) -> Vec<Value> {
    let mut campaigns: Vec<Vec<&Part>> = Vec::new();
    for part in merged.parts() {
        match campaigns.iter_mut().find(|parts| parts[0].meta.id == part.meta.id) {
            Some(parts) => parts.push(part),
            None => campaigns.push(vec![part]),
        }
    }
    if campaigns.len() < 2 {
        return Vec::new();
    }
    let mut known: BTreeSet<(&str, &str)> = BTreeSet::new();
    let mut before: BTreeMap<&[String], BTreeSet<(&str, &str)>> = BTreeMap::new();
    let mut out = Vec::new();
    for parts in &campaigns {
        let meta = &parts[0].meta;
        let seen: BTreeSet<(&str, &str)> = merged
            .causes()
            .filter(|cause| cause.sightings().keys().any(|part| part.id == meta.id))
            .map(name)
            .collect();
        let new: Vec<&str> = seen.difference(&known).map(|(_, bucket)| *bucket).collect();
        // Only a campaign against the same analysers could have seen the same.
        let last = before.insert(&meta.analyzers, seen.clone()).unwrap_or_default();
        let gone: Vec<&str> = last.difference(&seen).map(|(_, bucket)| *bucket).collect();
        known.extend(&seen);
        let sum = |of: fn(&Part) -> u64| parts.iter().map(|part| of(part)).sum::<u64>();
        let seconds: f64 = parts.iter().map(|part| part.seconds).sum();
        out.push(json!({
            "began": date(meta.began),
            "analyzers": meta.analyzers.join(", "),
            "shards": parts.len(),
            "time": duration(seconds),
            "generated": sum(|part| part.tally.generated),
            "full": sum(|part| part.tally.executed_full),
            "seen": seen.len(),
            "new": new,
            "gone": gone,
            "control": parts.iter().all(|part| part.control.found_seconds.is_some()),
        }));
    }
    out
}

fn name(cause: &Cause) -> (&str, &str) {
    (&cause.finding().analyzer, &cause.finding().bucket)
}

/// The last second of the year 9999: whatever comes after it, the clock was wrong.
const LAST: u64 = 253_402_300_799;

/// The time to the minute, of seconds since 1970.
fn date(began: u64) -> String {
    let time = UNIX_EPOCH + Duration::from_secs(began.min(LAST));
    humantime::format_rfc3339_seconds(time).to_string()[..16].replace('T', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates() {
        assert_eq!(date(0), "1970-01-01 00:00");
        assert_eq!(date(951_782_400), "2000-02-29 00:00");
        assert_eq!(date(1_795_468_992), "2026-11-23 21:23");
        assert_eq!(date(u64::MAX), "9999-12-31 23:59");
    }
}
