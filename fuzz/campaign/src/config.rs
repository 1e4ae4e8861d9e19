//! What a campaign is asked to do.

use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use assay_analyzer::Policy;
use assay_differential::{Class, Hunt};
use assay_oracle::{Engine, Python};
use assay_subjects::{JudgeBy, SubjectSpec};
use serde::{Deserialize, Serialize};

use crate::exhaustive::Plan;
use crate::{Aim, Error, Result};

/// A campaign, configured.
#[derive(Clone, Debug)]
pub struct CampaignConfig {
    /// The analysers under test.
    pub analyzers: Vec<SubjectSpec>,
    /// What loading may touch, and what our own analyser proves things by.
    pub policy: Policy,
    /// The interpreters.
    pub pythons: Vec<Python>,
    /// The engines.
    pub engines: Vec<Engine>,
    /// What is hunted for.
    pub hunt: Hunt,
    /// What refutes `safe`; by analyser if `None`.
    pub judge: Option<JudgeBy>,
    /// Whether to aim at uses of globals of the policy rather than try everything.
    pub aim: Option<Arc<Aim>>,
    /// Files and directories of more seeds.
    pub corpus: Vec<PathBuf>,
    /// Where everything goes.
    pub out: PathBuf,
    /// Whether `out` holds a campaign that is to go on.
    pub resume: bool,
    /// Which part of a campaign over several machines this is.
    pub shard: Shard,
    /// Worker threads.
    pub jobs: usize,
    /// What everything random derives from.
    pub seed: u64,
    /// How long to run, this time.
    pub time: Option<Duration>,
    /// How many pickles to generate, this time.
    pub execs: Option<u64>,
    /// The most opcodes of a generated pickle.
    pub max_opcodes: usize,
    /// To do every program there is instead of generating some.
    pub exhaustive: Option<Plan>,
    /// To do only some units of it, chosen at random by this seed, and each that is begun to its
    /// end: to measure what all of them would cost.
    pub slice: Option<u64>,
    /// Bound of one answer of an external analyser.
    pub analyzer_timeout: Duration,
    /// Bound of one load.
    pub load_timeout: Duration,
}

impl CampaignConfig {
    /// A campaign against `analyzers` with every default; unbounded.
    pub fn new(analyzers: Vec<SubjectSpec>, policy: Policy, pythons: Vec<Python>) -> Self {
        Self {
            analyzers,
            policy,
            pythons,
            engines: Engine::ALL.to_vec(),
            hunt: Hunt::default(),
            judge: None,
            aim: None,
            corpus: Vec::new(),
            out: PathBuf::from("campaigns/latest"),
            resume: false,
            shard: Shard::default(),
            jobs: std::thread::available_parallelism().map_or(1, Into::into),
            seed: 0,
            time: None,
            execs: None,
            max_opcodes: 60,
            exhaustive: None,
            slice: None,
            analyzer_timeout: Duration::from_secs(5),
            load_timeout: Duration::from_secs(5),
        }
    }

    /// What refutes the `safe` of this analyser.
    pub fn judge_by(&self, analyzer: &SubjectSpec) -> JudgeBy {
        self.judge.unwrap_or_else(|| analyzer.judge_mode())
    }

    pub(crate) fn check(&self) -> Result<()> {
        let fault = if self.analyzers.is_empty() {
            "no analyser given; --analyzer names one"
        } else if self.jobs == 0 {
            "no workers: --jobs must be at least 1"
        } else if !self.engines.iter().any(|engine| engine.loads()) {
            "no engine that loads: `dis` alone tests nothing; add one with --engine"
        } else {
            return Ok(());
        };
        Err(Error::Config(fault.into()))
    }
}

/// One of several parts of a campaign, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Shard {
    /// Which part.
    pub index: u32,
    /// Of how many.
    pub count: u32,
}

impl Default for Shard {
    fn default() -> Self {
        Self { index: 1, count: 1 }
    }
}

impl FromStr for Shard {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let fail =
            || Error::Config(format!("expected a shard as I/N with 1 <= I <= N, found {text:?}"));
        let (index, count) = text.split_once('/').ok_or_else(fail)?;
        let shard = Self {
            index: index.parse().map_err(|_| fail())?,
            count: count.parse().map_err(|_| fail())?,
        };
        if shard.index == 0 || shard.index > shard.count { Err(fail()) } else { Ok(shard) }
    }
}

/// Which classes of discrepancy make a campaign fail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailOn(Vec<Class>);

impl FailOn {
    /// Whether a discrepancy of this class makes the campaign fail.
    pub fn includes(&self, class: Class) -> bool {
        self.0.contains(&class)
    }
}

impl Default for FailOn {
    fn default() -> Self {
        Self(vec![Class::Unsound, Class::AnalyzerCrash])
    }
}

impl FromStr for FailOn {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "any" => return Ok(Self(Class::ALL.to_vec())),
            "none" => return Ok(Self(Vec::new())),
            _ => {}
        }
        let class = |name: &str| {
            Class::from_name(name.trim()).ok_or_else(|| {
                let all: Vec<&str> = Class::ALL.iter().map(|class| class.name()).collect();
                Error::Config(format!(
                    "expected `any`, `none` or some of {}, found {name:?}",
                    all.join(", ")
                ))
            })
        };
        Ok(Self(text.split(',').map(class).collect::<Result<_>>()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards() {
        assert_eq!("2/8".parse::<Shard>().unwrap(), Shard { index: 2, count: 8 });
        for bad in ["0/2", "3/2", "1", "a/b", ""] {
            assert!(bad.parse::<Shard>().is_err(), "{bad}");
        }
    }

    #[test]
    fn what_a_campaign_fails_on() {
        assert!(FailOn::default().includes(Class::Unsound));
        assert!("any".parse::<FailOn>().unwrap().includes(Class::Divergence));
        assert!(!"none".parse::<FailOn>().unwrap().includes(Class::Unsound));
        let some: FailOn = "divergence, unsound".parse().unwrap();
        assert!(some.includes(Class::Divergence) && !some.includes(Class::NoWitness));
        assert!("wrong".parse::<FailOn>().is_err());
    }
}
