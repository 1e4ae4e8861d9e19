//! What host and worker say to one another: the layout of their shared memory, the records in
//! it and the numbers on the wire. Compiled into both; it knows neither Python nor processes.
//!
//! The host writes a batch into the input region and one byte to the control socket; the worker
//! writes one record per pickle to the output region, counts them in the header, and answers
//! with one byte. `done` is what survives a crash: it says how many records are whole.

use std::sync::atomic::AtomicU32;

/// The largest pickle accepted. Loading one takes its size three times over (the copy of the
/// zygote's, the value, what the engine reads ahead), which the default limit of memory holds.
pub const MAX_PICKLE: usize = 128 << 20;
/// Room for the batch: one pickle of the largest size, or many small ones. The memory is sparse.
pub const INPUT_LEN: usize = MAX_PICKLE + (1 << 20);
/// Room for the records of a batch.
pub const OUTPUT_LEN: usize = 32 << 20;
/// Where the input region begins, one page for the header.
pub const INPUT_AT: usize = 4096;
/// Where the output region begins.
pub const OUTPUT_AT: usize = INPUT_AT + INPUT_LEN;
/// Size of the shared memory.
pub const SHARED_LEN: usize = OUTPUT_AT + OUTPUT_LEN;

/// Most pickles that one fork loads. Each has a file of its own for the engines that read one.
pub const MAX_GROUP: usize = 16;
/// Most pickles in one batch.
pub const MAX_BATCH: usize = 4096;
/// Longest record of the deny tier; globals that do not fit are left out, and that is said.
pub const MAX_DENY_RECORD: usize = 64 << 10;

/// Kept free in a trace for the end record and the mark that the trace is incomplete.
pub const TRACE_RESERVE: usize = 40 << 10;

/// Control: run the batch.
pub const GO: u8 = b'g';
/// Control: fork as often as `count` says, children that exit at once. The yardstick for what a
/// load in a fork costs beyond the fork; no pickle is looked at.
pub const FORK: u8 = b'f';
/// Control: the worker is ready, or has done the batch.
pub const OK: u8 = b'k';
/// Control: the worker has done as much of the batch as it should, and is to be replaced: the
/// last pickle changed what later ones would meet.
pub const SPENT: u8 = b's';
/// Control: the worker cannot start; the reason is in the output region.
pub const REFUSED: u8 = b'e';

/// The first page of the shared memory.
#[repr(C)]
pub struct Header {
    /// Pickles in the input region.
    pub count: AtomicU32,
    /// The engine and mode, as [`pack_run`] makes it.
    pub run: AtomicU32,
    /// Records finished in this batch.
    pub done: AtomicU32,
    /// Bytes of the output region that they take.
    pub output: AtomicU32,
    /// Most pickles that one fork may load in the full tier; 0 and 1 mean a process each.
    pub group: AtomicU32,
}

/// Engine and options in one word: the engine's index, then the encoding's, then flags.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WireRun {
    /// Index in `Engine::ALL`, or beyond it in `Loader::ALL`.
    pub engine: u8,
    /// ASCII, latin1, bytes.
    pub encoding: u8,
    /// Whether Python 2 names are mapped.
    pub fix_imports: bool,
    /// Whether buffers are given.
    pub buffers: bool,
    /// Whether there is a `persistent_load`.
    pub persistent_load: bool,
}

/// Packs a run into one word.
pub fn pack_run(run: WireRun) -> u32 {
    u32::from(run.engine)
        | u32::from(run.encoding) << 8
        | u32::from(run.fix_imports) << 16
        | u32::from(run.buffers) << 17
        | u32::from(run.persistent_load) << 18
}

/// The reverse of [`pack_run`].
pub fn unpack_run(word: u32) -> WireRun {
    WireRun {
        engine: word as u8,
        encoding: (word >> 8) as u8,
        fix_imports: word >> 16 & 1 == 1,
        buffers: word >> 17 & 1 == 1,
        persistent_load: word >> 18 & 1 == 1,
    }
}

