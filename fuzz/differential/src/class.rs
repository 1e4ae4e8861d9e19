//! The classes of discrepancy, and which of them a hunt is after.

use serde::{Deserialize, Serialize};

/// In which way judgement and observation, or two observations, disagree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Class {
    /// Judged safe, yet the load touched something not allowed.
    Unsound,
    /// Judged dangerous, yet no engine touched anything denied.
    NoWitness,
    /// Engines or versions disagree on accepting, on the value or on what is touched.
    Divergence,
    /// The analyser died or hung.
    AnalyzerCrash,
    /// The interpreter died of a signal.
    InterpreterCrash,
}

impl Class {
    /// Every class, gravest first.
    pub const ALL: [Self; 5] = [
        Self::Unsound,
        Self::AnalyzerCrash,
        Self::InterpreterCrash,
        Self::NoWitness,
        Self::Divergence,
    ];

    /// The name on the command line and in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Unsound => "unsound",
            Self::NoWitness => "no-witness",
            Self::Divergence => "divergence",
            Self::AnalyzerCrash => "analyzer-crash",
            Self::InterpreterCrash => "interpreter-crash",
        }
    }

    /// The class of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|class| class.name() == name)
    }

    /// Whether the discrepancy is between an analyser and the truth; the others are facts about
    /// CPython, whoever judges.
    pub fn concerns_analyzer(self) -> bool {
        matches!(self, Self::Unsound | Self::NoWitness | Self::AnalyzerCrash)
    }
}

impl std::fmt::Display for Class {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// What is hunted for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Hunt {
    /// Where analysers are wrong, and crashes.
    #[default]
    Soundness,
    /// Where CPythons disagree among themselves, and crashes.
    Divergence,
    /// Everything.
    All,
}

impl Hunt {
    /// The hunt of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Soundness, Self::Divergence, Self::All].into_iter().find(|hunt| hunt.name() == name)
    }

    /// The name on the command line and in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Soundness => "soundness",
            Self::Divergence => "divergence",
            Self::All => "all",
        }
    }

    /// Whether a discrepancy of `class` is wanted. Crashes always are.
    pub fn wants(self, class: Class) -> bool {
        match class {
            Class::AnalyzerCrash | Class::InterpreterCrash => true,
            Class::Unsound | Class::NoWitness => self != Self::Divergence,
            Class::Divergence => self != Self::Soundness,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_back() {
        for class in Class::ALL {
            assert_eq!(Class::from_name(class.name()), Some(class));
            assert_eq!(serde_json::to_value(class).unwrap(), class.name());
        }
        for hunt in [Hunt::Soundness, Hunt::Divergence, Hunt::All] {
            assert_eq!(Hunt::from_name(hunt.name()), Some(hunt));
        }
    }
}
