//! The process of an external analyser, and the only place that waits for it.
//!
//! All three pipes are served by one loop that never blocks, so that no order in which the
//! other side reads, writes, complains or falls silent can hang this one.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::process::{Pid, Signal, kill_process_group};

use super::answer;
use crate::{Error, Judgement, Result};

/// Longest answer. A verdict with all its globals fits many times over.
const MAX_ANSWER: usize = 1 << 20;
/// Requests sent ahead of their answers: enough to keep both sides of the pipe busy.
const IN_FLIGHT: usize = 32;
/// How long a process that closed its output may take to end, so that its status can be told.
const LAST_WORDS: Duration = Duration::from_millis(200);
/// Lines of standard error kept for the message.
const KEPT_LINES: usize = 3;
/// Longest line of standard error that is kept.
const MAX_LINE: usize = 400;

/// A running analyser. Dropping it ends it, with all it started.
pub(super) struct Process {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: ChildStdout,
    stderr: Option<ChildStderr>,
    /// What was read and is no whole line yet.
    inbox: Vec<u8>,
    complaints: Complaints,
}

impl Process {
    pub(super) fn start(words: &[String]) -> Result<Self> {
        let failed = |source| Error::Start { command: words.join(" "), source };
        let mut child = Command::new(&words[0])
            .args(&words[1..])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // A group of its own: it ends as one, and Ctrl-C is ours to handle.
            .process_group(0)
            .spawn()
            .map_err(failed)?;
        let pipes = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (Some(stdin), Some(stdout), Some(stderr)) = pipes else {
            return Err(failed(io::Error::other("no pipes")));
        };
        let unblock = |fd: BorrowedFd<'_>| {
            fcntl_setfl(fd, fcntl_getfl(fd)? | OFlags::NONBLOCK).map_err(io::Error::from)
        };
        unblock(stdin.as_fd()).map_err(failed)?;
        unblock(stdout.as_fd()).map_err(failed)?;
        unblock(stderr.as_fd()).map_err(failed)?;
        Ok(Self {
            child,
            stdin: Some(stdin),
            stdout,
            stderr: Some(stderr),
            inbox: Vec::new(),
            complaints: Complaints::default(),
        })
    }

    /// Asks about each pickle and appends the answers. An error says what it did instead of
    /// answering the first pickle that has no answer; the process is then of no more use.
    pub(super) fn ask(
        &mut self,
        pickles: &[&[u8]],
        timeout: Duration,
        judgements: &mut Vec<Judgement>,
    ) -> Result<(), String> {
        if !self.inbox.is_empty() {
            return Err("answered without being asked".into());
        }
        let mut outbox = Outbox::new(pickles);
        let mut answered = 0;
        let mut deadline = Instant::now() + timeout;
        while answered < pickles.len() {
            outbox.allowed = answered + IN_FLIGHT;
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                let waited = timeout.as_secs_f64();
                return Err(format!("gave no answer within {waited} s{}", self.complaints));
            }
            self.wait(outbox.has_work(), left)?;
            self.listen();
            if let Some(stdin) = &mut self.stdin
                && outbox.write_to(stdin).is_err()
            {
                self.stdin = None;
            }
            let open = self.receive()?;
            while let Some(line) = self.take_line()? {
                if answered == pickles.len() {
                    return Err("gave more answers than it was asked for".into());
                }
                judgements.push(answer::parse(&line)?);
                answered += 1;
                deadline = Instant::now() + timeout;
            }
            if !open && answered < pickles.len() {
                return Err(self.last_words());
            }
        }
        Ok(())
    }

    /// Waits until a pipe is ready or the time is up.
    fn wait(&self, sending: bool, at_most: Duration) -> Result<(), String> {
        let mut fds = vec![PollFd::new(&self.stdout, PollFlags::IN)];
        fds.extend(self.stderr.as_ref().map(|pipe| PollFd::new(pipe, PollFlags::IN)));
        let stdin = self.stdin.as_ref().filter(|_| sending);
        fds.extend(stdin.map(|pipe| PollFd::new(pipe, PollFlags::OUT)));
        let timeout = at_most.try_into().ok();
        match poll(&mut fds, timeout.as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
            Err(error) => Err(format!("cannot be waited for: {error}")),
        }
    }

    /// Reads what there is of answers; false at the end of the output.
    fn receive(&mut self) -> Result<bool, String> {
        let mut chunk = [0; 1 << 14];
        loop {
            match self.stdout.read(&mut chunk) {
                Ok(0) => return Ok(false),
                Ok(count) => self.inbox.extend_from_slice(&chunk[..count]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(true),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(format!("cannot be read from: {error}")),
            }
            if self.inbox.len() > MAX_ANSWER {
                return Ok(true);
            }
        }
    }

    fn take_line(&mut self) -> Result<Option<Vec<u8>>, String> {
        match self.inbox.iter().position(|&byte| byte == b'\n') {
            Some(end) => {
                let rest = self.inbox.split_off(end + 1);
                let mut line = std::mem::replace(&mut self.inbox, rest);
                line.pop();
                Ok(Some(line))
            }
            None if self.inbox.len() > MAX_ANSWER => {
                Err(format!("gave an answer longer than {MAX_ANSWER} bytes"))
            }
            None => Ok(None),
        }
    }

    /// Reads what there is of complaints.
    fn listen(&mut self) {
        let mut chunk = [0; 1 << 12];
        while let Some(stderr) = &mut self.stderr {
            match stderr.read(&mut chunk) {
                Ok(count @ 1..) => self.complaints.add(&chunk[..count]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Ok(0) | Err(_) => self.stderr = None,
            }
        }
    }

    /// How it ended, for people.
    fn last_words(&mut self) -> String {
        let deadline = Instant::now() + LAST_WORDS;
        let status = loop {
            match self.child.try_wait() {
                Ok(Some(status)) => break status.to_string(),
                Ok(None) if Instant::now() < deadline => {
                    std::thread::sleep(Duration::from_millis(2));
                }
                _ => break "output closed".to_owned(),
            }
        };
        self.listen();
        format!("ended without an answer ({status}){}", self.complaints)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.listen();
        if let Some(group) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            let _ = kill_process_group(group, Signal::KILL);
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Requests on their way out.
struct Outbox<'a> {
    pickles: &'a [&'a [u8]],
    /// Index of the next pickle to send.
    next: usize,
    /// Index at which to pause until more answers are in.
    allowed: usize,
    /// Bytes of a request begun, and how many of them are out.
    request: Vec<u8>,
    sent: usize,
}

impl<'a> Outbox<'a> {
    fn new(pickles: &'a [&'a [u8]]) -> Self {
        Self { pickles, next: 0, allowed: 0, request: Vec::new(), sent: 0 }
    }

    fn has_work(&self) -> bool {
        self.sent < self.request.len() || self.next < self.pickles.len().min(self.allowed)
    }

    /// Writes until the pipe is full or there is nothing to write.
    fn write_to(&mut self, stdin: &mut ChildStdin) -> io::Result<()> {
        while self.has_work() {
            if self.sent == self.request.len() {
                self.begin();
            }
            match stdin.write(&self.request[self.sent..]) {
                Ok(count) => self.sent += count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Takes up as many requests as may be in flight: one write for many small pickles.
    fn begin(&mut self) {
        self.request.clear();
        self.sent = 0;
        while self.next < self.pickles.len().min(self.allowed) && self.request.len() < 1 << 16 {
            let pickle = self.pickles[self.next];
            self.request.extend_from_slice(format!("{}\n", pickle.len()).as_bytes());
            self.request.extend_from_slice(pickle);
            self.next += 1;
        }
    }
}

/// Standard error: logged by lines, and the last lines kept for messages.
#[derive(Default)]
struct Complaints {
    kept: VecDeque<String>,
    line: Vec<u8>,
}

impl Complaints {
    fn add(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            match byte {
                b'\n' => self.end_line(),
                _ if self.line.len() < MAX_LINE => self.line.push(byte),
                _ => {}
            }
        }
    }

    fn end_line(&mut self) {
        let line = String::from_utf8_lossy(&std::mem::take(&mut self.line)).trim().to_owned();
        if line.is_empty() {
            return;
        }
        tracing::info!(target: "analyser", "{line}");
        if self.kept.len() == KEPT_LINES {
            self.kept.pop_front();
        }
        self.kept.push_back(line);
    }
}

impl std::fmt::Display for Complaints {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.kept.back() {
            Some(last) => write!(f, ": {last}"),
            None => Ok(()),
        }
    }
}
