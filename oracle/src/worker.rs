//! One worker process, seen from the host: starting it, giving it batches, noticing its death.

#![allow(unsafe_code, reason = "pre_exec, to hand file descriptors to the worker")]

use std::io::{Read, Write};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec};

use crate::protocol::{self, INPUT_AT, INPUT_LEN, OUTPUT_AT, OUTPUT_LEN, Start, WireRun};
use crate::shared::Shared;
use crate::{Engine, Error, OracleConfig, Outcome, Python, Result, Run};

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

/// Longest wait for a worker to become ready: it imports what the allow list names.
const START_TIMEOUT: Duration = Duration::from_secs(60);

/// Which kind of worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tier {
    /// Loads whole batches with globals refused.
    Deny,
    /// Forks once per pickle.
    Full,
}

/// How a worker was lost, and what that means for the pickle it was at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Loss(pub(crate) Outcome);

/// What came back from one batch.
pub(crate) struct Reply {
    /// The records finished, one after the other.
    pub(crate) records: Vec<u8>,
    /// How many there are.
    pub(crate) done: usize,
    /// Set if the worker is gone; the next pickle was the one it was at.
    pub(crate) loss: Option<Loss>,
}

/// A running worker.
pub(crate) struct Worker {
    child: Child,
    control: UnixStream,
    shared: Shared,
    /// Pickles given so far.
    pub(crate) served: u64,
}

