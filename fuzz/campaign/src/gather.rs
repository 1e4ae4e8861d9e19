//! *Gathering*: what workers report becomes the state of a campaign, and is saved as it comes.
//!
//! Nothing found may be lost. While the campaign's directory cannot be written, workers wait;
//! if it stays so, everything goes elsewhere.

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use crate::config::{CampaignConfig, Shard};
use crate::exhaustive::{Counts, Queue};
use crate::finding::Finding;
use crate::pending::Pending;
use crate::status::{Exhausted, Status};
use crate::store::{self, Sample, Save, State, Store};
use crate::summary::Summary;
use crate::worker::{Done, Event, Shared};
use crate::{Error, Result, files, merge, report};

/// Between two looks at the clock.
const TICK: Duration = Duration::from_millis(100);

/// Between two calls of the progress function.
const STATUS_EVERY: Duration = Duration::from_millis(500);

/// Between two rewritings of the summary.
const WRITE_EVERY: Duration = Duration::from_secs(5);

/// Between two points of the plots, as a share of the time that has passed: a long night needs no
/// more of them than a short one many times over.
const SAMPLE_SHARE: f64 = 0.01;

/// Between two points of the plots at least, and at most, in seconds.
const SAMPLE_BOUNDS: (f64, f64) = (1.0, 60.0);

/// Over how long speeds are taken.
const WINDOW: Duration = Duration::from_secs(5);

/// Between two attempts to save what could not be saved.
const RETRY: Duration = Duration::from_millis(500);

/// How long to go on trying: enough for somebody, or a cleaning job, to make room.
const PATIENCE: Duration = Duration::from_secs(60);

/// Everything reported so far.
pub struct Gathered<'s> {
    store: &'s Store,
    shard: u32,
    out: &'s Path,
    /// With the findings that this shard saw, its own counts and times.
    state: State,
    /// Position in `state.findings` by analyser and bucket.
    index: HashMap<(String, String), usize>,
    unsaved: Unsaved,
    /// Findings whose files are older than they are.
    unwritten: BTreeSet<usize>,
    last_new: Option<(String, f64)>,
    recent: VecDeque<(Instant, [u64; 3])>,
    /// Why nothing can be saved, and since when.
    trouble: Option<(String, Instant)>,
    part: Shard,
    /// How many programs this shard of an exhaustive campaign has.
    programs: OnceCell<u64>,
}

/// What the store has not got yet.
#[derive(Default)]
struct Unsaved {
    anything: bool,
    next_batch: BTreeMap<u64, u64>,
    /// Places in the pools, by worker and slot.
    pool: BTreeSet<(u64, u32)>,
    samples: Vec<Sample>,
    pending: Vec<Pending>,
    settled: Vec<Pending>,
    units: Vec<(u64, Counts)>,
    /// Findings that are new or have a new witness.
    changed: BTreeSet<usize>,
    /// Findings seen again.
    counted: BTreeSet<usize>,
}

impl<'s> Gathered<'s> {
    /// What goes on from `state`.
    pub fn new(store: &'s Store, config: &'s CampaignConfig, state: State) -> Self {
        let index = state
            .findings
            .iter()
            .enumerate()
            .map(|(i, found)| ((found.analyzer.clone(), found.bucket.clone()), i))
            .collect();
        Self {
            store,
            shard: config.shard.index,
            out: &config.out,
            // A kill may have come between a finding's row and its files.
            unwritten: (0..state.findings.len()).collect(),
            state,
            index,
            unsaved: Unsaved::default(),
            last_new: None,
            recent: VecDeque::new(),
            trouble: None,
            part: config.shard,
            programs: OnceCell::new(),
        }
    }

    /// Takes in what workers report, until they are done.
    ///
    /// # Errors
    /// If a worker failed, or if nothing could be saved for long.
    pub fn listen(
        &mut self,
        events: &Receiver<Event>,
        shared: &Shared<'_>,
        progress: &(dyn Fn(&Status) + Sync),
    ) -> Result<()> {
        let mut told = Instant::now();
        let mut written = Instant::now();
        let mut sampled = f64::NEG_INFINITY;
        loop {
            let over = self.trouble.is_none() && self.receive(events)?;
            let now = shared.seconds();
            let (least, most) = SAMPLE_BOUNDS;
            if over || now - sampled >= (now * SAMPLE_SHARE).clamp(least, most) {
                self.sample(now);
                sampled = now;
            }
            self.try_to_save(shared)?;
            if told.elapsed() >= STATUS_EVERY || over {
                progress(&self.status(shared));
                told = Instant::now();
            }
            if self.trouble.is_some() {
                std::thread::sleep(RETRY);
            } else if written.elapsed() >= WRITE_EVERY {
                if let Err(error) = self.write() {
                    // These files can be made again from the store at any time.
                    tracing::warn!("{error}");
                }
                written = Instant::now();
            }
            if over && self.trouble.is_none() {
                return Ok(());
            }
        }
    }

