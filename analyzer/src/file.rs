//! Judges a file: a stream of pickles, or a container of some.

use rayon::prelude::*;
use serde::Serialize;

use std::collections::HashMap;

use crate::container::{self, Damage, Payload, storages, torch};
use crate::limits::Limits;
use crate::loader::Loader;
use crate::policy::Policy;
use crate::rules;
use crate::stream::{analyze_as, analyze_with};
use crate::verdict::{Malformed, PickleAnalysis, Reason, Severity, Verdict};

/// One pickle of a file, or one thing in it that can't be judged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FileItem {
    /// Where in the container, member names joined by `!`; `None` for the file itself.
    pub member: Option<String>,
    /// What loads it: `None` for `pickle.load` of the file.
    pub loader: Option<&'static str>,
    /// What was found out about it. Offsets count from the start of the member.
    #[serde(flatten)]
    pub pickle: PickleAnalysis,
}

/// What was found out about a file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct FileAnalysis {
    /// The gravest verdict.
    pub verdict: Verdict,
    /// The container's format; `None` for a plain stream of pickles.
    pub format: Option<&'static str>,
    /// The pickles; never empty.
    pub items: Vec<FileItem>,
}

/// Judges every pickle of a file, in whichever container it travels.
///
/// ```
/// use assay_analyzer::{Policy, Verdict, analyze_file};
///
/// let policy = Policy::load(&["numpy"]).unwrap();
/// // A header of NumPy's that says `object`, and behind it a pickle.
/// let header = "{'descr': '|O', 'fortran_order': False, 'shape': (1,), }\n";
/// let length = (header.len() as u16).to_le_bytes();
/// let file = [b"\x93NUMPY\x01\0", &length[..], header.as_bytes(), b"cos\nsystem\n."].concat();
/// let analysis = analyze_file(&file, &policy);
/// assert_eq!((analysis.format, analysis.verdict), (Some("npy"), Verdict::Dangerous));
/// assert_eq!(analysis.items[0].loader, Some("numpy.load"));
/// ```
pub fn analyze_file(bytes: &[u8], policy: &Policy) -> FileAnalysis {
    analyze_file_with(bytes, policy, &Limits::default())
}

/// Judges every pickle of a file within these budgets. Members of a container are judged side by
/// side, by the threads of the `rayon` pool that it is called in.
pub fn analyze_file_with(bytes: &[u8], policy: &Policy, limits: &Limits) -> FileAnalysis {
    let contents = container::open(bytes, limits);
    let judged = |payload: &Payload<'_>| items_of(payload, archive(&contents), policy, limits);
    let mut items: Vec<FileItem> = match contents.payloads.as_slice() {
        // Most files: nothing to divide, and no other thread to wake.
        [one] => judged(one),
        payloads => payloads.par_iter().flat_map_iter(judged).collect(),
    };
    items.extend(contents.damage.into_iter().map(|damage| damaged(damage, bytes.len())));
    if items.is_empty() {
        let pickle = PickleAnalysis { length: bytes.len(), ..PickleAnalysis::default() };
        items.push(FileItem { member: None, loader: contents.format, pickle });
    }
    let verdict = items.iter().map(|item| item.pickle.verdict).max().unwrap_or_default();
    FileAnalysis { verdict, format: contents.format, items }
}

/// Whether members may be of an archive that `torch.save` wrote, and how long its records are.
fn archive<'c>(contents: &'c container::Contents<'_>) -> (bool, &'c HashMap<String, u64>) {
    (contents.format == Some("zip") || !contents.records.is_empty(), &contents.records)
}

