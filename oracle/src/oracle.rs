//! The pool: one worker per interpreter and tier, started when first needed and replaced when lost.

use std::sync::OnceLock;
use std::time::Duration;

use crate::bounds::{GRACE, RECORD_FRAME, RECYCLE_DENY_AFTER, RECYCLE_ZYGOTE_AFTER};
use crate::protocol::{self, MAX_DENY_RECORD, MAX_GROUP, MAX_PICKLE, WireRun};
use crate::records;
use crate::worker::{Loss, Reply, Tier, Worker, wire, wire_loader};
use crate::{
    DenyObservation, Error, Filtered, Loader, Observation, OracleConfig, Outcome, Python, Refused,
    Restarts, Result, Run,
};

/// Loads pickles in sandboxed CPythons. One per thread.
pub struct Oracle {
    config: OracleConfig,
    deny: Vec<Option<Worker>>,
    full: Vec<Option<Worker>>,
    restarts: Restarts,
}

impl Oracle {
    /// Checks that there is an interpreter and that the sandbox holds; starts nothing yet.
    pub fn new(config: OracleConfig) -> Result<Self> {
        if config.pythons.is_empty() {
            return Err(Error::NoPython);
        }
        // What the system offers does not change while we run, and asking takes a dozen forks.
        static SANDBOX: OnceLock<Result<(), String>> = OnceLock::new();
        SANDBOX
            .get_or_init(|| assay_sandbox::check().map_err(|error| error.to_string()))
            .clone()
            .map_err(Error::Sandbox)?;
        let none = || config.pythons.iter().map(|_| None).collect();
        Ok(Self { deny: none(), full: none(), config, restarts: Restarts::default() })
    }

    /// The interpreters, in the order of their indices.
    pub fn pythons(&self) -> &[Python] {
        &self.config.pythons
    }

    /// How it was set up.
    pub fn config(&self) -> &OracleConfig {
        &self.config
    }

    /// Changes what the deny tier lets through; its workers start anew.
    pub fn set_allow(&mut self, allow: Vec<(String, String)>, refused: Refused) {
        self.config.allow = allow;
        self.config.refused = refused;
        self.deny.iter_mut().for_each(|worker| *worker = None);
    }

    /// Loads each pickle of the batch with every global refused but the allowed ones. Quick, and
    /// a filter only: one worker loads the whole batch.
    pub fn deny(
        &mut self,
        python: usize,
        run: Run,
        batch: &[&[u8]],
    ) -> Result<Vec<DenyObservation>> {
        self.denied(python, wire(run), batch)
    }

    /// As [`deny`](Self::deny), each file read by a loader of containers. What the interpreter
    /// lacks, or was not imported beforehand (`OracleConfig::preload`), raises
    /// `ModuleNotFoundError`.
    pub fn deny_files(
        &mut self,
        python: usize,
        loader: Loader,
        files: &[&[u8]],
    ) -> Result<Vec<DenyObservation>> {
        self.denied(python, wire_loader(loader), files)
    }

    fn denied(
        &mut self,
        python: usize,
        run: WireRun,
        batch: &[&[u8]],
    ) -> Result<Vec<DenyObservation>> {
        let patience = self.config.limits.timeout;
        let lost = |loss: Loss| records::deny_without_record(loss.outcome, Some(&loss.reason));
        self.drive(python, Tier::Deny, run, batch, 1, patience, records::deny, lost)
    }

    /// Which loaders the interpreter has.
    pub fn loaders(&mut self, python: usize) -> Result<Vec<Loader>> {
        let mut found = Vec::new();
        for loader in Loader::ALL {
            let seen = self.deny_files(python, loader, &[b""])?.remove(0);
            if seen.exception.as_deref() != Some("ModuleNotFoundError") {
                found.push(loader);
            }
        }
        Ok(found)
    }

