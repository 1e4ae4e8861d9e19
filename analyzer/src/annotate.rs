//! Annotated disassembly: each opcode with the abstract stack after it and the facts it gave.

use assay_pickle::{Reader, disassemble};
use serde::Serialize;

use crate::limits::Limits;
use crate::loader::Loader;
use crate::machine::{Flow, Machine};
use crate::policy::Policy;

/// Values of the stack that are shown.
const SHOWN: usize = 6;

/// One line of an annotated disassembly.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Annotated {
    /// Offset in bytes.
    pub offset: usize,
    /// The opcode's name; empty where no opcode could be read.
    pub opcode: &'static str,
    /// Its argument, for people; empty if it has none.
    pub argument: String,
    /// The abstract stack after it, topmost last; `(` is a mark.
    pub stack: String,
    /// What it does, and why that is not allowed.
    pub facts: Vec<String>,
    /// Why loading can't go past it.
    pub fault: Option<String>,
}

/// The annotated opcodes of every pickle in `bytes`. After a fault the opcodes are still listed
/// as far as they can be read, without stack.
///
/// ```
/// use assay_analyzer::{Policy, annotate};
///
/// let policy = Policy::load(&["data"]).unwrap();
/// let lines: Vec<_> = annotate(b"\x80\x04]K\x01a.", &policy).collect();
/// assert_eq!((lines[2].opcode, lines[2].stack.as_str()), ("BININT1", "list 1"));
/// ```
pub fn annotate<'a>(bytes: &'a [u8], policy: &'a Policy) -> impl Iterator<Item = Annotated> + 'a {
    let mut machine = Machine::new(policy, bytes, Loader::Pickle, &Limits::default());
    machine.judge.record.record_facts();
    let mut reader = Reader::new(bytes);
    let mut running = true;
    let mut done = bytes.is_empty();
    let mut reasons = 0;
    std::iter::from_fn(move || {
        if done || reader.offset() >= bytes.len() && !running {
            return None;
        }
        let offset = reader.offset();
        let instruction = match reader.read() {
            Ok(instruction) => instruction,
            Err(error) => {
                done = true;
                return Some(Annotated {
                    offset,
                    opcode: "",
                    argument: String::new(),
                    stack: String::new(),
                    facts: Vec::new(),
                    fault: Some(error.kind.to_string()),
                });
            }
        };
        let text = disassemble(&instruction);
        let argument = text.split_once(' ').map_or("", |(_, argument)| argument).trim_start();
        let mut line = Annotated {
            offset,
            opcode: instruction.opcode.name(),
            argument: argument.to_owned(),
            stack: String::new(),
            facts: Vec::new(),
            fault: None,
        };
        if running {
            let flow = machine.step(&instruction);
            line.facts = machine.judge.record.take_facts();
            line.facts.extend(
                machine.judge.record.reasons()[reasons..].iter().map(|r| r.message.clone()),
            );
            reasons = machine.judge.record.reasons().len();
            line.stack = stack(&machine);
            match flow {
                Ok(Flow::Continue | Flow::Skip(_)) => {}
                Ok(Flow::Stop) => {
                    done = reader.offset() >= bytes.len();
                    machine.begin_next();
                }
                Err(fault) => {
                    line.fault = Some(fault.message);
                    running = false;
                }
            }
        }
        Some(line)
    })
}

fn stack(machine: &Machine<'_, '_>) -> String {
    let skipped = machine.stack.len().saturating_sub(SHOWN);
    let mut parts: Vec<String> = Vec::new();
    if skipped > 0 {
        parts.push(format!("…{skipped}"));
    }
    // Marks are in order: those that can be shown are the last.
    let first = machine.marks().partition_point(|mark| *mark < skipped);
    let mut marks = machine.marks()[first..].iter().peekable();
    for (index, value) in machine.stack.iter().enumerate().skip(skipped) {
        while marks.next_if(|mark| **mark == index).is_some() {
            parts.push("(".to_owned());
        }
        parts.push(machine.judge.describe(*value));
    }
    match marks.count() {
        0 => {}
        few @ 1..=SHOWN => parts.extend(std::iter::repeat_n("(".to_owned(), few)),
        many => parts.push(format!("({many} marks")),
    }
    parts.join(" ")
}
