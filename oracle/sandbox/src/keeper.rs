//! The keeper: process 1 of the PID namespace, which does nothing but be there.
//!
//! With its death the namespace ends: everyone in it is killed, nobody more is forked. It dies
//! with the zygote.

use std::io;
use std::os::fd::AsFd;

use crate::sys;

/// Forks the keeper and waits until it will die with us.
pub(crate) fn fork_keeper() -> io::Result<()> {
    let (ready, say_ready) = sys::pipe()?;
    if sys::fork()? == 0 {
        keep(say_ready.as_fd());
    }
    drop(say_ready);
    match sys::read_byte(ready.as_fd())? {
        true => Ok(()),
        false => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

fn keep(say_ready: std::os::fd::BorrowedFd<'_>) -> ! {
    let died_with_parent = sys::prctl(libc::PR_SET_PDEATHSIG, [libc::SIGKILL as u64, 0, 0, 0]);
    // If the zygote died before that, nobody reads, and the signal of that ends us.
    if died_with_parent.is_err() || sys::write(say_ready, b"!").is_err() {
        sys::exit(1);
    }
    // SAFETY: plain calls on our own process. Orphans are reaped by the kernel when SIGCHLD is
    // ignored; held descriptors would keep the host's pipes open past the zygote's death.
    unsafe {
        libc::signal(libc::SIGCHLD, libc::SIG_IGN);
        libc::syscall(libc::SYS_close_range, 0, u32::MAX, 0);
        loop {
            libc::pause();
        }
    }
}
