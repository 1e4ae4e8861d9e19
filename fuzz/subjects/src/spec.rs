//! How analysers are named on the command line, and how a name becomes a running analyser.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use assay_analyzer::Policy;
use assay_planted::Scanner;
use serde::{Deserialize, Serialize};

use crate::assay::AssaySubject;
use crate::exec::ExecSubject;
use crate::planted::PlantedSubject;
use crate::{Error, Result, Subject};

/// What refutes a `safe`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum JudgeBy {
    /// Anything touched that the policy does not allow.
    Policy,
    /// Any effect on the outside world.
    Effects,
}

impl JudgeBy {
    /// The name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Policy => "policy",
            Self::Effects => "effects",
        }
    }
}

impl FromStr for JudgeBy {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "policy" => Ok(Self::Policy),
            "effects" => Ok(Self::Effects),
            other => Err(Error::JudgeBy(other.to_owned())),
        }
    }
}

/// Analysers that Assay knows by name and does not install yet.
const THIRD_PARTIES: [&str; 6] = [
    "fickling",
    "picklescan",
    "picklescan-strict",
    "modelscan",
    "modelaudit-picklescan",
    "torch-weights-only",
];

/// An analyser by name: `assay`, `assay:POLICY`, `assay:POLICY~CONDITION`, `planted:NAME` or
/// `exec:COMMAND`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SubjectSpec {
    name: String,
    kind: Kind,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Kind {
    /// Ours, with the run's policy.
    Assay,
    /// Ours, with a policy of its own.
    AssayWith(String),
    /// Ours, with a policy of its own that lacks one condition; what it promises is the policy
    /// with the condition.
    AssayWithout(String, String),
    /// A small scanner with a planted hole, by name, or the one without.
    Planted(String),
    /// A command that speaks the protocol.
    Exec(Vec<String>),
}

impl SubjectSpec {
    /// The text it was named by; identifies the analyser in reports.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether it is our own analyser.
    pub fn is_assay(&self) -> bool {
        matches!(self.kind, Kind::Assay | Kind::AssayWith(_) | Kind::AssayWithout(..))
    }

    /// What refutes its `safe` when nothing is said: our own analyser promises a policy, others
    /// promise no harm.
    pub fn judge_mode(&self) -> JudgeBy {
        if self.is_assay() { JudgeBy::Policy } else { JudgeBy::Effects }
    }

    /// The policy by which its `safe` is to be tested: its own if it has one, else the run's.
    pub fn policy(&self, run: &Policy) -> Result<Policy> {
        match &self.kind {
            Kind::AssayWith(own) | Kind::AssayWithout(own, _) => Ok(Policy::load(&[own])?),
            _ => Ok(run.clone()),
        }
    }

    /// Starts the analyser. `timeout` bounds each answer of an external one.
    pub fn start(&self, policy: &Policy, timeout: Duration) -> Result<Box<dyn Subject>> {
        Ok(match &self.kind {
            Kind::Assay | Kind::AssayWith(_) => Box::new(AssaySubject::new(self.policy(policy)?)),
            Kind::AssayWithout(_, condition) => {
                let whole = self.policy(policy)?;
                let condition = whole.condition(condition)?;
                Box::new(AssaySubject::new(whole.without(&condition)))
            }
            Kind::Planted(name) => {
                let scanner = Scanner::named(name).ok_or_else(|| Error::Hole(name.clone()))?;
                Box::new(PlantedSubject(scanner))
            }
            Kind::Exec(words) => Box::new(ExecSubject::start(words, timeout)?),
        })
    }
}

