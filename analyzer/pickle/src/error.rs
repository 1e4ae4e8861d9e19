//! What can be wrong with the bytes of a pickle.

/// A fault at a byte of a pickle: no CPython's C unpickler gets past it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{kind} at byte {offset}")]
pub struct Error {
    /// Offset in bytes, from the start of the input, of the opcode at fault.
    pub offset: usize,
    /// What is wrong.
    pub kind: ErrorKind,
}

/// The kinds of fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ErrorKind {
    /// A byte that is no opcode.
    #[error("unknown opcode 0x{0:02x}")]
    UnknownOpcode(u8),
    /// The input ends before STOP.
    #[error("the input ends where an opcode was expected")]
    NoStop,
    /// The input ends within an argument.
    #[error("argument cut short: {needed} bytes needed, {available} left")]
    Truncated {
        /// Bytes that the argument needs.
        needed: u64,
        /// Bytes that are left.
        available: u64,
    },
    /// A line without its newline.
    #[error("a line of text has no newline")]
    MissingNewline,
    /// A negative count.
    #[error("negative count {0}")]
    NegativeLength(i32),
    /// A line that is empty and must not be.
    #[error("an empty line where text was expected")]
    EmptyLine,
    /// Text that no unpickler takes for a number.
    #[error("not a number")]
    NotANumber,
    /// STRING without quotes.
    #[error("the string is not quoted")]
    Unquoted,
    /// A backslash escape cut short.
    #[error("invalid escape")]
    InvalidEscape,
    /// Text that is not UTF-8.
    #[error("invalid UTF-8")]
    InvalidUtf8,
    /// Text that is not ASCII.
    #[error("not ASCII")]
    NotAscii,
    /// A protocol that no supported CPython reads.
    #[error("unsupported protocol {0}")]
    UnsupportedProtocol(u8),
}

/// A result with this crate's error.
pub type Result<T, E = Error> = std::result::Result<T, E>;
