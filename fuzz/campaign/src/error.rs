//! What can end a campaign, or keep it from starting.

use std::path::PathBuf;

/// The crate's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Trouble with the environment; each message says what to do. Trouble with one pickle is data.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The oracle cannot work here.
    #[error(transparent)]
    Oracle(#[from] assay_oracle::Error),
    /// An analyser cannot be had.
    #[error(transparent)]
    Subject(#[from] assay_subjects::Error),
    /// The database of a campaign cannot be used.
    #[error("{}: {source}; is the disk full, or the directory read-only?", path.display())]
    Store {
        /// The database.
        path: PathBuf,
        /// What SQLite said.
        source: rusqlite::Error,
    },
    /// The directory of a campaign cannot be written any more.
    #[error(
        "{}: {source}; everything found is saved in {} instead: `assay report {} {}` shows all of \
         it",
        directory.display(), rescued.display(), directory.display(), rescued.display()
    )]
    Rescued {
        /// The campaign's own directory.
        directory: PathBuf,
        /// What was the matter with it.
        source: Box<Error>,
        /// Where everything is.
        rescued: PathBuf,
    },
    /// There is no campaign where one was expected, or one where none was.
    #[error("{}: {reason}", path.display())]
    Directory {
        /// The directory.
        path: PathBuf,
        /// What is the matter, and what to do.
        reason: String,
    },
    /// A file could not be read or written.
    #[error("{}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// The configuration makes no sense.
    #[error("{0}")]
    Config(String),
    /// A report could not be rendered: a fault of the template.
    #[error("the report's template is at fault: {0}")]
    Template(#[from] minijinja::Error),
    /// A worker thread ended by a panic, which is a fault of this program.
    #[error("a worker died ({0}); everything found so far is saved; please report this")]
    Worker(String),
}

impl Error {
    /// Whether it may pass: a disk that is full now, another process that is writing. A database
    /// that is broken stays so.
    pub(crate) fn may_pass(&self) -> bool {
        use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase};
        match self {
            Self::Store { source, .. } => {
                !matches!(source.sqlite_error_code(), Some(DatabaseCorrupt | NotADatabase))
            }
            Self::File { .. } => true,
            _ => false,
        }
    }

    /// Wraps what the operating system said about a file.
    pub(crate) fn file(path: &std::path::Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::File { path, source }
    }
}