impl FromStr for SubjectSpec {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let kind = match text.split_once(':') {
            None if text == "assay" => Kind::Assay,
            Some(("assay", "")) => return Err(Error::Empty(text.into(), "`assay:POLICY`")),
            Some(("assay", policy)) => match policy.split_once('~') {
                Some((policy, condition)) => {
                    Kind::AssayWithout(policy.to_owned(), condition.to_owned())
                }
                None => Kind::AssayWith(policy.to_owned()),
            },
            Some(("planted", name)) => {
                if Scanner::named(name).is_none() {
                    return Err(Error::Hole(name.to_owned()));
                }
                Kind::Planted(name.to_owned())
            }
            Some(("exec", command)) => {
                let words =
                    shlex::split(command).ok_or_else(|| Error::Quoting(command.to_owned()))?;
                if words.is_empty() {
                    return Err(Error::Empty(text.into(), "`exec:COMMAND`"));
                }
                Kind::Exec(words)
            }
            _ => {
                let tool = text.split_once("==").map_or(text, |(tool, _)| tool);
                return Err(if THIRD_PARTIES.contains(&tool) {
                    Error::NotInstalled(text.to_owned())
                } else {
                    Error::Unknown(text.to_owned())
                });
            }
        };
        Ok(Self { name: text.to_owned(), kind })
    }
}

impl fmt::Display for SubjectSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_analysers() {
        let kind = |text: &str| text.parse::<SubjectSpec>().unwrap().kind;
        assert_eq!(kind("assay"), Kind::Assay);
        assert_eq!(kind("assay:numpy"), Kind::AssayWith("numpy".into()));
        assert_eq!(
            kind("assay:stdlib~data/_codecs:encode/call[0]/count"),
            Kind::AssayWithout("stdlib".into(), "data/_codecs:encode/call[0]/count".into())
        );
        assert_eq!(kind("planted:inst-unread"), Kind::Planted("inst-unread".into()));
        assert_eq!(kind("planted:base"), Kind::Planted("base".into()));
        assert_eq!(
            kind("exec:python3 'my scanner.py' --flaw x:y"),
            Kind::Exec(["python3", "my scanner.py", "--flaw", "x:y"].map(String::from).into())
        );
    }

    #[test]
    fn what_names_none_is_told_what_would() {
        let error = |text: &str| text.parse::<SubjectSpec>().unwrap_err().to_string();
        assert!(error("ours").contains("expected `assay`"));
        assert!(error("picklescan==0.0.26").contains("not installed"));
        assert!(error("exec:a 'b").contains("quote"));
        assert!(error("exec: ").contains("names nothing"));
        assert!(error("assay:").contains("names nothing"));
        assert!(error("planted:x").contains("assay planted list"));
    }

    #[test]
    fn without_a_condition_more_is_safe_and_as_much_is_promised() {
        let run = Policy::load(&["data"]).unwrap();
        let verdict = |spec: &SubjectSpec| {
            let mut subject = spec.start(&run, Duration::from_secs(1)).unwrap();
            subject.judge(b"c_codecs\nencode\n(Vx\nVrot13\ntR.").verdict
        };
        let whole: SubjectSpec = "assay:stdlib".parse().unwrap();
        let less: SubjectSpec = "assay:stdlib~data/_codecs:encode/call[0]/arg[1]".parse().unwrap();
        assert_eq!(verdict(&whole), crate::Judged::Unproven);
        assert_eq!(verdict(&less), crate::Judged::Safe);
        assert_eq!(less.judge_mode(), JudgeBy::Policy);
        assert_eq!(less.policy(&run).unwrap().names(), ["stdlib"]);
        let unknown: SubjectSpec = "assay:stdlib~data/x:y/call".parse().unwrap();
        let refused = unknown.start(&run, Duration::from_secs(1)).err().unwrap().to_string();
        assert!(refused.contains("assay policy conditions"), "{refused}");
    }

    #[test]
    fn ours_promises_a_policy_and_others_no_harm() {
        let mode = |text: &str| text.parse::<SubjectSpec>().unwrap().judge_mode();
        assert_eq!(mode("assay:data"), JudgeBy::Policy);
        assert_eq!(mode("exec:x"), JudgeBy::Effects);
        assert_eq!(mode("planted:base"), JudgeBy::Effects);
    }
}
