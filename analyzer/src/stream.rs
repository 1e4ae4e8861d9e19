//! Runs the machine over a stream of pickles, as repeated `pickle.load` would.

use std::collections::HashSet;

use assay_pickle::{Argument, Opcode, Reader};

use crate::limits::Limits;
use crate::loader::Loader;
use crate::machine::{Behind, Fault, Flow, Machine};
use crate::policy::Policy;
use crate::verdict::{Analysis, Malformed, PickleAnalysis, Reason, Severity, Verdict};

/// Pickles of a stream that are reported each on its own; later ones are folded into the last.
const MAX_PICKLES: usize = 4096;

/// Opcodes between two looks at the memory in use.
const MEMORY_INTERVAL: usize = 1 << 14;

/// Judges every pickle in `bytes`.
///
/// `bytes` are taken as a stream: what follows a STOP is judged as well, since readers such as
/// repeated `pickle.load` go on. Time is linear in the input, memory bounded by the values that
/// are alive.
pub fn analyze(bytes: &[u8], policy: &Policy) -> Analysis {
    analyze_with(bytes, policy, &Limits::default())
}

/// Judges every pickle in `bytes` within these budgets.
pub fn analyze_with(bytes: &[u8], policy: &Policy, limits: &Limits) -> Analysis {
    analyze_as(bytes, policy, Loader::Pickle, limits)
}

/// Judges every pickle in `bytes` as that loader would load them.
pub(crate) fn analyze_as(
    bytes: &[u8],
    policy: &Policy,
    loader: Loader,
    limits: &Limits,
) -> Analysis {
    let mut machine = Machine::new(policy, bytes, loader, limits);
    let mut analysis = Analysis::default();
    let mut rest: Option<Rest> = None;
    let mut offset = 0;
    loop {
        let pickle = run(&mut machine, bytes, offset, limits.memory);
        offset = pickle.offset + pickle.length;
        let over = pickle.malformed.is_some() || offset >= bytes.len();
        analysis.verdict = analysis.verdict.max(pickle.verdict);
        if analysis.pickles.len() < MAX_PICKLES {
            analysis.pickles.push(pickle);
        } else if let Some(last) = analysis.pickles.last_mut() {
            rest.get_or_insert_with(|| Rest::after(last)).fold(last, pickle);
        }
        if over {
            return analysis;
        }
        machine.begin_next();
    }
}

/// The names that are known of the pickles folded into one.
struct Rest {
    globals: HashSet<String>,
    calls: HashSet<String>,
}

impl Rest {
    fn after(last: &PickleAnalysis) -> Self {
        Self {
            globals: last.globals.iter().cloned().collect(),
            calls: last.calls.iter().cloned().collect(),
        }
    }

    fn fold(&mut self, last: &mut PickleAnalysis, next: PickleAnalysis) {
        last.length += next.length;
        last.verdict = last.verdict.max(next.verdict);
        last.malformed = next.malformed;
        let new = |known: &mut HashSet<String>, name: &String| known.insert(name.clone());
        let globals = next.globals.into_iter().filter(|name| new(&mut self.globals, name));
        last.globals.extend(globals);
        last.calls.extend(next.calls.into_iter().filter(|name| new(&mut self.calls, name)));
        let missing = next.rules.into_iter().filter(|rule| !last.rules.contains(rule));
        last.rules.extend(missing.collect::<Vec<_>>());
        last.unsure |= next.unsure;
        if last.reasons.len() < MAX_PICKLES {
            last.reasons.extend(next.reasons);
        }
        if last.holds.len() < MAX_PICKLES {
            last.holds.extend(next.holds);
        }
    }
}

/// Runs one pickle; the fault that ended it, if one did, and the bytes read.
fn drive(
    machine: &mut Machine<'_, '_>,
    bytes: &[u8],
    offset: usize,
    seen: &mut u8,
    memory: u64,
) -> (usize, Option<(usize, Fault)>) {
    let mut reader = Reader::at(bytes, offset);
    let mut declared = false;
    let mut count = 0_usize;
    loop {
        let instruction = match reader.read() {
            Ok(instruction) => instruction,
            Err(error) => {
                machine.ask_cut_short(&error);
                return (bytes.len() - offset, Some((error.offset, Fault::of_bytes(error.kind))));
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
        if !machine.judge.step() {
            let message = "gave up: the analysis takes more steps than it may";
            return (bytes.len() - offset, Some((instruction.offset, Fault::budget(message))));
        }
        match machine.step(&instruction) {
            Ok(Flow::Continue) => {}
            Ok(Flow::Stop) => return (instruction.end() - offset, None),
            Ok(Flow::Skip(behind)) => match skip(machine, bytes, instruction.end(), behind, memory)
            {
                Ok(next) => reader = Reader::at(bytes, next),
                Err(fault) => return (bytes.len() - offset, Some((instruction.end(), fault))),
            },
            Err(fault) => return (bytes.len() - offset, Some((instruction.offset, fault))),
        }
        count += 1;
        if count.is_multiple_of(MEMORY_INTERVAL) && machine.size() as u64 > memory {
            let message = format!("gave up: the analysis needs more than {memory} bytes");
            return (bytes.len() - offset, Some((instruction.offset, Fault::budget(message))));
        }
    }
}

/// Passes what a loader reads by itself; where the next opcode is.
fn skip(
    machine: &mut Machine<'_, '_>,
    bytes: &[u8],
    start: usize,
    behind: Behind,
    memory: u64,
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
            let (length, fault) = drive(machine, bytes, start, &mut 0, memory);
            let result = machine.end_inner(outer);
            if let Some((_, fault)) = fault {
                return Err(fault);
            }
            machine.replace_wrapper_by(result)?;
            return Ok(start + length);
        }
    };
    machine.replace_wrapper();
    Ok(next)
}

fn run(machine: &mut Machine<'_, '_>, bytes: &[u8], offset: usize, memory: u64) -> PickleAnalysis {
    let mut protocol = 0;
    let (length, fault) = drive(machine, bytes, offset, &mut protocol, memory);
    let findings = machine.judge.record.take();
    let mut verdict = findings.verdict;
    let mut reasons = findings.reasons;
    let mut rules = findings.rules;
    let mut malformed = None;
    let mut unsure = false;
    if let Some((offset, Fault { rule, message, plain })) = fault {
        unsure = !plain;
        if !rules.contains(&rule) {
            rules.push(rule);
        }
        let opcode = bytes.get(offset).and_then(|byte| Opcode::from_byte(*byte));
        reasons.push(Reason {
            rule,
            severity: Severity::Warning,
            offset,
            opcode: opcode.map_or("", Opcode::name),
            global: None,
            message: message.clone(),
        });
        verdict = verdict.max(Verdict::Unproven);
        malformed = (rule == "malformed").then_some(Malformed { offset, message });
    }
    PickleAnalysis {
        offset,
        length,
        protocol,
        verdict,
        reasons,
        globals: findings.globals,
        calls: findings.calls,
        malformed,
        holds: findings.holds,
        storages: findings.storages,
        rules,
        unsure,
    }
}
