//! What the oracle is asked to do: interpreters, limits, and what the deny tier lets through.

use std::path::PathBuf;
use std::time::Duration;

use crate::Python;

/// Bounds of one load.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Longest time for one pickle.
    pub timeout: Duration,
    /// Address space of the process that loads, in bytes (`RLIMIT_AS`).
    pub memory: u64,
    /// How much of standard error and output is kept, in bytes.
    pub output: usize,
    /// Room for the trace of one pickle, in bytes; a trace that overflows is marked incomplete.
    pub trace: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { timeout: Duration::from_secs(5), memory: 512 << 20, output: 4 << 10, trace: 1 << 20 }
    }
}

/// What the deny tier gives in place of a global that is not on the allow list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Refused {
    /// Nothing: the load ends with an `UnpicklingError`.
    #[default]
    Raise,
    /// One inert object: calling it, setting its state, adding to it or hashing it does nothing,
    /// so that the load goes on.
    StandIn,
}

/// How an oracle is set up.
#[derive(Clone, Debug)]
pub struct OracleConfig {
    /// The interpreters; requests name them by index.
    pub pythons: Vec<Python>,
    /// Bounds of each load.
    pub limits: Limits,
    /// Globals that the deny tier resolves for real, as (module, name) in Python 3's spelling.
    pub allow: Vec<(String, String)>,
    /// What the deny tier does about all others.
    pub refused: Refused,
    /// Directories put first on `sys.path`, read-only. What is imported from them is traced as
    /// the pickle's own doing.
    pub extra_path: Vec<PathBuf>,
    /// Modules that are imported before anything is loaded, so that no load spends its time on
    /// them; those that an interpreter lacks are passed over. Loads then show no import of them.
    pub preload: Vec<String>,
    /// Whether the interpreter's site-packages can be imported.
    pub site: bool,
}

impl OracleConfig {
    /// The defaults, for these interpreters: everything refused, site-packages importable.
    pub fn new(pythons: Vec<Python>) -> Self {
        Self {
            pythons,
            limits: Limits::default(),
            allow: Vec::new(),
            refused: Refused::default(),
            extra_path: Vec::new(),
            preload: Vec::new(),
            site: true,
        }
    }
}

impl Default for OracleConfig {
    /// Every interpreter that [`discover`](crate::discover) finds.
    fn default() -> Self {
        Self::new(crate::discover())
    }
}
