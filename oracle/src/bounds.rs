//! The bounds: how much of everything one load, one worker and one batch may take, each with its
//! reason. Compiled into host and worker. Time, memory, output and trace of a load are the
//! caller's to set (`Limits`); sizes of the shared memory are the protocol's.

use std::time::Duration;

/// Open files that a load can need at once: importing a deep package opens a handful.
pub const OPEN_FILES: u64 = 64;

/// Size of the scratch directory, and of a file in it: room for any gadget's canary. Without a
/// scratch directory no file may grow at all.
pub const SCRATCH: u64 = 1 << 20;

/// Most distinct denied system calls reported for one pickle: there are some 400 in all, and
/// nobody reads more.
pub const MAX_DENIED: usize = 64;

/// The largest file that is left in a zygote until the next: more would be memory held for
/// nothing.
pub const MAX_FILE_KEPT: usize = 1 << 20;

/// Pickles after which a deny worker is replaced: what allowed callables leave behind in its
/// interpreter must not pile up. Starting one costs as much as some thousand pickles.
pub const RECYCLE_DENY_AFTER: u64 = 200_000;

/// Pickles after which a zygote is replaced. It loads none itself, but what it copies to and fro
/// leaves its heap in pieces.
pub const RECYCLE_ZYGOTE_AFTER: u64 = 200_000;

/// By how much a worker's own memory may grow before it is replaced. A cache of what it loaded
/// is a few megabytes; more is a leak, and every fork pays for it.
pub const MAX_GROWTH: u64 = 64 << 20;

/// Between how many pickles the growth is looked at: reading it takes 10 µs.
pub const LOOK_EVERY: u64 = 1024;

/// What a record has around its trace or its list of globals: the outcome, an exception's name,
/// the names of denied calls.
pub const RECORD_FRAME: usize = 16 << 10;

/// What the supervisor waits beyond the worker's own time limit before it calls the worker lost.
pub const GRACE: Duration = Duration::from_secs(3);

/// Longest wait for a worker to become ready: it imports what the allow list names.
pub const START_TIMEOUT: Duration = Duration::from_secs(60);

/// How long a worker that hung up may take to die: a crash takes that long to be a corpse.
pub const DYING_WORDS: Duration = Duration::from_secs(1);

/// How long a killed worker may take to be gone. Only what sleeps in the kernel uninterruptibly
/// takes any time at all.
pub const DYING: Duration = Duration::from_secs(5);

/// Most that is read of what a worker that did not start has to say.
pub const MAX_COMPLAINT: u64 = 64 << 10;
