//! What one load was seen to do.

use serde::{Deserialize, Serialize};

use crate::{Engine, Mode};

/// How a load ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// An object was returned (`dis`: accepted).
    Loaded,
    /// A Python exception.
    Raised,
    /// The process died of a signal: a crash of the interpreter.
    Signaled,
    /// The time limit passed.
    Timeout,
    /// Memory ran out: `MemoryError`, or killed at the limit.
    Oom,
    /// The sandbox ended it, or the worker was lost.
    Sandbox,
}

/// In which way something was touched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TouchKind {
    /// A global was asked for: `find_class`, an extension code, a step of a dotted name.
    Resolve,
    /// A callable was invoked.
    Call,
    /// A module was executed.
    Import,
    /// A method was invoked on an object (`__setstate__`, `append`, `__hash__`…).
    Method,
    /// An attribute was set by BUILD.
    Setattr,
    /// `persistent_load` was asked.
    Persistent,
}

/// One touch, recorded before it happened.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Touched {
    /// In which way.
    pub kind: TouchKind,
    /// The dotted name, `module.qualname`: as asked for by `find_class`; as the callable calls
    /// itself for calls.
    pub name: String,
    /// Offset in bytes of the opcode at work, where the engine can tell.
    pub opcode_offset: Option<u64>,
    /// The arguments, abbreviated, where they are known without running anything.
    pub args: Option<String>,
    /// Index in `touched` of the touch during which this one came about: `None` if the
    /// unpickler itself did it.
    #[serde(default)]
    pub by: Option<u32>,
}

/// What the outside world would have felt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EffectKind {
    /// A program run: `os.system`, `exec*`, `spawn*`, `Popen`.
    Exec,
    /// Code made or run: `eval`, `exec`, `compile`, `marshal.loads`, code objects.
    Code,
    /// A fork, thread or end of a process.
    Process,
    /// A file opened for reading.
    FileRead,
    /// A file created, changed or removed.
    FileWrite,
    /// A socket.
    Network,
    /// Native code: `ctypes`, a shared object loaded.
    Native,
    /// A signal sent or a handler set.
    Signal,
    /// Environment, limits, working directory.
    Env,
    /// What the import system itself did: never an effect of the pickle.
    Import,
}

/// One effect, recorded before it happened.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Effect {
    /// Of what kind.
    pub kind: EffectKind,
    /// The audit event or system call, with its first arguments.
    pub detail: String,
}

/// What one load, on one CPython, by one engine, was seen to do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Observation {
    /// The interpreter's version, `3.11.7`.
    pub python: String,
    /// The engine.
    pub engine: Engine,
    /// With which options it loaded.
    #[serde(default)]
    pub mode: Mode,
    /// How the load ended.
    pub outcome: Outcome,
    /// The exception's class and message, `EOFError: Ran out of input`.
    pub exception: Option<String>,
    /// Everything touched, in order.
    pub touched: Vec<Touched>,
    /// Every effect, in order.
    pub effects: Vec<Effect>,
    /// A description of the value, with its types; equal values have equal descriptions.
    pub result: Option<String>,
    /// What the load wrote to its standard error (and output), cut at 4 KiB.
    pub stderr: String,
    /// How long the load took, in microseconds.
    pub time_us: u64,
    /// False if the trace may lack touches (tracing was switched off by the pickle, a table was
    /// full).
    #[serde(default = "yes")]
    pub complete: bool,
}

fn yes() -> bool {
    true
}

/// What one load was seen to do that perhaps had company in its process.
#[derive(Clone, Debug, PartialEq)]
pub struct Filtered {
    /// What was seen. Without what was printed if there was company, since that is not told
    /// apart.
    pub observation: Observation,
    /// Whether the process loaded nothing else: then this is as good as any full load. If not,
    /// a hit may be another pickle's doing, and a lack of hits another's cover.
    pub alone: bool,
}

/// A global that a load in the deny tier asked for.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Resolved {
    /// The module, in Python 3's spelling.
    pub module: String,
    /// The name, possibly dotted.
    pub name: String,
    /// Whether it was on the allow list, and so resolved for real.
    pub allowed: bool,
}

/// What one load in the deny tier was seen to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DenyObservation {
    /// How the load ended.
    pub outcome: Outcome,
    /// The exception's class.
    pub exception: Option<String>,
    /// The beginning of its message, where it is a plain text.
    #[serde(default)]
    pub message: Option<String>,
    /// Every global asked for, each once, in order.
    pub resolved: Vec<Resolved>,
    /// How often `persistent_load` was asked.
    pub persistent: u32,
    /// False if there were more globals than fit.
    #[serde(default = "yes")]
    pub complete: bool,
}