    /// Loads the pickle for real, alone in a fresh process, with everything traced.
    pub fn full(&mut self, python: usize, run: Run, pickle: &[u8]) -> Result<Observation> {
        let mut all = self.full_batch(python, run, &[pickle])?;
        Ok(all.remove(0))
    }

    /// As [`full`](Self::full) for each pickle: a process each, one round trip for all.
    pub fn full_batch(
        &mut self,
        python: usize,
        run: Run,
        pickles: &[&[u8]],
    ) -> Result<Vec<Observation>> {
        let all = self.grouped(python, run, pickles, 1)?;
        Ok(all.into_iter().map(|seen| seen.observation).collect())
    }

    /// As [`full_batch`](Self::full_batch), but up to sixteen pickles share a process, which
    /// spares most of the forks. A filter only: what one pickle does to its process may show in
    /// the next one's observation, or keep something from showing. A process therefore loads
    /// nothing more after a pickle that could have changed it: one that asked for a global which
    /// is not on the allow list, imported a module, had an effect, or changed what it resolved.
    /// A pickle whose process died, or that ran out of time or memory in company, is loaded
    /// again alone.
    pub fn filter(&mut self, python: usize, run: Run, pickles: &[&[u8]]) -> Result<Vec<Filtered>> {
        self.grouped(python, run, pickles, MAX_GROUP)
    }

    /// As [`filter`](Self::filter); then all that `hit` picks by index and observation are
    /// loaded again, alone, and only that is given for them.
    pub fn sift(
        &mut self,
        python: usize,
        run: Run,
        pickles: &[&[u8]],
        mut hit: impl FnMut(usize, &Observation) -> bool,
    ) -> Result<Vec<Filtered>> {
        let mut all = self.filter(python, run, pickles)?;
        let mut again = Vec::new();
        for (index, seen) in all.iter().enumerate() {
            if !seen.alone && hit(index, &seen.observation) {
                again.push(index);
            }
        }
        let hits: Vec<&[u8]> = again.iter().map(|&index| pickles[index]).collect();
        for (index, observation) in again.into_iter().zip(self.full_batch(python, run, &hits)?) {
            all[index] = Filtered { observation, alone: true };
        }
        Ok(all)
    }

    fn grouped(
        &mut self,
        python: usize,
        run: Run,
        pickles: &[&[u8]],
        group: usize,
    ) -> Result<Vec<Filtered>> {
        let version = self.python(python)?.version.clone();
        // A group that runs out of time is followed by the load of the one at fault, alone.
        let patience = self.config.limits.timeout * 2 + GRACE;
        let lost = |loss: Loss| {
            // The zygote runs nothing untrusted: what ended it says nothing of this pickle.
            let outcome = match loss.outcome {
                Outcome::Timeout => Outcome::Timeout,
                _ => Outcome::Sandbox,
            };
            let why = &loss.reason;
            let observation = records::full_without_record(&version, run, outcome, why);
            Filtered { observation, alone: true }
        };
        let parse = |bytes: &[u8]| records::full(bytes, &version, run);
        self.drive(python, Tier::Full, wire(run), pickles, group, patience, parse, lost)
    }

    /// Has the full tier's zygote fork and reap `count` children that exit at once: the yardstick
    /// of its speed. Nothing is loaded.
    pub fn fork_only(&mut self, python: usize, count: u32) -> Result<()> {
        let exe = self.python(python)?.exe.clone();
        let patience = GRACE + Duration::from_millis(20) * count;
        if !self.worker(python, Tier::Full)?.fork_only(count, patience)? {
            *self.slot(python, Tier::Full) = None;
            return Err(Error::Worker { exe, reason: "it was lost while it forked".into() });
        }
        Ok(())
    }

    /// How often workers were replaced so far, and why.
    pub fn restarts(&self) -> Restarts {
        self.restarts
    }

    /// The processes of the workers that run now, for whoever watches what they take.
    pub fn processes(&self) -> Vec<u32> {
        self.deny.iter().chain(&self.full).flatten().map(Worker::id).collect()
    }

