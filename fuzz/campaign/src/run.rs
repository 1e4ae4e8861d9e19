//! Runs a campaign: starts the workers, gathers what they report, saves it, and ends cleanly.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::config::CampaignConfig;
use crate::finding::Finding;
use crate::known::Known;
use crate::pool::Interesting;
use crate::status::Status;
use crate::store::{Meta, Sample, Save, State, Store};
use crate::summary::{Control, Summary};
use crate::worker::{Done, Event, Shared, Worker};
use crate::{Error, Result, files, pin, report, source};

/// Batches that may wait to be saved before workers have to wait.
const BACKLOG: usize = 64;

/// Between two looks at the clock.
const TICK: Duration = Duration::from_millis(100);

/// Between two calls of the progress function.
const STATUS_EVERY: Duration = Duration::from_millis(500);

/// Between two points of the plots, and two rewritings of the summary.
const SAMPLE_EVERY: Duration = Duration::from_secs(5);

/// Over how long speeds are taken.
const WINDOW: Duration = Duration::from_secs(5);

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
    let seeds = source::given(&config.corpus)?;
    let (store, state) = open(config)?;
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
    let next: HashMap<u64, u64> = state.next_batch.iter().copied().collect();
    let mut kept: HashMap<u64, Vec<Interesting>> = HashMap::new();
    for (worker, entry) in &state.pool {
        kept.entry(*worker).or_default().push(entry.clone());
    }
    let mut gathered = Gathered::new(&store, config, state);
    let (sender, receiver) = sync_channel(BACKLOG);
    let failed = std::thread::scope(|scope| {
        let mut threads = Vec::new();
        for number in 0..config.jobs as u64 {
            let (shared, sender, seeds) = (&shared, sender.clone(), seeds.clone());
            let kept = kept.remove(&number).unwrap_or_default();
            let next = next.get(&number).copied().unwrap_or(0);
            let pickles = config.execs.map(|execs| share(execs, config.jobs as u64, number));
            threads.push(
                scope.spawn(move || work(shared, number, seeds, kept, next, pickles, &sender)),
            );
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
    seeds: Vec<Vec<u8>>,
    kept: Vec<Interesting>,
    next: u64,
    pickles: Option<u64>,
    events: &SyncSender<Event>,
) {
    if shared.config.jobs > 1 {
        pin::to_a_core(number);
    }
    match Worker::start(shared, number, seeds, kept) {
        Ok(mut worker) => worker.run(next, pickles, events),
        Err(error) => {
            // If nobody listens, the campaign is over already.
            let _ = events.send(Event::Failed(error));
        }
    }
}

fn open(config: &CampaignConfig) -> Result<(Store, State)> {
    let store = if config.resume {
        Store::open(&config.out)?
    } else {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let meta = Meta {
            seed: config.seed,
            shard: config.shard,
            analyzers: config.analyzers.iter().map(|spec| spec.name().to_owned()).collect(),
            policy: config.policy.names().to_vec(),
            pythons: config.pythons.iter().map(|python| python.version.clone()).collect(),
            engines: config.engines.iter().map(|engine| engine.name().to_owned()).collect(),
            hunt: config.hunt.name().to_owned(),
            began: now,
        };
        Store::create(&config.out, &meta)?
    };
    let mut state = store.state()?;
    if state.control.planted.is_empty() {
        let (_, planted) = config.policy.weakened(state.meta.seed);
        state.control = Control { planted, found_seconds: None };
    }
    Ok((store, state))
}

/// Everything reported so far.
struct Gathered<'s> {
    store: &'s Store,
    out: &'s Path,
    state: State,
    /// Position in `state.findings` by analyser and bucket.
    index: HashMap<(String, String), usize>,
    /// Findings that changed since the last save.
    changed: Vec<usize>,
    unsaved: Unsaved,
    last_new: Option<(String, f64)>,
    recent: VecDeque<(Instant, [u64; 3])>,
}

#[derive(Default)]
struct Unsaved {
    batches: bool,
    next_batch: BTreeMap<u64, u64>,
    pool: Vec<(u64, Interesting)>,
}

impl<'s> Gathered<'s> {
    fn new(store: &'s Store, config: &'s CampaignConfig, state: State) -> Self {
        let index = state
            .findings
            .iter()
            .enumerate()
            .map(|(i, found)| ((found.analyzer.clone(), found.bucket.clone()), i))
            .collect();
        Self {
            store,
            out: &config.out,
            state,
            index,
            changed: Vec::new(),
            unsaved: Unsaved::default(),
            last_new: None,
            recent: VecDeque::new(),
        }
    }

    fn listen(
        &mut self,
        events: &Receiver<Event>,
        shared: &Shared<'_>,
        progress: &(dyn Fn(&Status) + Sync),
    ) -> Result<()> {
        let mut saved = Instant::now();
        let mut told = Instant::now();
        let mut sampled = Instant::now();
        loop {
            let over = match events.recv_timeout(TICK) {
                Ok(Event::Batch(done)) => {
                    self.take(*done)?;
                    false
                }
                Ok(Event::Control(seconds)) => {
                    self.state.control.found_seconds.get_or_insert(seconds);
                    false
                }
                Ok(Event::Failed(error)) => {
                    self.save(shared, None)?;
                    return Err(error);
                }
                Err(RecvTimeoutError::Timeout) => false,
                Err(RecvTimeoutError::Disconnected) => true,
            };
            let sample = (sampled.elapsed() >= SAMPLE_EVERY || over).then(|| self.sample(shared));
            if over || sample.is_some() || saved.elapsed() >= TICK || !self.changed.is_empty() {
                self.save(shared, sample)?;
                saved = Instant::now();
            }
            if sample.is_some() {
                sampled = Instant::now();
                self.write(shared)?;
            }
            if told.elapsed() >= STATUS_EVERY || over {
                progress(&self.status(shared));
                told = Instant::now();
            }
            if over {
                return Ok(());
            }
        }
    }

    fn take(&mut self, done: Done) -> Result<()> {
        self.unsaved.batches = true;
        self.state.tally.add(&done.tally);
        self.state.coverage.merge(&done.coverage);
        self.unsaved.next_batch.insert(done.worker, done.next_batch);
        self.unsaved.pool.extend(done.kept.into_iter().map(|kept| (done.worker, kept)));
        for (analyzer, bucket) in done.counted {
            if let Some(&i) = self.index.get(&(analyzer, bucket)) {
                self.state.findings[i].count += 1;
                // Counts are saved with whatever comes next: they alone are not worth a write
                // of every finding.
                if !self.changed.contains(&i) && self.state.findings[i].count.is_power_of_two() {
                    self.changed.push(i);
                }
            }
        }
        for finding in done.findings {
            let key = (finding.analyzer.clone(), finding.bucket.clone());
            let i = match self.index.get(&key) {
                Some(&i) => {
                    let before = self.state.findings[i].minimized.clone();
                    self.state.findings[i].merge(&finding);
                    if self.state.findings[i].minimized != before {
                        self.write_finding(i)?;
                    }
                    i
                }
                None => {
                    let i = self.state.findings.len();
                    tracing::info!(bucket = %finding.bucket, analyzer = %finding.analyzer, "new");
                    self.last_new = Some((finding.bucket.clone(), finding.first_seen_seconds));
                    self.index.insert(key, i);
                    self.state.findings.push(finding);
                    self.write_finding(i)?;
                    i
                }
            };
            if !self.changed.contains(&i) {
                self.changed.push(i);
            }
        }
        Ok(())
    }

    fn write_finding(&self, i: usize) -> Result<()> {
        let finding = &self.state.findings[i];
        finding.write(self.out, &finding.directory()).map(drop)
    }

    fn sample(&self, shared: &Shared<'_>) -> Sample {
        Sample {
            seconds: shared.seconds(),
            generated: self.state.tally.generated,
            deny: self.state.tally.executed_deny,
            full: self.state.tally.executed_full,
            transitions: self.state.coverage.transitions_seen(),
            buckets: self.state.findings.len(),
        }
    }

    fn save(&mut self, shared: &Shared<'_>, sample: Option<Sample>) -> Result<()> {
        let unsaved = std::mem::take(&mut self.unsaved);
        let changed = std::mem::take(&mut self.changed);
        if !unsaved.batches && changed.is_empty() && sample.is_none() {
            return Ok(());
        }
        self.state.seconds = shared.seconds();
        if let Some(sample) = sample {
            self.state.timeline.push(sample);
        }
        let findings: Vec<&Finding> = changed.iter().map(|&i| &self.state.findings[i]).collect();
        let next_batch: Vec<(u64, u64)> = unsaved.next_batch.into_iter().collect();
        self.store.save(&Save {
            seconds: self.state.seconds,
            tally: &self.state.tally,
            coverage: &self.state.coverage,
            control: &self.state.control,
            next_batch: &next_batch,
            findings: &findings,
            pool: &unsaved.pool,
            sample,
        })
    }

    /// Rewrites the files that are read by others.
    fn write(&mut self, shared: &Shared<'_>) -> Result<Summary> {
        self.state.seconds = shared.seconds();
        let summary = report::summary(&self.state);
        report::write_files(self.out, &self.state, &summary)?;
        Ok(summary)
    }

    fn finish(mut self, shared: &Shared<'_>) -> Result<Summary> {
        // Counts that were not worth a write of their own.
        self.changed = (0..self.state.findings.len()).collect();
        self.unsaved.batches = true;
        self.save(shared, None)?;
        let summary = self.write(shared)?;
        let html = report::render(&[self.out.to_owned()], report::Format::Html)?;
        files::write(&self.out.join("report.html"), html.as_bytes())?;
        Ok(summary)
    }

    fn status(&mut self, shared: &Shared<'_>) -> Status {
        let tally = &self.state.tally;
        let now = Instant::now();
        let counts = [tally.generated, tally.executed_deny, tally.executed_full];
        self.recent.push_back((now, counts));
        while self.recent.front().is_some_and(|(then, _)| now - *then > WINDOW) {
            self.recent.pop_front();
        }
        let speed = |of: usize| {
            let (then, before) = self.recent[0];
            let seconds = (now - then).as_secs_f64();
            if seconds > 0.0 { (counts[of] - before[of]) as f64 / seconds } else { 0.0 }
        };
        Status {
            seconds: shared.seconds(),
            generated_per_second: speed(0),
            deny_per_second: speed(1),
            full_per_second: speed(2),
            opcodes_seen: self.state.coverage.opcodes_seen(),
            transitions_seen: self.state.coverage.transitions_seen(),
            buckets: report::by_class(&self.state.findings),
            last_new: self.last_new.clone(),
            control_found: self.state.control.found_seconds,
            interesting: self.state.pool.len(),
            tally: tally.clone(),
        }
    }
}

impl Shared<'_> {
    /// What is known, for as long as the answer is kept.
    pub fn known(&self) -> std::sync::MutexGuard<'_, Known> {
        // Counts stay usable whatever a worker died of.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
