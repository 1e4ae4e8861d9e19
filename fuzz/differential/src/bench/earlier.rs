//! Where engines part first.
//!
//! Two engines that touch different things before both refuse a pickle often do so because one
//! refuses what the other reads over. Then the pickle, ended right behind that, is accepted by the
//! other: this is the plainer way to show the cause, and the one that other pickles show it by.

use assay_oracle::Engine;
use assay_pickle::{Code, Opcode, Program};

use super::shows::Shows;
use super::{Bench, Checked};
use crate::classify::{self, Ending};
use crate::compare::Discrepancy;
use crate::divergence::{self, Facet};
use crate::{Class, Hunt};

/// Longest program of which every beginning is loaded, in opcodes.
const MOST: usize = 256;

/// Longest pickle of which every beginning is loaded, in bytes.
const LONGEST: usize = 4096;

/// A pickle in which engines part as soon as they do, checked, and how they do.
pub(super) type Earlier = (Vec<u8>, Checked, Discrepancy);

impl Bench<'_> {
    /// The pickle ended where one engine accepts it and another does not, if all it shows is that
    /// two that refuse it touch different things.
    pub(super) fn earlier(
        &mut self,
        pickle: &[u8],
        checked: &Checked,
        discrepancy: &Discrepancy,
    ) -> assay_oracle::Result<Option<Earlier>> {
        let Some(shows) = Shows::of(self, checked, discrepancy) else { return Ok(None) };
        let Some(found) = &discrepancy.divergence else { return Ok(None) };
        let refuses = |at: usize| {
            // Within one interpreter every engine finds the same modules.
            let ending = classify::ending(&checked.observations[at]);
            matches!(ending, Ending::Rejected | Ending::Lacking)
        };
        let both = found.sides.iter().filter_map(|side| side.observations.first());
        // Who reads a stream reads on behind the end.
        let single = shows
            .loads
            .iter()
            .all(|load| !matches!(load.run.engine, Engine::CStream | Engine::CReuse));
        if found.facet != Facet::Touched || !single || !both.into_iter().all(|&at| refuses(at)) {
            return Ok(None);
        }
        let program = Program::parse(pickle);
        if program.codes.len() > MOST || pickle.len() > LONGEST {
            return Ok(None);
        }
        let ended: Vec<Vec<u8>> =
            (1..=program.codes.len()).map(|end| ended_at(&program, end)).collect();
        let refs: Vec<&[u8]> = ended.iter().map(Vec::as_slice).collect();
        let mut seen = Vec::new();
        for load in &shows.loads {
            seen.push(self.witness.filter(*load, &refs)?);
        }
        let parts = |at: &usize| {
            let both: Vec<_> = seen.iter().map(|all| all[*at].observation.clone()).collect();
            divergence::find(&both).is_some_and(|found| found.facet == Facet::Acceptance)
        };
        let Some(first) = (0..ended.len()).find(parts) else { return Ok(None) };
        let bytes = ended.into_iter().nth(first).unwrap_or_default();
        let checked = self.check_in(&bytes, Hunt::Divergence, checked.mode)?;
        let accepted = |found: &&Discrepancy| {
            let facet = found.divergence.as_ref().map(|divergence| divergence.facet);
            found.class == Class::Divergence && facet == Some(Facet::Acceptance)
        };
        let found = checked.discrepancies.iter().find(accepted).cloned();
        Ok(found.map(|found| (bytes, checked, found)))
    }
}

/// The program with an end after so many opcodes. What follows stays: frames reach into it.
fn ended_at(program: &Program, end: usize) -> Vec<u8> {
    let mut codes = program.codes[..end].to_vec();
    codes.extend([Code::op(Opcode::None), Code::op(Opcode::Stop)]);
    codes.extend_from_slice(&program.codes[end..]);
    Program { codes, tail: program.tail.clone() }.to_bytes()
}
