//! Suspicions that engines part: from what the deny tier says at once, and from values and
//! touches of a few pickles a batch, which only a load for real shows.
//!
//! What parts in a way that no pickle before did is followed first; how ways are told apart is
//! by how either engine ended, in its own words. A suspicion need not hold: it is followed down
//! by the rules of any other.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use assay_differential::classify::wording;
use assay_differential::{Load, Witness as _, divergence, rough_parting};
use assay_oracle::{DenyObservation, Engine, Mode, Observation, Outcome};

use crate::Result;
use crate::batch::Batch;
use crate::pursue::{follow, seen};
use crate::worker::{Done, Worker};

/// Pickles of a batch whose values and touches are compared: two filtered loads each, a tenth of
/// the time of a batch.
const COMPARED: usize = 12;

/// How long a batch may have what parts followed: what is left over shows again, and the control
/// must have its turn.
const ROUND: Duration = Duration::from_millis(400);

/// How often those that ended alike are compared: most of them show the same.
const ALIKE: u32 = 3;

/// What may part, first what is to be followed first: a way that no pickle before showed, before
/// one seen already; what one accepts and another refuses, before what is touched more; what
/// loaders disagree about, before what `dis` thinks, the causes of which are few; and then rare
/// behaviour.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Suspicion {
    /// How many pickles that part in this way there were before.
    seen: u64,
    /// Whether both end alike, and only what they touch differs.
    touched: bool,
    /// Whether it is `dis` that parts.
    dis: bool,
    /// How often its behaviour was seen.
    rare: u32,
    /// The place in the batch.
    i: usize,
    key: String,
}

/// Follows what others made otherwise of the pickles of a batch than the first did.
pub fn suspicions(
    worker: &mut Worker<'_, '_>,
    first: Load,
    batch: &Batch,
    done: &mut Done,
) -> Result<()> {
    let mut found: Vec<Suspicion> = Vec::new();
    for (i, pickle) in batch.pickles.iter().enumerate() {
        let one = &batch.denied[i];
        // What loaders disagree about comes before what `dis` says of it.
        let parted = batch.beside.iter().find(|(_, seen)| part(one, &seen[i]));
        if let Some((other, seen)) = parted {
            let dis = other.run.engine == Engine::Dis;
            let ends = if dis {
                [said_by_running(first, one), said(*other, &seen[i])]
            } else {
                said_by_both((first, one), (*other, &seen[i]))
            };
            let touched = one.outcome == seen[i].outcome;
            let rare = worker.pool.count(batch.behaviours[i]);
            let key = rough_parting(pickle, [&ends[0], &ends[1]]);
            found.push(Suspicion { seen: 0, dis, touched, rare, i, key });
        }
    }
    if let Some((other, seen)) = batch.beside.first() {
        let compared = compare(worker, first, *other, seen, batch)?;
        found.extend(compared.into_iter().map(|(rare, i, key)| Suspicion {
            seen: 0,
            dis: false,
            touched: true,
            rare,
            i,
            key,
        }));
    }
    let began = Instant::now();
    for Suspicion { i, key, .. } in in_order(found, |key| seen(worker, key)) {
        if worker.shared.over() || began.elapsed() > ROUND {
            return Ok(());
        }
        follow(worker, 0, &batch.pickles[i], &key.into(), Mode::default(), false, done)?;
    }
    Ok(())
}

/// Those to be followed first come first; `seen` says how often a key was met in other batches.
fn in_order(mut found: Vec<Suspicion>, seen: impl Fn(&str) -> u64) -> Vec<Suspicion> {
    // Of those in this batch that part alike, too, the rarest is new and the others are not.
    found.sort();
    let mut met: HashMap<String, u64> = HashMap::new();
    for suspicion in &mut found {
        let times = met.entry(suspicion.key.clone()).or_insert_with(|| seen(&suspicion.key));
        suspicion.seen = *times;
        *times += 1;
    }
    found.sort();
    found
}

/// Whether two engines part in the deny tier. What one of them has no room for says nothing; nor
/// does a refusal of a name to who does not ask for names.
fn part(one: &DenyObservation, other: &DenyObservation) -> bool {
    let clear = |seen: &DenyObservation| match seen.outcome {
        Outcome::Loaded => true,
        Outcome::Raised => seen.exception.as_deref() != Some("RecursionError"),
        _ => false,
    };
    let loaded = |seen: &DenyObservation| seen.outcome == Outcome::Loaded;
    let refused = |seen: &DenyObservation| seen.resolved.iter().any(|asked| !asked.allowed);
    clear(one)
        && clear(other)
        && (one.outcome != other.outcome && refused(one) == refused(other)
            || one.resolved != other.resolved && !loaded(one) && !loaded(other))
}

/// How a load ended, in its own words.
fn said(load: Load, seen: &DenyObservation) -> String {
    let class = seen.exception.as_deref().unwrap_or_default();
    let words = format!("{class}: {}", seen.message.as_deref().unwrap_or_default());
    format!("{} {:?} {}", load.run.engine.name(), seen.outcome, wording(&words))
}

