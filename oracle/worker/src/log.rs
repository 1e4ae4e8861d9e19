//! The traces of the pickles that one process loads, in memory that outlives it.
//!
//! A record is written in full, then counted: whatever ends the process, what was counted is
//! whole. Likewise for traces: one is finished, then the next begins. The writer is the child
//! that loads hostile pickles, so the reader trusts nothing.

use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};

use crate::protocol::{MAX_GROUP, TRACE_RESERVE as RESERVE, put_bytes, put_optional, put_u32, tag};

/// Where the records begin.
const RECORDS_AT: usize = size_of::<Head>();

/// The beginning of the mapping.
#[repr(C)]
struct Head {
    /// Bytes of records.
    used: AtomicU32,
    /// Traces finished.
    done: AtomicU32,
    /// Whether the process ended by its own decision after the last of them.
    closed: AtomicU32,
    /// Set by the zygote: nothing more is to be loaded.
    stop: AtomicU32,
    /// Where each finished trace ends.
    ends: [AtomicU32; MAX_GROUP],
}

/// The shared mapping: the head, then the records.
pub struct Log {
    base: *mut u8,
    /// Of one trace.
    capacity: usize,
    /// Where the trace at hand begins.
    begin: usize,
    full: bool,
}

impl Log {
    /// Maps room for traces, shared with the children to come. Another trace begins as long as
    /// those before leave room for a whole one.
    pub fn new(capacity: usize) -> std::io::Result<Self> {
        let capacity = capacity + RESERVE + 64;
        // SAFETY: a fresh mapping at an address of the kernel's choice.
        let base = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                RECORDS_AT + 2 * capacity,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_SHARED | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE,
                -1,
                0,
            )
        };
        if base == libc::MAP_FAILED {
            return Err(std::io::Error::last_os_error());
        }
        Ok(Self { base: base.cast(), capacity, begin: 0, full: false })
    }

    fn head(&self) -> &Head {
        // SAFETY: the mapping is page-aligned, larger than a head, and lives as long as the
        // process; the head holds atomics only.
        unsafe { &*self.base.cast::<Head>() }
    }

    /// Forgets everything; in the zygote, while no child lives.
    pub fn clear(&mut self) {
        let head = self.head();
        for word in [&head.used, &head.done, &head.closed, &head.stop] {
            word.store(0, Release);
        }
        self.begin = 0;
        self.full = false;
    }

    /// Ends the trace at hand. What is written next belongs to the next one.
    pub fn finish(&mut self) {
        let head = self.head();
        let (used, done) = (head.used.load(Relaxed), head.done.load(Relaxed));
        if let Some(end) = head.ends.get(done as usize) {
            end.store(used, Release);
            head.done.store(done + 1, Release);
        }
        self.begin = used as usize;
        self.full = false;
    }

    /// Says that the process ends because it wants to.
    pub fn close(&self) {
        self.head().closed.store(1, Release);
    }

    /// Whether another trace may begin: there is room, and the zygote did not say to stop.
    pub fn goes_on(&self) -> bool {
        self.begin <= self.capacity && self.head().stop.load(Acquire) == 0
    }

    /// Has the process load nothing more after the pickle at hand.
    pub fn stop(&self) {
        self.head().stop.store(1, Release);
    }

    /// How many traces are finished.
    pub fn done(&self) -> usize {
        (self.head().done.load(Acquire) as usize).min(MAX_GROUP)
    }

    /// Whether the process said that it ends because it wants to.
    pub fn closed(&self) -> bool {
        self.head().closed.load(Acquire) == 1
    }

    /// One trace, or what was written of it.
    pub fn trace(&self, index: usize) -> &[u8] {
        let (head, room) = (self.head(), 2 * self.capacity);
        let end_of = |index: usize| head.ends[index].load(Acquire) as usize;
        let finished = index < self.done();
        let end = if finished { end_of(index) } else { head.used.load(Acquire) as usize };
        let end = end.min(room);
        let begin = if index == 0 { 0 } else { end_of(index - 1).min(end) };
        // SAFETY: within the mapping; whoever reads waits until nobody writes any more, or is
        // the writer.
        unsafe { std::slice::from_raw_parts(self.base.add(RECORDS_AT + begin), end - begin) }
    }

    fn append(&mut self, record: &[u8], reserve: usize) -> bool {
        let used = self.head().used.load(Relaxed) as usize;
        let room = (self.begin + self.capacity).min(2 * self.capacity);
        if used + record.len() + reserve > room {
            return false;
        }
        // SAFETY: the range was just checked; `record` is private memory.
        unsafe {
            let to = self.base.add(RECORDS_AT + used);
            std::ptr::copy_nonoverlapping(record.as_ptr(), to, record.len());
        }
        self.head().used.store((used + record.len()) as u32, Release);
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
