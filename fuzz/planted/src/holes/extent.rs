//! Inputs of which only a part is read.

use assay_pickle::{Argument, ErrorKind, Instruction, Opcode, Reader};

use crate::machine::Machine;
use crate::report::{Fault, Report};
use crate::rules::{Base, Rules};
use crate::{Verdict, machine};

/// Stops at the first STOP.
pub struct FirstPickle;

impl Rules for FirstPickle {
    fn reads_on(&self) -> bool {
        false
    }
}

/// Knows pickles by the PROTO they begin with, and takes nothing else for one.
pub struct MagicNumber;

impl Rules for MagicNumber {
    fn scan(&self, input: &[u8]) -> Verdict {
        if input.first() == Some(&Opcode::Proto.byte()) {
            return Base.scan(input);
        }
        Verdict::Safe
    }
}

/// What was found, if the input seems to end too early: that was the scanner's own doing.
fn as_far_as_read(report: &Report) -> Verdict {
    let cut = matches!(
        report.fault,
        Some(
            Fault::Limit
                | Fault::Frame
                | Fault::Unreadable(
                    ErrorKind::NoStop | ErrorKind::Truncated { .. } | ErrorKind::MissingNewline
                )
        )
    );
    if cut {
        Base.conclude(&Report { fault: None, ..report.clone() })
    } else {
        Base.conclude(report)
    }
}

/// Reads so many bytes and takes them for the whole.
pub struct FirstBytes(pub usize);

impl Rules for FirstBytes {
    fn scan(&self, input: &[u8]) -> Verdict {
        match input.get(..self.0) {
            Some(head) if head.len() < input.len() => {
                as_far_as_read(&machine::read(self, head, false))
            }
            _ => Base.scan(input),
        }
    }
}

/// Reads so many opcodes of a pickle and holds the rest for more of the same.
pub struct FirstOpcodes(pub usize);

impl Rules for FirstOpcodes {
    fn step(&self, machine: &mut Machine, instruction: &Instruction<'_>) -> Result<(), Fault> {
        if machine.trail.len() >= self.0 {
            return Err(Fault::Limit);
        }
        machine.step(self, instruction)
    }

    fn conclude(&self, report: &Report) -> Verdict {
        match report.fault {
            Some(Fault::Limit) => as_far_as_read(report),
            _ => Base.conclude(report),
        }
    }
}

/// Stops at an opcode that it has no handler for, and takes what it read for the whole.
pub struct Unhandled(pub &'static [Opcode]);

impl Rules for Unhandled {
    fn step(&self, machine: &mut Machine, instruction: &Instruction<'_>) -> Result<(), Fault> {
        if self.0.contains(&instruction.opcode) {
            return Err(Fault::Limit);
        }
        machine.step(self, instruction)
    }

    fn conclude(&self, report: &Report) -> Verdict {
        match report.fault {
            Some(Fault::Limit) => as_far_as_read(report),
            _ => Base.conclude(report),
        }
    }
}

/// Takes the length of the first frame for that of the pickle.
pub struct FrameIsPickle;

impl Rules for FrameIsPickle {
    fn scan(&self, input: &[u8]) -> Verdict {
        let end = Reader::new(input).map_while(Result::ok).find_map(|instruction| {
            match (instruction.opcode, instruction.argument) {
                (Opcode::Frame, Argument::UInt(length)) => {
                    usize::try_from(length).ok()?.checked_add(instruction.end())
                }
                _ => None,
            }
        });
        match end.and_then(|end| input.get(..end)) {
            Some(pickle) if pickle.len() < input.len() => {
                as_far_as_read(&machine::read(self, pickle, false))
            }
            _ => Base.scan(input),
        }
    }
}
