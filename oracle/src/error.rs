//! What can go wrong with the environment. Trouble with one pickle is an `Outcome`, never an error.

use std::path::PathBuf;

/// The crate's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why the oracle cannot work here; each message says what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There is no interpreter to ask.
    #[error(
        "no usable CPython found (3.9 or newer); install one (`pyenv install 3.13`, \
         `apt-get install python3`) or name one with --python"
    )]
    NoPython,
    /// The executable is no CPython that the oracle can use.
    #[error("{}: {reason}", exe.display())]
    UnsupportedPython {
        /// The executable asked.
        exe: PathBuf,
        /// What was expected and what was found.
        reason: String,
    },
    /// No interpreter has this index.
    #[error("python {index} asked for, but the oracle was given {count}")]
    NoSuchPython {
        /// The index asked for.
        index: usize,
        /// How many there are.
        count: usize,
    },
    /// A worker refused to start.
    #[error("the worker of {} did not start: {reason}", exe.display())]
    Worker {
        /// The interpreter.
        exe: PathBuf,
        /// What the worker said.
        reason: String,
    },
    /// A required layer of the sandbox is missing.
    #[error("the sandbox refuses: {0}")]
    Sandbox(String),
    /// The operating system refused something the oracle needs.
    #[error("{what}: {source}")]
    Os {
        /// What was attempted.
        what: &'static str,
        /// Why it failed.
        source: std::io::Error,
    },
}

impl Error {
    /// Wraps what the operating system said about `what`.
    pub(crate) fn os(what: &'static str) -> impl FnOnce(std::io::Error) -> Self {
        move |source| Self::Os { what, source }
    }
}
