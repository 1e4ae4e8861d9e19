//! Capabilities: what is left of root's power inside the user namespace, or outside where
//! there is none.

use std::io;

use crate::sys;

/// `_LINUX_CAPABILITY_VERSION_3`: two words of 32 bits for each set.
const VERSION: u32 = 0x2008_0522;

#[repr(C)]
struct Header {
    version: u32,
    pid: i32,
}

/// Drops every capability from every set.
pub(crate) fn drop_all() -> io::Result<()> {
    // The bounding set first: it takes CAP_SETPCAP. Without it there is nothing to bound,
    // since no_new_privs already lets no program give anything.
    for capability in 0.. {
        match sys::prctl(libc::PR_CAPBSET_DROP, [capability, 0, 0, 0]) {
            Ok(_) => {}
            // Past the last capability, or not ours to drop.
            Err(error) if matches!(error.raw_os_error(), Some(libc::EINVAL | libc::EPERM)) => break,
            Err(error) => return Err(error),
        }
    }
    sys::prctl(libc::PR_CAP_AMBIENT, [libc::PR_CAP_AMBIENT_CLEAR_ALL as u64, 0, 0, 0])?;

    let header = Header { version: VERSION, pid: 0 };
    let none = [0_u32; 6];
    // SAFETY: the header is of version 3, for which the sets are six words; process 0 is this.
    sys::check(unsafe { libc::syscall(libc::SYS_capset, &raw const header, none.as_ptr()) })
        .map(drop)
}
