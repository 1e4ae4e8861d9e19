//! What was seen in an input, before anything is concluded from it.

use std::fmt;

use assay_pickle::{Ambiguity, ErrorKind};

/// Why reading ended before its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The bytes are no opcode and argument.
    Unreadable(ErrorKind),
    /// Unpicklers read the argument differently.
    Ambiguous(Ambiguity),
    /// As that, for a NUL in an argument of text.
    Nul,
    /// The memo has no such entry.
    MemoMiss,
    /// STACK_GLOBAL found no texts.
    NotText,
    /// The stack, or what is above the mark, is too short.
    Underflow,
    /// A frame that nests, that ends within an opcode, or that ends beyond the input or pickle.
    Frame,
    /// An operand of a kind for which the opcode raises, or on which unpicklers disagree.
    Operand,
    /// Tuples nested too deep, or a memo index too high, to be followed.
    TooMuch,
    /// A memo entry is stored again: only scanners that take this for an error have it.
    StoredAgain,
    /// A limit is reached: only scanners that have one know it.
    Limit,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(kind) => kind.fmt(f),
            Self::Ambiguous(ambiguity) => f.write_str(ambiguity.message()),
            Self::Nul => f.write_str("a NUL in an argument of text"),
            Self::MemoMiss => f.write_str("the memo has no such entry"),
            Self::NotText => f.write_str("STACK_GLOBAL without two texts"),
            Self::Underflow => f.write_str("stack underflow"),
            Self::Frame => f.write_str("a frame does not fit"),
            Self::Operand => f.write_str("an operand of the wrong kind"),
            Self::TooMuch => f.write_str("too deep or too large to follow"),
            Self::StoredAgain => f.write_str("a memo entry is stored again"),
            Self::Limit => f.write_str("the limit is reached"),
        }
    }
}

/// Something that is not on the allowlist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// In the how manieth pickle of the input, from 0.
    pub pickle: usize,
    /// What, in one line.
    pub message: String,
}

/// All of it.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Everything not allowed, in order.
    pub findings: Vec<Finding>,
    /// Why reading ended before the end of the input.
    pub fault: Option<Fault>,
    /// How many pickles were read to their STOP.
    pub pickles: usize,
}
