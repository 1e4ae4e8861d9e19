//! What a subject answers about one pickle.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The verdicts of any analyser, reduced to what can be compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Judged {
    /// The analyser lets it pass.
    Safe,
    /// The analyser flags it.
    Dangerous,
    /// The analyser can prove neither, and does not let it pass.
    Unproven,
    /// The analyser gave up, or died, or does not support it.
    Error,
}

impl Judged {
    /// Every verdict, in the order of reports.
    pub const ALL: [Self; 4] = [Self::Safe, Self::Dangerous, Self::Unproven, Self::Error];

    /// The name in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Safe => "safe",
            Self::Dangerous => "dangerous",
            Self::Unproven => "unproven",
            Self::Error => "error",
        }
    }
}

impl fmt::Display for Judged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl From<assay_analyzer::Verdict> for Judged {
    fn from(verdict: assay_analyzer::Verdict) -> Self {
        match verdict {
            assay_analyzer::Verdict::Safe => Self::Safe,
            assay_analyzer::Verdict::Dangerous => Self::Dangerous,
            assay_analyzer::Verdict::Unproven => Self::Unproven,
        }
    }
}

/// One answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Judgement {
    /// The verdict.
    pub verdict: Judged,
    /// What the analyser said beside it, in one line.
    pub detail: Option<String>,
    /// Names of the rules that fired, each once: feedback for a campaign.
    pub rules: Vec<String>,
    /// Globals that the analyser saw, `module.name`.
    pub globals: Vec<String>,
    /// Whether the analyser saw at least one global called.
    pub calls: bool,
    /// Whether the analyser died, hung or answered badly.
    pub crashed: bool,
}

impl Judgement {
    /// A verdict with nothing beside it.
    pub fn new(verdict: Judged) -> Self {
        Self {
            verdict,
            detail: None,
            rules: Vec::new(),
            globals: Vec::new(),
            calls: false,
            crashed: false,
        }
    }

    /// The analyser died, hung or answered badly; `detail` says which.
    pub fn crash(detail: impl Into<String>) -> Self {
        Self { detail: Some(detail.into()), crashed: true, ..Self::new(Judged::Error) }
    }
}
