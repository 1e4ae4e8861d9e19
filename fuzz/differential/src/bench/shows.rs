//! What must hold of a candidate for it to show the same discrepancy, and how it is asked.

use assay_oracle::{Mode, Outcome};
use assay_subjects::{JudgeBy, Judged};

use super::{Bench, Checked, Load};
use crate::Class;
use crate::compare::{Discrepancy, offences};
use crate::divergence::{self, Facet};
use crate::offence::Mechanism;

/// What must hold, and where to look.
#[derive(Clone)]
pub(super) struct Shows {
    class: Class,
    pub loads: Vec<Load>,
    /// By what mechanism the first offence came about.
    pub mechanism: Option<Mechanism>,
    facet: Option<Facet>,
    /// Whether it cannot show in a pickle that asks for nothing beyond what is allowed.
    pub must_ask: bool,
}

impl Shows {
    pub fn of(bench: &Bench<'_>, checked: &Checked, discrepancy: &Discrepancy) -> Option<Self> {
        let first = discrepancy.observation;
        let mut shows = Self {
            class: discrepancy.class,
            loads: Vec::new(),
            mechanism: None,
            facet: None,
            must_ask: false,
        };
        match discrepancy.class {
            Class::AnalyzerCrash | Class::NoWitness => {}
            Class::InterpreterCrash => shows.loads.push(checked.loads[first?]),
            Class::Unsound => {
                let first = first?;
                shows.loads.push(checked.loads[first]);
                let seen = &checked.observations[first];
                // If effects refute, any effect does: which one hangs on the payload.
                shows.mechanism = match bench.by {
                    JudgeBy::Effects => Some(Mechanism::Felt),
                    JudgeBy::Policy => offences(bench.by, bench.allowed, seen)
                        .first()
                        .map(|offence| offence.mechanism(seen)),
                };
            }
            Class::Divergence => {
                let divergence = discrepancy.divergence.as_ref()?;
                shows.facet = Some(divergence.facet);
                for side in divergence.sides.iter().take(2) {
                    shows.loads.push(checked.loads[*side.observations.first()?]);
                }
            }
        }
        Some(shows)
    }

    pub fn in_mode(&self, mode: Mode) -> Self {
        let mut out = self.clone();
        for load in &mut out.loads {
            load.run.mode = mode;
        }
        out
    }

    /// Loads that run into a limit take as long as the limit says, each.
    pub fn affordable(&self, budget: super::Budget, pickle: &[u8]) -> super::Budget {
        let most = match self.facet {
            Some(Facet::Limit) if pickle.len() > super::LARGE => 0,
            Some(Facet::Limit) => 30,
            _ => budget.tests,
        };
        super::Budget { tests: budget.tests.min(most) }
    }
}

impl Bench<'_> {
    /// Whether the candidate shows it. The analyser is asked first: it is quicker than a load.
    pub(super) fn holds(&mut self, candidate: &[u8], shows: &Shows) -> assay_oracle::Result<bool> {
        match shows.class {
            Class::AnalyzerCrash => return Ok(self.subject.judge(candidate).crashed),
            Class::Unsound if self.subject.judge(candidate).verdict != Judged::Safe => {
                return Ok(false);
            }
            Class::NoWitness => {
                if self.subject.judge(candidate).verdict != Judged::Dangerous {
                    return Ok(false);
                }
                return Ok(!self.has_witness(candidate, 1, &[Mode::default()])?);
            }
            _ => {}
        }
        if shows.must_ask && !self.witness.asks(shows.loads[0], candidate)? {
            return Ok(false);
        }
        let mut seen = Vec::new();
        for load in &shows.loads {
            seen.push(self.load(*load, candidate)?);
        }
        if shows.class == Class::InterpreterCrash && seen[0].outcome == Outcome::Signaled {
            // A depth at the very edge crashes now and then: twice is well beyond it.
            seen[0] = self.load(shows.loads[0], candidate)?;
        }
        Ok(match shows.class {
            Class::InterpreterCrash => seen[0].outcome == Outcome::Signaled,
            Class::Divergence => {
                divergence::find(&seen).is_some_and(|found| Some(found.facet) == shows.facet)
            }
            _ => offences(self.by, self.allowed, &seen[0]).iter().any(|offence| {
                let mechanism = offence.mechanism(&seen[0]);
                shows.mechanism.as_ref().is_none_or(|wanted| *wanted == mechanism)
            }),
        })
    }
}
