//! Thin wrappers of system calls: each `unsafe` once, errors as [`io::Error`], no allocation.
//!
//! They may be called between `fork` and `_exit` of a process with threads.

use std::ffi::CStr;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use libc::{c_int, c_ulong};

/// Turns the -1 of a system call into its error.
pub(crate) fn check(value: impl Into<i64>) -> io::Result<i64> {
    match value.into() {
        -1 => Err(io::Error::last_os_error()),
        value => Ok(value),
    }
}

/// `prctl` with up to four arguments, unmarked: before the filter is in place.
pub(crate) fn prctl(option: c_int, arguments: [c_ulong; 4]) -> io::Result<i64> {
    let [a, b, c, d] = arguments;
    // SAFETY: the callers in this crate pass options whose arguments are plain numbers.
    check(unsafe { libc::prctl(option, a, b, c, d) })
}

pub(crate) fn unshare(flags: c_int) -> io::Result<()> {
    // SAFETY: no pointers; what is unshared is the process's own.
    check(unsafe { libc::unshare(flags) }).map(drop)
}

pub(crate) fn open(path: &CStr, flags: c_int) -> io::Result<OwnedFd> {
    // SAFETY: the path is a valid C string; 0o600 is read only if a file is created.
    let fd = check(unsafe { libc::open(path.as_ptr(), flags | libc::O_CLOEXEC, 0o600) })?;
    // SAFETY: the descriptor was just opened and nothing else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as RawFd) })
}

/// Writes `bytes` with one call, as the files of /proc want it.
pub(crate) fn write(fd: BorrowedFd<'_>, bytes: &[u8]) -> io::Result<()> {
    // SAFETY: pointer and length are those of the slice.
    let n =
        check(unsafe { libc::write(fd.as_raw_fd(), bytes.as_ptr().cast(), bytes.len()) } as i64)?;
    if n as usize == bytes.len() { Ok(()) } else { Err(io::ErrorKind::WriteZero.into()) }
}

/// Reads one byte; false at the end.
pub(crate) fn read_byte(fd: BorrowedFd<'_>) -> io::Result<bool> {
    let mut byte = 0_u8;
    // SAFETY: the buffer is one byte of our own.
    check(unsafe { libc::read(fd.as_raw_fd(), (&raw mut byte).cast(), 1) } as i64).map(|n| n == 1)
}

/// A pipe: its reading and its writing end.
pub(crate) fn pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    let mut ends = [0; 2];
    // SAFETY: the array has room for the two descriptors.
    check(unsafe { libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC) })?;
    // SAFETY: both were just opened and nothing else owns them.
    Ok(unsafe { (OwnedFd::from_raw_fd(ends[0]), OwnedFd::from_raw_fd(ends[1])) })
}

/// `fork` of the C library, for probes and the keeper; 0 in the child.
pub(crate) fn fork() -> io::Result<libc::pid_t> {
    // SAFETY: the callers' children make only async-signal-safe calls and end by `_exit`.
    check(unsafe { libc::fork() }).map(|pid| pid as libc::pid_t)
}

/// Waits for child `pid` and returns its raw wait status.
pub(crate) fn wait(pid: libc::pid_t) -> io::Result<c_int> {
    let mut status = 0;
    loop {
        // SAFETY: `status` is ours to write.
        match check(unsafe { libc::waitpid(pid, &raw mut status, 0) }) {
            Ok(_) => return Ok(status),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// Ends the process at once: no destructors, no buffers flushed.
pub(crate) fn exit(code: c_int) -> ! {
    // SAFETY: always allowed.
    unsafe { libc::_exit(code) }
}

/// `poll`; returns how many are ready. A negative timeout waits for ever.
pub(crate) fn poll(fds: &mut [libc::pollfd], timeout_ms: c_int) -> io::Result<usize> {
    // SAFETY: pointer and length are those of the slice.
    let n = check(unsafe { libc::poll(fds.as_mut_ptr(), fds.len() as libc::nfds_t, timeout_ms) })?;
    Ok(n as usize)
}
