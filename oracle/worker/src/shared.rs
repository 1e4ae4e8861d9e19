//! The memory shared with the host: requests come in through it, records go out.

use std::ops::Range;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};

use crate::protocol::{Header, INPUT_AT, INPUT_LEN, OUTPUT_AT, OUTPUT_LEN, SHARED_LEN};

/// The mapping, and how much of the output region is used.
pub struct Shared {
    base: *mut u8,
    used: usize,
}

impl Shared {
    /// Maps what the host made; the descriptor is not needed afterwards.
    pub fn map(fd: i32) -> std::io::Result<Self> {
        // SAFETY: a fresh mapping at an address of the kernel's choice.
        let base = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                SHARED_LEN,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_SHARED | libc::MAP_NORESERVE,
                fd,
                0,
            )
        };
        if base == libc::MAP_FAILED {
            return Err(std::io::Error::last_os_error());
        }
        Ok(Self { base: base.cast(), used: 0 })
    }

    /// Keeps the mapping out of children, so that one that loads a pickle cannot reach it.
    pub fn keep_to_ourselves(&self) -> std::io::Result<()> {
        // SAFETY: the whole mapping; only what a fork copies changes.
        match unsafe { libc::madvise(self.base.cast(), SHARED_LEN, libc::MADV_DONTFORK) } {
            0 => Ok(()),
            _ => Err(std::io::Error::last_os_error()),
        }
    }

    /// The first page.
    pub fn header(&self) -> &Header {
        // SAFETY: the mapping is page-aligned, large enough and lives as long as the process.
        unsafe { &*self.base.cast::<Header>() }
    }

    /// The whole input region.
    pub fn input(&self) -> &[u8] {
        // SAFETY: within the mapping; the host writes only between batches.
        unsafe { std::slice::from_raw_parts(self.base.add(INPUT_AT), INPUT_LEN) }
    }

    /// Where in the input region the pickles of this batch lie; none if they do not fit, which
    /// the host never does.
    pub fn batch(&self) -> Vec<Range<usize>> {
        let mut reader = crate::protocol::Reader::new(self.input());
        let mut at = 0;
        let places = (0..self.header().count.load(Relaxed)).map(|_| {
            let len = reader.bytes()?.len();
            at += 4 + len;
            Some(at - len..at)
        });
        places.collect::<Option<_>>().unwrap_or_default()
    }

    /// Starts a batch's output.
    pub fn clear(&mut self) {
        self.used = 0;
    }

    /// Adds one record and counts it; false if there is no room left, and nothing was written.
    pub fn push(&mut self, record: &[u8]) -> bool {
        if !self.append(record) {
            return false;
        }
        self.header().output.store(self.used as u32, Release);
        let done = self.header().done.load(Acquire);
        self.header().done.store(done + 1, Release);
        true
    }

    /// Writes text where the host looks for the reason of a refusal.
    pub fn refuse(&mut self, reason: &str) {
        let reason = &reason.as_bytes()[..reason.len().min(OUTPUT_LEN)];
        // SAFETY: within the output region; `reason` is private memory.
        unsafe {
            let to = self.base.add(OUTPUT_AT);
            std::ptr::copy_nonoverlapping(reason.as_ptr(), to, reason.len());
        }
        self.header().output.store(reason.len() as u32, Release);
    }

    fn append(&mut self, record: &[u8]) -> bool {
        if self.used + 4 + record.len() > OUTPUT_LEN {
            return false;
        }
        // SAFETY: the range was just checked; `record` is private memory.
        unsafe {
            let to = self.base.add(OUTPUT_AT + self.used);
            let len = (record.len() as u32).to_le_bytes();
            std::ptr::copy_nonoverlapping(len.as_ptr(), to, 4);
            std::ptr::copy_nonoverlapping(record.as_ptr(), to.add(4), record.len());
        }
        self.used += 4 + record.len();
        true
    }
}
