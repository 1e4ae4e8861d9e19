//! What must hold of a candidate for it to show the same discrepancy, and how it is asked.

use assay_oracle::{Mode, Observation, Outcome};
use assay_subjects::{JudgeBy, Judged};

use super::{Bench, Checked, Load, asks};
use crate::Class;
use crate::classify::{self, Ending};
use crate::compare::{Discrepancy, offences};
use crate::divergence::{self, Facet};
use crate::minimise::Predicate;
use crate::offence::Mechanism;

/// What must hold, and where to look.
#[derive(Clone)]
pub(super) struct Shows {
    class: Class,
    /// What the analyser must say.
    wanted: Option<Judged>,
    pub loads: Vec<Load>,
    /// By what mechanism the first offence came about.
    pub mechanism: Option<Mechanism>,
    parting: Option<Parting>,
    /// Whether it cannot show in a pickle that asks for nothing beyond what is allowed.
    pub must_ask: bool,
    /// Whether two engines part in the deny tier already: then it need not be loaded to tell that
    /// they do not.
    pub parts_denied: bool,
}

/// In what way two loads part.
#[derive(Clone, PartialEq, Eq)]
struct Parting {
    facet: Facet,
    /// How each ended.
    endings: Vec<Ending>,
    /// The words by which the first that refuses does, lest one cause be minimised to another.
    refusal: Option<String>,
}

impl Parting {
    fn of(facet: Facet, seen: &[&Observation]) -> Self {
        let refused = seen.iter().find(|seen| seen.outcome == Outcome::Raised);
        Self {
            facet,
            endings: seen.iter().map(|seen| classify::ending(seen)).collect(),
            refusal: refused.and_then(|seen| seen.exception.as_deref()).map(classify::wording),
        }
    }
}

impl Shows {
    pub fn of(bench: &Bench<'_>, checked: &Checked, discrepancy: &Discrepancy) -> Option<Self> {
        let first = discrepancy.observation;
        let mut shows = Self {
            class: discrepancy.class,
            wanted: match discrepancy.class {
                Class::Unsound => Some(Judged::Safe),
                Class::NoWitness => Some(Judged::Dangerous),
                // What is called safe and crashes is another matter than what is not.
                Class::InterpreterCrash => discrepancy.safe.then_some(Judged::Safe),
                Class::AnalyzerCrash | Class::Divergence => None,
            },
            loads: Vec::new(),
            mechanism: None,
            parting: None,
            must_ask: false,
            parts_denied: false,
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
                let mut seen = Vec::new();
                for side in divergence.sides.iter().take(2) {
                    let &first = side.observations.first()?;
                    shows.loads.push(checked.loads[first]);
                    seen.push(&checked.observations[first]);
                }
                shows.parting = Some(Parting::of(divergence.facet, &seen));
            }
        }
        Some(shows)
    }

    fn facet(&self) -> Option<Facet> {
        self.parting.as_ref().map(|parting| parting.facet)
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
        let most = match self.facet() {
            Some(Facet::Limit) if pickle.len() > super::LARGE => 0,
            Some(Facet::Limit) => 30,
            _ => budget.tests,
        };
        super::Budget { tests: budget.tests.min(most) }
    }
}

/// The predicate of the minimiser.
pub(super) struct Asking<'a, 'b> {
    pub bench: &'a mut Bench<'b>,
    pub shows: &'a Shows,
    pub over: &'a dyn Fn() -> bool,
    /// What kept it from asking: then nothing is interesting any more.
    pub trouble: Option<assay_oracle::Error>,
}

impl Predicate for Asking<'_, '_> {
    fn first(&mut self, candidates: &[&[u8]]) -> Option<usize> {
        if self.trouble.is_some() || (self.over)() {
            return None;
        }
        self.bench.first_that_holds(candidates, self.shows).unwrap_or_else(|error| {
            self.trouble = Some(error);
            None
        })
    }

    fn width(&self) -> usize {
        let at_once = self.bench.witness.at_once();
        match self.shows.class {
            // What it died of must be beyond doubt.
            Class::AnalyzerCrash => 1,
            // Most are passed over by the analyser, the deny tier or the filter.
            Class::Unsound => FORK * at_once,
            // One that runs into a limit takes its time.
            Class::Divergence if self.shows.facet() != Some(Facet::Limit) => FORK * at_once,
            Class::NoWitness | Class::Divergence | Class::InterpreterCrash => at_once,
        }
    }
}

/// Pickles that share a fork of the oracle's filter at most.
const FORK: usize = 16;

