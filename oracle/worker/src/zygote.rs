//! The full tier's half in the parent: one fork per pickle, from an interpreter that is warm,
//! hooked and confined already. The zygote itself never looks at a pickle.

use std::os::fd::{AsFd, AsRawFd};
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use assay_sandbox::{
    Child, ChildLimits, Confinement, End, Entered, Fork, Prepared, exit_now, fork, trusted,
};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::engines::{Engines, Source, index};
use crate::protocol::{Start, WireRun, outcome, put_bytes, put_optional, put_u32, unpack_run};
use crate::shared::Shared;
use crate::trace::trace;
use crate::{confine, effects, full};

/// Most distinct denied system calls reported for one pickle.
const MAX_DENIED: usize = 64;

/// What a zygote works with. Made before the process is confined.
pub struct Resources {
    /// What the children write to their standard output and error.
    output: i32,
    /// The file that file engines read.
    file: i32,
    control: i32,
}

impl Resources {
    /// Opens the pipe and the memory file, and sends standard output and error into the pipe.
    pub fn open(control: i32) -> std::io::Result<Self> {
        let check = |result: i32| {
            if result < 0 { Err(std::io::Error::last_os_error()) } else { Ok(result) }
        };
        let mut ends = [0; 2];
        // SAFETY: plain system calls; the array has room for two descriptors.
        unsafe {
            check(libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC))?;
            let [read, write] = ends;
            check(libc::fcntl(read, libc::F_SETFL, libc::O_NONBLOCK))?;
            check(libc::dup2(write, 1))?;
            check(libc::dup2(write, 2))?;
            libc::close(write);
            let file = check(libc::memfd_create(c"pickle".as_ptr(), libc::MFD_CLOEXEC))?;
            Ok(Self { output: read, file, control })
        }
    }
}

/// A zygote at work.
pub struct Zygote<'a, 'py> {
    pub start: &'a Start,
    pub resources: Resources,
    pub engines: Engines<'py>,
    pub entered: &'a Entered,
    pub prepared: Prepared,
    pub limits: ChildLimits,
}

impl<'a, 'py> Zygote<'a, 'py> {
    /// Makes ready, in a process that has entered the sandbox.
    pub fn new(
        start: &'a Start,
        resources: Resources,
        engines: Engines<'py>,
        entered: &'a Entered,
    ) -> Result<Self, String> {
        let prepared = confine::prepare(Confinement::Full, entered)?;
        let limits = confine::limits(start, false);
        Ok(Self { start, resources, engines, entered, prepared, limits })
    }

    /// Answers one batch.
    pub fn batch(&self, py: Python<'py>, shared: &mut Shared) {
        let run = unpack_run(shared.header().run.load(Relaxed));
        let count = shared.batch().map_or(0, |batch| batch.len());
        let mut at = 0;
        for _ in 0..count {
            let input = &shared.input()[at..];
            let len = u32::from_le_bytes([input[0], input[1], input[2], input[3]]) as usize;
            let data = PyBytes::new(py, &input[4..4 + len]);
            at += 4 + len;
            let record = self.one(py, run, &data, Some(shared));
            if !shared.push(&record) {
                return;
            }
        }
    }

    /// Forks children that exit at once, as many as the host counted, and waits for each: what no
    /// load in a fork of this process can beat.
    pub fn fork_only(&self, shared: &Shared) {
        for _ in 0..shared.header().count.load(Relaxed) {
            match fork() {
                Ok(Fork::Child) => exit_now(0),
                Ok(Fork::Parent(child)) => {
                    // It cannot fail: the child is ours and nobody else waits for it.
                    let _ = child.wait();
                }
                Err(_) => return,
            }
        }
    }

    /// Has one pickle loaded in a child; the record of it.
    pub fn one(
        &self,
        py: Python<'py>,
        run: WireRun,
        data: &Bound<'py, PyBytes>,
        shared: Option<&Shared>,
    ) -> Vec<u8> {
        // SAFETY: tracing is off in the zygote.
        unsafe { trace() }.expect("set up before").log.clear();
        let mut output = Vec::new();
        self.drain(&mut output);
        output.clear();
        let source = if (index::C_FILE..=index::C_REUSE).contains(&run.engine) {
            if let Err(error) = self.fill(data.as_bytes()) {
                return failure(&format!("the pickle's file cannot be written: {error}"));
            }
            Source::File(self.resources.file)
        } else {
            Source::Memory
        };
        let begin = Instant::now();
        match fork() {
            Ok(Fork::Child) => {
                // The pickle is copied; nothing else of the host's is within its reach.
                if let Some(shared) = shared {
                    shared.unmap();
                }
                // SAFETY: descriptors of the zygote's, of no use to the child.
                unsafe {
                    libc::close(self.resources.control);
                    libc::close(self.resources.output);
                }
                if let Err(reason) = confine::confine(&self.limits, &self.prepared) {
                    full::give_up(&reason);
                }
                full::load_and_exit(py, &self.engines, run, data, source)
            }
            Ok(Fork::Parent(child)) => {
                let mut denied = Vec::new();
                let end = self.attend(&child, &mut output, &mut denied);
                let time_us = begin.elapsed().as_micros() as u64;
                record(end, time_us, &output, &denied)
            }
            Err(error) => failure(&error.to_string()),
        }
    }

