//! From a suspicion to a finding: confirmed alone, on every interpreter, by every engine, then
//! followed down to its cause.

use std::sync::atomic::Ordering;
use std::sync::mpsc::SyncSender;

use assay_differential::minimise::Budget;
use assay_differential::{Bench, Class, Hunt, rough_key};
use assay_oracle::{DenyObservation, Engine, Mode, Outcome};
use assay_subjects::Judged;

use crate::Result;
use crate::batch::{Batch, suspicion};
use crate::finding::Finding;
use crate::known::Advice;
use crate::pending::Pending;
use crate::worker::{Done, Event, Worker};

/// How often the predicate of the minimiser may be asked in a campaign: a few seconds at worst.
const BUDGET: Budget = Budget { tests: 2500 };

/// Share of the time in which anything may be pursued that is not grave.
const MINOR_SHARE: f64 = 0.1;

/// Share of the time for that which is not grave where nothing grave is hunted for: it is what
/// the campaign is there to find. Causes are few and their witnesses many, so only the first of
/// each rough key is followed.
const HUNTED_SHARE: f64 = 0.75;

/// Share of the time in which anything grave may be pursued; beyond it only the first of each
/// rough key.
const GRAVE_SHARE: f64 = 0.3;

/// Share of the time that pursuing may take at all: more pickles find more than more witnesses.
const FIRSTS_SHARE: f64 = 0.5;

/// The weakened analyser passed a pickle that seems to be not allowed: if that holds by every
/// rule that a finding must hold by, the planted hole is found.
pub fn control(
    worker: &mut Worker<'_, '_>,
    pickle: &[u8],
    events: &SyncSender<Event>,
) -> Result<()> {
    let shared = worker.shared;
    if shared.control_found.load(Ordering::Relaxed) {
        return Ok(());
    }
    let mut bench = Bench {
        subject: worker.control.subject.as_mut(),
        witness: &mut worker.oracle,
        allowed: &shared.config.policy,
        by: worker.control.by,
        engines: &shared.config.engines,
    };
    let checked = bench.check(pickle, Hunt::Soundness)?;
    let refuted = checked.discrepancies.iter().any(|found| found.class == Class::Unsound);
    if refuted && !shared.control_found.swap(true, Ordering::Relaxed) {
        // If nobody listens any more, the campaign is over.
        let _ = events.send(Event::Control(shared.seconds()));
    }
    Ok(())
}

/// Analysers that died, hung or answered badly.
pub fn crashes(worker: &mut Worker<'_, '_>, batch: &Batch, done: &mut Done) -> Result<()> {
    for at in 0..batch.judgements.len() {
        for (i, pickle) in batch.pickles.iter().enumerate() {
            if batch.judgements[at][i].crashed {
                let suspected = suspicion(Class::AnalyzerCrash, &batch.denied[i]);
                let key = rough_key(pickle, &suspected);
                follow(worker, at, pickle, &key.into(), Mode::default(), true, done)?;
            }
        }
    }
    Ok(())
}

/// Pickles that the deny tier makes suspect in other ways than by what they ask for: dangerous
/// ones of which it saw nothing denied, interpreters that died.
pub fn suspicions(worker: &mut Worker<'_, '_>, batch: &Batch, done: &mut Done) -> Result<()> {
    let hunt = worker.shared.config.hunt;
    for (i, pickle) in batch.pickles.iter().enumerate() {
        if worker.shared.over() {
            return Ok(());
        }
        let seen = &batch.denied[i];
        if seen.outcome == Outcome::Signaled {
            let at = batch.judgements.iter().position(|of| of[i].verdict == Judged::Safe);
            let mut suspected = suspicion(Class::InterpreterCrash, seen);
            suspected.safe = at.is_some();
            let key = rough_key(pickle, &suspected);
            follow(worker, at.unwrap_or(0), pickle, &key.into(), Mode::default(), true, done)?;
        }
        for at in 0..batch.judgements.len() {
            let judgement = &batch.judgements[at][i];
            let by_policy = worker.tested[at].by == assay_subjects::JudgeBy::Policy;
            if judgement.verdict == Judged::Dangerous
                && by_policy
                && hunt.wants(Class::NoWitness)
                && every_loading(&worker.shared.config.engines)
                && !reaches_denied(worker, seen)
            {
                let rules = judgement.rules.join(",");
                let key = rough_key(pickle, &suspicion(Class::NoWitness, seen)) + &rules;
                follow(worker, at, pickle, &key.into(), Mode::default(), false, done)?;
            }
        }
    }
    Ok(())
}

