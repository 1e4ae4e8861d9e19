//! What was learnt of the pickles of one batch before any was loaded for real, and what that makes
//! of them.

use std::collections::HashSet;
use std::sync::LazyLock;

use assay_differential::{Behaviour, Class, Discrepancy, Load};
use assay_generator::SafeGlobal;
use assay_oracle::{DenyObservation, Outcome, TouchKind, Touched};
use assay_subjects::{Judged, Judgement};

/// What was learnt of the pickles of one batch.
pub(crate) struct Batch {
    pub number: u64,
    pub pickles: Vec<Vec<u8>>,
    /// Whether the weakened analyser judged it.
    pub control: bool,
    /// By analyser, then by pickle.
    pub judgements: Vec<Vec<Judgement>>,
    pub denied: Vec<DenyObservation>,
    /// What others made of the same pickles, to be held against that.
    pub beside: Vec<(Load, Vec<DenyObservation>)>,
    /// By pickle.
    pub behaviours: Vec<u64>,
}

/// Whether the analyser passed a pickle of which it saw that it calls something.
pub(crate) fn safe_with_call(judgement: &Judgement) -> bool {
    judgement.verdict == Judged::Safe && judgement.calls
}

/// Whether loading the pickle for real may refute the analyser: it passed it, and something is
/// called. Not every analyser says what it saw; then what was asked for must do.
pub(crate) fn worth_loading(judgement: &Judgement, seen: &DenyObservation) -> bool {
    safe_with_call(judgement) || judgement.verdict == Judged::Safe && !seen.resolved.is_empty()
}

/// Whether the analyser passed a pickle that asks for something not allowed.
pub(crate) fn is_suspicious(judgement: &Judgement, seen: &DenyObservation) -> bool {
    judgement.verdict == Judged::Safe
        && (seen.persistent > 0
            || seen.outcome == Outcome::Signaled
            || seen.resolved.iter().any(|asked| !asked.allowed))
}

/// The refused requests as touches, for rough keys.
pub(crate) fn refused(seen: &DenyObservation) -> Vec<Touched> {
    let touch = |name: String| Touched {
        kind: TouchKind::Resolve,
        name,
        opcode_offset: None,
        args: None,
        by: None,
    };
    seen.resolved
        .iter()
        .filter(|asked| !asked.allowed)
        .map(|asked| touch(format!("{}.{}", asked.module, asked.name)))
        .collect()
}

/// A suspicion of this class, for rough keys.
pub(crate) fn suspicion(class: Class, seen: &DenyObservation) -> Discrepancy {
    Discrepancy::suspected(class, refused(seen))
}

/// Whether a name, `module.name`, is one that pickles are made to ask for. Others are misspelled.
fn is_known(name: &str) -> bool {
    static NAMES: LazyLock<HashSet<String>> = LazyLock::new(|| {
        let idioms = SafeGlobal::all();
        let idioms = idioms.iter().map(|idiom| &idiom.global);
        let gadgets = assay_corpus::gadgets().iter().map(|gadget| &gadget.global);
        idioms.chain(gadgets).map(|name| format!("{}.{}", name.module, name.name)).collect()
    });
    NAMES.contains(name)
}

/// What analysers and the deny tier said of the pickle, as one number.
pub(crate) fn behaviour(batch: &Batch, i: usize) -> u64 {
    let mut behaviour = Behaviour::new(&batch.pickles[i], &is_known);
    for judgements in &batch.judgements {
        behaviour.judged(&judgements[i]);
    }
    behaviour.denied(&batch.denied[i]);
    for (_, seen) in &batch.beside {
        behaviour.denied(&seen[i]);
    }
    behaviour.id()
}