    /// Takes in everything that is there; whether that was the last.
    fn receive(&mut self, events: &Receiver<Event>) -> Result<bool> {
        let mut event = match events.recv_timeout(TICK) {
            Ok(event) => event,
            Err(RecvTimeoutError::Timeout) => return Ok(false),
            Err(RecvTimeoutError::Disconnected) => return Ok(true),
        };
        loop {
            match event {
                Event::Batch(done) => self.take(*done),
                Event::Control(seconds) => {
                    self.state.control.found_seconds.get_or_insert(seconds);
                    self.unsaved.anything = true;
                }
                Event::Failed(error) => return Err(error),
            }
            match events.try_recv() {
                Ok(next) => event = next,
                Err(_) => return Ok(false),
            }
        }
    }

    fn take(&mut self, done: Done) {
        self.unsaved.anything = true;
        self.state.tally.add(&done.tally);
        self.state.coverage.merge(&done.coverage);
        self.unsaved.next_batch.insert(done.worker, done.next_batch);
        self.state.next_batch.retain(|(worker, _)| *worker != done.worker);
        self.state.next_batch.push((done.worker, done.next_batch));
        for kept in done.kept {
            let place = (done.worker, kept.slot);
            self.state.pool.insert(place, kept);
            self.unsaved.pool.insert(place);
        }
        for (analyzer, bucket) in done.counted {
            if let Some(&i) = self.index.get(&(analyzer, bucket)) {
                self.state.findings[i].count += 1;
                self.unsaved.counted.insert(i);
            }
        }
        for pending in done.pending {
            if !self.state.pending.contains(&pending) {
                self.state.pending.push(pending.clone());
                self.unsaved.pending.push(pending);
            }
        }
        for settled in done.settled {
            self.state.pending.retain(|pending| *pending != settled);
            self.unsaved.settled.push(settled);
        }
        if let Some((unit, counts)) = done.unit {
            self.state.units.insert(unit, counts.clone());
            self.unsaved.units.push((unit, counts));
        }
        for finding in done.findings {
            self.found(finding);
        }
    }

    fn found(&mut self, finding: Finding) {
        let key = (finding.analyzer.clone(), finding.bucket.clone());
        if let Some(&i) = self.index.get(&key) {
            let known = &self.state.findings[i];
            let count = known.count + finding.count;
            let first = known.first_seen_seconds.min(finding.first_seen_seconds);
            let mut merged = merge::witness(known.clone(), finding);
            (merged.count, merged.first_seen_seconds) = (count, first);
            let shown = |finding: &Finding| {
                let Finding { original, minimized, pythons, engines, .. } = finding.clone();
                (original, minimized, pythons, engines)
            };
            if shown(&merged) != shown(known) {
                self.unwritten.insert(i);
            }
            self.state.findings[i] = merged;
            self.unsaved.changed.insert(i);
            return;
        }
        let i = self.state.findings.len();
        tracing::info!(bucket = %finding.bucket, analyzer = %finding.analyzer, "new");
        self.last_new = Some((finding.bucket.clone(), finding.first_seen_seconds));
        self.index.insert(key, i);
        self.state.findings.push(finding);
        self.unsaved.changed.insert(i);
        self.unwritten.insert(i);
    }

    fn sample(&mut self, seconds: f64) {
        let seen = |times: u64| self.state.findings.iter().filter(|f| f.count == times).count();
        let sample = Sample {
            seconds,
            generated: self.state.tally.generated,
            deny: self.state.tally.executed_deny,
            full: self.state.tally.executed_full,
            transitions: self.state.coverage.transitions_seen(),
            buckets: self.state.findings.len(),
            singletons: seen(1),
            doubletons: seen(2),
        };
        self.state.timeline.push(sample);
        self.unsaved.samples.push(sample);
        self.unsaved.anything = true;
    }

    /// Saves, and waits with everything else if that fails.
    ///
    /// # Errors
    /// If there is no hope, or it has failed for so long that there is none left.
    fn try_to_save(&mut self, shared: &Shared<'_>) -> Result<()> {
        match self.save(shared).and_then(|()| self.write_findings()) {
            Ok(()) => {
                if self.trouble.take().is_some() {
                    tracing::warn!("everything is saved again");
                }
                Ok(())
            }
            Err(error) => {
                let since = match &self.trouble {
                    Some((_, since)) => *since,
                    None => {
                        tracing::warn!("{error}; waiting until it can be written");
                        Instant::now()
                    }
                };
                self.trouble = Some((error.to_string(), since));
                let hopeless = !error.may_pass() || shared.over() || since.elapsed() >= PATIENCE;
                if hopeless { Err(error) } else { Ok(()) }
            }
        }
    }

