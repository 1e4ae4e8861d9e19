//! One worker process, seen from the host: starting it, giving it batches, noticing its death.
//!
//! Nothing that a worker says is believed beyond what it can be held to: counts and lengths are
//! bounded, patience ends, and whoever breaks the protocol is gone.

use std::io::{Read, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::time::{Duration, Instant};

use crate::bounds::{DYING_WORDS, LOOK_EVERY, MAX_COMPLAINT, MAX_GROWTH, START_TIMEOUT};
use crate::process::{Death, Process, readable};
use crate::protocol::{self, INPUT_AT, INPUT_LEN, OUTPUT_AT, OUTPUT_LEN, Start, WireRun};
use crate::shared::Shared;
use crate::{Engine, Error, Loader, OracleConfig, Outcome, Python, Result, Run};

/// The extension module that the interpreter loads.
const MODULE: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/worker.so"));

/// Loads the module from a memory file and hands control to it. `sys.path` begins with the
/// working directory under `-c`; nothing may be imported from there.
const BOOTSTRAP: &str = "\
import sys
sys.path[:] = [p for p in sys.path if p]
from importlib.machinery import ExtensionFileLoader, ModuleSpec
control, shared, module = map(int, sys.argv[1:4])
path = '/proc/self/fd/%d' % module
loader = ExtensionFileLoader('assay_worker', path)
spec = ModuleSpec('assay_worker', loader, origin=path)
worker = loader.create_module(spec)
loader.exec_module(worker)
worker.serve(control, shared, module)
";

/// Which kind of worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tier {
    /// Loads whole batches with globals refused.
    Deny,
    /// Forks once per pickle.
    Full,
}

/// How a worker was lost, and what that means for the pickle it was at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Loss {
    /// The pickle's outcome, if it was loaded by the worker itself.
    pub(crate) outcome: Outcome,
    /// What happened.
    pub(crate) reason: String,
}

impl Loss {
    pub(crate) fn new(outcome: Outcome, reason: impl Into<String>) -> Self {
        Self { outcome, reason: reason.into() }
    }
}

/// What came back from one batch.
pub(crate) struct Reply {
    /// The records finished, one after the other.
    pub(crate) records: Vec<u8>,
    /// How many pickles the worker was given.
    pub(crate) given: usize,
    /// How many records there are.
    pub(crate) done: usize,
    /// Set if the worker is gone; the next pickle was the one it was at.
    pub(crate) loss: Option<Loss>,
}

/// A running worker.
pub(crate) struct Worker {
    process: Process,
    control: UnixStream,
    shared: Shared,
    /// Pickles given so far.
    pub(crate) served: u64,
    /// Its private memory after its first batches.
    baseline: Option<u64>,
    /// How many pickles it may be given before its memory is looked at again.
    look_at: u64,
    /// Whether it asked to be replaced.
    pub(crate) spent: bool,
}

impl Worker {
    pub(crate) fn start(python: &Python, tier: Tier, config: &OracleConfig) -> Result<Self> {
        let (control, theirs) =
            UnixStream::pair().map_err(Error::os("cannot create a control socket"))?;
        let mut shared = Shared::new()?;
        shared.write(INPUT_AT, &start_message(python, tier, config).encode());
        let module = memory_file(MODULE)?;
        let passed =
            [OwnedFd::from(theirs), shared.fd.try_clone().map_err(Error::os("dup"))?, module];
        let numbers = passed.each_ref().map(|fd| fd.as_raw_fd().to_string());

        let mut command = Command::new(&python.exe);
        command
            // Not -I: it would ignore PYTHONHASHSEED, and with it the order of sets. Unbuffered,
            // so that what a load prints is not lost when its process dies.
            .args(["-s", "-S", "-B", "-u", "-c", BOOTSTRAP])
            .args(numbers)
            .current_dir("/")
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("HOME", "/nonexistent")
            .env("LC_ALL", "C.UTF-8")
            .env("PYTHONHASHSEED", "0")
            .env("PYTHONDONTWRITEBYTECODE", "1")
            // Libraries that count cores start threads as soon as they are imported, which the
            // sandbox could not confine.
            .env("OPENBLAS_NUM_THREADS", "1")
            .env("OMP_NUM_THREADS", "1")
            .env("MKL_NUM_THREADS", "1")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        let process = Process::spawn(&mut command, passed).map_err(|e| Error::Worker {
            exe: python.exe.clone(),
            reason: format!("cannot be started: {e}"),
        })?;
        let mut worker = Self {
            process,
            control,
            shared,
            served: 0,
            baseline: None,
            look_at: LOOK_EVERY,
            spent: false,
        };
        worker.wait_ready(&python.exe)?;
        Ok(worker)
    }

