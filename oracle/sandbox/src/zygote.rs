//! What the zygote does with its children: fork, wait, end.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::time::{Duration, Instant};

use crate::recorder::{Denied, Recorder};
use crate::{Error, Result, sys, trusted};

/// Who one is after [`fork`].
#[derive(Debug)]
pub enum Fork {
    /// The child, which calls [`crate::confine`] next and ends by [`exit_now`].
    Child,
    /// The zygote, with the child at hand.
    Parent(Child),
}

/// A child of the zygote. Dropping it neither ends nor reaps the process.
#[derive(Debug)]
pub struct Child {
    pid: libc::pid_t,
    pidfd: OwnedFd,
}

/// How a child ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// By itself, with this code.
    Exited(i32),
    /// By this signal.
    Signaled(i32),
    /// By us, because its time was up.
    TimedOut,
}

/// Forks the zygote; the only way to, since the filter denies the C library's `fork`.
///
/// It is the bare system call: handlers registered by `pthread_atfork` don't run, so the
/// process must have one thread. Python's `PyOS_BeforeFork` and `PyOS_AfterFork_*` are the
/// caller's business.
///
/// # Errors
///
/// If the kernel refuses; `ENOMEM` also if the keeper died.
pub fn fork() -> Result<Fork> {
    let mut pidfd = -1;
    let flags = (libc::CLONE_PIDFD | libc::SIGCHLD) as usize;
    // SAFETY: without CLONE_VM this is a fork: the child has a copy of everything, the stack
    // too. The kernel writes the descriptor to `pidfd` in the parent only.
    let pid = unsafe { trusted(libc::SYS_clone, [flags, 0, &raw mut pidfd as usize, 0, 0]) }
        .map_err(Error::zygote("fork"))?;
    if pid == 0 {
        return Ok(Fork::Child);
    }
    // SAFETY: the kernel just made this descriptor, and nothing else owns it.
    let pidfd = unsafe { OwnedFd::from_raw_fd(pidfd) };
    Ok(Fork::Parent(Child { pid: pid as libc::pid_t, pidfd }))
}

/// Ends the process at once: no destructors, no `atexit`, nothing flushed.
pub fn exit_now(code: i32) -> ! {
    sys::exit(code)
}

impl Child {
    /// The child's number, as the zygote sees it.
    #[must_use]
    pub fn pid(&self) -> i32 {
        self.pid
    }

    /// Kills the child, whatever it is doing; it must still be waited for.
    ///
    /// # Errors
    ///
    /// If the kernel refuses. A child that is dead already is no error.
    pub fn kill(&self) -> Result<()> {
        let arguments = [self.pidfd.as_raw_fd() as usize, libc::SIGKILL as usize, 0, 0, 0];
        // SAFETY: no pointers; the descriptor stands for our own child.
        match unsafe { trusted(libc::SYS_pidfd_send_signal, arguments) } {
            Err(error) if error.raw_os_error() != Some(libc::ESRCH) => {
                Err(Error::zygote("kill")(error))
            }
            _ => Ok(()),
        }
    }

    /// Waits for the child's end and reaps it. A child whose calls are recorded must be
    /// attended instead, or it waits for an answer for ever.
    ///
    /// # Errors
    ///
    /// If the child was reaped already.
    pub fn wait(&self) -> Result<End> {
        let status = sys::wait(self.pid).map_err(Error::zygote("wait"))?;
        Ok(if libc::WIFSIGNALED(status) {
            End::Signaled(libc::WTERMSIG(status))
        } else {
            End::Exited(libc::WEXITSTATUS(status))
        })
    }

    /// Waits for the child's end, notes its denied calls meanwhile, and kills it when `time`
    /// is up.
    pub(crate) fn attend(
        &self,
        recorder: Option<&Recorder>,
        time: Duration,
        mut note: impl FnMut(Denied),
    ) -> Result<End> {
        // None is a time so long that it never comes.
        let until = Instant::now().checked_add(time);
        // A negative descriptor is passed over by poll.
        let listener = recorder.map_or(-1, |recorder| recorder.as_fd().as_raw_fd());
        loop {
            let left = until.map_or(time, |until| until.saturating_duration_since(Instant::now()));
            if left.is_zero() {
                self.kill()?;
                self.wait()?;
                return Ok(End::TimedOut);
            }
            let mut fds = [self.pidfd.as_raw_fd(), listener].map(|fd| libc::pollfd {
                fd,
                events: libc::POLLIN,
                revents: 0,
            });
            // Rounded up, so as not to spin through the last millisecond.
            let timeout = i32::try_from(left.as_millis().saturating_add(1)).unwrap_or(i32::MAX);
            match sys::poll(&mut fds, timeout) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                other => other.map_err(Error::zygote("poll"))?,
            };
            if let (Some(recorder), true) = (recorder, fds[1].revents != 0) {
                recorder.serve(&mut note)?;
            }
            if fds[0].revents != 0 {
                return self.wait();
            }
        }
    }
}

impl AsFd for Child {
    /// Readable when the child has ended.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.pidfd.as_fd()
    }
}