/// As [`said`], of both. Where both refuse and one asked for more, the other stopped first and
/// says why; what the first says of what came later is another matter.
fn said_by_both(one: (Load, &DenyObservation), other: (Load, &DenyObservation)) -> [String; 2] {
    let asked = [&one.1.resolved, &other.1.resolved];
    let goes_on =
        |(load, _): (Load, &DenyObservation)| format!("{} goes on", load.run.engine.name());
    let refuse = one.1.outcome == Outcome::Raised && other.1.outcome == Outcome::Raised;
    if refuse && asked[0].len() < asked[1].len() && asked[1].starts_with(asked[0]) {
        [said(one.0, one.1), goes_on(other)]
    } else if refuse && asked[1].len() < asked[0].len() && asked[0].starts_with(asked[1]) {
        [goes_on(one), said(other.0, other.1)]
    } else {
        [said(one.0, one.1), said(other.0, other.1)]
    }
}

/// As [`said`]; what fails by being run fails in a hundred ways, which are all one to who runs
/// nothing.
fn said_by_running(load: Load, seen: &DenyObservation) -> String {
    const RUN: [&str; 4] = ["TypeError", "AttributeError", "IndexError", "KeyError"];
    match seen.exception.as_deref() {
        Some(class) if RUN.contains(&class) => format!("{} fails", load.run.engine.name()),
        _ => said(load, seen),
    }
}

/// Compares values and touches of a few pickles that both loads ended alike.
fn compare(
    worker: &mut Worker<'_, '_>,
    first: Load,
    other: Load,
    seen: &[DenyObservation],
    batch: &Batch,
) -> Result<Vec<(u32, usize, String)>> {
    if !other.run.engine.loads() {
        return Ok(Vec::new());
    }
    let mut chosen: Vec<(u32, usize, String)> = Vec::new();
    for (i, pickle) in batch.pickles.iter().enumerate() {
        let one = &batch.denied[i];
        let ended = matches!(one.outcome, Outcome::Loaded | Outcome::Raised);
        let refused = one.resolved.iter().any(|asked| !asked.allowed);
        if !ended || refused || part(one, &seen[i]) {
            continue;
        }
        let ends = [said(first, one), said(other, &seen[i])];
        let key = rough_parting(pickle, [&ends[0], &ends[1]]);
        let times = worker.compared.get(&key).copied().unwrap_or(0);
        let rare = worker.pool.count(batch.behaviours[i]);
        // All that load without doubt end alike: of these, the rarest.
        if times < ALIKE || one.outcome == Outcome::Loaded && rare < ALIKE {
            chosen.push((times.min(rare), i, key));
        }
    }
    chosen.sort();
    chosen.truncate(COMPARED);
    let pickles: Vec<&[u8]> = chosen.iter().map(|&(_, i, _)| &*batch.pickles[i]).collect();
    if pickles.is_empty() {
        return Ok(Vec::new());
    }
    let ours = worker.oracle.filter(first, &pickles)?;
    let theirs = worker.oracle.filter(other, &pickles)?;
    let mut out = Vec::new();
    for (((rare, i, key), one), other) in chosen.into_iter().zip(ours).zip(theirs) {
        *worker.compared.entry(key.clone()).or_default() += 1;
        let both: [Observation; 2] = [one.observation, other.observation];
        if let Some(found) = divergence::find(&both) {
            out.push((rare, i, format!("{key}|{}", found.facet.name())));
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use assay_oracle::Resolved;

    use super::*;

    fn suspicion(i: usize, key: &str, touched: bool, rare: u32) -> Suspicion {
        Suspicion { seen: 0, touched, dis: false, rare, i, key: key.to_owned() }
    }

    #[test]
    fn what_is_new_comes_first() {
        let found = vec![
            suspicion(0, "known", false, 1),
            suspicion(1, "new", true, 9),
            suspicion(2, "new", true, 3),
            suspicion(3, "newer", false, 5),
        ];
        let order: Vec<usize> =
            in_order(found, |key| u64::from(key == "known")).iter().map(|found| found.i).collect();
        assert_eq!(order, [3, 2, 0, 1]);
    }

    fn raised(exception: &str, asked: &[&str]) -> DenyObservation {
        let resolved = asked.iter().map(|name| Resolved {
            module: "m".into(),
            name: (*name).into(),
            allowed: true,
        });
        DenyObservation {
            outcome: Outcome::Raised,
            exception: Some(exception.into()),
            message: None,
            resolved: resolved.collect(),
            persistent: 0,
            complete: true,
        }
    }

    #[test]
    fn who_stopped_first_says_why() {
        let load = |engine: Engine| Load { python: 0, run: engine.into() };
        let c = (load(Engine::CLoads), raised("ValueError", &["a"]));
        let py = (load(Engine::Py), raised("KeyError", &["a", "b"]));
        let ends = said_by_both((c.0, &c.1), (py.0, &py.1));
        assert_eq!(ends, ["c-loads Raised ValueError: ".to_owned(), "py goes on".to_owned()]);
        let ends = said_by_both((py.0, &py.1), (c.0, &c.1));
        assert_eq!(ends[0], "py goes on");
        let other = raised("KeyError", &["b"]);
        assert!(said_by_both((c.0, &c.1), (py.0, &other))[1].contains("KeyError"));
    }
}