    fn python(&self, index: usize) -> Result<&Python> {
        let count = self.config.pythons.len();
        self.config.pythons.get(index).ok_or(Error::NoSuchPython { index, count })
    }

    /// Has the pickles loaded, whatever becomes of the workers: one observation for each.
    #[allow(clippy::too_many_arguments, reason = "the two tiers differ in just these")]
    fn drive<T>(
        &mut self,
        python: usize,
        tier: Tier,
        run: WireRun,
        pickles: &[&[u8]],
        group: usize,
        patience: Duration,
        parse: impl Fn(&[u8]) -> T,
        lost: impl Fn(Loss) -> T,
    ) -> Result<Vec<T>> {
        let mut out: Vec<T> = Vec::with_capacity(pickles.len());
        // The pickle that is tried for the second time, after its worker died.
        let mut again = None;
        while out.len() < pickles.len() {
            let rest = &pickles[out.len()..];
            let fitting = rest.iter().position(|p| p.len() > MAX_PICKLE).unwrap_or(rest.len());
            if fitting == 0 {
                let len = rest[0].len();
                let reason =
                    format!("the pickle has {len} bytes; the oracle takes at most {MAX_PICKLE}");
                out.push(lost(Loss::new(Outcome::Sandbox, reason)));
                continue;
            }
            let reply = self.worker(python, tier)?.run(run, &rest[..fitting], group, patience)?;
            let Reply { records, given, done, loss } = reply;
            let before = out.len();
            let records = records::split(&records, self.longest_record(tier));
            out.extend(records.take(done).map(&parse));
            // Never wait for a worker that makes no progress.
            let loss = loss.or_else(|| {
                let garbled = out.len() - before < done || done == 0;
                garbled.then(|| Loss::new(Outcome::Sandbox, "the worker's answer was garbled"))
            });
            let Some(loss) = loss else { continue };
            self.restarts.lost(loss.outcome);
            *self.slot(python, tier) = None;
            if out.len() - before == given {
                continue; // It was at none.
            }
            // A zygote runs nothing untrusted, and who kills a worker is not the pickle, as a
            // rule. A crash of the deny tier's worker is the pickle's own, and so is its time.
            let own = match loss.outcome {
                Outcome::Timeout => true,
                Outcome::Signaled => tier == Tier::Deny,
                _ => false,
            };
            let retried = again.replace(out.len()) == Some(out.len());
            if own || retried {
                out.push(lost(loss));
            }
        }
        Ok(out)
    }

    /// The longest record that a worker which keeps to its limits makes.
    fn longest_record(&self, tier: Tier) -> usize {
        match tier {
            Tier::Deny => MAX_DENY_RECORD + RECORD_FRAME,
            // The memory of traces has room for two.
            Tier::Full => {
                2 * (self.config.limits.trace + protocol::TRACE_RESERVE)
                    + self.config.limits.output
                    + RECORD_FRAME
            }
        }
    }

    fn slot(&mut self, python: usize, tier: Tier) -> &mut Option<Worker> {
        match tier {
            Tier::Deny => &mut self.deny[python],
            Tier::Full => &mut self.full[python],
        }
    }

    /// A living worker.
    fn worker(&mut self, python: usize, tier: Tier) -> Result<&mut Worker> {
        self.python(python)?;
        let most = if tier == Tier::Deny { RECYCLE_DENY_AFTER } else { RECYCLE_ZYGOTE_AFTER };
        if let Some(worker) = self.slot(python, tier) {
            let (fit, worn) = (worker.fit(), worker.spent || worker.worn(most));
            if worn || !fit {
                *self.slot(python, tier) = None;
                *if fit { &mut self.restarts.worn } else { &mut self.restarts.died } += 1;
            }
        }
        if self.slot(python, tier).is_none() {
            let worker = Worker::start(&self.config.pythons[python], tier, &self.config)?;
            *self.slot(python, tier) = Some(worker);
        }
        Ok(self.slot(python, tier).as_mut().expect("just filled"))
    }
}
