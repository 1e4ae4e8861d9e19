//! The two tiers of the oracle, each with limits of its own.

use std::time::Duration;

use assay_differential::{Load, Witness};
use assay_oracle::{DenyObservation, Filtered, Observation, Oracle, OracleConfig, Run};

use crate::config::CampaignConfig;
use crate::exhaustive;

/// What the deny tier may take for one pickle. It is a filter: a pickle that takes longer is not
/// worth the thousands that could be loaded meanwhile.
const PATIENCE: Duration = Duration::from_millis(400);

/// A worker's oracle.
pub struct Tiers {
    filter: Oracle,
    full: Oracle,
}

impl Tiers {
    /// Both tiers; neither starts anything yet.
    pub fn new(config: &CampaignConfig) -> assay_oracle::Result<Self> {
        let mut oracle = OracleConfig::new(config.pythons.clone());
        oracle.limits.timeout = config.load_timeout;
        oracle.allow = config.policy.globals();
        if config.exhaustive.is_some() {
            oracle.allow.extend(exhaustive::spelled_otherwise(&config.policy));
        }
        // What safe pickles import, and nothing that only others ask for.
        oracle.preload = config.policy.modules();
        let full = Oracle::new(oracle.clone())?;
        oracle.limits.timeout = config.load_timeout.min(PATIENCE);
        Ok(Self { filter: Oracle::new(oracle)?, full })
    }

    /// Loads pickles for real, several to a process, and again alone those that `hit` picks by
    /// index and observation.
    pub fn sift(
        &mut self,
        load: Load,
        pickles: &[&[u8]],
        hit: impl FnMut(usize, &Observation) -> bool,
    ) -> assay_oracle::Result<Vec<Filtered>> {
        self.full.sift(load.python, load.run, pickles, hit)
    }
}

impl Witness for Tiers {
    fn versions(&self) -> Vec<String> {
        self.full.versions()
    }

    fn load(
        &mut self,
        python: usize,
        run: Run,
        pickles: &[&[u8]],
    ) -> assay_oracle::Result<Vec<Observation>> {
        self.full.full_batch(python, run, pickles)
    }

    fn deny(
        &mut self,
        load: Load,
        pickles: &[&[u8]],
    ) -> assay_oracle::Result<Vec<DenyObservation>> {
        Witness::deny(&mut self.filter, load, pickles)
    }

    fn filter(&mut self, load: Load, pickles: &[&[u8]]) -> assay_oracle::Result<Vec<Filtered>> {
        Witness::filter(&mut self.full, load, pickles)
    }
}
