//! Runs the machine over a stream of pickles, as repeated `pickle.load` would.

use std::collections::HashSet;

use assay_pickle::Opcode;

use crate::drive::{Run, drive};
use crate::limits::Limits;
use crate::loader::Loader;
use crate::machine::{Fault, Machine};
use crate::plain;
use crate::policy::Policy;
use crate::verdict::{Analysis, Malformed, PickleAnalysis, Reason, Severity, Verdict};

/// Pickles of a stream that are reported each on its own; later ones are folded into the last.
const MAX_PICKLES: usize = 4096;

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
    if loader == Loader::Pickle
        && limits.steps.is_none()
        && let Some(protocol) = plain::protocol(bytes, limits.memory)
    {
        let pickle = PickleAnalysis { length: bytes.len(), protocol, ..PickleAnalysis::default() };
        return Analysis { pickles: vec![pickle], ..Analysis::default() };
    }
    analyze_in_full(bytes, policy, loader, limits)
}

/// Judges every pickle in `bytes` with the machine, plain or not.
pub(crate) fn analyze_in_full(
    bytes: &[u8],
    policy: &Policy,
    loader: Loader,
    limits: &Limits,
) -> Analysis {
    let mut machine = Machine::new(policy, bytes, loader, limits);
    // Mostly there is one.
    let mut analysis = Analysis { pickles: Vec::with_capacity(1), ..Analysis::default() };
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
            machine.leave();
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

/// Runs the pickle at an offset and takes what was found out.
fn run(machine: &mut Machine<'_, '_>, bytes: &[u8], offset: usize, memory: u64) -> PickleAnalysis {
    let Run { length, protocol, fault } = drive(machine, bytes, offset, memory);
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
        protocol: protocol.number(),
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
