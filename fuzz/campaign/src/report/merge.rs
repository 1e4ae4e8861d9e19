//! Puts the states of several campaigns together, in whichever order they come.

use std::collections::BTreeMap;

use crate::finding::Finding;
use crate::store::State;

/// One state that holds all; `None` of none.
pub fn merge(mut states: Vec<State>) -> Option<State> {
    // The order of the campaigns themselves, so that the order of arguments does not matter.
    states.sort_by(|a, b| {
        let key = |state: &State| (state.meta.began, state.meta.shard.index, state.meta.seed);
        key(a).cmp(&key(b))
    });
    let mut states = states.into_iter();
    let mut out = states.next()?;
    let mut findings: BTreeMap<(String, String), Finding> = BTreeMap::new();
    let mut add = |list: Vec<Finding>| {
        for finding in list {
            let key = (finding.analyzer.clone(), finding.bucket.clone());
            match findings.get_mut(&key) {
                Some(known) => known.merge(&finding),
                None => {
                    findings.insert(key, finding);
                }
            }
        }
    };
    add(std::mem::take(&mut out.findings));
    for state in states {
        out.seconds += state.seconds;
        out.tally.add(&state.tally);
        out.coverage.merge(&state.coverage);
        union(&mut out.meta.analyzers, state.meta.analyzers);
        union(&mut out.meta.pythons, state.meta.pythons);
        union(&mut out.meta.engines, state.meta.engines);
        // One campaign whose hole was not found is enough to doubt all.
        if state.control.found_seconds.is_none() {
            out.control = state.control;
        }
        add(state.findings);
    }
    out.findings = findings.into_values().collect();
    Some(out)
}

fn union(ours: &mut Vec<String>, theirs: Vec<String>) {
    for name in theirs {
        if !ours.contains(&name) {
            ours.push(name);
        }
    }
}
