//! One worker: generates, judges, loads and compares, batch after batch.
//!
//! A worker has its own stream of pickles, analysers, oracle and pool, and shares with others
//! only what is known already. What it finds and counts it sends on; it stores nothing.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::SyncSender;
use std::time::{Duration, Instant};

use assay_differential::{
    Behaviour, Class, Discrepancy, Permissions, Witness as _, compare, rough_key,
};
use assay_oracle::{DenyObservation, Filtered, Observation, Outcome, TouchKind, Touched};
use assay_subjects::{JudgeBy, Judged, Judgement, Subject};

use crate::config::CampaignConfig;
use crate::coverage::Coverage;
use crate::finding::Finding;
use crate::known::Known;
use crate::pending::Pending;
use crate::pool::{Interesting, Pool};
use crate::pursue::Trail;
use crate::schedule::{Quota, Turns};
use crate::source::Source;
use crate::tally::Tally;
use crate::tiers::Tiers;
use crate::{Result, pursue};

/// Pickles of a batch: enough to make a round trip to a worker process cheap, few enough that a
/// kill loses little.
pub const BATCH: usize = 256;

/// Every so many batches one is judged by the weakened analyser, until its hole is found.
const CONTROL_EVERY: u64 = 16;

/// What is being followed down when the time is up may go on for so long; then it is pending.
const GRACE: Duration = Duration::from_secs(5);

/// What all workers share.
pub struct Shared<'c> {
    /// The configuration.
    pub config: &'c CampaignConfig,
    /// Whether to end.
    pub stop: &'c AtomicBool,
    /// Whether to end because something failed.
    pub halt: AtomicBool,
    /// When to end.
    pub deadline: Option<Instant>,
    /// When this session began.
    pub began: Instant,
    /// Seconds of earlier sessions.
    pub before: f64,
    /// What is known already.
    pub known: Mutex<Known>,
    /// Whether the planted hole was found.
    pub control_found: AtomicBool,
}

impl Shared<'_> {
    /// Seconds into the campaign.
    pub fn seconds(&self) -> f64 {
        self.before + self.began.elapsed().as_secs_f64()
    }

    /// Seconds until it is over, if there is an end to it.
    pub fn left(&self) -> Option<f64> {
        let left = self.deadline?.saturating_duration_since(Instant::now());
        Some(left.as_secs_f64())
    }

    /// Whether to end at once.
    pub fn long_over(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
            || self.halt.load(Ordering::Relaxed)
            || self.deadline.is_some_and(|deadline| Instant::now() >= deadline + GRACE)
    }

    /// Whether to begin nothing new.
    pub fn over(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
            || self.halt.load(Ordering::Relaxed)
            || self.deadline.is_some_and(|deadline| Instant::now() >= deadline)
    }
}

/// What a worker reports.
pub enum Event {
    /// A batch is done.
    Batch(Box<Done>),
    /// The planted hole was found.
    Control(f64),
    /// The worker cannot go on.
    Failed(crate::Error),
}

/// A finished batch.
pub struct Done {
    /// Whose.
    pub worker: u64,
    /// The batch to go on with.
    pub next_batch: u64,
    /// What it counted.
    pub tally: Tally,
    /// What it generated.
    pub coverage: Coverage,
    /// What it keeps for mutation.
    pub kept: Vec<Interesting>,
    /// Causes that it followed down.
    pub findings: Vec<Finding>,
    /// Pickles that showed a known cause, by analyser and bucket.
    pub counted: Vec<(String, String)>,
    /// Pickles that could not be followed to the end.
    pub pending: Vec<Pending>,
    /// Pickles that were pending and are so no more.
    pub settled: Vec<Pending>,
}

/// An analyser under test.
pub struct Tested {
    /// Its name.
    pub name: String,
    /// What refutes its `safe`.
    pub by: JudgeBy,
    /// The analyser.
    pub subject: Box<dyn Subject>,
}

/// A worker.
pub struct Worker<'s, 'c> {
    pub(crate) shared: &'s Shared<'c>,
    number: u64,
    source: Source,
    pub(crate) tested: Vec<Tested>,
    /// The weakened analyser.
    pub(crate) control: Tested,
    pub(crate) oracle: Tiers,
    pool: Pool,
    turns: Turns,
    quota: Quota,
    /// Time spent on pursuing.
    pursuing: Duration,
}

/// What was learnt of the pickles of one batch.
pub(crate) struct Batch {
    pub number: u64,
    pub pickles: Vec<Vec<u8>>,
    /// Whether the weakened analyser judged it.
    pub control: bool,
    /// By analyser, then by pickle.
    pub judgements: Vec<Vec<Judgement>>,
    pub denied: Vec<DenyObservation>,
    /// By pickle.
    pub behaviours: Vec<u64>,
}