    fn wait_ready(&mut self, exe: &Path) -> Result<()> {
        let ready = self.readable(START_TIMEOUT)?;
        let answer = if ready { self.answer() } else { None };
        let reason = match answer {
            Some(protocol::OK) => return Ok(()),
            Some(protocol::REFUSED) => {
                let len = self.shared.header().output.load(Acquire) as usize;
                let text = self.shared.read(OUTPUT_AT, len.min(OUTPUT_LEN));
                String::from_utf8_lossy(&text).into_owned()
            }
            _ => {
                let stderr = self.process.take_stderr();
                self.process.end(if ready { DYING_WORDS } else { Duration::ZERO });
                let mut text = Vec::new();
                if let Some(stderr) = stderr {
                    let _ = stderr.take(MAX_COMPLAINT).read_to_end(&mut text);
                }
                let text = String::from_utf8_lossy(&text);
                let last = text.lines().last().unwrap_or("it died without a word");
                if ready { last.to_owned() } else { format!("no answer in time; {last}") }
            }
        };
        Err(match reason.strip_prefix("sandbox: ") {
            Some(reason) => Error::Sandbox(reason.to_owned()),
            None => Error::Worker { exe: exe.to_owned(), reason },
        })
    }

    /// Whether the worker still runs, and has said nothing unasked.
    pub(crate) fn fit(&mut self) -> bool {
        self.process.alive() && !self.readable(Duration::ZERO).unwrap_or(true)
    }

    /// Whether it should be replaced before it drifts: after `most` pickles, or when its own
    /// memory has grown.
    pub(crate) fn worn(&mut self, most: u64) -> bool {
        if self.served < self.look_at {
            return self.served >= most;
        }
        self.look_at = self.served + LOOK_EVERY;
        let Some(now) = self.process.private_memory() else { return self.served >= most };
        let grown = now.saturating_sub(*self.baseline.get_or_insert(now));
        self.served >= most || grown > MAX_GROWTH
    }

    /// Gives the worker as many of the pickles as fit, at least one, and waits until they are
    /// done, or until none of them ends within `patience`. In the full tier, a fork loads up to
    /// `group` of them.
    pub(crate) fn run(
        &mut self,
        run: WireRun,
        pickles: &[&[u8]],
        group: usize,
        patience: Duration,
    ) -> Result<Reply> {
        let (count, used) = self.write_batch(pickles);
        let header = self.shared.header();
        header.group.store(group as u32, Relaxed);
        header.count.store(count as u32, Relaxed);
        header.run.store(protocol::pack_run(run), Relaxed);
        header.done.store(0, Relaxed);
        header.output.store(0, Release);
        self.served += count as u64;
        let loss = match self.control.write_all(&[protocol::GO]) {
            Ok(()) => self.wait_done(count, patience)?,
            Err(_) => Some(self.post_mortem()),
        };
        let header = self.shared.header();
        let done = (header.done.load(Acquire) as usize).min(count);
        let len = (header.output.load(Acquire) as usize).min(OUTPUT_LEN);
        let records = self.shared.read(OUTPUT_AT, len);
        self.shared.give_back(INPUT_AT, used);
        self.shared.give_back(OUTPUT_AT, len);
        Ok(Reply { records, given: count, done, loss })
    }

    /// Has the worker fork and reap `count` children that do nothing; false if it was lost.
    pub(crate) fn fork_only(&mut self, count: u32, patience: Duration) -> Result<bool> {
        self.shared.header().count.store(count, Release);
        let sent = self.control.write_all(&[protocol::FORK]).is_ok();
        Ok(sent && self.readable(patience)? && self.answer() == Some(protocol::OK))
    }

    /// The process, as the kernel numbers it.
    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    /// Writes as many as fit; how many, and the bytes they take.
    fn write_batch(&mut self, pickles: &[&[u8]]) -> (usize, usize) {
        let mut at = INPUT_AT;
        let mut count = 0;
        for pickle in pickles.iter().take(protocol::MAX_BATCH) {
            if at + 4 + pickle.len() > INPUT_AT + INPUT_LEN {
                break;
            }
            self.shared.write(at, &(pickle.len() as u32).to_le_bytes());
            self.shared.write(at + 4, pickle);
            at += 4 + pickle.len();
            count += 1;
        }
        assert!(count > 0, "the caller keeps larger pickles away");
        (count, at - INPUT_AT)
    }

