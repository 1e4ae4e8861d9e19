//! Runs the machine over a stream of pickles, as repeated `pickle.load` would.

use assay_pickle::{Argument, Opcode, Reader};

use crate::loader::Loader;
use crate::machine::{Behind, Fault, Flow, Machine};
use crate::policy::Policy;
use crate::verdict::{Analysis, Malformed, PickleAnalysis, Reason, Severity, Verdict};

/// Pickles of a stream that are reported each on its own; later ones are folded into the last.
const MAX_PICKLES: usize = 4096;

/// Bytes that the machine's state may take. A pickle of data needs about as much as its file.
const BUDGET: usize = 256 << 20;

/// Opcodes between two looks at the budget.
const BUDGET_INTERVAL: usize = 1 << 14;

/// Judges every pickle in `bytes`.
///
/// `bytes` are taken as a stream: what follows a STOP is judged as well, since readers such as
/// repeated `pickle.load` go on. Time is linear in the input, memory bounded by the values that
/// are alive.
pub fn analyze(bytes: &[u8], policy: &Policy) -> Analysis {
    analyze_as(bytes, policy, Loader::Pickle)
}

/// Judges every pickle in `bytes` as that loader would load them.
pub(crate) fn analyze_as(bytes: &[u8], policy: &Policy, loader: Loader) -> Analysis {
    let mut machine = Machine::with_loader(policy, bytes, loader);
    let mut analysis = Analysis::default();
    let mut offset = 0;
    loop {
        let pickle = run(&mut machine, bytes, offset);
        offset = pickle.offset + pickle.length;
        let over = pickle.malformed.is_some() || offset >= bytes.len();
        analysis.verdict = analysis.verdict.max(pickle.verdict);
        let full = analysis.pickles.len() >= MAX_PICKLES;
        match analysis.pickles.last_mut().filter(|_| full) {
            Some(last) => fold(last, pickle),
            None => analysis.pickles.push(pickle),
        }
        if over {
            return analysis;
        }
        machine.begin_next();
    }
}

fn fold(last: &mut PickleAnalysis, next: PickleAnalysis) {
    last.length += next.length;
    last.verdict = last.verdict.max(next.verdict);
    last.malformed = next.malformed;
    for (names, more) in [(&mut last.globals, next.globals), (&mut last.calls, next.calls)] {
        for name in more {
            if !names.contains(&name) {
                names.push(name);
            }
        }
    }
    if last.reasons.len() < MAX_PICKLES {
        last.reasons.extend(next.reasons);
    }
}

/// Runs one pickle; the fault that ended it, if one did, and the bytes read.
fn drive(
    machine: &mut Machine<'_, '_>,
    bytes: &[u8],
    offset: usize,
    seen: &mut u8,
) -> (usize, Option<(usize, Fault)>) {
    let mut reader = Reader::at(bytes, offset);
    let mut declared = false;
    let mut count = 0_usize;
    loop {
        let instruction = match reader.read() {
            Ok(instruction) => instruction,
            Err(error) => {
                return (bytes.len() - offset, Some((error.offset, error.kind.to_string().into())));
            }
        };
        match (instruction.opcode, instruction.argument) {
            (Opcode::Proto, Argument::UInt(protocol)) if !declared => {
                declared = true;
                *seen = protocol as u8;
            }
            _ if !declared => *seen = (*seen).max(instruction.opcode.info().protocol),
            _ => {}
        }
        match machine.step(&instruction) {
            Ok(Flow::Continue) => {}
            Ok(Flow::Stop) => return (instruction.end() - offset, None),
            Ok(Flow::Skip(behind)) => match skip(machine, bytes, instruction.end(), behind) {
                Ok(next) => reader = Reader::at(bytes, next),
                Err(fault) => return (bytes.len() - offset, Some((instruction.end(), fault))),
            },
            Err(fault) => return (bytes.len() - offset, Some((instruction.offset, fault))),
        }
        count += 1;
        if count.is_multiple_of(BUDGET_INTERVAL) && machine.size() > BUDGET {
            let message = format!("gave up: the analysis needs more than {} MiB", BUDGET >> 20);
            return (bytes.len() - offset, Some((instruction.offset, message.into())));
        }
    }
}

/// Passes what a loader reads by itself; where the next opcode is.
fn skip(
    machine: &mut Machine<'_, '_>,
    bytes: &[u8],
    start: usize,
    behind: Behind,
) -> Result<usize, Fault> {
    let within = |start: usize, length: u64| {
        let end = usize::try_from(length).ok().and_then(|length| start.checked_add(length));
        end.filter(|end| *end <= bytes.len()).ok_or_else(|| Fault::from("an array is cut short"))
    };
    let next = match behind {
        Behind::Opcode => start,
        Behind::Bytes(length) => within(start, length)?,
        Behind::Padded(length) => {
            let padding = bytes.get(start).ok_or("an array is cut short")?;
            within(within(start, 1 + u64::from(*padding))?, length)?
        }
        Behind::Pickle => {
            let outer = machine.begin_inner();
            let (length, fault) = drive(machine, bytes, start, &mut 0);
            machine.end_inner(outer);
            if let Some((_, fault)) = fault {
                return Err(fault);
            }
            start + length
        }
    };
    machine.replace_wrapper(behind == Behind::Pickle);
    Ok(next)
}

fn run(machine: &mut Machine<'_, '_>, bytes: &[u8], offset: usize) -> PickleAnalysis {
    let mut protocol = 0;
    let (length, fault) = drive(machine, bytes, offset, &mut protocol);
    let findings = machine.judge.take();
    let mut verdict = findings.verdict;
    let mut reasons = findings.reasons;
    let malformed = fault.map(|(offset, Fault { message })| {
        let opcode = bytes.get(offset).and_then(|byte| Opcode::from_byte(*byte));
        reasons.push(Reason {
            rule: "malformed",
            severity: Severity::Warning,
            offset,
            opcode: opcode.map_or("", Opcode::name),
            global: None,
            message: message.clone(),
        });
        verdict = verdict.max(Verdict::Unproven);
        Malformed { offset, message }
    });
    PickleAnalysis {
        offset,
        length,
        protocol,
        verdict,
        reasons,
        globals: findings.globals,
        calls: findings.calls,
        malformed,
    }
}
