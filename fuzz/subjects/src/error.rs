//! Why a subject cannot be had. Trouble with one pickle is a `Judgement`, never an error.

/// The crate's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why an analyser cannot be named or started; each message says what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The text names no analyser.
    #[error(
        "no analyser is called {0:?}; expected `assay`, `assay:POLICY`, `planted:NAME` or \
         `exec:COMMAND`, as in `exec:python3 scanner.py`"
    )]
    Unknown(String),
    /// The text after `planted:` is no hole's name.
    #[error("no planted analyser is called {0:?}; `assay planted list` lists them")]
    Hole(String),
    /// A third party's analyser that Assay knows of and cannot install yet.
    #[error(
        "the analyser {0:?} is not installed, and Assay cannot install it yet; put a small \
         program in front of it that speaks the protocol of external analysers \
         (fuzz/README.md) and name that: `exec:COMMAND`"
    )]
    NotInstalled(String),
    /// The command cannot be split into words.
    #[error("cannot split the command {0:?} into words: a quote is not closed")]
    Quoting(String),
    /// Nothing follows `exec:` or `assay:`.
    #[error("{0:?} names nothing; expected {1}")]
    Empty(String, &'static str),
    /// The command cannot be started.
    #[error("cannot start the analyser {command:?}: {source}; check the name and PATH")]
    Start {
        /// The command, as given.
        command: String,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// The policy cannot be loaded.
    #[error(transparent)]
    Policy(#[from] assay_analyzer::PolicyError),
    /// Not one of the two ways to judge.
    #[error("expected `policy` or `effects`, found {0:?}")]
    JudgeBy(String),
}
