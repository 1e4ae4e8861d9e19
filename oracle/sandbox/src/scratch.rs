//! The scratch directory: a small file system of the sandbox's own, in which one pickle at a
//! time may make, write and remove files.
//!
//! Writing calls are denied by the filter like any other, and so recorded; the recorder lets
//! those on [`WRITING_CALLS`] go on. It judges by the call's number alone. *Where* they may
//! write the kernel says twice, and neither answer lies in the caller's memory: landlock grants
//! writing beneath the scratch directory only, and every other mount is read-only. Without both
//! there is no scratch directory, and every writing call fails.
//!
//! The zygote empties the directory after each child that wrote. Where it can't, the worker must
//! end: what one pickle leaves, the next must never see.

use std::ffi::CStr;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

use libc::c_long;

use crate::trusted;

/// What [`sweep`] descends at most: more directories than the file system has room for.
const DEPTH: usize = 128;

/// The calls that are let through where there is a scratch directory: those by which `open`,
/// `mkdir`, `remove` and `rename` work. Left out: links, devices, modes, owners, times,
/// attributes, and cutting what is open.
#[rustfmt::skip] // a list
const WRITING_CALLS: &[c_long] = &[
    libc::SYS_openat, libc::SYS_mkdirat, libc::SYS_unlinkat, libc::SYS_renameat,
    libc::SYS_renameat2,
    #[cfg(target_arch = "x86_64")] libc::SYS_open,
    #[cfg(target_arch = "x86_64")] libc::SYS_creat,
    #[cfg(target_arch = "x86_64")] libc::SYS_mkdir,
    #[cfg(target_arch = "x86_64")] libc::SYS_unlink,
    #[cfg(target_arch = "x86_64")] libc::SYS_rmdir,
    #[cfg(target_arch = "x86_64")] libc::SYS_rename,
];

/// Whether call `number` may go on.
pub(crate) fn lets_through(number: c_long) -> bool {
    WRITING_CALLS.contains(&number)
}

/// Removes everything in the directory; the zygote's, under its filter.
pub(crate) fn sweep(directory: &OwnedFd) -> io::Result<()> {
    empty(directory.as_raw_fd(), DEPTH)
}

fn empty(directory: RawFd, depth: usize) -> io::Result<()> {
    let depth = depth.checked_sub(1).ok_or(io::ErrorKind::InvalidInput)?;
    for name in names(directory)? {
        match unlink(directory, &name, 0) {
            Err(error) if error.raw_os_error() == Some(libc::EISDIR) => {}
            other => {
                other?;
                continue;
            }
        }
        // It may have been made so that its owner can't list it, or remove anything from it.
        // SAFETY: the name is a C string that outlives the call.
        unsafe {
            let arguments = [directory as usize, name.as_ptr() as usize, 0o700, 0, 0];
            trusted(libc::SYS_fchmodat, arguments)?;
        }
        empty(open(directory, &name)?.as_raw_fd(), depth)?;
        unlink(directory, &name, libc::AT_REMOVEDIR)?;
    }
    Ok(())
}

/// What lies in a directory.
fn names(directory: RawFd) -> io::Result<Vec<std::ffi::CString>> {
    let mut found = Vec::new();
    // SAFETY: `fdopendir` takes over a descriptor opened for it; entries are read and copied
    // while the stream is open and nobody else uses it.
    unsafe {
        let stream = libc::fdopendir(into_raw(open(directory, c".")?));
        if stream.is_null() {
            return Err(io::Error::last_os_error());
        }
        loop {
            let entry = libc::readdir64(stream);
            if entry.is_null() {
                break;
            }
            let name = CStr::from_ptr((*entry).d_name.as_ptr());
            if name != c"." && name != c".." {
                found.push(name.to_owned());
            }
        }
        libc::closedir(stream);
    }
    Ok(found)
}

fn into_raw(fd: OwnedFd) -> RawFd {
    use std::os::fd::IntoRawFd;
    fd.into_raw_fd()
}

fn open(directory: RawFd, name: &CStr) -> io::Result<OwnedFd> {
    let flags = libc::O_RDONLY | libc::O_DIRECTORY | libc::O_NOFOLLOW | libc::O_CLOEXEC;
    // SAFETY: the name is a C string that outlives the call.
    let fd = crate::sys::check(unsafe { libc::openat(directory, name.as_ptr(), flags) })?;
    // SAFETY: the descriptor was just opened and nothing else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as RawFd) })
}

fn unlink(directory: RawFd, name: &CStr, flags: i32) -> io::Result<()> {
    let arguments = [directory as usize, name.as_ptr() as usize, flags as usize, 0, 0];
    // SAFETY: the name is a C string that outlives the call.
    unsafe { trusted(libc::SYS_unlinkat, arguments) }.map(drop)
}
