//! The full tier's half in the parent: one fork per pickle or group of pickles, from an
//! interpreter that is warm, hooked and confined already. The zygote itself never looks at a
//! pickle, and what a child changes of anything they share is put right before the next.

use std::cell::Cell;
use std::ops::Range;
use std::os::fd::{AsFd, AsRawFd};
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use assay_sandbox::{
    Child, ChildLimits, Confinement, End, Entered, Fork, Prepared, exit_now, fork, trusted,
};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::bounds::{MAX_DENIED, MAX_FILE_KEPT, SCRATCH};
use crate::engines::{Engines, Source, index};
use crate::protocol::{MAX_GROUP, Start, WireRun, unpack_run};
use crate::record::{Ending, failure, record};
use crate::shared::Shared;
use crate::trace::trace;
use crate::{arena, confine, full};

/// Where the descriptors by which the zygote writes files begin: one range, beyond what a child
/// may use, which it closes at one go.
const WRITERS: i32 = 128;

/// A file that an engine reads.
struct PickleFile {
    /// Open for reading only: what is loaded is what was given.
    reader: i32,
    /// Open for writing; no child has it.
    writer: i32,
}

/// What a zygote works with. Made before the process is confined.
pub struct Resources {
    /// What the children write to their standard output and error.
    output: i32,
    /// The files that file engines read, one for each pickle of a group.
    files: Vec<PickleFile>,
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
            let file = |_| {
                let file = check(libc::memfd_create(c"pickle".as_ptr(), libc::MFD_CLOEXEC))?;
                let path = std::ffi::CString::new(format!("/proc/self/fd/{file}"))?;
                let reader = check(libc::open(path.as_ptr(), libc::O_RDONLY | libc::O_CLOEXEC))?;
                let writer = check(libc::fcntl(file, libc::F_DUPFD_CLOEXEC, WRITERS))?;
                libc::close(file);
                Ok(PickleFile { reader, writer })
            };
            let files = (0..MAX_GROUP).map(file).collect::<std::io::Result<_>>()?;
            Ok(Self { output: read, files, control })
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
    /// Whether something went wrong that the next pickle might see.
    broken: Cell<bool>,
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
        let mut limits = confine::limits(start, false);
        if entered.writable() {
            limits.file_size = SCRATCH;
        }
        let broken = Cell::new(false);
        Ok(Self { start, resources, engines, entered, prepared, limits, broken })
    }

    /// Answers one batch.
    pub fn batch(&self, py: Python<'py>, shared: &mut Shared) {
        let run = unpack_run(shared.header().run.load(Relaxed));
        let most = (shared.header().group.load(Relaxed) as usize).clamp(1, MAX_GROUP);
        let places = shared.batch();
        let mut rest = places.as_slice();
        while !rest.is_empty() {
            let group = &rest[..most.min(rest.len())];
            let copied = |place: &Range<usize>| PyBytes::new(py, &shared.input()[place.clone()]);
            let pickles: Vec<_> = group.iter().map(copied).collect();
            let records = self.group(py, run, &pickles);
            let pushed = records.iter().all(|record| shared.push(record));
            if self.broken.get() {
                // The host starts another.
                exit_now(1);
            }
            if !pushed {
                return;
            }
            rest = &rest[records.len()..];
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

    /// Has pickles loaded in one child; the records of the first of them, at least one. Which
    /// the child did not come to is for the next fork. One that the child came to grief with is
    /// loaded again alone.
    pub fn group(
        &self,
        py: Python<'py>,
        run: WireRun,
        pickles: &[Bound<'py, PyBytes>],
    ) -> Vec<Vec<u8>> {
        // SAFETY: tracing is off in the zygote.
        unsafe { trace() }.expect("set up before").log.clear();
        let mut output = Vec::new();
        self.drain(&mut output);
        output.clear();
        let mut loads = Vec::with_capacity(pickles.len());
        let by_file = (index::C_FILE..=index::C_REUSE).contains(&run.engine);
        for (data, file) in pickles.iter().zip(&self.resources.files) {
            let source = if by_file {
                if let Err(error) = fill(file, data.as_bytes()) {
                    let reason = format!("the pickle's file cannot be written: {error}");
                    return vec![failure(&reason)];
                }
                Source::File(file.reader)
            } else {
                Source::Memory
            };
            loads.push((data.clone(), source));
        }
        // A child may have changed how the end of the pipe behaves, and all share that end.
        // SAFETY: the zygote's own descriptor.
        unsafe { libc::fcntl(1, libc::F_SETFL, 0) };
        let begin = Instant::now();
        match fork() {
            Ok(Fork::Child) => {
                arena::begin_anew();
                // SAFETY: descriptors of the zygote's, of no use to the child.
                unsafe {
                    libc::close(self.resources.control);
                    libc::close(self.resources.output);
                    libc::syscall(libc::SYS_close_range, WRITERS, u32::MAX, 0);
                }
                if let Err(reason) = confine::confine(&self.limits, &self.prepared) {
                    full::give_up(&reason);
                }
                full::load_and_exit(py, &self.engines, run, &loads)
            }
            Ok(Fork::Parent(child)) => {
                let mut denied = Vec::new();
                let end = self.attend(&child, &mut output, &mut denied).and_then(|end| {
                    self.entered.tidy().map_err(|error| error.to_string())?;
                    Ok(end)
                });
                if end.is_err() {
                    self.broken.set(true);
                    let _ = child.kill();
                    let _ = child.wait();
                }
                if by_file {
                    let large = |data: &Bound<'_, PyBytes>| data.as_bytes().len() > MAX_FILE_KEPT;
                    for (_, file) in
                        pickles.iter().zip(&self.resources.files).filter(|(data, _)| large(data))
                    {
                        let _ = cut(file.writer);
                    }
                }
                let time_us = begin.elapsed().as_micros() as u64;
                // SAFETY: the child is dead and the zygote does not trace.
                let log = &unsafe { trace() }.expect("set up before").log;
                let done = log.done().min(pickles.len());
                // Whoever it was that ended the process of one pickle: it was that pickle.
                if pickles.len() == 1 || done == 0 {
                    let ending = Ending { end, alone: true, time_us, output: &output };
                    return vec![record(&ending, of(&denied, 0), log.trace(0))];
                }
                let mut records: Vec<Vec<u8>> = (0..done)
                    .map(|at| {
                        let alone = done == 1 && log.closed();
                        let output = if alone { output.as_slice() } else { &[] };
                        let ending = Ending { end: Ok(End::Exited(0)), alone, time_us, output };
                        record(&ending, of(&denied, at), log.trace(at))
                    })
                    .collect();
                if done < pickles.len() && !log.closed() {
                    records.extend(self.group(py, run, &pickles[done..=done]));
                }
                records
            }
            Err(error) => vec![failure(&error.to_string())],
        }
    }

    /// Waits for the child, answers its denied calls, keeps what it prints, and ends it when its
    /// time is up.
    fn attend(
        &self,
        child: &Child,
        output: &mut Vec<u8>,
        denied: &mut Vec<(usize, &'static str)>,
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
                // SAFETY: the zygote does not trace.
                let log = &unsafe { trace() }.expect("set up before").log;
                // The child waits for the answer, so it is at the pickle that it says.
                let note = |call: assay_sandbox::Denied| {
                    let noted = (log.done(), call.name());
                    if denied.len() < MAX_DENIED && !denied.contains(&noted) {
                        denied.push(noted);
                    }
                    log.stop();
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
}

/// The denied calls of one of the pickles.
fn of<'a>(
    denied: &'a [(usize, &'static str)],
    pickle: usize,
) -> impl Iterator<Item = &'a str> + Clone {
    denied.iter().filter(move |(at, _)| *at == pickle).map(|(_, name)| *name)
}

/// Cuts a file to nothing.
fn cut(file: i32) -> std::io::Result<()> {
    // SAFETY: no pointers; the zygote's own descriptor.
    unsafe { trusted(libc::SYS_ftruncate, [file as usize, 0, 0, 0, 0]) }.map(drop)
}

fn fill(file: &PickleFile, bytes: &[u8]) -> std::io::Result<()> {
    cut(file.writer)?;
    // SAFETY: the zygote's own descriptors; the bytes outlive the calls.
    unsafe {
        libc::lseek(file.writer, 0, libc::SEEK_SET);
        let mut rest = bytes;
        while !rest.is_empty() {
            let n = libc::write(file.writer, rest.as_ptr().cast(), rest.len());
            let Ok(n) = usize::try_from(n) else {
                return Err(std::io::Error::last_os_error());
            };
            rest = &rest[n..];
        }
        libc::lseek(file.reader, 0, libc::SEEK_SET);
    }
    Ok(())
}
