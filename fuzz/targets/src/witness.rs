//! What the targets that load share: policy, analyser, the two tiers of the oracle, and which
//! names count.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use assay_analyzer::Policy;
use assay_corpus::{GlobalName, gadgets};
use assay_differential::Load;
use assay_oracle::{
    DenyObservation, Engine, Observation, Oracle, OracleConfig, Refused, Run, discover,
};
use assay_subjects::{Subject, SubjectSpec};

use crate::{Behaviour, choice};

/// What a load may take. Longer ones cost thousands of others.
const PATIENCE: Duration = Duration::from_millis(400);

/// Pickles of one behaviour that are loaded for real though nothing speaks against them.
const SAMPLES: u32 = 2;

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
    seen: HashMap<Behaviour, u32>,
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
        let (deny, full) = (start(config.clone()), start(config));
        let dotted = |global: &GlobalName| format!("{}.{}", global.module, global.name);
        let gadgets = gadgets().iter().map(|gadget| dotted(&gadget.global)).collect();
        Self { deny, full, policy: policy.clone(), gadgets, seen: HashMap::new() }
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
        engines.iter().map(&mut load).collect()
    }

    /// Counts a behaviour; whether it is so rare that a full load may tell something new. The
    /// first input of a process always is, so what was found once is found again.
    pub fn is_rare(&mut self, behaviour: Behaviour) -> bool {
        let seen = self.seen.entry(behaviour).or_default();
        *seen = seen.saturating_add(1);
        *seen <= SAMPLES
    }

    /// Whether a name is one that behaviour is told apart by.
    pub fn knows(&self, name: &str) -> bool {
        self.policy.allows_resolve(name) || self.policy.denied(name) || self.gadgets.contains(name)
    }
}
