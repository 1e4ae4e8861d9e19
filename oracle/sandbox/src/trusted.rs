//! A marked call is one that only the worker's own code can make.
//!
//! The zygote and its children run under the same inherited filter. Where the zygote needs a
//! call that its children must not make, the filter looks at the sixth argument, which none of
//! these calls uses: the mark there says that our code makes the call. A child's tail filter
//! refuses marked calls, so the mark is no secret; it must only be unlikely in a register by
//! chance, since a chance match goes unrecorded (though still denied).

use std::io;

use libc::c_long;

/// "assay-ok" in ASCII: an address that no user space has, and no plausible number.
pub(crate) const MARK: u64 = u64::from_be_bytes(*b"assay-ok");

/// Makes a system call that carries the mark.
///
/// Only calls whose row in [`crate::syscalls`] says [`crate::Rule::Trusted`] or
/// [`crate::Rule::IfOrTrusted`] gain by it: `memfd_create`, `ftruncate`, `sendmsg`, `recvmsg`,
/// `prctl` and the like. Works from [`crate::enter_worker`] on until [`crate::confine`].
///
/// # Safety
///
/// As `libc::syscall`: the arguments must be right for the call, and pointers valid.
///
/// # Errors
///
/// What the kernel says.
pub unsafe fn trusted(number: c_long, arguments: [usize; 5]) -> io::Result<usize> {
    let [a, b, c, d, e] = arguments;
    // SAFETY: the caller vouches for number and arguments; the sixth is unused by these calls.
    let value = unsafe { libc::syscall(number, a, b, c, d, e, MARK) };
    usize::try_from(value).map_err(|_| io::Error::last_os_error())
}