impl Bench<'_> {
    /// Whether it shows it.
    pub(super) fn holds(&mut self, pickle: &[u8], shows: &Shows) -> assay_oracle::Result<bool> {
        Ok(self.first_that_holds(&[pickle], shows)?.is_some())
    }

    /// The place of the first that shows it. The analyser is asked first, then the deny tier: they
    /// are quicker than a load.
    fn first_that_holds(
        &mut self,
        candidates: &[&[u8]],
        shows: &Shows,
    ) -> assay_oracle::Result<Option<usize>> {
        if shows.class == Class::AnalyzerCrash {
            let crashes = |candidate: &&[u8]| self.subject.judge(candidate).crashed;
            return Ok(candidates.iter().position(crashes));
        }
        let mut left: Vec<usize> = (0..candidates.len()).collect();
        if let Some(wanted) = shows.wanted {
            let judgements = self.subject.judge_batch(candidates);
            left.retain(|&at| judgements[at].verdict == wanted);
        }
        let only =
            |left: &[usize]| -> Vec<&[u8]> { left.iter().map(|&at| candidates[at]).collect() };
        if shows.must_ask {
            let seen = self.witness.deny(shows.loads[0], &only(&left))?;
            let mut asking = seen.iter().map(asks);
            left.retain(|_| asking.next().unwrap_or(true));
        } else if shows.class == Class::Unsound && left.len() > 1 {
            // What is filtered out touches nothing; what is not is loaded again, alone.
            let seen = self.witness.filter(shows.loads[0], &only(&left))?;
            let mut hits = seen.iter().map(|seen| {
                let trouble =
                    matches!(seen.observation.outcome, Outcome::Timeout | Outcome::Sandbox);
                trouble || self.refutes(&seen.observation, shows)
            });
            left.retain(|_| hits.next().unwrap_or(true));
        }
        if shows.parts_denied {
            let parting = self.part_denied(&only(&left), shows)?;
            let mut parting = parting.into_iter();
            left.retain(|_| parting.next().unwrap_or(true));
        } else if shows.class == Class::Divergence && left.len() > 1 {
            let mut parting = self.part_filtered(&only(&left), shows)?.into_iter();
            left.retain(|_| parting.next().unwrap_or(true));
        }
        for some in left.chunks(self.witness.at_once().max(1)) {
            let held = self.hold(&only(some), shows)?;
            if let Some(first) = held.iter().position(|&held| held) {
                return Ok(Some(some[first]));
            }
        }
        Ok(None)
    }

    /// Whether each shows it, loaded alone.
    fn hold(&mut self, pickles: &[&[u8]], shows: &Shows) -> assay_oracle::Result<Vec<bool>> {
        if shows.class == Class::NoWitness {
            let witnessed = |pickle: &&[u8]| self.has_witness(pickle, 1, &[Mode::default()]);
            return pickles.iter().map(witnessed).map(|found| Ok(!found?)).collect();
        }
        let mut seen = Vec::new();
        for load in &shows.loads {
            seen.push(self.load_all(*load, pickles)?);
        }
        (0..pickles.len())
            .map(|at| {
                let seen: Vec<Observation> = seen.iter().map(|all| all[at].clone()).collect();
                Ok(match shows.class {
                    // A depth at the very edge crashes now and then: twice is well beyond it.
                    Class::InterpreterCrash => {
                        let died = |seen: &Observation| seen.outcome == Outcome::Signaled;
                        died(&seen[0]) && died(&self.load(shows.loads[0], pickles[at])?)
                    }
                    Class::Divergence => parts(&seen, shows),
                    _ => self.refutes(&seen[0], shows),
                })
            })
            .collect()
    }

    /// Whether the engines of each end in the deny tier as they do with everything let through,
    /// where one accepts and the other refuses.
    pub(super) fn part_denied(
        &mut self,
        pickles: &[&[u8]],
        shows: &Shows,
    ) -> assay_oracle::Result<Vec<bool>> {
        let Some(parting) = &shows.parting else { return Ok(vec![false; pickles.len()]) };
        let mut part = vec![parting.facet == Facet::Acceptance; pickles.len()];
        for (load, ending) in shows.loads.iter().zip(&parting.endings) {
            let wanted =
                if *ending == Ending::Accepted { Outcome::Loaded } else { Outcome::Raised };
            for (part, seen) in part.iter_mut().zip(self.witness.deny(*load, pickles)?) {
                *part &= seen.outcome == wanted;
            }
        }
        Ok(part)
    }

    /// Whether each shows it in company; what was troubled may.
    fn part_filtered(
        &mut self,
        pickles: &[&[u8]],
        shows: &Shows,
    ) -> assay_oracle::Result<Vec<bool>> {
        let mut seen = Vec::new();
        for load in &shows.loads {
            seen.push(self.witness.filter(*load, pickles)?);
        }
        let may = |at: usize| {
            let seen: Vec<Observation> =
                seen.iter().map(|all| all[at].observation.clone()).collect();
            let troubled =
                seen.iter().any(|o| matches!(o.outcome, Outcome::Timeout | Outcome::Sandbox));
            troubled || parts(&seen, shows)
        };
        Ok((0..pickles.len()).map(may).collect())
    }

    /// Whether something not allowed came about, by the mechanism that is looked for.
    fn refutes(&self, seen: &Observation, shows: &Shows) -> bool {
        offences(self.by, self.allowed, seen).iter().any(|offence| {
            let mechanism = offence.mechanism(seen);
            shows.mechanism.as_ref().is_none_or(|wanted| *wanted == mechanism)
        })
    }
}

/// Whether the two loads part in the way that is looked for.
fn parts(seen: &[Observation], shows: &Shows) -> bool {
    let found = divergence::find(seen);
    let parting = found.map(|found| Parting::of(found.facet, &seen.iter().collect::<Vec<_>>()));
    parting.is_some() && parting == shows.parting
}