impl Worker {
    pub(crate) fn start(python: &Python, tier: Tier, config: &OracleConfig) -> Result<Self> {
        let (control, theirs) =
            UnixStream::pair().map_err(Error::os("cannot create a control socket"))?;
        let mut shared = Shared::new()?;
        shared.write(INPUT_AT, &start_message(python, tier, config).encode());
        let module = memory_file(MODULE)?;
        let theirs = OwnedFd::from(theirs);
        let passed: [RawFd; 3] = [theirs.as_raw_fd(), shared.fd.as_raw_fd(), module.as_raw_fd()];

        let mut command = Command::new(&python.exe);
        command
            // Not -I: it would ignore PYTHONHASHSEED, and with it the order of sets. Unbuffered,
            // so that what a load prints is not lost when its process dies.
            .args(["-s", "-S", "-B", "-u", "-c", BOOTSTRAP])
            .args(passed.map(|fd| fd.to_string()))
            .current_dir("/")
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("HOME", "/nonexistent")
            .env("LC_ALL", "C.UTF-8")
            .env("PYTHONHASHSEED", "0")
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        // SAFETY: only fcntl, prctl and personality are called between fork and exec, all of
        // them async-signal-safe; the descriptors stay open in the parent until `spawn` returns.
        unsafe {
            command.pre_exec(move || {
                for fd in passed {
                    let fd = rustix::fd::BorrowedFd::borrow_raw(fd);
                    rustix::io::fcntl_setfd(fd, rustix::io::FdFlags::empty())?;
                }
                // Nothing may outlive the host.
                if libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) != 0 {
                    return Err(std::io::Error::last_os_error());
                }
                // Same addresses each time, as far as possible: hashes of objects depend on them.
                libc::personality(libc::ADDR_NO_RANDOMIZE as libc::c_ulong);
                Ok(())
            });
        }
        let child = command.spawn().map_err(|e| Error::Worker {
            exe: python.exe.clone(),
            reason: format!("cannot be started: {e}"),
        })?;
        drop(theirs);
        let mut worker = Self { child, control, shared, served: 0 };
        worker.wait_ready(&python.exe)?;
        Ok(worker)
    }

    fn wait_ready(&mut self, exe: &Path) -> Result<()> {
        let answer = if self.readable(START_TIMEOUT)? { self.answer() } else { None };
        let reason = match answer {
            Some(protocol::OK) => return Ok(()),
            Some(protocol::REFUSED) => {
                let len = self.shared.header().output.load(Acquire) as usize;
                let text = self.shared.read(OUTPUT_AT, len.min(OUTPUT_LEN));
                String::from_utf8_lossy(&text).into_owned()
            }
            _ => {
                let _ = self.child.kill();
                let mut text = String::new();
                if let Some(mut stderr) = self.child.stderr.take() {
                    let _ = stderr.read_to_string(&mut text);
                }
                text.lines().last().unwrap_or("it died without a word").to_owned()
            }
        };
        Err(match reason.strip_prefix("sandbox: ") {
            Some(reason) => Error::Sandbox(reason.to_owned()),
            None => Error::Worker { exe: exe.to_owned(), reason },
        })
    }

    /// Whether the worker still runs.
    pub(crate) fn alive(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Gives the worker as many of the pickles as fit, at least one, and waits until they are
    /// done, or until none of them ends within `patience`. In the full tier, a fork loads up to
    /// `group` of them.
    pub(crate) fn run(
        &mut self,
        run: Run,
        pickles: &[&[u8]],
        group: usize,
        patience: Duration,
    ) -> Result<Reply> {
        let count = self.write_batch(pickles);
        let header = self.shared.header();
        header.group.store(group as u32, Relaxed);
        header.count.store(count as u32, Relaxed);
        header.run.store(protocol::pack_run(wire(run)), Relaxed);
        header.done.store(0, Relaxed);
        header.output.store(0, Release);
        self.served += count as u64;
        let loss = match self.control.write_all(&[protocol::GO]) {
            Ok(()) => self.wait_done(patience)?,
            Err(_) => Some(self.post_mortem()),
        };
        let header = self.shared.header();
        let done = (header.done.load(Acquire) as usize).min(count);
        let len = (header.output.load(Acquire) as usize).min(OUTPUT_LEN);
        Ok(Reply { records: self.shared.read(OUTPUT_AT, len), done, loss })
    }

    /// Has the worker fork and reap `count` children that do nothing; false if it was lost.
    pub(crate) fn fork_only(&mut self, count: u32, patience: Duration) -> Result<bool> {
        self.shared.header().count.store(count, Release);
        let sent = self.control.write_all(&[protocol::FORK]).is_ok();
        Ok(sent && self.readable(patience)? && self.answer() == Some(protocol::OK))
    }

    /// The process, as the kernel numbers it.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    fn write_batch(&mut self, pickles: &[&[u8]]) -> usize {
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
        count
    }

    /// Waits for the answer. As long as pickles end now and then, the worker is left alone.
    fn wait_done(&mut self, patience: Duration) -> Result<Option<Loss>> {
        let mut done = 0;
        let mut since = Instant::now();
        loop {
            if self.readable((patience / 8).max(Duration::from_millis(1)))? {
                return Ok(match self.answer() {
                    Some(protocol::OK) => None,
                    _ => Some(self.post_mortem()),
                });
            }
            let now_done = self.shared.header().done.load(Acquire);
            if now_done != done {
                (done, since) = (now_done, Instant::now());
            } else if since.elapsed() >= patience {
                let _ = self.child.kill();
                let _ = self.child.wait();
                return Ok(Some(Loss(Outcome::Timeout)));
            }
        }
    }

    fn readable(&self, timeout: Duration) -> Result<bool> {
        let deadline = Instant::now() + timeout;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let spec = Timespec::try_from(left).ok();
            let mut fds = [PollFd::new(&self.control, PollFlags::IN)];
            match rustix::event::poll(&mut fds, spec.as_ref()) {
                Ok(n) => return Ok(n > 0),
                Err(rustix::io::Errno::INTR) => {}
                Err(e) => return Err(Error::os("cannot wait for a worker")(e.into())),
            }
        }
    }

    fn answer(&mut self) -> Option<u8> {
        let mut byte = [0];
        self.control.read_exact(&mut byte).ok()?;
        Some(byte[0])
    }

    /// What the death of the worker says about the pickle it was at.
    fn post_mortem(&mut self) -> Loss {
        let status = self.child.wait();
        let signal = status.ok().and_then(|status| status.signal());
        tracing::debug!(?signal, "worker lost");
        Loss(match signal {
            Some(libc::SIGSEGV | libc::SIGBUS | libc::SIGABRT | libc::SIGFPE | libc::SIGILL) => {
                Outcome::Signaled
            }
            // Nobody here sends it but the kernel, when memory runs out.
            Some(libc::SIGKILL) => Outcome::Oom,
            Some(libc::SIGXCPU) => Outcome::Timeout,
            _ => Outcome::Sandbox,
        })
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
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

fn wire(run: Run) -> WireRun {
    let engine = Engine::ALL.iter().position(|engine| *engine == run.engine);
    WireRun {
        engine: engine.unwrap_or_default() as u8,
        encoding: run.mode.encoding as u8,
        fix_imports: run.mode.fix_imports,
        buffers: run.mode.buffers,
        persistent_load: run.mode.persistent_load,
    }
}
