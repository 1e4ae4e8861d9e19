//! Runs a campaign: starts the workers, gathers what they report, saves it, and ends cleanly.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use crate::config::CampaignConfig;
use crate::exhaustive::Queue;
use crate::gather::Gathered;
use crate::known::Known;
use crate::pending::Pending;
use crate::pool::Interesting;
use crate::source::{self, Seeds};
use crate::status::Status;
use crate::store::{Lock, Meta, State, Store};
use crate::summary::{Control, Summary};
use crate::worker::{Event, Shared, Worker};
use crate::{Error, Result, files, pin};

/// Runs a campaign until its time or number of pickles is up, or until `stop` is set. What was
/// found by then is saved, whichever it is.
///
/// `progress` is called twice a second.
///
/// # Errors
/// If the environment does not allow a campaign, or ceases to.
pub fn run(
    config: &CampaignConfig,
    stop: &AtomicBool,
    progress: &(dyn Fn(&Status) + Sync),
) -> Result<Summary> {
    config.check()?;
    let seeds = match config.exhaustive {
        Some(_) => Seeds::default(),
        None => source::given(&config.corpus)?,
    };
    let (store, state, _lock) = open(config)?;
    // Goes on as it began, whatever seed was named this time.
    let config = &CampaignConfig { seed: state.meta.seed, ..config.clone() };
    let began = Instant::now();
    let shared = Shared {
        config,
        stop,
        halt: AtomicBool::new(false),
        deadline: config.time.map(|time| began + time),
        began,
        before: state.seconds,
        known: Mutex::new(Known::default()),
        control_found: AtomicBool::new(state.control.found_seconds.is_some()),
    };
    let queue = match &config.exhaustive {
        Some(plan) => {
            let done = state.units.keys().copied().collect();
            Some(Queue::new(plan.try_space()?, config.shard, config.slice, done))
        }
        None => None,
    };
    let next: HashMap<u64, u64> = state.next_batch.iter().copied().collect();
    let mut kept: HashMap<u64, Vec<Interesting>> = HashMap::new();
    for ((worker, _), entry) in &state.pool {
        kept.entry(*worker).or_default().push(entry.clone());
    }
    // Whoever works on it now shares out what is left to do, however many they are.
    let mut pending: Vec<Vec<Pending>> = vec![Vec::new(); config.jobs];
    for (i, left) in state.pending.iter().enumerate() {
        pending[i % config.jobs].push(left.clone());
    }
    let mut gathered = Gathered::new(&store, config, state);
    // One batch of each worker may wait to be saved, so that a kill takes no more than that.
    let (sender, receiver) = sync_channel(config.jobs);
    let failed = std::thread::scope(|scope| {
        let mut threads = Vec::new();
        for number in 0..config.jobs as u64 {
            let (shared, sender, seeds) = (&shared, sender.clone(), seeds.clone());
            let queue = queue.as_ref();
            let kept = kept.remove(&number).unwrap_or_default();
            let pending = std::mem::take(&mut pending[number as usize]);
            let next = next.get(&number).copied().unwrap_or(0);
            let pickles = config.execs.map(|execs| share(execs, config.jobs as u64, number));
            threads.push(scope.spawn(move || {
                work(shared, number, seeds, (kept, pending), (next, queue), pickles, &sender)
            }));
        }
        drop(sender);
        let mut failed = gathered.listen(&receiver, &shared, progress).err();
        shared.halt.store(true, Ordering::Relaxed);
        // Workers waiting to report must not wait for ever.
        drop(receiver);
        for thread in threads {
            if let Err(panic) = thread.join() {
                let said = panic
                    .downcast_ref::<String>()
                    .cloned()
                    .or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
                failed = Some(Error::Worker(said.unwrap_or_default()));
            }
        }
        failed
    });
    let summary = gathered.finish(&shared)?;
    match failed {
        Some(error) => Err(error),
        None => Ok(summary),
    }
}

/// The part of `total` that falls to one of `parts`.
fn share(total: u64, parts: u64, number: u64) -> u64 {
    total / parts + u64::from(number < total % parts)
}

fn work(
    shared: &Shared<'_>,
    number: u64,
    seeds: Seeds,
    (kept, pending): (Vec<Interesting>, Vec<Pending>),
    (next, queue): (u64, Option<&Queue>),
    pickles: Option<u64>,
    events: &SyncSender<Event>,
) {
    if shared.config.jobs > 1 {
        pin::to_a_core(number);
    }
    match Worker::start(shared, number, seeds, kept) {
        Ok(mut worker) => {
            if worker.settle(next, pending, events) {
                match (queue, &shared.config.exhaustive) {
                    (Some(queue), Some(plan)) => worker.run_units(plan, queue, events),
                    _ => worker.run(next, pickles, events),
                }
            }
        }
        Err(error) => {
            // If nobody listens, the campaign is over already.
            let _ = events.send(Event::Failed(error));
        }
    }
}

