//! Hands a program to the kernel.

use std::io;
use std::os::fd::{FromRawFd, OwnedFd, RawFd};

use libc::{c_ulong, sock_filter, sock_fprog};

use super::bpf::Program;
use crate::trusted;

/// Installs `code` for this process, for ever, and for all that it forks.
pub(crate) fn install(code: &[sock_filter]) -> io::Result<()> {
    seccomp(code, 0).map(drop)
}

/// Installs `program` and returns the listener of its notifications.
pub(crate) fn install_with_listener(program: &Program) -> io::Result<OwnedFd> {
    // From Linux 5.19 on a notified call is not restarted by signals, so not recorded twice.
    let killable =
        libc::SECCOMP_FILTER_FLAG_NEW_LISTENER | libc::SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV;
    let fd = match seccomp(&program.0, killable) {
        Err(error) if error.raw_os_error() == Some(libc::EINVAL) => {
            seccomp(&program.0, libc::SECCOMP_FILTER_FLAG_NEW_LISTENER)?
        }
        other => other?,
    };
    // SAFETY: the kernel just made this descriptor (close-on-exec), and nothing else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as RawFd) })
}

fn seccomp(code: &[sock_filter], flags: c_ulong) -> io::Result<usize> {
    let program = sock_fprog { len: code.len() as u16, filter: code.as_ptr().cast_mut() };
    let mode = libc::SECCOMP_SET_MODE_FILTER as usize;
    // SAFETY: program and code outlive the call, which only reads them.
    unsafe { trusted(libc::SYS_seccomp, [mode, flags as usize, &raw const program as usize, 0, 0]) }
}
