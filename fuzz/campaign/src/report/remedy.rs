//! *Remedies*: what is to be changed so that a cause is gone.
//!
//! A table of what a finding shows and what an analyser's author can do about it. It knows only
//! the form of the pickle, not the analyser.

use assay_differential::{Class, is_safe_crash};
use assay_oracle::TouchKind;

use crate::finding::Finding;

/// When it applies, and what is to be done.
type Row = (fn(&Finding) -> bool, &'static str);

/// Of an unsound verdict; the first that applies.
const UNSOUND: [Row; 9] = [
    (
        |finding| fault(finding).is_some_and(|(_, at)| first_stop(finding) < at),
        "Read on past the first STOP: a loader that is called again loads what follows, and every \
         pickle of a stream is to be judged.",
    ),
    (
        |finding| at(finding, &["EXT1", "EXT2", "EXT4"]),
        "Refuse EXT1, EXT2 and EXT4, or resolve the code by the registry: it names a global as \
         GLOBAL does.",
    ),
    (
        |finding| at(finding, &["INST"]),
        "Handle INST: its argument names a callable, as GLOBAL's does, and it calls it at once.",
    ),
    (
        |finding| at(finding, &["STACK_GLOBAL"]),
        "Take the two strings of STACK_GLOBAL from a simulated stack and memo, where CPython \
         takes them, and not from the literals before it; refuse where they are not known.",
    ),
    (
        |finding| at(finding, &["OBJ", "NEWOBJ", "NEWOBJ_EX"]),
        "Treat OBJ, NEWOBJ and NEWOBJ_EX as calls, as REDUCE is one.",
    ),
    (
        |finding| at(finding, &["BUILD"]),
        "Judge BUILD: it calls `__setstate__`, or writes attributes of whatever is on the stack.",
    ),
    (
        |finding| finding.touched.iter().any(|touched| touched.kind == TouchKind::Persistent),
        "Refuse PERSID and BINPERSID: they hand their argument to the application's own code.",
    ),
    (
        |finding| first_stop(finding) == usize::MAX,
        "Judge what was read before the pickle breaks off: its opcodes have taken effect by then, \
         so an error is never a reason for `safe`.",
    ),
    (
        |_| true,
        "Refuse the global that it names; better, refuse every name that an allow list does not \
         have, since lists of dangerous names are never complete.",
    ),
];

/// What to do about the finding.
pub fn remedy(finding: &Finding) -> &'static str {
    match finding.class {
        Class::Unsound => {
            let row = UNSOUND.iter().find(|(applies, _)| applies(finding));
            row.map_or("", |(_, remedy)| remedy)
        }
        Class::AnalyzerCrash => {
            "Bound the time, depth and memory of one analysis, and take whatever goes wrong in it \
             for a reason to refuse."
        }
        Class::InterpreterCrash if is_safe_crash(&finding.bucket) => {
            "Call it unproven: memory that is read or written wrongly may lead to any code. Demand \
             of the arguments what the code that crashed takes for granted."
        }
        Class::InterpreterCrash => {
            "Nothing in an analyser but to call it unproven; it is a bug of CPython, to be \
             reported there."
        }
        Class::NoWitness => {
            "Call it unproven: a verdict `dangerous` claims that some loader reaches something \
             denied, and none does."
        }
        Class::Divergence => {
            "Call it unproven, whatever one engine says: a verdict is about all of them."
        }
    }
}

/// The opcode at fault and its offset.
fn fault(finding: &Finding) -> Option<(&str, usize)> {
    let line = finding.explanation.listing.iter().find(|line| line.at_fault)?;
    Some((opcode(&line.code), line.offset))
}

fn at(finding: &Finding, opcodes: &[&str]) -> bool {
    fault(finding).is_some_and(|(name, _)| opcodes.contains(&name))
}

fn first_stop(finding: &Finding) -> usize {
    let stop = finding.explanation.listing.iter().find(|line| opcode(&line.code) == "STOP");
    stop.map_or(usize::MAX, |line| line.offset)
}

fn opcode(code: &str) -> &str {
    code.split(' ').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::finding;

    #[test]
    fn every_cause_has_a_remedy_of_its_own() {
        let mut found = finding();
        assert!(remedy(&found).starts_with("Refuse the global that it names"));
        found.explanation.listing[0].code = "INST 'os' 'system'".into();
        assert!(remedy(&found).starts_with("Handle INST"));
        found.explanation.listing[0].code = "STACK_GLOBAL".into();
        assert!(remedy(&found).contains("simulated stack"));
        found.explanation.listing.insert(0, found.explanation.listing.last().unwrap().clone());
        found.explanation.listing[0].offset = 0;
        found.explanation.listing[1].offset = 1;
        assert!(remedy(&found).starts_with("Read on past"));
        for class in Class::ALL {
            found.class = class;
            assert!(!remedy(&found).is_empty());
        }
    }
}
