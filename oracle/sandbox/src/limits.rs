//! Resource limits: what bounds a bomb where no call is denied.
//!
//! Soft and hard limit are set together, or the process could raise the soft one again.

use std::io;

use crate::{Error, Layer, Result, sys, trusted};

/// The limits of one child.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChildLimits {
    /// `RLIMIT_AS`, bytes of address space: one LONG_BINPUT can ask for 16 GiB.
    pub address_space: u64,
    /// `RLIMIT_CPU`, seconds; 0 for none. Not set for [`crate::Confinement::Deny`]: a
    /// long-lived worker uses up any.
    pub cpu_seconds: u64,
    /// `RLIMIT_NOFILE`: one more than the highest descriptor.
    pub open_files: u64,
    /// `RLIMIT_FSIZE`, bytes to which a file may grow by writing; pipes don't count.
    pub file_size: u64,
}

impl Default for ChildLimits {
    /// 512 MiB, 10 s, 64 descriptors, no file grows.
    fn default() -> Self {
        Self { address_space: 512 << 20, cpu_seconds: 10, open_files: 64, file_size: 0 }
    }
}

/// The type of `RLIMIT_*` differs between C libraries.
#[cfg(target_env = "gnu")]
type Resource = libc::__rlimit_resource_t;
/// The type of `RLIMIT_*` differs between C libraries.
#[cfg(not(target_env = "gnu"))]
type Resource = libc::c_int;

/// Lays the zygote's own limits on: those that its children need no more of either.
pub(crate) fn limit_zygote() -> Result<()> {
    // A core file of a crashed interpreter would fill the disk.
    set(libc::RLIMIT_CORE, 0, "RLIMIT_CORE")?;
    // Locked memory and message queues are kernel memory that RLIMIT_AS does not count.
    set(libc::RLIMIT_MEMLOCK, 0, "RLIMIT_MEMLOCK")?;
    set(libc::RLIMIT_MSGQUEUE, 0, "RLIMIT_MSGQUEUE")?;
    // No real-time scheduling, no better priority.
    set(libc::RLIMIT_RTPRIO, 0, "RLIMIT_RTPRIO")?;
    set(libc::RLIMIT_NICE, 0, "RLIMIT_NICE")
}

/// Lays a child's limits on.
pub(crate) fn limit_child(limits: &ChildLimits, cpu: bool) -> Result<()> {
    set(libc::RLIMIT_AS, limits.address_space, "RLIMIT_AS")?;
    if cpu && limits.cpu_seconds > 0 {
        set(libc::RLIMIT_CPU, limits.cpu_seconds, "RLIMIT_CPU")?;
    }
    set(libc::RLIMIT_NOFILE, limits.open_files, "RLIMIT_NOFILE")?;
    set(libc::RLIMIT_FSIZE, limits.file_size, "RLIMIT_FSIZE")?;
    // Root is exempt from it; the filter refuses forks of anyone.
    set(libc::RLIMIT_NPROC, 0, "RLIMIT_NPROC")
}

/// Sets soft and hard limit to `value`, or to the inherited hard limit where that is lower.
fn set(resource: Resource, value: u64, name: &'static str) -> Result<()> {
    let set = match replace(resource, value) {
        Err(error) if error.raw_os_error() == Some(libc::EPERM) => {
            hard_limit(resource).and_then(|hard| replace(resource, value.min(hard)))
        }
        other => other,
    };
    set.map_err(Error::at(Layer::Rlimits, name))
}

fn replace(resource: Resource, value: u64) -> io::Result<()> {
    let limit = libc::rlimit { rlim_cur: value, rlim_max: value };
    let arguments = [0, resource as usize, &raw const limit as usize, 0, 0];
    // SAFETY: process 0 is this one; `limit` outlives the call; no old limit is asked for.
    unsafe { trusted(libc::SYS_prlimit64, arguments) }.map(drop)
}

fn hard_limit(resource: Resource) -> io::Result<u64> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: `limit` is ours to write.
    sys::check(unsafe { libc::getrlimit(resource, &raw mut limit) })?;
    Ok(limit.rlim_max)
}
