//! Which pickles of a batch are loaded for real, and which judgements that seems to refute.

use assay_differential::{Class, Permissions, compare, rough_key};
use assay_oracle::{Filtered, Observation, Outcome, TouchKind};
use assay_subjects::JudgeBy;

use super::{Done, Worker};
use crate::Result;
use crate::batch::{Batch, is_suspicious, safe_with_call, worth_loading};
use crate::pursue::Trail;

/// A judgement that a full load seems to refute.
pub(super) struct Refuted {
    /// Index of the analyser.
    pub analyzer: usize,
    /// Index of the pickle in its batch.
    pub pickle: usize,
    /// What it goes by.
    pub trail: Trail,
}

impl Worker<'_, '_> {
    /// The pickles of a batch that are worth a full load.
    pub(super) fn choose(&self, batch: &Batch) -> Vec<usize> {
        let quota = self.quota.pickles();
        let mut suspicious = Vec::new();
        let mut calling = Vec::new();
        for i in 0..batch.pickles.len() {
            if batch
                .judgements
                .iter()
                .any(|judgements| is_suspicious(&judgements[i], &batch.denied[i]))
            {
                suspicious.push(i);
            } else if batch
                .judgements
                .iter()
                .any(|judgements| worth_loading(&judgements[i], &batch.denied[i]))
            {
                calling.push(i);
            }
        }
        // Rare behaviour first; among equals as they come.
        let rare = |i: &usize| self.pool.count(batch.behaviours[*i]);
        suspicious.sort_by_key(rare);
        // Suspicions can be very many; they leave half to what tests soundness.
        suspicious.truncate((quota / 2).max(1));
        let left = quota.saturating_sub(suspicious.len()).max(1);
        // In turn what is rare, what imports little and so is loaded soon, and what comes: among
        // what behaves as most do may be what only seems to.
        let globals = |i: &usize| batch.judgements[0][*i].globals.len();
        for turn in batch.number..batch.number + left as u64 {
            let next = match turn % 3 {
                0 => (0..calling.len()).min_by_key(|&at| rare(&calling[at])),
                1 => (0..calling.len()).min_by_key(|&at| globals(&calling[at])),
                _ => calling.len().checked_sub(1),
            };
            let Some(next) = next else { break };
            suspicious.push(calling.remove(next));
        }
        suspicious
    }

    /// Loads the chosen ones for real and compares: several to a process first, and again alone
    /// what then speaks against an analyser.
    pub(super) fn execute(
        &mut self,
        batch: &Batch,
        chosen: &[usize],
        done: &mut Done,
    ) -> Result<Vec<Refuted>> {
        let mut out = Vec::new();
        if chosen.is_empty() {
            return Ok(out);
        }
        let load = self.turns.full(batch.number);
        let refs: Vec<&[u8]> =
            chosen.iter().map(|&pickle| batch.pickles[pickle].as_slice()).collect();
        let policy = &self.shared.config.policy;
        let tested = &self.tested;
        let refutes = |at: usize, pickle: usize, observation: &Observation| {
            let judgement = &batch.judgements[at][pickle];
            let by = if batch.control { JudgeBy::Policy } else { tested[at].by };
            let mut found = compare(judgement, by, policy, std::slice::from_ref(observation));
            found.retain(|discrepancy| discrepancy.class != Class::AnalyzerCrash);
            found
        };
        let mut hits = 0;
        let sifted = self.oracle.sift(load, &refs, |index, observation| {
            let analyzers = 0..batch.judgements.len();
            let mut analyzers =
                analyzers.filter(|&at| !refutes(at, chosen[index], observation).is_empty());
            let hit = analyzers.next().is_some();
            hits += u64::from(hit);
            hit
        })?;
        done.tally.executed_full += sifted.len() as u64 + hits;
        for (&pickle, Filtered { observation, alone }) in chosen.iter().zip(&sifted) {
            done.tally.executed_full_alone += u64::from(*alone);
            done.tally.loaded += u64::from(observation.outcome == Outcome::Loaded);
            done.tally.touched_denied += u64::from(
                observation
                    .touched
                    .iter()
                    .any(|touched| Permissions::denied(policy, &touched.name)),
            );
            for (at, judgements) in batch.judgements.iter().enumerate() {
                let judgement = &judgements[pickle];
                if !batch.control {
                    done.tally.safe_with_call_executed_full += u64::from(safe_with_call(judgement));
                }
                for discrepancy in refutes(at, pickle, observation) {
                    let key = rough_key(&batch.pickles[pickle], &discrepancy);
                    let first = discrepancy.touched.first();
                    let name = first
                        .filter(|touched| touched.kind == TouchKind::Resolve)
                        .map(|touched| touched.name.clone());
                    out.push(Refuted { analyzer: at, pickle, trail: Trail { key, name } });
                }
            }
        }
        Ok(out)
    }
}