/// A judgement that a full load seems to refute.
struct Refuted {
    /// Index of the analyser.
    analyzer: usize,
    /// Index of the pickle in its batch.
    pickle: usize,
    /// What it goes by.
    trail: Trail,
}

impl<'s, 'c> Worker<'s, 'c> {
    /// Starts everything a worker needs.
    pub fn start(
        shared: &'s Shared<'c>,
        number: u64,
        seeds: Vec<Vec<u8>>,
        kept: Vec<Interesting>,
    ) -> Result<Self> {
        let config = shared.config;
        let start = |spec: &assay_subjects::SubjectSpec| -> Result<Tested> {
            Ok(Tested {
                name: spec.name().to_owned(),
                by: config.judge_by(spec),
                subject: spec.start(&config.policy, config.analyzer_timeout)?,
            })
        };
        let (weakened, _) = config.policy.weakened(config.seed);
        let ours: assay_subjects::SubjectSpec = "assay".parse()?;
        let control = Tested {
            name: "control".into(),
            by: JudgeBy::Policy,
            subject: ours.start(&weakened, config.analyzer_timeout)?,
        };
        let mut pool = Pool::default();
        pool.restore(kept);
        let place = [u64::from(config.shard.index), number];
        let divergence = config.hunt == assay_differential::Hunt::Divergence;
        Ok(Self {
            shared,
            number,
            source: Source::new(
                config.seed,
                place,
                config.jobs,
                config.max_opcodes,
                seeds,
                divergence,
            ),
            tested: config.analyzers.iter().map(start).collect::<Result<_>>()?,
            control,
            oracle: Tiers::new(config)?,
            pool,
            turns: Turns::new(&config.engines, config.pythons.len()),
            quota: Quota::default(),
            pursuing: Duration::ZERO,
        })
    }

    /// Whether pursuing has had this share of the time.
    pub(crate) fn pursues_more_than(&self, share: f64) -> bool {
        self.pursuing.as_secs_f64() > 1.0 + share * self.shared.began.elapsed().as_secs_f64()
    }

    /// Runs batches from `next` until it is over, or until `pickles` have been generated.
    pub fn run(&mut self, next: u64, pickles: Option<u64>, events: &SyncSender<Event>) {
        let mut left = pickles.unwrap_or(u64::MAX);
        let mut number = next;
        while left > 0 && !self.shared.over() {
            let size = usize::try_from(left).unwrap_or(usize::MAX).min(BATCH);
            let event = match self.batch(number, size, events) {
                Ok(done) => Event::Batch(Box::new(done)),
                Err(error) => Event::Failed(error),
            };
            let failed = matches!(event, Event::Failed(_));
            // If nobody listens any more, there is nothing to go on for.
            if events.send(event).is_err() || failed {
                return;
            }
            left -= size as u64;
            number += 1;
        }
    }

    /// Nothing yet.
    fn done(&self, next_batch: u64) -> Done {
        Done {
            worker: self.number,
            next_batch,
            tally: Tally::default(),
            coverage: Coverage::default(),
            kept: Vec::new(),
            findings: Vec::new(),
            counted: Vec::new(),
            pending: Vec::new(),
            settled: Vec::new(),
        }
    }

    /// Goes on with what an earlier session did not follow to the end; whether there is anybody
    /// to report to.
    pub fn settle(&mut self, next: u64, pending: Vec<Pending>, events: &SyncSender<Event>) -> bool {
        for pending in pending {
            if self.shared.over() {
                return true;
            }
            let mut done = self.done(next);
            let event = match pursue::again(self, &pending, &mut done) {
                Ok(()) => {
                    if done.pending.is_empty() {
                        done.settled.push(pending);
                    }
                    Event::Batch(Box::new(done))
                }
                Err(error) => Event::Failed(error),
            };
            let failed = matches!(event, Event::Failed(_));
            if events.send(event).is_err() || failed {
                return false;
            }
        }
        true
    }

