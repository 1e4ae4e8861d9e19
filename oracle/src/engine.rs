//! What one load is: an engine (which unpickler, how it is fed) and a mode (its options).

use serde::{Deserialize, Serialize};

/// One way in which CPython reads a pickle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Engine {
    /// `_pickle.loads(bytes)`: the C unpickler over one buffer.
    CLoads,
    /// `_pickle.load(file)` of a real file: the C unpickler with its read-ahead.
    CFile,
    /// `_pickle.load(file)` again and again until EOF, a new `Unpickler` each.
    CStream,
    /// One C `Unpickler`, `.load()` again and again until EOF: its memo survives.
    CReuse,
    /// `pickle._Unpickler(file).load()`: the pure Python unpickler.
    Py,
    /// `pickletools.dis`: accepts or rejects, loads nothing.
    Dis,
}

impl Engine {
    /// Every engine, in the order in which they are reported.
    pub const ALL: [Self; 6] =
        [Self::CLoads, Self::CFile, Self::CStream, Self::CReuse, Self::Py, Self::Dis];

    /// The engine's name on the command line and in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::CLoads => "c-loads",
            Self::CFile => "c-file",
            Self::CStream => "c-stream",
            Self::CReuse => "c-reuse",
            Self::Py => "py",
            Self::Dis => "dis",
        }
    }

    /// The engine of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|engine| engine.name() == name)
    }

    /// Whether the engine builds objects (all but `dis`).
    pub fn loads(self) -> bool {
        self != Self::Dis
    }
}

/// `encoding` of `pickle.load`: how 8-bit strings of Python 2 are decoded.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Encoding {
    /// `"ASCII"`, CPython's default.
    #[default]
    Ascii,
    /// `"latin1"`.
    Latin1,
    /// `"bytes"`: kept as `bytes`.
    Bytes,
}

/// The options of a load that change its meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Mode {
    /// How 8-bit strings are decoded.
    pub encoding: Encoding,
    /// Whether Python 2 names are mapped to Python 3's below protocol 3.
    pub fix_imports: bool,
    /// Whether out-of-band buffers are given (an endless supply of small `bytes`).
    pub buffers: bool,
    /// Whether the unpickler has a `persistent_load` (one that returns its argument).
    pub persistent_load: bool,
}

impl Default for Mode {
    /// What `pickle.load(file)` does when nothing is said.
    fn default() -> Self {
        Self {
            encoding: Encoding::Ascii,
            fix_imports: true,
            buffers: false,
            persistent_load: false,
        }
    }
}

/// One load: engine and mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Run {
    /// Which unpickler, fed how.
    pub engine: Engine,
    /// Its options.
    pub mode: Mode,
}

impl From<Engine> for Run {
    fn from(engine: Engine) -> Self {
        Self { engine, mode: Mode::default() }
    }
}