/// Opens the shard that is to be worked on: a new campaign's, one that goes on, or one that joins
/// others of its campaign in the same directory.
fn open(config: &CampaignConfig) -> Result<(Store, State, Lock)> {
    files::directory(&config.out)?;
    let lock = Lock::take(&config.out, config.shard.index)?;
    let store = if config.resume || joins(config)? {
        Store::open(&config.out)?
    } else {
        match Store::create(&config.out, &meta(config)) {
            // Another shard was quicker.
            Err(Error::Directory { .. }) if joins(config)? => Store::open(&config.out)?,
            created => created?,
        }
    };
    let mut state = store.state(config.shard.index)?;
    if state.control.planted.is_empty() {
        let (_, planted) = config.policy.weakened(state.meta.seed);
        state.control = Control { planted, found_seconds: None };
    }
    Ok((store, state, lock))
}

/// Whether the directory holds a campaign of which this is a shard that has not begun.
fn joins(config: &CampaignConfig) -> Result<bool> {
    if config.shard.count == 1 {
        return Ok(false);
    }
    let store = match Store::open(&config.out) {
        Ok(store) => store,
        // None has begun.
        Err(Error::Directory { .. }) => return Ok(false),
        Err(error) => return Err(error),
    };
    let same = store.meta()?.shards == config.shard.count;
    Ok(same && !store.shards()?.contains(&config.shard.index))
}

fn meta(config: &CampaignConfig) -> Meta {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    // The standard library's own entropy: two campaigns of one seed are two all the same.
    let id = RandomState::new().build_hasher().finish();
    Meta {
        id: format!("{id:016x}"),
        seed: config.seed,
        shards: config.shard.count,
        analyzers: config.analyzers.iter().map(|spec| spec.name().to_owned()).collect(),
        policy: config.policy.names().to_vec(),
        pythons: config.pythons.iter().map(|python| python.version.clone()).collect(),
        engines: config.engines.iter().map(|engine| engine.name().to_owned()).collect(),
        hunt: config.hunt.name().to_owned(),
        began: now,
        exhaustive: config.exhaustive.clone(),
    }
}

impl Shared<'_> {
    /// What is known, for as long as the answer is kept.
    pub fn known(&self) -> std::sync::MutexGuard<'_, Known> {
        // Counts stay usable whatever a worker died of.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use assay_analyzer::Policy;

    use super::*;
    use crate::store::Save;

    #[test]
    fn what_was_cut_short_is_followed_when_the_campaign_goes_on() {
        let dir = tempfile::tempdir().unwrap();
        let scanner = concat!(
            "exec:python3 ",
            env!("CARGO_MANIFEST_DIR"),
            "/../subjects/tests/fixtures/scanner.py --flaw skip-inst"
        );
        let mut pythons = assay_oracle::discover();
        pythons.truncate(1);
        let policy = Policy::load(&["stdlib"]).unwrap();
        let mut config = CampaignConfig::new(vec![scanner.parse().unwrap()], policy, pythons);
        config.out = dir.path().to_owned();
        config.jobs = 1;
        config.execs = Some(0);
        config.resume = true;
        let store = Store::create(dir.path(), &meta(&config)).unwrap();
        let state = store.state(1).unwrap();
        // The scanner does not look into INST.
        let pending = Pending {
            analyzer: scanner.into(),
            key: "inst".into(),
            class: assay_differential::Class::Unsound,
            mode: assay_oracle::Mode::default(),
            pickle: b"N0(S'true'\nios\nsystem\n.".to_vec(),
        };
        let save = Save {
            shard: 1,
            seconds: 1.0,
            tally: &state.tally,
            coverage: &state.coverage,
            control: &state.control,
            next_batch: &[],
            findings: &[],
            counted: &[],
            pool: Vec::new(),
            samples: &[],
            pending: &[pending],
            settled: &[],
            units: &[],
        };
        store.save(&save).unwrap();
        let interrupted = run(&config, &AtomicBool::new(true), &|_| {}).unwrap();
        assert_eq!((interrupted.pending["unsound"], interrupted.buckets["unsound"]), (1, 0));
        let settled = run(&config, &AtomicBool::new(false), &|_| {}).unwrap();
        assert!(settled.pending.is_empty(), "{settled:?}");
        assert_eq!(settled.buckets["unsound"], 1);
    }
}