    fn batch(&mut self, number: u64, size: usize, events: &SyncSender<Event>) -> Result<Done> {
        let mut done = self.done(number + 1);
        let began = Instant::now();
        let pickles = self.source.batch(number, size, &self.pool);
        for pickle in &pickles {
            done.coverage.add(pickle);
        }
        let generated = Instant::now();
        let refs: Vec<&[u8]> = pickles.iter().map(Vec::as_slice).collect();
        let control = number % CONTROL_EVERY == CONTROL_EVERY / 2
            && !self.shared.control_found.load(Ordering::Relaxed);
        let judgements: Vec<Vec<Judgement>> = if control {
            vec![self.control.subject.judge_batch(&refs)]
        } else {
            self.tested.iter_mut().map(|tested| tested.subject.judge_batch(&refs)).collect()
        };
        let judged = Instant::now();
        let load = self.turns.deny(number);
        let denied = self.oracle.deny(load, &refs)?;
        let against = if self.shared.config.hunt.wants(Class::Divergence) && !control {
            match self.turns.against(number) {
                Some(other) => Some((other, self.oracle.deny(other, &refs)?)),
                None => None,
            }
        } else {
            None
        };
        let loaded = Instant::now();
        done.tally.executed_deny = (refs.len() * if against.is_some() { 2 } else { 1 }) as u64;
        let mut batch =
            Batch { number, control, judgements, denied, behaviours: Vec::new(), pickles };
        self.count(&batch, &mut done.tally);
        for i in 0..batch.pickles.len() {
            let behaviour = behaviour(&batch, i);
            batch.behaviours.push(behaviour);
            done.kept.extend(self.pool.feed(behaviour, &batch.pickles[i]).cloned());
        }
        let chosen = self.choose(&batch);
        let rest = began.elapsed();
        let full = Instant::now();
        let refuted = self.execute(&batch, &chosen, &mut done)?;
        let full_spent = full.elapsed();
        self.quota.learn(rest, full_spent, chosen.len());
        let pursued = Instant::now();
        for found in &refuted {
            let pickle = &batch.pickles[found.pickle];
            if control {
                pursue::control(self, pickle, events)?;
            } else {
                let mode = self.turns.full(number).run.mode;
                pursue::follow(self, found.analyzer, pickle, &found.trail, mode, true, &mut done)?;
            }
        }
        if !control {
            pursue::crashes(self, &batch, &mut done)?;
            pursue::suspicions(self, &batch, against.as_ref().map(|(_, seen)| seen), &mut done)?;
        }
        self.pursuing += pursued.elapsed();
        for (stage, time) in [
            ("generate", generated - began),
            ("judge", judged - generated),
            ("deny", loaded - judged),
            ("choose", rest.saturating_sub(loaded - began)),
            ("full", full_spent),
            ("pursue", pursued.elapsed()),
        ] {
            done.tally.spent(stage, time);
        }
        Ok(done)
    }

    fn count(&self, batch: &Batch, tally: &mut Tally) {
        tally.generated += batch.pickles.len() as u64;
        for (i, seen) in batch.denied.iter().enumerate() {
            tally.loaded += u64::from(seen.outcome == Outcome::Loaded);
            tally.touched_denied += u64::from(
                seen.resolved
                    .iter()
                    .any(|asked| !asked.allowed && self.denies(&asked.module, &asked.name)),
            );
            for judgements in &batch.judgements {
                let judgement = &judgements[i];
                // The planted hole's verdicts are not those of the analysers under test.
                if !batch.control {
                    tally.judged(judgement.verdict);
                    tally.ended(judgement.verdict, seen.outcome);
                    tally.safe_with_call += u64::from(safe_with_call(judgement));
                }
            }
        }
    }

    fn denies(&self, module: &str, name: &str) -> bool {
        self.shared.config.policy.denied(&format!("{module}.{name}"))
    }

    /// The pickles of a batch that are worth a full load.
    fn choose(&self, batch: &Batch) -> Vec<usize> {
        let quota = self.quota.pickles();
        let mut suspicious = Vec::new();
        let mut calling = Vec::new();
        for i in 0..batch.pickles.len() {
            if batch
                .judgements
                .iter()
                .any(|judgements| is_suspicious(&judgements[i], &batch.denied[i]))
            {
                suspicious.push(i);
            } else if batch
                .judgements
                .iter()
                .any(|judgements| worth_loading(&judgements[i], &batch.denied[i]))
            {
                calling.push(i);
            }
        }
        // Rare behaviour first; among equals as they come.
        let rare = |i: &usize| self.pool.count(batch.behaviours[*i]);
        suspicious.sort_by_key(rare);
        calling.sort_by_key(rare);
        // Suspicions can be very many; they leave half to what tests soundness.
        suspicious.truncate((quota / 2).max(1));
        let left = quota.saturating_sub(suspicious.len()).max(1);
        // Half for what is rare, half for what imports little and so is loaded soon.
        let globals = |i: &usize| batch.judgements[0][*i].globals.len();
        let rest = left.div_ceil(2).min(calling.len());
        calling[rest..].sort_by_key(globals);
        calling.truncate(left);
        suspicious.append(&mut calling);
        suspicious
    }