/// How a load ended, in the order of `Outcome`.
pub mod outcome {
    /// An object was returned.
    pub const LOADED: u8 = 0;
    /// A Python exception.
    pub const RAISED: u8 = 1;
    /// The process died of a signal.
    pub const SIGNALED: u8 = 2;
    /// The time limit passed.
    pub const TIMEOUT: u8 = 3;
    /// Memory ran out.
    pub const OOM: u8 = 4;
    /// The sandbox ended it.
    pub const SANDBOX: u8 = 5;
}

/// Tags of the records in a trace.
pub mod tag {
    /// A touch: kind, by, offset, name, args.
    pub const TOUCH: u8 = 1;
    /// An effect: kind, detail.
    pub const EFFECT: u8 = 2;
    /// The end of the load: outcome, exception, result, time.
    pub const END: u8 = 3;
    /// The trace lacks something from here on: the reason.
    pub const INCOMPLETE: u8 = 4;
}

/// What a worker is started with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Start {
    /// Whether this is the full tier.
    pub full: bool,
    /// Whether refused globals become a stand-in.
    pub stand_in: bool,
    /// Longest time for one pickle, in milliseconds.
    pub timeout_ms: u64,
    /// Address space of what loads.
    pub memory: u64,
    /// Bytes of standard error kept.
    pub output: u64,
    /// Bytes of trace kept.
    pub trace: u64,
    /// Put first on `sys.path`; traced as the pickle's own doing.
    pub extra_path: Vec<String>,
    /// Put last on `sys.path`.
    pub site: Vec<String>,
    /// What may be read: the interpreter and the system's libraries.
    pub read_only: Vec<String>,
    /// The interpreter's own directories: importing from them is the import system's doing.
    pub trusted: Vec<String>,
    /// Modules imported before anything is loaded.
    pub preload: Vec<String>,
    /// Globals that the deny tier resolves.
    pub allow: Vec<(String, String)>,
}

impl Start {
    /// As bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        out.push(u8::from(self.full));
        out.push(u8::from(self.stand_in));
        for number in [self.timeout_ms, self.memory, self.output, self.trace] {
            out.extend_from_slice(&number.to_le_bytes());
        }
        let lists = [&self.extra_path, &self.site, &self.read_only, &self.trusted, &self.preload];
        for list in lists {
            put_u32(&mut out, list.len() as u32);
            list.iter().for_each(|item| put_bytes(&mut out, item.as_bytes()));
        }
        put_u32(&mut out, self.allow.len() as u32);
        for (module, name) in &self.allow {
            put_bytes(&mut out, module.as_bytes());
            put_bytes(&mut out, name.as_bytes());
        }
        out
    }

    /// The reverse of [`encode`](Self::encode).
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let mut r = Reader::new(bytes);
        let mut start = Self {
            full: r.u8()? == 1,
            stand_in: r.u8()? == 1,
            timeout_ms: r.u64()?,
            memory: r.u64()?,
            output: r.u64()?,
            trace: r.u64()?,
            ..Self::default()
        };
        for list in [
            &mut start.extra_path,
            &mut start.site,
            &mut start.read_only,
            &mut start.trusted,
            &mut start.preload,
        ] {
            for _ in 0..r.u32()? {
                list.push(r.string()?);
            }
        }
        for _ in 0..r.u32()? {
            start.allow.push((r.string()?, r.string()?));
        }
        Some(start)
    }
}

/// What a signal is called in a reason.
pub fn signal_name(signal: i32) -> String {
    let known = match signal {
        libc::SIGSEGV => "SIGSEGV",
        libc::SIGABRT => "SIGABRT",
        libc::SIGBUS => "SIGBUS",
        libc::SIGFPE => "SIGFPE",
        libc::SIGILL => "SIGILL",
        libc::SIGKILL => "SIGKILL",
        libc::SIGTERM => "SIGTERM",
        libc::SIGSYS => "SIGSYS",
        libc::SIGXCPU => "SIGXCPU",
        other => return format!("signal {other}"),
    };
    known.to_owned()
}

/// Appends a number.
pub fn put_u32(out: &mut Vec<u8>, value: u32) {
    out.extend_from_slice(&value.to_le_bytes());
}

