//! Why workers were replaced. Restarts are the price of hostile pickles, not a fault; a pool that
//! replaces many without cause has one.

use std::fmt;

use crate::Outcome;

/// How often workers were replaced, by reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Restarts {
    /// After as many pickles as one worker is to load, when its memory had grown, or when a
    /// pickle had changed what the next would meet.
    pub worn: u64,
    /// Found dead between two requests.
    pub died: u64,
    /// Died of a signal while it loaded.
    pub signaled: u64,
    /// Took too long and was killed.
    pub timeout: u64,
    /// Was killed for want of memory.
    pub oom: u64,
    /// Ended itself, was ended by the sandbox, or answered what makes no sense.
    pub ended: u64,
}

impl Restarts {
    /// Counts a worker lost in this way.
    pub(crate) fn lost(&mut self, outcome: Outcome) {
        *match outcome {
            Outcome::Signaled => &mut self.signaled,
            Outcome::Timeout => &mut self.timeout,
            Outcome::Oom => &mut self.oom,
            Outcome::Loaded | Outcome::Raised | Outcome::Sandbox => &mut self.ended,
        } += 1;
    }
}

impl fmt::Display for Restarts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { worn, died, signaled, timeout, oom, ended } = self;
        write!(
            f,
            "{worn} worn, {died} found dead, {signaled} crashed, \
             {timeout} too slow, {oom} out of memory, {ended} ended"
        )
    }
}