    fn save(&mut self, shared: &Shared<'_>) -> Result<()> {
        self.state.seconds = shared.seconds();
        let unsaved = &self.unsaved;
        if !unsaved.anything && unsaved.changed.is_empty() {
            return Ok(());
        }
        let next_batch: Vec<(u64, u64)> =
            unsaved.next_batch.iter().map(|(worker, next)| (*worker, *next)).collect();
        let pick = |which: &BTreeSet<usize>| -> Vec<&Finding> {
            which.iter().map(|&i| &self.state.findings[i]).collect()
        };
        let pool = unsaved.pool.iter().filter_map(|place| {
            let kept = self.state.pool.get(place)?;
            Some((place.0, kept))
        });
        self.store.save(&Save {
            shard: self.shard,
            seconds: self.state.seconds,
            tally: &self.state.tally,
            coverage: &self.state.coverage,
            control: &self.state.control,
            next_batch: &next_batch,
            findings: &pick(&unsaved.changed),
            counted: &pick(&unsaved.counted),
            pool: pool.collect(),
            samples: &unsaved.samples,
            pending: &unsaved.pending,
            settled: &unsaved.settled,
            units: &unsaved.units,
        })?;
        self.unsaved = Unsaved::default();
        Ok(())
    }

    fn write_findings(&mut self) -> Result<()> {
        while let Some(&i) = self.unwritten.first() {
            let finding = &self.state.findings[i];
            finding.write(self.out, &finding.directory())?;
            self.unwritten.remove(&i);
        }
        Ok(())
    }

    /// Rewrites the files that are read by others: of all shards in the directory.
    fn write(&self) -> Result<Summary> {
        let merged = self.store.merged()?;
        let summary = report::summary(&merged);
        report::write_files(self.out, &merged, &summary)?;
        Ok(summary)
    }

    /// Saves what is left and writes the report.
    ///
    /// # Errors
    /// If it cannot be saved in the campaign's directory; everything is saved elsewhere then.
    pub fn finish(mut self, shared: &Shared<'_>) -> Result<Summary> {
        self.unsaved.anything = true;
        if let Err(error) = self.save(shared) {
            return Err(self.rescue(error));
        }
        self.write_findings()?;
        let summary = self.write()?;
        let html = report::render(&[self.out.to_owned()], report::Format::Html)?;
        files::write(&self.out.join("report.html"), html.as_bytes())?;
        Ok(summary)
    }

    fn rescue(&self, error: Error) -> Error {
        if let Some(rescued) = store::rescue(&self.state, self.shard, &store::places()) {
            let directory = self.out.to_owned();
            return Error::Rescued { directory, source: Box::new(error), rescued };
        }
        for finding in &self.state.findings {
            let line = finding.line(&finding.directory());
            let line = serde_json::to_string(&line).unwrap_or_default();
            let bytes: String =
                finding.minimized.iter().map(|byte| format!("{byte:02x}")).collect();
            tracing::error!(pickle = bytes, "could not be saved anywhere: {line}");
        }
        error
    }

    /// How far an exhaustive campaign is: this shard's programs, and those of them that are done.
    fn exhausted(&self) -> Option<Exhausted> {
        let plan = self.state.meta.exhaustive.as_ref()?;
        let space = plan.try_space().ok()?;
        let programs = *self
            .programs
            .get_or_init(|| Queue::new(space, self.part, None, HashSet::new()).programs(space));
        let done = self.state.units.values().map(|counts| counts.programs).sum();
        Some(Exhausted { length: plan.length, programs, done })
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
            left: shared.left(),
            generated_per_second: speed(0),
            deny_per_second: speed(1),
            full_per_second: speed(2),
            opcodes_seen: self.state.coverage.opcodes_seen(),
            transitions_seen: self.state.coverage.transitions_seen(),
            buckets: report::by_class(self.state.findings.iter()),
            safe_crashes: report::safe_crashes(self.state.findings.iter()),
            last_new: self.last_new.clone(),
            control_found: self.state.control.found_seconds,
            interesting: self.state.pool.len(),
            exhausted: self.exhausted(),
            trouble: self.trouble.as_ref().map(|(error, _)| error.clone()),
            tally: tally.clone(),
        }
    }
}
