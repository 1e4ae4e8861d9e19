//! One worker: generates, judges, loads and compares, batch after batch.
//!
//! A worker has its own stream of pickles, analysers, oracle and pool, and shares with others
//! only what is known already. What it finds and counts it sends on; it stores nothing.

mod full;

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::SyncSender;
use std::time::{Duration, Instant};

use assay_differential::{Class, Hunt, Witness as _};
use assay_oracle::Outcome;
use assay_subjects::{JudgeBy, Judgement, Subject};

use crate::batch::{Batch, behaviour, safe_with_call};
use crate::config::CampaignConfig;
use crate::coverage::Coverage;
use crate::exhaustive::Counts;
use crate::finding::Finding;
use crate::known::Known;
use crate::pending::Pending;
use crate::pool::{Interesting, Pool};
use crate::schedule::{Quota, Turns};
use crate::source::{Seeds, Source, is_for_control};
use crate::tally::Tally;
use crate::tiers::Tiers;
use crate::{Result, apart, pursue};

/// Pickles of a batch: enough to make a round trip to a worker process cheap, few enough that a
/// kill loses little.
pub const BATCH: usize = 256;

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
    /// The unit of an exhaustive campaign that is done by it.
    pub unit: Option<(u64, Counts)>,
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
    pub(crate) number: u64,
    source: Source,
    pub(crate) tested: Vec<Tested>,
    /// The weakened analyser.
    pub(crate) control: Tested,
    pub(crate) oracle: Tiers,
    pub(crate) pool: Pool,
    turns: Turns,
    quota: Quota,
    /// Time spent on pursuing.
    pursuing: Duration,
    /// How engines ended whose values and touches were compared, each as often as it was.
    pub(crate) compared: HashMap<String, u32>,
}

impl<'s, 'c> Worker<'s, 'c> {
    /// Starts everything a worker needs.
    pub fn start(
        shared: &'s Shared<'c>,
        number: u64,
        seeds: Seeds,
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
        let divergence = config.hunt == Hunt::Divergence;
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
            )
            .aimed(config.aim.clone()),
            tested: config.analyzers.iter().map(start).collect::<Result<_>>()?,
            control,
            oracle: Tiers::new(config)?,
            pool,
            turns: Turns::new(&config.engines, config.pythons.len()),
            quota: Quota::default(),
            pursuing: Duration::ZERO,
            compared: HashMap::new(),
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
    pub(crate) fn done(&self, next_batch: u64) -> Done {
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
            unit: None,
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
        let hunts_divergence = self.shared.config.hunt == Hunt::Divergence;
        let control = is_for_control(hunts_divergence, number)
            && !self.shared.control_found.load(Ordering::Relaxed);
        let judgements: Vec<Vec<Judgement>> = if control {
            vec![self.control.subject.judge_batch(&refs)]
        } else {
            self.tested.iter_mut().map(|tested| tested.subject.judge_batch(&refs)).collect()
        };
        let judged = Instant::now();
        let hunt = self.shared.config.hunt;
        let load = self.turns.deny(number);
        let denied = self.oracle.deny(load, &refs)?;
        let others = match hunt {
            _ if control => Vec::new(),
            Hunt::Divergence => self.turns.beside(number),
            Hunt::All => self.turns.against(number).into_iter().collect(),
            Hunt::Soundness => Vec::new(),
        };
        let mut beside = Vec::new();
        for other in others {
            beside.push((other, self.oracle.deny(other, &refs)?));
        }
        let loaded = Instant::now();
        done.tally.executed_deny = (refs.len() * (1 + beside.len())) as u64;
        let mut batch =
            Batch { number, control, judgements, denied, beside, behaviours: Vec::new(), pickles };
        self.count(&batch, &mut done.tally);
        for i in 0..batch.pickles.len() {
            let behaviour = behaviour(&batch, i);
            batch.behaviours.push(behaviour);
            done.kept.extend(self.pool.feed(behaviour, &batch.pickles[i]).cloned());
        }
        // Full loads test soundness: where that is not hunted for, only the control wants them.
        let chosen =
            if control || hunt.wants(Class::Unsound) { self.choose(&batch) } else { Vec::new() };
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
            pursue::suspicions(self, &batch, &mut done)?;
            apart::suspicions(self, load, &batch, &mut done)?;
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
}
