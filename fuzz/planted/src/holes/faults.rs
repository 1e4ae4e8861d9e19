//! Faults on which a scanner gives up, and with it what it had found.

use assay_pickle::ErrorKind;

use crate::Verdict;
use crate::report::{Fault, Report};
use crate::rules::{Base, Rules};

/// Finds nothing in an input with this fault.
pub struct GivesUp(pub fn(&Fault) -> bool);

impl Rules for GivesUp {
    fn conclude(&self, report: &Report) -> Verdict {
        match &report.fault {
            Some(fault) if (self.0)(fault) => Verdict::Safe,
            _ => Base.conclude(report),
        }
    }
}

/// The bytes cannot be read.
pub fn unreadable(fault: &Fault) -> bool {
    matches!(fault, Fault::Unreadable(_))
}

/// The input ends before STOP, in order otherwise.
pub fn no_stop(fault: &Fault) -> bool {
    matches!(fault, Fault::Unreadable(ErrorKind::NoStop))
}

/// A protocol that nobody has heard of.
pub fn unknown_protocol(fault: &Fault) -> bool {
    matches!(fault, Fault::Unreadable(ErrorKind::UnsupportedProtocol(_)))
}

/// The memo has no such entry.
pub fn memo_miss(fault: &Fault) -> bool {
    matches!(fault, Fault::MemoMiss)
}

/// STACK_GLOBAL with something else than texts.
pub fn not_text(fault: &Fault) -> bool {
    matches!(fault, Fault::NotText)
}

/// A numeral that pickletools does not read.
pub fn odd_numeral(fault: &Fault) -> bool {
    matches!(fault, Fault::Ambiguous(assay_pickle::Ambiguity::Numeral) | Fault::Nul)
}

/// A NUL in a numeral, before which C stops reading.
pub fn nul(fault: &Fault) -> bool {
    matches!(fault, Fault::Nul)
}

/// Holds what follows the first pickle for other data as soon as it cannot be read, and forgets
/// what it found there.
pub struct LaterIsOtherData;

impl Rules for LaterIsOtherData {
    fn conclude(&self, report: &Report) -> Verdict {
        let Some(Fault::Unreadable(_)) = report.fault else { return Base.conclude(report) };
        if report.pickles == 0 {
            return Base.conclude(report);
        }
        let mut before = report.clone();
        before.fault = None;
        before.findings.retain(|finding| finding.pickle < report.pickles);
        Base.conclude(&before)
    }
}
