//! What can be wrong with a file of the corpus.

/// A fault in a file of the corpus, with the file and what to change.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}: {message}")]
pub struct Error {
    /// The file's name.
    pub file: String,
    /// What was expected and what was found.
    pub message: String,
}

impl Error {
    /// A fault in `file`.
    pub fn new(file: &str, message: impl ToString) -> Self {
        Self { file: file.to_owned(), message: message.to_string() }
    }
}

/// A result with this crate's error.
pub type Result<T, E = Error> = std::result::Result<T, E>;
