//! What a forked child lays on itself before it sees a pickle.
//!
//! Everything else it inherits. Nothing here allocates or compiles: the child's first work is
//! the pickle, and every page it touches is a copy.

use std::io;
use std::os::fd::{AsFd, AsRawFd, RawFd};

use crate::filter::{self, Tail};
use crate::worker::Entered;
use crate::{ChildLimits, Error, Layer, Result, limits, trusted};

/// What the confined process is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Confinement {
    /// A long-lived worker that loads many pickles and refuses their globals itself: no limit
    /// on processor time.
    Deny,
    /// One pickle's child.
    Full,
}

/// All that [`confine`] needs, made ready in the zygote.
pub struct Prepared {
    kind: Confinement,
    tail: Tail,
    /// The process that entered.
    zygote: u32,
    /// The listener to be let go, and what takes its place.
    listener: Option<(RawFd, RawFd)>,
}

impl Prepared {
    /// Makes ready. The child must be forked from the process that entered, and `entered` must
    /// live as long as this does.
    ///
    /// # Errors
    ///
    /// If the filter does not assemble.
    pub fn new(kind: Confinement, entered: &Entered) -> Result<Self> {
        let listener = entered
            .recorder()
            .map(|recorder| (recorder.as_fd().as_raw_fd(), entered.hole.as_raw_fd()));
        Ok(Self { kind, tail: Tail::new()?, zygote: std::process::id(), listener })
    }
}

/// Confines this process for good: limits, and the tail filter. About 30 µs, of which the
/// kernel takes 20 to translate the filter.
///
/// What is open stays open: close what the child must not have beforehand.
///
/// Called in each forked child. A [`Confinement::Deny`] worker may also call it without a
/// fork. It should then have entered with [`crate::Record::Errno`]: with nobody left to listen,
/// its denied calls would fail with `ENOSYS` instead of `EPERM`.
///
/// # Errors
///
/// If a step fails; the process must then end without loading anything.
pub fn confine(limits: &ChildLimits, prepared: &Prepared) -> Result<()> {
    // The child must not outlive the zygote, so it asks to be killed with it; fork does not
    // hand that on.
    die_with(prepared.zygote).map_err(Error::at(Layer::Rlimits, "PR_SET_PDEATHSIG"))?;

    // Whoever holds the listener can answer denied calls, its own too. A harmless descriptor
    // takes the number, so that dropping `Entered` closes nothing else.
    if let Some((listener, hole)) = prepared.listener {
        // SAFETY: no pointers; both descriptors are held by `Entered`.
        crate::sys::check(unsafe { libc::dup3(hole, listener, libc::O_CLOEXEC) })
            .map_err(Error::at(Layer::SeccompNotify, "letting the listener go"))?;
    }

    // Limits before the filter, which refuses to set any.
    limits::limit_child(limits, prepared.kind == Confinement::Full)?;

    // From here on nothing marked passes either.
    let (code, length) = prepared.tail.of(std::process::id());
    filter::install(&code[..length]).map_err(Error::at(Layer::Seccomp, "the tail filter"))?;

    // The mark may still be in its register, and the next call be one that looks at it.
    // SAFETY: only asks.
    unsafe { libc::syscall(libc::SYS_getpid, 0, 0, 0, 0, 0, 0) };
    Ok(())
}

/// Has the kernel kill this process when its parent, the zygote, dies.
fn die_with(zygote: u32) -> io::Result<()> {
    let arguments = [libc::PR_SET_PDEATHSIG as usize, libc::SIGKILL as usize, 0, 0, 0];
    // SAFETY: no pointers.
    unsafe { trusted(libc::SYS_prctl, arguments)? };

    // It may have died before that, and another be the parent now. In the PID namespace no
    // number is shown, but there the keeper's death does the same.
    // SAFETY: only asks.
    let parent = unsafe { libc::getppid() } as u32;
    match parent == 0 || parent == zygote || std::process::id() == zygote {
        true => Ok(()),
        false => Err(io::Error::from_raw_os_error(libc::ESRCH)),
    }
}