    /// Loads the chosen ones for real and compares: several to a process first, and again alone
    /// what then speaks against an analyser.
    fn execute(
        &mut self,
        batch: &Batch,
        chosen: &[usize],
        done: &mut Done,
    ) -> Result<Vec<Refuted>> {
        let mut out = Vec::new();
        if chosen.is_empty() {
            return Ok(out);
        }
        let load = self.turns.full(batch.number);
        let refs: Vec<&[u8]> =
            chosen.iter().map(|&pickle| batch.pickles[pickle].as_slice()).collect();
        let policy = &self.shared.config.policy;
        let tested = &self.tested;
        let refutes = |at: usize, pickle: usize, observation: &Observation| {
            let judgement = &batch.judgements[at][pickle];
            let by = if batch.control { JudgeBy::Policy } else { tested[at].by };
            let mut found = compare(judgement, by, policy, std::slice::from_ref(observation));
            found.retain(|discrepancy| discrepancy.class != Class::AnalyzerCrash);
            found
        };
        let mut hits = 0;
        let sifted = self.oracle.sift(load, &refs, |index, observation| {
            let analyzers = 0..batch.judgements.len();
            let mut analyzers =
                analyzers.filter(|&at| !refutes(at, chosen[index], observation).is_empty());
            let hit = analyzers.next().is_some();
            hits += u64::from(hit);
            hit
        })?;
        done.tally.executed_full += sifted.len() as u64 + hits;
        for (&pickle, Filtered { observation, alone }) in chosen.iter().zip(&sifted) {
            done.tally.executed_full_alone += u64::from(*alone);
            done.tally.loaded += u64::from(observation.outcome == Outcome::Loaded);
            done.tally.touched_denied += u64::from(
                observation
                    .touched
                    .iter()
                    .any(|touched| Permissions::denied(policy, &touched.name)),
            );
            for (at, judgements) in batch.judgements.iter().enumerate() {
                let judgement = &judgements[pickle];
                if !batch.control {
                    done.tally.safe_with_call_executed_full += u64::from(safe_with_call(judgement));
                }
                for discrepancy in refutes(at, pickle, observation) {
                    let key = rough_key(&batch.pickles[pickle], &discrepancy);
                    let first = discrepancy.touched.first();
                    let name = first
                        .filter(|touched| touched.kind == TouchKind::Resolve)
                        .map(|touched| touched.name.clone());
                    out.push(Refuted { analyzer: at, pickle, trail: Trail { key, name } });
                }
            }
        }
        Ok(out)
    }
}

/// Whether the analyser passed a pickle of which it saw that it calls something.
pub(crate) fn safe_with_call(judgement: &Judgement) -> bool {
    judgement.verdict == Judged::Safe && judgement.calls
}

/// Whether loading the pickle for real may refute the analyser: it passed it, and something is
/// called. Not every analyser says what it saw; then what was asked for must do.
fn worth_loading(judgement: &Judgement, seen: &DenyObservation) -> bool {
    safe_with_call(judgement) || judgement.verdict == Judged::Safe && !seen.resolved.is_empty()
}

/// Whether the analyser passed a pickle that asks for something not allowed.
pub(crate) fn is_suspicious(judgement: &Judgement, seen: &DenyObservation) -> bool {
    judgement.verdict == Judged::Safe
        && (seen.persistent > 0
            || seen.outcome == Outcome::Signaled
            || seen.resolved.iter().any(|asked| !asked.allowed))
}

/// The refused requests as touches, for rough keys.
pub(crate) fn refused(seen: &DenyObservation) -> Vec<Touched> {
    let touch = |name: String| Touched {
        kind: TouchKind::Resolve,
        name,
        opcode_offset: None,
        args: None,
        by: None,
    };
    seen.resolved
        .iter()
        .filter(|asked| !asked.allowed)
        .map(|asked| touch(format!("{}.{}", asked.module, asked.name)))
        .collect()
}

/// A suspicion of this class, for rough keys.
pub(crate) fn suspicion(class: Class, seen: &DenyObservation) -> Discrepancy {
    Discrepancy::suspected(class, refused(seen))
}

/// What analysers and the deny tier said of the pickle, as one number.
fn behaviour(batch: &Batch, i: usize) -> u64 {
    let mut behaviour = Behaviour::new(&batch.pickles[i], &|_| true);
    for judgements in &batch.judgements {
        behaviour.judged(&judgements[i]);
    }
    behaviour.denied(&batch.denied[i]).id()
}
