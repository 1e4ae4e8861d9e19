//! The pool: one worker per interpreter and tier, started when first needed and replaced when lost.

use crate::{DenyObservation, Error, Observation, OracleConfig, Python, Result, Run};

/// Loads pickles in sandboxed CPythons. One per thread.
pub struct Oracle {
    config: OracleConfig,
}

impl Oracle {
    /// Checks that there is an interpreter and that the sandbox holds; starts nothing yet.
    pub fn new(config: OracleConfig) -> Result<Self> {
        if config.pythons.is_empty() {
            return Err(Error::NoPython);
        }
        Ok(Self { config })
    }

    /// The interpreters, in the order of their indices.
    pub fn pythons(&self) -> &[Python] {
        &self.config.pythons
    }

    /// Loads each pickle of the batch with every global refused but the allowed ones. Quick, and
    /// a filter only: one worker loads the whole batch.
    pub fn deny(
        &mut self,
        _python: usize,
        _run: Run,
        _batch: &[&[u8]],
    ) -> Result<Vec<DenyObservation>> {
        Err(Error::Sandbox("the workers are not built yet".into()))
    }

    /// Loads the pickle for real, alone in a fresh process, with everything traced.
    pub fn full(&mut self, python: usize, run: Run, pickle: &[u8]) -> Result<Observation> {
        let mut all = self.full_batch(python, run, &[pickle])?;
        Ok(all.remove(0))
    }

    /// As [`full`](Self::full) for each pickle: a process each, one round trip for all.
    pub fn full_batch(
        &mut self,
        _python: usize,
        _run: Run,
        _pickles: &[&[u8]],
    ) -> Result<Vec<Observation>> {
        Err(Error::Sandbox("the workers are not built yet".into()))
    }
}
