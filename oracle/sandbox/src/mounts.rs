//! The mount namespace's content: everything as it was, but read-only, and an empty `/tmp`.
//!
//! The functions allocate nothing, so that probes may try them in a forked child.

use std::ffi::CStr;
use std::io::{self, Write};

use crate::sys;

/// Makes every mount private and read-only, without set-uid.
///
/// Device files can still be opened: import takes `/dev/null` and `/dev/urandom`.
pub(crate) fn make_read_only() -> io::Result<()> {
    // What is mounted from here on must not appear outside.
    mount(c"none", c"/", c"", libc::MS_REC | libc::MS_PRIVATE, c"")?;

    let attributes = libc::mount_attr {
        attr_set: libc::MOUNT_ATTR_RDONLY | libc::MOUNT_ATTR_NOSUID,
        attr_clr: 0,
        propagation: 0,
        userns_fd: 0,
    };
    // SAFETY: the path is a C string, the struct is of the size given.
    sys::check(unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            libc::AT_FDCWD,
            c"/".as_ptr(),
            libc::AT_RECURSIVE,
            &raw const attributes,
            size_of::<libc::mount_attr>(),
        )
    })
    .map(drop)
}

/// Mounts an empty file system of at most `bytes` over `path`.
pub(crate) fn mount_scratch(path: &CStr, bytes: u64) -> io::Result<()> {
    let mut options = [0_u8; 96];
    // 64 inodes: each costs kernel memory that the size does not count.
    write!(&mut options[..95], "size={bytes},nr_inodes=64,mode=700")?;
    let options = CStr::from_bytes_until_nul(&options).map_err(|_| io::ErrorKind::InvalidInput)?;
    let flags = libc::MS_NOSUID | libc::MS_NODEV | libc::MS_NOEXEC;
    mount(c"tmpfs", path, c"tmpfs", flags, options)
}

fn mount(
    source: &CStr,
    target: &CStr,
    kind: &CStr,
    flags: libc::c_ulong,
    options: &CStr,
) -> io::Result<()> {
    // SAFETY: all are C strings that outlive the call.
    sys::check(unsafe {
        libc::mount(source.as_ptr(), target.as_ptr(), kind.as_ptr(), flags, options.as_ptr().cast())
    })
    .map(drop)
}
