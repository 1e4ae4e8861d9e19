//! What the targets that load share: policy, analyser, the two tiers of the oracle, and which
//! names count.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use assay_analyzer::Policy;
use assay_corpus::{GlobalName, gadgets};
use assay_differential::Load;
use assay_oracle::{
    DenyObservation, Engine, Observation, Oracle, OracleConfig, Refused, Run, discover,
};
use assay_subjects::{Subject, SubjectSpec};

use crate::choice;

/// What a load may take: a longer one costs thousands of others.
const PATIENCE: Duration = Duration::from_millis(400);

/// What a load in the deny tier may take, which is a filter and imports nothing.
const SHORT: Duration = Duration::from_millis(100);

/// Pickles of one behaviour that are loaded for real though nothing speaks against them.
const SAMPLES: u32 = 2;

/// One part in so many of the time goes to such loads: one costs as much as a hundred others.
const SHARE: u32 = 8;

/// They may go before by so much: interpreters take time to start.
const ADVANCE: Duration = Duration::from_secs(2);

/// The policy of the targets: the widest whose modules every CPython has.
pub fn policy() -> Policy {
    Policy::load(&["stdlib"]).expect("the profile is built in")
}

/// Our analyser.
pub fn analyser(policy: &Policy) -> Box<dyn Subject> {
    let spec: SubjectSpec = "assay".parse().expect("the built-in analyser");
    spec.start(policy, PATIENCE).expect("it needs nothing")
}

/// The oracle of a target.
pub struct Witness {
    deny: Oracle,
    full: Oracle,
    policy: Policy,
    gadgets: HashSet<String>,
    seen: HashMap<u64, u32>,
    began: Instant,
    /// Spent on full loads.
    loading: Duration,
}

impl Witness {
    /// # Panics
    /// If there is no CPython, or no sandbox; `assay doctor` says what to do.
    pub fn new(policy: &Policy, refused: Refused) -> Self {
        let mut config = OracleConfig::new(discover());
        config.allow = policy.globals();
        config.preload = policy.modules();
        config.refused = refused;
        config.limits.timeout = PATIENCE;
        let start = |config| Oracle::new(config).unwrap_or_else(|error| panic!("{error}"));
        let full = start(config.clone());
        config.limits.timeout = SHORT;
        let deny = start(config);
        let dotted = |global: &GlobalName| format!("{}.{}", global.module, global.name);
        let gadgets = gadgets().iter().map(|gadget| dotted(&gadget.global)).collect();
        Self {
            deny,
            full,
            policy: policy.clone(),
            gadgets,
            seen: HashMap::new(),
            began: Instant::now(),
            loading: Duration::ZERO,
        }
    }

    /// The interpreter that an input asks for.
    pub fn python(&self, input: &[u8]) -> usize {
        choice(input, 2) as usize % self.deny.pythons().len()
    }

    /// How many interpreters there are.
    pub fn pythons(&self) -> usize {
        self.deny.pythons().len()
    }

    /// Loads with everything refused that is not allowed.
    pub fn deny(&mut self, load: Load, input: &[u8]) -> DenyObservation {
        let seen = self.deny.deny(load.python, load.run, &[input]);
        seen.unwrap_or_else(|error| panic!("the oracle failed: {error}")).remove(0)
    }

    /// Loads for real, alone, by each of these engines.
    pub fn full(&mut self, python: usize, engines: &[Engine], input: &[u8]) -> Vec<Observation> {
        let mut load = |engine: &Engine| {
            let seen = self.full.full(python, Run::from(*engine), input);
            seen.unwrap_or_else(|error| panic!("the oracle failed: {error}"))
        };
        let began = Instant::now();
        let seen = engines.iter().map(&mut load).collect();
        self.loading += began.elapsed();
        seen
    }

    /// Whether a behaviour is so rare that a full load may tell something new, and there is time
    /// for one. The first input of a process always is and always has, so what was found once is
    /// found again.
    pub fn is_worth_a_load(&mut self, behaviour: u64) -> bool {
        let seen = self.seen.entry(behaviour).or_default();
        *seen = seen.saturating_add(1);
        *seen <= SAMPLES && self.loading < ADVANCE + self.began.elapsed() / SHARE
    }

    /// A number for each name that was asked for and is known.
    pub fn names(&self, seen: &DenyObservation) -> impl Iterator<Item = u64> {
        let names = seen.resolved.iter().map(|asked| format!("{}.{}", asked.module, asked.name));
        names.filter(|name| self.knows(name)).map(|name| choice(name.as_bytes(), 4))
    }

    fn knows(&self, name: &str) -> bool {
        self.policy.allows_resolve(name) || self.policy.denied(name) || self.gadgets.contains(name)
    }
}
