//! Our own analyser as a subject, within this process: it runs nothing that it reads.

use std::panic::{AssertUnwindSafe, catch_unwind};

use assay_analyzer::{Analysis, Policy, analyze};

use crate::{Judged, Judgement, Subject};

/// Our analyser with a policy.
pub(crate) struct AssaySubject {
    policy: Policy,
}

impl AssaySubject {
    pub(crate) fn new(policy: Policy) -> Self {
        Self { policy }
    }
}

impl Subject for AssaySubject {
    fn judge(&mut self, pickle: &[u8]) -> Judgement {
        // A panic is a finding about the analyser, not the end of the campaign; the analyser
        // keeps nothing between pickles that a panic could leave half done.
        match catch_unwind(AssertUnwindSafe(|| analyze(pickle, &self.policy))) {
            Ok(analysis) => judgement(&analysis),
            Err(payload) => Judgement::crash(format!("panicked: {}", message(&*payload))),
        }
    }
}

fn judgement(analysis: &Analysis) -> Judgement {
    let mut out = Judgement::new(Judged::from(analysis.verdict));
    out.detail = analysis.reasons().next().map(|reason| reason.message.clone());
    out.calls = analysis.has_call();
    for reason in analysis.reasons() {
        if !out.rules.iter().any(|rule| rule == reason.rule) {
            out.rules.push(reason.rule.to_owned());
        }
    }
    for global in analysis.pickles.iter().flat_map(|pickle| &pickle.globals) {
        if !out.globals.contains(global) {
            out.globals.push(global.clone());
        }
    }
    out
}

/// What a panic said.
fn message(payload: &(dyn std::any::Any + Send)) -> &str {
    payload
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message")
}
