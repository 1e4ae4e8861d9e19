//! The trace of one pickle, in memory that outlives the process that writes it.
//!
//! A record is written in full, then counted: whatever ends the process, what was counted is
//! whole. The writer is the child that loads a hostile pickle, so the reader trusts nothing.

use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};

use crate::protocol::{put_bytes, put_optional, put_u32, tag};

/// Kept free for the end record and the mark that the trace is incomplete.
const RESERVE: usize = 40 << 10;

/// The shared mapping: bytes used, then the records.
pub struct Log {
    base: *mut u8,
    capacity: usize,
    full: bool,
}

impl Log {
    /// Maps room for a trace, shared with the children to come.
    pub fn new(capacity: usize) -> std::io::Result<Self> {
        let capacity = capacity + RESERVE + 64;
        // SAFETY: a fresh mapping at an address of the kernel's choice.
        let base = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                capacity,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_SHARED | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE,
                -1,
                0,
            )
        };
        if base == libc::MAP_FAILED {
            return Err(std::io::Error::last_os_error());
        }
        Ok(Self { base: base.cast(), capacity, full: false })
    }

    fn used(&self) -> &AtomicU32 {
        // SAFETY: the mapping is page-aligned and lives as long as the process.
        unsafe { &*self.base.cast::<AtomicU32>() }
    }

    /// Starts a new trace.
    pub fn clear(&mut self) {
        self.used().store(0, Release);
        self.full = false;
    }

    /// What was written; for the zygote, when the child is dead.
    pub fn bytes(&self) -> &[u8] {
        let used = (self.used().load(Acquire) as usize).min(self.capacity - 8);
        // SAFETY: within the mapping; nobody writes any more.
        unsafe { std::slice::from_raw_parts(self.base.add(8), used) }
    }

    fn append(&mut self, record: &[u8], reserve: usize) -> bool {
        let used = self.used().load(Relaxed) as usize;
        if used + record.len() + reserve + 8 > self.capacity {
            return false;
        }
        // SAFETY: the range was just checked; `record` is private memory.
        unsafe {
            std::ptr::copy_nonoverlapping(record.as_ptr(), self.base.add(8 + used), record.len());
        }
        self.used().store((used + record.len()) as u32, Release);
        true
    }

    /// Appends a touch or an effect; false if the trace is full, which is then noted.
    fn event(&mut self, record: &[u8]) -> bool {
        if self.full {
            return false;
        }
        if self.append(record, RESERVE) {
            return true;
        }
        self.full = true;
        self.incomplete("the trace is full");
        false
    }

    /// Appends a touch.
    pub fn touch(
        &mut self,
        kind: u8,
        by: u32,
        offset: Option<u64>,
        name: &str,
        args: Option<&str>,
    ) -> bool {
        let mut record = Vec::with_capacity(64 + name.len());
        record.extend([tag::TOUCH, kind]);
        put_u32(&mut record, by);
        record.extend(offset.unwrap_or(u64::MAX).to_le_bytes());
        put_bytes(&mut record, name.as_bytes());
        put_optional(&mut record, args.map(str::as_bytes));
        self.event(&record)
    }

    /// Appends an effect.
    pub fn effect(&mut self, kind: u8, detail: &str) -> bool {
        let mut record = vec![tag::EFFECT, kind];
        put_bytes(&mut record, detail.as_bytes());
        self.event(&record)
    }

    /// Says that something may be missing from here on.
    pub fn incomplete(&mut self, why: &str) {
        let mut record = vec![tag::INCOMPLETE];
        put_bytes(&mut record, why.as_bytes());
        // Half of the reserve is for this, half for the end.
        self.append(&record, RESERVE / 2);
    }

    /// Says how the load ended. The last such record counts.
    pub fn end(
        &mut self,
        outcome: u8,
        exception: Option<&str>,
        result: Option<&str>,
        time_us: u64,
    ) {
        let mut record = vec![tag::END, outcome];
        put_optional(&mut record, exception.map(str::as_bytes));
        put_optional(&mut record, result.map(str::as_bytes));
        record.extend(time_us.to_le_bytes());
        self.append(&record, 0);
    }
}
