//! Exit codes: part of the contract with scripts.

use std::process::ExitCode;

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// `0`: nothing wrong found.
    Clean,
    /// `1`: something found, such as an unsafe file or a discrepancy.
    Found,
    /// `2`: usage, input or environment error.
    Trouble,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        match exit {
            Exit::Clean => Self::SUCCESS,
            Exit::Found => Self::from(1),
            Exit::Trouble => Self::from(2),
        }
    }
}

/// What a run over many inputs met. Something found outweighs trouble with another input: the
/// answer "unsafe" stands whatever could not be read.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
    /// Something was found.
    pub found: bool,
    /// Something could not be read or done.
    pub trouble: bool,
}

impl Tally {
    /// The exit code of it all.
    pub fn exit(self) -> Exit {
        match self {
            Self { found: true, .. } => Exit::Found,
            Self { trouble: true, .. } => Exit::Trouble,
            _ => Exit::Clean,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_found_outweighs_trouble() {
        assert_eq!(Tally::default().exit(), Exit::Clean);
        assert_eq!(Tally { found: false, trouble: true }.exit(), Exit::Trouble);
        assert_eq!(Tally { found: true, trouble: true }.exit(), Exit::Found);
    }
}