    /// Waits for the answer. As long as pickles end now and then, the worker is left alone.
    fn wait_done(&mut self, count: usize, patience: Duration) -> Result<Option<Loss>> {
        let mut done = 0;
        let mut since = Instant::now();
        loop {
            if self.readable((patience / 8).max(Duration::from_millis(1)))? {
                return Ok(match self.answer() {
                    Some(protocol::OK) => None,
                    Some(protocol::SPENT) => {
                        self.spent = true;
                        None
                    }
                    Some(other) => {
                        self.process.end(Duration::ZERO);
                        let reason = format!("the worker answered {other:#04x}");
                        Some(Loss::new(Outcome::Sandbox, reason))
                    }
                    None => Some(self.post_mortem()),
                });
            }
            let now_done = self.shared.header().done.load(Acquire);
            // Counting backwards, or beyond the batch, is no progress.
            if now_done > done && now_done as usize <= count {
                (done, since) = (now_done, Instant::now());
            } else if since.elapsed() >= patience {
                let stuck = match self.process.end(Duration::ZERO) {
                    Death::Stuck => " and hangs in the kernel",
                    Death::Own(_) | Death::Killed => "",
                };
                let reason = format!("the worker did not answer within {patience:?}{stuck}");
                return Ok(Some(Loss::new(Outcome::Timeout, reason)));
            }
        }
    }

    fn readable(&self, timeout: Duration) -> Result<bool> {
        readable(&self.control, timeout).map_err(Error::os("cannot wait for a worker"))
    }

    fn answer(&mut self) -> Option<u8> {
        let mut byte = [0];
        self.control.read_exact(&mut byte).ok()?;
        Some(byte[0])
    }

    /// What the end of a worker that hung up says about the pickle it was at.
    fn post_mortem(&mut self) -> Loss {
        let death = self.process.end(DYING_WORDS);
        tracing::debug!(?death, "worker lost");
        let Death::Own(status) = death else {
            return Loss::new(Outcome::Sandbox, "the worker hung up and went on");
        };
        let Some(signal) = status.signal() else {
            let code = status.code().unwrap_or_default();
            return Loss::new(Outcome::Sandbox, format!("the worker ended with status {code}"));
        };
        let outcome = match signal {
            libc::SIGSEGV | libc::SIGBUS | libc::SIGABRT | libc::SIGFPE | libc::SIGILL => {
                Outcome::Signaled
            }
            // Nobody here sends it but the kernel, when memory runs out.
            libc::SIGKILL => Outcome::Oom,
            libc::SIGXCPU => Outcome::Timeout,
            _ => Outcome::Sandbox,
        };
        Loss::new(outcome, format!("the worker was lost: {}", protocol::signal_name(signal)))
    }
}

fn memory_file(bytes: &[u8]) -> Result<OwnedFd> {
    let fd = rustix::fs::memfd_create("assay-worker", rustix::fs::MemfdFlags::CLOEXEC)
        .map_err(|e| Error::os("cannot create a memory file")(e.into()))?;
    let mut file = std::fs::File::from(fd);
    file.write_all(bytes).map_err(Error::os("cannot fill a memory file"))?;
    Ok(file.into())
}

fn start_message(python: &Python, tier: Tier, config: &OracleConfig) -> Start {
    let text = |paths: &[PathBuf]| -> Vec<String> {
        paths.iter().map(|path| path.to_string_lossy().into_owned()).collect()
    };
    let site = if config.site { text(&python.site) } else { Vec::new() };
    let mut read_only = text(&python.prefixes);
    read_only.extend(site.iter().cloned());
    read_only.extend(text(&config.extra_path));
    let mut trusted = text(&python.prefixes);
    trusted.extend(site.iter().cloned());
    Start {
        full: tier == Tier::Full,
        stand_in: config.refused == crate::Refused::StandIn,
        timeout_ms: config.limits.timeout.as_millis() as u64,
        memory: config.limits.memory,
        output: config.limits.output as u64,
        trace: config.limits.trace as u64,
        extra_path: text(&config.extra_path),
        site,
        read_only,
        trusted,
        preload: config.preload.clone(),
        allow: config.allow.clone(),
    }
}

/// A load by an engine, on the wire.
pub(crate) fn wire(run: Run) -> WireRun {
    let engine = Engine::ALL.iter().position(|engine| *engine == run.engine);
    WireRun {
        engine: engine.unwrap_or_default() as u8,
        encoding: run.mode.encoding as u8,
        fix_imports: run.mode.fix_imports,
        buffers: run.mode.buffers,
        persistent_load: run.mode.persistent_load,
    }
}

/// A load by a loader of containers, on the wire.
pub(crate) fn wire_loader(loader: Loader) -> WireRun {
    let index = Loader::ALL.iter().position(|one| *one == loader).unwrap_or_default();
    WireRun { engine: (Engine::ALL.len() + index) as u8, ..wire(Engine::CLoads.into()) }
}