/// What is said of a payload.
fn items_of(
    payload: &Payload<'_>,
    (in_archive, records): (bool, &HashMap<String, u64>),
    policy: &Policy,
    limits: &Limits,
) -> Vec<FileItem> {
    let told = |(_, pickle): &(Option<&'static str>, PickleAnalysis)| match payload.container {
        Some(container) => asks(pickle, container),
        None => true,
    };
    let item = |(loader, mut pickle): (Option<&'static str>, PickleAnalysis)| {
        for held in &mut pickle.holds {
            let bytes = &payload.bytes[held.offset..held.offset + held.length];
            held.verdict = Some(analyze_with(bytes, policy, limits).verdict);
        }
        // Which folder of an archive torch takes, it says itself: any may be its.
        if let Some(member) = payload.member.as_ref().filter(|_| in_archive) {
            storages::compare(&mut pickle, member, records);
        }
        shift(&mut pickle, payload.offset);
        FileItem { member: payload.member.clone(), loader, pickle }
    };
    judge(payload, policy, limits).into_iter().filter(told).map(item).collect()
}

/// Whether a container that is loaded as a pickle asks for anything before that fails.
fn asks(pickle: &PickleAnalysis, container: &str) -> bool {
    let acts = match container {
        // The first letter of every zip is PERSID, which most loaders refuse.
        "zip" => pickle.rules.iter().any(|rule| rules::acts(rule) && *rule != "persistent-id"),
        _ => pickle.acts(),
    };
    acts || !pickle.globals.is_empty()
}

/// The pickles of a payload, each with what loads it.
fn judge(
    payload: &Payload<'_>,
    policy: &Policy,
    limits: &Limits,
) -> Vec<(Option<&'static str>, PickleAnalysis)> {
    let plain = analyze_as(&payload.bytes, policy, Loader::Pickle, limits);
    if payload.loader == Some(torch::TENSORS) {
        let rest = plain.pickles.into_iter().filter(PickleAnalysis::acts);
        return rest.map(|pickle| (payload.loader, pickle)).collect();
    }
    let wrapper = |pickle: &PickleAnalysis| pickle.globals.iter().any(|name| name == WRAPPER);
    // Only joblib's own files: `torch.load` and `numpy.load` unpickle as `pickle.load` does.
    let others = matches!(payload.loader, Some("torch.load" | "numpy.load"));
    if others || !plain.pickles.iter().any(wrapper) {
        return plain.pickles.into_iter().map(|pickle| (payload.loader, pickle)).collect();
    }
    // A file of joblib's. Plain `pickle.load` takes the bytes of arrays for opcodes, and joblib 1.1
    // the padding before them for their first: that they fail is no matter, what they would do
    // before is.
    let followed = analyze_as(&payload.bytes, policy, Loader::Joblib, limits).pickles;
    let mut items: Vec<_> =
        followed.into_iter().map(|pickle| (Some("joblib.load"), pickle)).collect();
    let unpadded = analyze_as(&payload.bytes, policy, Loader::JoblibUnpadded, limits).pickles;
    let unpadded = unpadded.into_iter().filter(PickleAnalysis::acts);
    items.extend(unpadded.map(|pickle| (Some("joblib.load before 1.2"), pickle)));
    let plain = plain.pickles.into_iter().filter(PickleAnalysis::acts);
    items.extend(plain.map(|pickle| (payload.loader, pickle)));
    items
}

/// What marks a file of joblib's.
const WRAPPER: &str = "joblib.numpy_pickle.NumpyArrayWrapper";

fn shift(pickle: &mut PickleAnalysis, by: usize) {
    pickle.offset += by;
    for reason in &mut pickle.reasons {
        reason.offset += by;
    }
    for held in &mut pickle.holds {
        held.offset += by;
    }
    if let Some(malformed) = &mut pickle.malformed {
        malformed.offset += by;
    }
}

fn damaged(damage: Damage, length: usize) -> FileItem {
    // A budget that ran out says nothing against the file.
    let malformed =
        (damage.rule != "budget").then(|| Malformed { offset: 0, message: damage.message.clone() });
    let reason = Reason {
        rule: damage.rule,
        severity: Severity::Warning,
        offset: 0,
        opcode: "",
        global: None,
        message: damage.message,
    };
    FileItem {
        member: damage.member,
        loader: None,
        pickle: PickleAnalysis {
            length,
            verdict: Verdict::Unproven,
            reasons: vec![reason],
            rules: vec![damage.rule],
            malformed,
            ..PickleAnalysis::default()
        },
    }
}
