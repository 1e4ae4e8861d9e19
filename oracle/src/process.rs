//! A worker's process: how it is cut off from the host's before it runs, how it is watched, and
//! how it is ended. Knows nothing of pickles.

#![allow(unsafe_code, reason = "what is done between fork and exec")]

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::process::{Pid, PidfdFlags, pidfd_open};

use crate::bounds::DYING;

/// A running worker, ended when dropped.
pub(crate) struct Process {
    /// None once it was reaped, or given up.
    child: Option<Child>,
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Death {
    /// By itself.
    Own(ExitStatus),
    /// It went on, and was killed.
    Killed,
    /// It was killed and is still there: it hangs in the kernel.
    Stuck,
}

impl Process {
    /// Starts `command` with no descriptors of the host's but its standard ones and `passed`.
    pub(crate) fn spawn(command: &mut Command, passed: [OwnedFd; 3]) -> io::Result<Self> {
        let numbers = passed.each_ref().map(AsRawFd::as_raw_fd);
        // SAFETY: only system calls are made between fork and exec, and nothing is allocated;
        // the descriptors stay open in the parent until `spawn` returns.
        unsafe {
            command.pre_exec(move || cut_off(&numbers));
        }
        let child = command.spawn()?;
        Ok(Self { child: Some(child) })
    }

    /// The end of its standard error, if that is a pipe; the caller's to close.
    pub(crate) fn take_stderr(&mut self) -> Option<std::process::ChildStderr> {
        self.child.as_mut()?.stderr.take()
    }

    /// The process, as the kernel numbers it; 0 if it is gone.
    pub(crate) fn id(&self) -> u32 {
        self.child.as_ref().map_or(0, Child::id)
    }

    /// Whether it still runs.
    pub(crate) fn alive(&mut self) -> bool {
        self.child.as_mut().is_some_and(|child| matches!(child.try_wait(), Ok(None)))
    }

    /// Ends it: gives it a moment to end by itself, then kills it.
    pub(crate) fn end(&mut self, moment: Duration) -> Death {
        let Some(mut child) = self.child.take() else { return Death::Killed };
        if ended_within(&child, moment)
            && let Ok(Some(status)) = child.try_wait()
        {
            return Death::Own(status);
        }
        let _ = child.kill();
        if ended_within(&child, DYING) && child.wait().is_ok() {
            return Death::Killed;
        }
        // Reaped whenever the kernel lets go of it; nobody waits.
        let _ = std::thread::Builder::new().spawn(move || child.wait());
        Death::Stuck
    }

    /// Memory that is its own, in bytes: not files, nor what it shares with the host.
    pub(crate) fn private_memory(&self) -> Option<u64> {
        let id = self.id();
        let text = std::fs::read_to_string(format!("/proc/{id}/statm")).ok()?;
        let mut pages = text.split_ascii_whitespace().skip(1).map(str::parse::<u64>);
        let (resident, shared) = (pages.next()?.ok()?, pages.next()?.ok()?);
        Some(resident.saturating_sub(shared) * rustix::param::page_size() as u64)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.end(Duration::ZERO);
    }
}

/// Waits for the end of a child, without reaping it.
fn ended_within(child: &Child, time: Duration) -> bool {
    let pid = Pid::from_child(child);
    let Ok(pidfd) = pidfd_open(pid, PidfdFlags::empty()) else { return true };
    readable(&pidfd, time).unwrap_or(true)
}

/// Waits until there is something to read.
pub(crate) fn readable(fd: &impl std::os::fd::AsFd, time: Duration) -> io::Result<bool> {
    let until = std::time::Instant::now() + time;
    loop {
        let left = until.saturating_duration_since(std::time::Instant::now());
        let mut fds = [PollFd::new(fd, PollFlags::IN)];
        match rustix::event::poll(&mut fds, Timespec::try_from(left).ok().as_ref()) {
            Ok(n) => return Ok(n > 0),
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// What the child does between fork and exec.
fn cut_off(passed: &[i32]) -> io::Result<()> {
    let check = |result: libc::c_long| {
        if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
    };
    // SAFETY: plain system calls on this process; the path is a C string.
    unsafe {
        // Whatever the host's own parent left open is none of a pickle's business. Kernels
        // before 5.11 lack it: then only what nobody marked stays open.
        let all = [3, libc::c_uint::MAX, libc::CLOSE_RANGE_CLOEXEC];
        let _ = libc::syscall(libc::SYS_close_range, all[0], all[1], all[2]);
        for &fd in passed {
            rustix::io::fcntl_setfd(BorrowedFd::borrow_raw(fd), rustix::io::FdFlags::empty())?;
        }
        // A session of its own: no terminal to type on, and Ctrl-C is the host's alone.
        check(libc::setsid().into())?;
        // Nothing may outlive the host.
        check(libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL).into())?;
        // Same addresses each time, as far as possible: hashes of objects depend on them.
        libc::personality(libc::ADDR_NO_RANDOMIZE as libc::c_ulong);
        // Should the machine run out of memory, a worker goes first. Where /proc is absent the
        // kernel chooses by size, which comes to much the same.
        let score = libc::open(c"/proc/self/oom_score_adj".as_ptr(), libc::O_WRONLY);
        if score >= 0 {
            libc::write(score, c"1000".as_ptr().cast(), 4);
            libc::close(score);
        }
    }
    Ok(())
}
