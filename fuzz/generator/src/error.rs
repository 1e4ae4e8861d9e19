//! What can go wrong in generation and mutation.

/// A fault of a data file, or a mutation that could not be done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A data file is not of the right shape.
    #[error("{file}: {message}")]
    Data {
        /// The file.
        file: String,
        /// What was expected and what was found.
        message: String,
    },
    /// A mutator found nothing to do in this program.
    #[error("the mutation does not apply to this program")]
    NotApplicable,
}

/// A result with this crate's error.
pub type Result<T, E = Error> = std::result::Result<T, E>;