    /// Waits for the child, answers its denied calls, keeps what it prints, and ends it when its
    /// time is up.
    fn attend(
        &self,
        child: &Child,
        output: &mut Vec<u8>,
        denied: &mut Vec<&'static str>,
    ) -> Result<End, String> {
        let deadline = Instant::now() + Duration::from_millis(self.start.timeout_ms);
        let recorder = self.entered.recorder();
        let text = |error: assay_sandbox::Error| error.to_string();
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                child.kill().map_err(text)?;
                child.wait().map_err(text)?;
                self.drain(output);
                return Ok(End::TimedOut);
            }
            let listener = recorder.map_or(-1, |recorder| recorder.as_fd().as_raw_fd());
            let mut fds = [child.as_fd().as_raw_fd(), listener, self.resources.output]
                .map(|fd| libc::pollfd { fd, events: libc::POLLIN, revents: 0 });
            let timeout = i32::try_from(left.as_millis() + 1).unwrap_or(i32::MAX);
            // SAFETY: three entries, as said.
            if unsafe { libc::poll(fds.as_mut_ptr(), 3, timeout) } < 0 {
                continue;
            }
            if let (Some(recorder), true) = (recorder, fds[1].revents != 0) {
                let note = |call: assay_sandbox::Denied| {
                    let name = call.name();
                    if denied.len() < MAX_DENIED && !denied.contains(&name) {
                        denied.push(name);
                    }
                };
                recorder.serve(note).map_err(text)?;
            }
            if fds[2].revents != 0 {
                self.drain(output);
            }
            if fds[0].revents != 0 {
                let end = child.wait().map_err(text)?;
                self.drain(output);
                return Ok(end);
            }
        }
    }

    /// Empties the pipe; keeps as much as is wanted. Never more than the pipe holds, or a child
    /// that floods it would keep the zygote from its clock.
    fn drain(&self, output: &mut Vec<u8>) {
        let mut buffer = [0u8; 4096];
        for _ in 0..32 {
            // SAFETY: as many bytes as there is room for; the pipe does not block.
            let n = unsafe {
                libc::read(self.resources.output, buffer.as_mut_ptr().cast(), buffer.len())
            };
            let Ok(n @ 1..) = usize::try_from(n) else { return };
            let room = (self.start.output as usize).saturating_sub(output.len());
            output.extend_from_slice(&buffer[..n.min(room)]);
        }
    }

    fn fill(&self, bytes: &[u8]) -> std::io::Result<()> {
        let fd = self.resources.file;
        // SAFETY: the zygote's own descriptor; the bytes outlive the calls.
        unsafe {
            trusted(libc::SYS_ftruncate, [fd as usize, 0, 0, 0, 0])?;
            libc::lseek(fd, 0, libc::SEEK_SET);
            let mut rest = bytes;
            while !rest.is_empty() {
                let n = libc::write(fd, rest.as_ptr().cast(), rest.len());
                let Ok(n) = usize::try_from(n) else {
                    return Err(std::io::Error::last_os_error());
                };
                rest = &rest[n..];
            }
            libc::lseek(fd, 0, libc::SEEK_SET);
        }
        Ok(())
    }
}

fn record(end: Result<End, String>, time_us: u64, output: &[u8], denied: &[&str]) -> Vec<u8> {
    let (outcome, detail) = match end {
        // The account in the log says how; without one, the process ended itself.
        Ok(End::Exited(code)) => {
            (outcome::LOADED, Some(format!("exit status {code}: the process ended itself")))
        }
        Ok(End::TimedOut) => (outcome::TIMEOUT, None),
        // Nobody sends it but the kernel, when memory runs out.
        Ok(End::Signaled(libc::SIGKILL)) => (outcome::OOM, Some("killed".to_owned())),
        Ok(End::Signaled(libc::SIGXCPU)) => (outcome::TIMEOUT, None),
        Ok(End::Signaled(libc::SIGSYS)) => (outcome::SANDBOX, Some("SIGSYS".to_owned())),
        Ok(End::Signaled(signal)) => (outcome::SIGNALED, Some(signal_name(signal))),
        Err(reason) => (outcome::SANDBOX, Some(reason)),
    };
    // SAFETY: the child is dead and the zygote does not trace.
    let log = unsafe { trace() }.expect("set up before").log.bytes();
    let mut out = Vec::with_capacity(log.len() + output.len() + 128);
    out.push(outcome);
    put_optional(&mut out, detail.as_deref().map(str::as_bytes));
    out.extend(time_us.to_le_bytes());
    put_bytes(&mut out, output);
    put_u32(&mut out, denied.len() as u32);
    for name in denied {
        out.push(effects::of_syscall(name));
        put_bytes(&mut out, format!("syscall {name}").as_bytes());
    }
    put_bytes(&mut out, log);
    out
}

fn failure(reason: &str) -> Vec<u8> {
    record(Err(reason.to_owned()), 0, &[], &[])
}

fn signal_name(signal: i32) -> String {
    let known = [
        (libc::SIGSEGV, "SIGSEGV"),
        (libc::SIGABRT, "SIGABRT"),
        (libc::SIGBUS, "SIGBUS"),
        (libc::SIGFPE, "SIGFPE"),
        (libc::SIGILL, "SIGILL"),
        (libc::SIGTERM, "SIGTERM"),
    ];
    known
        .iter()
        .find(|(number, _)| *number == signal)
        .map_or_else(|| format!("signal {signal}"), |(_, name)| (*name).to_owned())
}