fn every_loading(engines: &[Engine]) -> bool {
    Engine::ALL.iter().filter(|engine| engine.loads()).all(|engine| engines.contains(engine))
}

fn reaches_denied(worker: &Worker<'_, '_>, seen: &DenyObservation) -> bool {
    let policy = &worker.shared.config.policy;
    seen.resolved.iter().any(|asked| policy.denied(&format!("{}.{}", asked.module, asked.name)))
}

/// What a pickle goes by until its cause is known.
pub struct Trail {
    /// Its rough key.
    pub key: String,
    /// The name it asks for, if that is what speaks against it.
    pub name: Option<String>,
}

impl From<String> for Trail {
    fn from(key: String) -> Self {
        Self { key, name: None }
    }
}

/// How many pickles of the key there were of which the first analyser has to answer.
pub fn seen(worker: &Worker<'_, '_>, key: &str) -> u64 {
    worker.shared.known().seen(&format!("{}|{key}", worker.tested[0].name))
}

/// Does with a discrepant pickle what is advised: follows it, counts it, or drops it. While
/// pursuing takes more than its share of the time, what is not `grave` waits, and of what is
/// only the first of each kind is followed.
pub fn follow(
    worker: &mut Worker<'_, '_>,
    at: usize,
    pickle: &[u8],
    trail: &Trail,
    mode: Mode,
    grave: bool,
    done: &mut Done,
) -> Result<()> {
    let shared = worker.shared;
    let name = worker.tested[at].name.clone();
    let key = shared.known().refine(format!("{name}|{}", trail.key), trail.name.as_deref());
    // Who covers everything leaves nothing out for want of time, and of what is grave nothing
    // because pickles like it came to nothing.
    let all = shared.config.exhaustive.is_some();
    let share = match shared.config.hunt {
        _ if grave => FIRSTS_SHARE,
        Hunt::Divergence => HUNTED_SHARE,
        _ => MINOR_SHARE,
    };
    if !all && worker.pursues_more_than(share) {
        return Ok(());
    }
    let busy = if all { !grave } else { worker.pursues_more_than(GRAVE_SHARE) };
    let advice = shared.known().advise(&key, busy);
    match advice {
        Advice::Follow => {}
        Advice::Drop if all && grave => {}
        Advice::Count(bucket) => {
            done.counted.push((name, bucket));
            return Ok(());
        }
        Advice::Drop => return Ok(()),
    }
    trace(worker, at, pickle, &key, mode, done)
}

/// Goes on with a pickle that was cut short. One of an analyser that is not under test any more
/// stays as it is.
pub fn again(worker: &mut Worker<'_, '_>, pending: &Pending, done: &mut Done) -> Result<()> {
    match worker.tested.iter().position(|tested| tested.name == pending.analyzer) {
        Some(at) => trace(worker, at, &pending.pickle, &pending.key, pending.mode, done),
        None => {
            done.pending.push(pending.clone());
            Ok(())
        }
    }
}

/// Follows every discrepancy of a pickle down to its cause.
fn trace(
    worker: &mut Worker<'_, '_>,
    at: usize,
    pickle: &[u8],
    key: &str,
    mode: Mode,
    done: &mut Done,
) -> Result<()> {
    let shared = worker.shared;
    let name = worker.tested[at].name.clone();
    let over = || shared.long_over();
    let tested = &mut worker.tested[at];
    let mut bench = Bench {
        subject: tested.subject.as_mut(),
        witness: &mut worker.oracle,
        allowed: &shared.config.policy,
        by: tested.by,
        engines: &shared.config.engines,
    };
    let checked = bench.check_in(pickle, shared.config.hunt, mode)?;
    for discrepancy in &checked.discrepancies {
        if let Some(traced) = bench.trace_until(pickle, &checked, discrepancy, BUDGET, &over)? {
            // A witness that was cut short may seem to have a cause of its own.
            let known = shared.known().bucket(key);
            if let Some(bucket) = known
                && !traced.complete
            {
                done.counted.push((name.clone(), bucket));
                continue;
            }
            if !traced.complete && shared.long_over() {
                let pending = Pending {
                    analyzer: name.clone(),
                    key: key.to_owned(),
                    class: discrepancy.class,
                    mode,
                    pickle: pickle.to_vec(),
                };
                if !done.pending.contains(&pending) {
                    done.pending.push(pending);
                }
                continue;
            }
            shared.known().learn(key, &traced.bucket);
            tracing::debug!(bucket = %traced.bucket, tests = traced.tests, "followed");
            done.findings.push(Finding::new(&name, pickle, traced, shared.seconds()));
        }
    }
    Ok(())
}
