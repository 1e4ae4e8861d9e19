//! Memory shared with one worker. The other side may write at any time, so everything is copied
//! out before it is looked at.

#![allow(unsafe_code, reason = "mapping a file into memory, and reading what another writes")]

use std::os::fd::{AsFd, OwnedFd};
use std::ptr;

use rustix::fs::{FallocateFlags, MemfdFlags, SealFlags};
use rustix::mm::{MapFlags, ProtFlags};

use crate::protocol::{Header, SHARED_LEN};
use crate::{Error, Result};

/// A mapped memory file.
pub(crate) struct Shared {
    /// Passed to the worker.
    pub(crate) fd: OwnedFd,
    base: *mut u8,
}

// SAFETY: the mapping belongs to this value alone; nothing in it is tied to a thread.
unsafe impl Send for Shared {}

impl Shared {
    pub(crate) fn new() -> Result<Self> {
        let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
        let fd = rustix::fs::memfd_create("assay-shared", flags)
            .map_err(|e| Error::os("cannot create shared memory")(e.into()))?;
        rustix::fs::ftruncate(&fd, SHARED_LEN as u64)
            .map_err(|e| Error::os("cannot size shared memory")(e.into()))?;
        // Were it cut by the other side, reading it would kill the host.
        rustix::fs::fcntl_add_seals(&fd, SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL)
            .map_err(|e| Error::os("cannot seal shared memory")(e.into()))?;
        // SAFETY: a fresh mapping at an address of the kernel's choice aliases nothing.
        let base = unsafe {
            rustix::mm::mmap(
                ptr::null_mut(),
                SHARED_LEN,
                ProtFlags::READ | ProtFlags::WRITE,
                MapFlags::SHARED | MapFlags::NORESERVE,
                fd.as_fd(),
                0,
            )
        }
        .map_err(|e| Error::os("cannot map shared memory")(e.into()))?;
        Ok(Self { fd, base: base.cast() })
    }

    pub(crate) fn header(&self) -> &Header {
        // SAFETY: the mapping is page-aligned, larger than a header, and lives as long as self;
        // the header holds atomics only.
        unsafe { &*self.base.cast::<Header>() }
    }

    /// Writes bytes at an offset.
    pub(crate) fn write(&mut self, at: usize, bytes: &[u8]) {
        assert!(at.checked_add(bytes.len()).is_some_and(|end| end <= SHARED_LEN));
        // SAFETY: the range was checked; `bytes` is memory of this process, not the mapping.
        unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), self.base.add(at), bytes.len()) }
    }

    /// Copies bytes out.
    pub(crate) fn read(&self, at: usize, len: usize) -> Vec<u8> {
        assert!(at.checked_add(len).is_some_and(|end| end <= SHARED_LEN));
        let mut out = vec![0; len];
        // SAFETY: the range was checked. The worker may write meanwhile, which can only garble
        // the copied bytes: the parser copes with any bytes.
        unsafe { ptr::copy_nonoverlapping(self.base.add(at), out.as_mut_ptr(), len) }
        out
    }

    /// Gives the memory of a large range back to the system: it would be held until the worker
    /// ends. The range reads as zeroes then.
    pub(crate) fn give_back(&self, at: usize, len: usize) {
        // Small ranges are soon written again, and cost less to keep.
        const KEPT: usize = 1 << 20;
        if len > KEPT {
            let flags = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
            // A failure leaves the memory in use, no more.
            let _ = rustix::fs::fallocate(&self.fd, flags, at as u64, len as u64);
        }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        // SAFETY: base and length are those of the mapping made in `new`; no reference outlives
        // self. A failure would leave the mapping in place, which is harmless.
        let _ = unsafe { rustix::mm::munmap(self.base.cast(), SHARED_LEN) };
    }
}