/// Appends bytes with their length before them.
pub fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_u32(out, bytes.len() as u32);
    out.extend_from_slice(bytes);
}

/// Appends bytes, or a mark that there are none.
pub fn put_optional(out: &mut Vec<u8>, bytes: Option<&[u8]>) {
    out.push(u8::from(bytes.is_some()));
    if let Some(bytes) = bytes {
        put_bytes(out, bytes);
    }
}

/// Reads what the `put` functions wrote; `None` where the bytes end too early.
pub struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// Reads these bytes from their beginning.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// Whether all is read.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The next `len` bytes.
    pub fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (head, tail) = self.0.split_at_checked(len)?;
        self.0 = tail;
        Some(head)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    /// One byte.
    pub fn u8(&mut self) -> Option<u8> {
        Some(self.take(1)?[0])
    }

    /// Four bytes, little-endian.
    pub fn u32(&mut self) -> Option<u32> {
        Some(u32::from_le_bytes(self.array()?))
    }

    /// Eight bytes, little-endian.
    pub fn u64(&mut self) -> Option<u64> {
        Some(u64::from_le_bytes(self.array()?))
    }

    /// Bytes after their length.
    pub fn bytes(&mut self) -> Option<&'a [u8]> {
        let len = self.u32()? as usize;
        self.take(len)
    }

    /// A string after its length; what is no UTF-8 is replaced.
    pub fn string(&mut self) -> Option<String> {
        Some(String::from_utf8_lossy(self.bytes()?).into_owned())
    }

    /// What [`put_optional`] wrote.
    pub fn optional_string(&mut self) -> Option<Option<String>> {
        if self.u8()? == 0 { Some(None) } else { Some(Some(self.string()?)) }
    }
}

/// Kinds of touch.
pub mod touch {
    /// A global was asked for.
    pub const RESOLVE: u8 = 0;
    /// A callable was invoked.
    pub const CALL: u8 = 1;
    /// A module was executed.
    pub const IMPORT: u8 = 2;
    /// A method was invoked on an object.
    pub const METHOD: u8 = 3;
    /// An attribute was set by BUILD.
    pub const SETATTR: u8 = 4;
    /// `persistent_load` was asked.
    pub const PERSISTENT: u8 = 5;
}

/// Kinds of effect.
pub mod effect {
    /// A program run.
    pub const EXEC: u8 = 0;
    /// Code made or run.
    pub const CODE: u8 = 1;
    /// A fork, thread or end of a process.
    pub const PROCESS: u8 = 2;
    /// A file opened for reading.
    pub const FILE_READ: u8 = 3;
    /// A file created, changed or removed.
    pub const FILE_WRITE: u8 = 4;
    /// A socket.
    pub const NETWORK: u8 = 5;
    /// Native code.
    pub const NATIVE: u8 = 6;
    /// A signal.
    pub const SIGNAL: u8 = 7;
    /// Environment, limits, working directory.
    pub const ENV: u8 = 8;
    /// The import system's own doing.
    pub const IMPORT: u8 = 9;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_packed_is_unpacked() {
        for bits in 0..8u32 {
            let run = WireRun {
                engine: 4,
                encoding: 2,
                fix_imports: bits & 1 == 1,
                buffers: bits & 2 == 2,
                persistent_load: bits & 4 == 4,
            };
            assert_eq!(unpack_run(pack_run(run)), run);
        }
    }

    #[test]
    fn a_start_message_survives_the_way() {
        let start = Start {
            full: true,
            stand_in: true,
            timeout_ms: 1,
            memory: 2,
            output: 3,
            trace: 4,
            extra_path: vec!["a".into()],
            site: vec!["b".into(), "c".into()],
            read_only: vec![],
            trusted: vec!["d".into()],
            preload: vec!["g".into()],
            allow: vec![("e".into(), "f.g".into())],
        };
        let bytes = start.encode();
        assert_eq!(Start::decode(&bytes), Some(start));
        assert_eq!(Start::decode(&bytes[..bytes.len() - 1]), None);
    }
}
