//! The recorder: hears of each denied call, notes it, and answers `EPERM`.
//!
//! The one exception are calls that write, where there is a scratch directory (see
//! [`crate::scratch`]). The recorder must never look at what a call's pointers point to: the
//! caller can change it before the kernel looks.

use std::cell::Cell;
use std::fmt;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use crate::{Error, Result, scratch, sys, syscall_name, trusted};

/// A denied call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Denied {
    /// Who called, as the zygote numbers its children.
    pub pid: u32,
    /// The call's number, see [`syscall_name`].
    pub number: i64,
    /// Its six arguments as they were in the registers; those the call does not have are
    /// chance.
    pub arguments: [u64; 6],
}

impl Denied {
    /// The call's name, or `syscall` if it has none here.
    #[must_use]
    pub fn name(&self) -> &'static str {
        syscall_name(self.number).unwrap_or("syscall")
    }
}

impl fmt::Display for Denied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, ..] = self.arguments;
        write!(f, "{}[{}]({a:#x}, {b:#x}, {c:#x}, …)", self.name(), self.number)
    }
}

/// The receiving end of denied calls; its descriptor is readable when one waits.
#[derive(Debug)]
pub struct Recorder {
    listener: OwnedFd,
    /// Whether calls that write may go on.
    scratch: bool,
    /// Whether one did since [`Recorder::wrote`] was asked.
    wrote: Cell<bool>,
}

impl Recorder {
    pub(crate) fn new(listener: OwnedFd, scratch: bool) -> Self {
        // From Linux 6.6 on: wake the zygote on the caller's processor and the caller when it
        // is answered. They only ever take turns, so this saves most of the latency.
        const SYNC_WAKE_UP: usize = 1;
        let recorder = Self { listener, scratch, wrote: Cell::new(false) };
        // SAFETY: the request takes its flag by value. Older kernels refuse it, which is fine.
        let _ = unsafe { recorder.request(libc::SECCOMP_IOCTL_NOTIF_SET_FLAGS, SYNC_WAKE_UP) };
        recorder
    }

    /// Notes and answers the calls that wait now; returns how many. Never blocks.
    ///
    /// # Errors
    ///
    /// If the listener fails, which means that the worker is lost.
    pub fn serve(&self, mut note: impl FnMut(Denied)) -> Result<usize> {
        // A child that is answered may call again at once: it must not keep the zygote from
        // looking at the clock.
        const AT_ONCE: usize = 16;
        let mut served = 0;
        while served < AT_ONCE && self.waiting().map_err(Error::zygote("poll of the listener"))? {
            match self.receive() {
                Ok((id, denied)) => {
                    let go_on = self.scratch && scratch::lets_through(denied.number as _);
                    note(denied);
                    self.wrote.set(self.wrote.get() || go_on);
                    self.answer(id, go_on).map_err(Error::zygote("answer to a denied call"))?;
                    served += 1;
                }
                // The caller died in the meantime, or a signal came.
                Err(error) if matches!(error.raw_os_error(), Some(libc::ENOENT | libc::EINTR)) => {}
                Err(error) => return Err(Error::zygote("reading of a denied call")(error)),
            }
        }
        Ok(served)
    }

    /// Whether a call that writes was let through since this was last asked.
    pub(crate) fn wrote(&self) -> bool {
        self.wrote.replace(false)
    }

    fn waiting(&self) -> io::Result<bool> {
        let mut fds =
            [libc::pollfd { fd: self.listener.as_raw_fd(), events: libc::POLLIN, revents: 0 }];
        match sys::poll(&mut fds, 0) {
            // The caller waits in a poll of its own and comes back.
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(false),
            other => other.map(|_| fds[0].revents & libc::POLLIN != 0),
        }
    }

    fn receive(&self) -> io::Result<(u64, Denied)> {
        // SAFETY: all zeroes is a value of this plain struct, and the one the kernel asks for.
        let mut heard: libc::seccomp_notif = unsafe { std::mem::zeroed() };
        // SAFETY: the struct is the one that this request fills.
        unsafe { self.request(libc::SECCOMP_IOCTL_NOTIF_RECV, &raw mut heard as usize)? };
        let denied =
            Denied { pid: heard.pid, number: heard.data.nr.into(), arguments: heard.data.args };
        Ok((heard.id, denied))
    }

    fn answer(&self, id: u64, go_on: bool) -> io::Result<()> {
        let (error, flags) = match go_on {
            true => (0, libc::SECCOMP_USER_NOTIF_FLAG_CONTINUE as u32),
            false => (-libc::EPERM, 0),
        };
        let answer = libc::seccomp_notif_resp { id, val: 0, error, flags };
        loop {
            // SAFETY: the struct is the one that this request reads.
            let sent =
                unsafe { self.request(libc::SECCOMP_IOCTL_NOTIF_SEND, &raw const answer as usize) };
            match sent {
                // A signal came, and the child still waits.
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // The child died in the meantime.
                Err(error) if error.raw_os_error() == Some(libc::ENOENT) => return Ok(()),
                other => return other,
            }
        }
    }

    /// Asks the listener; marked, since the zygote asks under its own filter.
    ///
    /// # Safety
    ///
    /// `argument` is what the request takes.
    unsafe fn request(&self, request: libc::Ioctl, argument: usize) -> io::Result<()> {
        let arguments = [self.listener.as_raw_fd() as usize, request as usize, argument, 0, 0];
        // SAFETY: the descriptor is a seccomp listener; the caller vouches for the rest.
        unsafe { trusted(libc::SYS_ioctl, arguments) }.map(drop)
    }
}

impl AsFd for Recorder {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.listener.as_fd()
    }
}
