//! What an analysis says: verdicts, and the reasons for them.

use serde::{Deserialize, Serialize};

use crate::rules;

/// A judgement on a pickle, ordered from harmless to harmful.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Proved: on every supported CPython, by every engine, in every load mode, loading touches
    /// only what the policy allows.
    #[default]
    Safe,
    /// Neither proved safe nor proved dangerous.
    Unproven,
    /// Proved: loading asks for a global of the deny list on at least one engine.
    Dangerous,
}

impl Verdict {
    /// The name in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Safe => "safe",
            Self::Unproven => "unproven",
            Self::Dangerous => "dangerous",
        }
    }
}

/// How grave a reason is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Stands in the way of `safe`.
    Warning,
    /// Proof of danger.
    Error,
}

/// Why a pickle is not `safe`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Reason {
    /// The rule that fired, by its stable name.
    pub rule: &'static str,
    /// How grave.
    pub severity: Severity,
    /// Offset in bytes of the opcode at which it fired.
    pub offset: usize,
    /// The opcode's name; empty where the input ends.
    pub opcode: &'static str,
    /// The global concerned, `module.name`.
    pub global: Option<String>,
    /// One sentence for people.
    pub message: String,
}

/// A fault in the bytes.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Malformed {
    /// Offset in bytes.
    pub offset: usize,
    /// What is wrong there.
    pub message: String,
}

/// What was found out about one pickle of a stream.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct PickleAnalysis {
    /// Offset in bytes of the pickle in its stream.
    pub offset: usize,
    /// Length in bytes, up to and with STOP or the fault.
    pub length: usize,
    /// The protocol it declares; the highest its opcodes need if it declares none.
    pub protocol: u8,
    /// The judgement.
    pub verdict: Verdict,
    /// Why it is not `safe`; empty if it is.
    pub reasons: Vec<Reason>,
    /// Globals it resolves, `module.name`, each once, in order.
    pub globals: Vec<String>,
    /// Globals it calls, each once, in order.
    pub calls: Vec<String>,
    /// Where it stops being a pickle.
    pub malformed: Option<Malformed>,
    /// Constants in it whose bytes are pickles themselves. Loading it does not load them; whoever
    /// takes them out may. They count for no verdict.
    pub holds: Vec<Held>,
    /// Every rule that fired, each once, whether or not a reason of it was kept.
    #[serde(skip)]
    pub(crate) rules: Vec<&'static str>,
    /// Whether the fault that ended it is not plainly one to every unpickler.
    #[serde(skip)]
    pub(crate) unsure: bool,
    /// Storages of tensors that it names.
    #[serde(skip)]
    pub(crate) storages: Vec<Storage>,
}

impl PickleAnalysis {
    /// Whether loading it may do something that is not allowed, even if it then fails.
    pub(crate) fn acts(&self) -> bool {
        self.unsure || self.rules.iter().any(|rule| rules::acts(rule))
    }
}

/// A storage of a tensor, as a persistent id names it (`torch/serialization.py` persistent_id).
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Storage {
    /// Offset in bytes of the opcode that asks for it.
    pub offset: usize,
    /// Its key, if that is a constant.
    pub key: Option<String>,
    /// Its class, `module:name`.
    pub class: String,
    /// How many elements it is said to have, if that is a small constant.
    pub elements: Option<u64>,
}

/// A constant whose bytes are a pickle.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Held {
    /// Offset in bytes of the inner pickle.
    pub offset: usize,
    /// Its length in bytes.
    pub length: usize,
    /// What it would be judged if it were loaded; [`crate::analyze_file`] says so.
    pub verdict: Option<Verdict>,
}

/// What was found out about a stream of pickles.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Analysis {
    /// The gravest verdict among the pickles.
    pub verdict: Verdict,
    /// The pickles in order; never empty.
    pub pickles: Vec<PickleAnalysis>,
}

impl Analysis {
    /// The reasons of all pickles.
    pub fn reasons(&self) -> impl Iterator<Item = &Reason> {
        self.pickles.iter().flat_map(|pickle| &pickle.reasons)
    }

    /// Whether any pickle calls a global.
    pub fn has_call(&self) -> bool {
        self.pickles.iter().any(|pickle| !pickle.calls.is_empty())
    }
}
