//! The *bench*: a subject and a witness, side by side, for one pickle at a time.
//!
//! Judges and loads the same bytes, compares, and follows a discrepancy down to its root cause.
//! What `check`, `minimize` and a campaign do with a single pickle is done here, so that all
//! three come to the same bucket.

use assay_oracle::{Encoding, Engine, Mode, Observation, Oracle, Outcome, Run, TouchKind};
use assay_pickle::Program;
use assay_subjects::{JudgeBy, Judged, Judgement, Subject};

use crate::canonicalise::{Target, canonicalise};
use crate::compare::{Discrepancy, offences};
use crate::divergence::{self, Facet};
use crate::minimise::{Budget, minimise};
use crate::offence::Offence;
use crate::{Class, Hunt, Permissions, bucket, compare, fault, machine};

/// Whoever loads pickles for real. An implementor must isolate each load from all others and
/// from this process.
pub trait Witness {
    /// The versions of its interpreters; requests name them by index.
    fn versions(&self) -> Vec<String>;

    /// Loads each pickle, alone.
    fn load(
        &mut self,
        python: usize,
        run: Run,
        pickles: &[&[u8]],
    ) -> assay_oracle::Result<Vec<Observation>>;

    /// Whether the pickle asks for anything beyond what the deny tier allows: a quick no spares
    /// a load. May say yes where it does not know.
    fn asks(&mut self, load: Load, pickle: &[u8]) -> assay_oracle::Result<bool>;
}

impl Witness for Oracle {
    fn versions(&self) -> Vec<String> {
        self.pythons().iter().map(|python| python.version.clone()).collect()
    }

    fn load(
        &mut self,
        python: usize,
        run: Run,
        pickles: &[&[u8]],
    ) -> assay_oracle::Result<Vec<Observation>> {
        self.full_batch(python, run, pickles)
    }

    fn asks(&mut self, load: Load, pickle: &[u8]) -> assay_oracle::Result<bool> {
        let seen = self.deny(load.python, load.run, &[pickle])?.remove(0);
        Ok(!matches!(seen.outcome, Outcome::Loaded | Outcome::Raised)
            || seen.persistent > 0
            || seen.resolved.iter().any(|asked| !asked.allowed))
    }
}

/// One subject beside one witness.
pub struct Bench<'a> {
    /// The analyser.
    pub subject: &'a mut dyn Subject,
    /// The oracle.
    pub witness: &'a mut dyn Witness,
    /// What loading may touch.
    pub allowed: &'a dyn Permissions,
    /// What refutes the analyser's `safe`.
    pub by: JudgeBy,
    /// The engines to load with.
    pub engines: &'a [Engine],
}

/// One load that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Load {
    /// Index of the interpreter.
    pub python: usize,
    /// Engine and mode.
    pub run: Run,
}

/// A pickle that was judged and loaded.
#[derive(Clone, Debug)]
pub struct Checked {
    /// What the analyser said.
    pub judgement: Judgement,
    /// What was loaded how; beside `observations`.
    pub loads: Vec<Load>,
    /// What was seen.
    pub observations: Vec<Observation>,
    /// Where the two disagree.
    pub discrepancies: Vec<Discrepancy>,
}

/// A discrepancy followed down to its cause.
#[derive(Clone, Debug)]
pub struct Traced {
    /// The id of the root cause.
    pub bucket: String,
    /// The plainest pickle that shows it.
    pub minimized: Vec<u8>,
    /// The discrepancy, as that pickle shows it.
    pub discrepancy: Discrepancy,
    /// What the analyser says of that pickle.
    pub judgement: Judgement,
    /// The mode that is needed.
    pub mode: Mode,
    /// How many candidates were tried.
    pub tests: usize,
    /// Whether the search ended of itself. A witness that is not minimal may have peculiarities
    /// without need, and so the bucket of another cause.
    pub complete: bool,
}

/// Callables whose call with an empty `str` is felt outside: of one an analyser may know, of
/// another not.
const FELT: [(&str, &str); 5] = [
    ("os", "system"),
    ("subprocess", "call"),
    ("builtins", "exec"),
    ("ctypes", "CDLL"),
    ("os", "remove"),
];

/// Modes other than the default, each in one respect.
pub fn other_modes() -> [Mode; 5] {
    let default = Mode::default();
    [
        Mode { encoding: Encoding::Latin1, ..default },
        Mode { encoding: Encoding::Bytes, ..default },
        Mode { fix_imports: false, ..default },
        Mode { buffers: true, ..default },
        Mode { persistent_load: true, ..default },
    ]
}

impl Bench<'_> {
    /// Loads the pickle in the given mode by every engine on every interpreter.
    pub fn observe(
        &mut self,
        pickle: &[u8],
        mode: Mode,
    ) -> assay_oracle::Result<(Vec<Load>, Vec<Observation>)> {
        let mut loads = Vec::new();
        let mut seen = Vec::new();
        for python in 0..self.witness.versions().len() {
            for &engine in self.engines {
                let load = Load { python, run: Run { engine, mode } };
                seen.push(self.load(load, pickle)?);
                loads.push(load);
            }
        }
        Ok((loads, seen))
    }

    /// One load; what the machine's own troubles may have ended is loaded once more.
    fn load(&mut self, load: Load, pickle: &[u8]) -> assay_oracle::Result<Observation> {
        let mut once = || -> assay_oracle::Result<Observation> {
            Ok(self.witness.load(load.python, load.run, &[pickle])?.remove(0))
        };
        let seen = once()?;
        match seen.outcome {
            Outcome::Timeout | Outcome::Sandbox => once(),
            _ => Ok(seen),
        }
    }

    /// Judges the pickle, loads it everywhere and compares.
    pub fn check(&mut self, pickle: &[u8], hunt: Hunt) -> assay_oracle::Result<Checked> {
        self.check_in(pickle, hunt, Mode::default())
    }

    /// As [`check`](Self::check), in one mode.
    pub fn check_in(
        &mut self,
        pickle: &[u8],
        hunt: Hunt,
        mode: Mode,
    ) -> assay_oracle::Result<Checked> {
        let judgement = self.subject.judge(pickle);
        let (loads, observations) = self.observe(pickle, mode)?;
        let mut discrepancies = compare(&judgement, self.by, self.allowed, &observations);
        discrepancies.retain(|discrepancy| hunt.wants(discrepancy.class));
        if discrepancies.iter().any(|found| found.class == Class::NoWitness)
            && self.has_witness(pickle, usize::MAX)?
        {
            discrepancies.retain(|found| found.class != Class::NoWitness);
        }
        Ok(Checked { judgement, loads, observations, discrepancies })
    }

    /// Whether something denied is touched by any engine in any mode, on the first so many
    /// interpreters.
    fn has_witness(&mut self, pickle: &[u8], pythons: usize) -> assay_oracle::Result<bool> {
        for python in 0..self.witness.versions().len().min(pythons) {
            for mode in std::iter::once(Mode::default()).chain(other_modes()) {
                for &engine in self.engines.iter().filter(|engine| engine.loads()) {
                    let seen = self.load(Load { python, run: Run { engine, mode } }, pickle)?;
                    if seen.touched.iter().any(|touched| self.allowed.denied(&touched.name)) {
                        return Ok(true);
                    }
                }
            }
        }
        Ok(false)
    }

    /// Follows one discrepancy of a checked pickle down to its cause. `None` if it does not show
    /// again: then it was no property of the pickle.
    pub fn trace(
        &mut self,
        pickle: &[u8],
        checked: &Checked,
        discrepancy: &Discrepancy,
        budget: Budget,
    ) -> assay_oracle::Result<Option<Traced>> {
        self.trace_until(pickle, checked, discrepancy, budget, &|| false)
    }

    /// As [`trace`](Self::trace), but content with what it has once `over` says so.
    pub fn trace_until(
        &mut self,
        pickle: &[u8],
        checked: &Checked,
        discrepancy: &Discrepancy,
        budget: Budget,
        over: &dyn Fn() -> bool,
    ) -> assay_oracle::Result<Option<Traced>> {
        let class = discrepancy.class;
        let Some(shows) = self.shows(checked, discrepancy) else { return Ok(None) };
        let mut mode = shows.loads.first().map_or(Mode::default(), |load| load.run.mode);
        let mut trouble = None;
        let mut shows = shows;
        if mode != Mode::default() {
            let plain = shows.in_mode(Mode::default());
            if self.holds(pickle, &plain)? {
                (shows, mode) = (plain, Mode::default());
            }
        }
        if !self.holds(pickle, &shows)? {
            return Ok(None);
        }
        shows.must_ask = class == Class::Unsound && self.witness.asks(shows.loads[0], pickle)?;
        let budget = shows.affordable(budget);
        let targets = self.targets(pickle, discrepancy);
        let mut interesting = |candidate: &[u8]| {
            trouble.is_none()
                && !over()
                && self.holds(candidate, &shows).unwrap_or_else(|error| {
                    trouble = Some(error);
                    false
                })
        };
        let reduced = match class {
            Class::Unsound | Class::NoWitness => {
                canonicalise(pickle, &targets, &mut interesting, budget)
            }
            _ => minimise(pickle, &mut interesting, budget),
        };
        if let Some(error) = trouble {
            return Err(error);
        }
        let again = self.check_in(&reduced.bytes, Hunt::All, mode)?;
        let Some(found) = again.discrepancies.into_iter().find(|found| found.class == class) else {
            return Ok(None);
        };
        Ok(Some(Traced {
            bucket: bucket(&reduced.bytes, &found, mode),
            minimized: reduced.bytes,
            discrepancy: found,
            judgement: again.judgement,
            mode,
            tests: reduced.tests,
            complete: reduced.complete && !over(),
        }))
    }

    /// What must hold of a candidate for it to show the same discrepancy.
    fn shows(&self, checked: &Checked, discrepancy: &Discrepancy) -> Option<Shows> {
        let first = discrepancy.observation;
        let mut shows = Shows {
            class: discrepancy.class,
            loads: Vec::new(),
            key: None,
            facet: None,
            must_ask: false,
        };
        match discrepancy.class {
            Class::AnalyzerCrash | Class::NoWitness => {}
            Class::InterpreterCrash => shows.loads.push(checked.loads[first?]),
            Class::Unsound => {
                let first = first?;
                shows.loads.push(checked.loads[first]);
                shows.key = self.key(&checked.observations[first]);
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

    /// What tells this unsoundness from another: the first offence. If effects refute, any
    /// effect does: which one hangs on the payload.
    fn key(&self, seen: &Observation) -> Option<(u8, String)> {
        match self.by {
            JudgeBy::Effects => None,
            JudgeBy::Policy => offences(self.by, self.allowed, seen).first().map(Offence::key),
        }
    }

    /// Globals by which the same could be shown in the plainest way.
    fn targets(&self, pickle: &[u8], discrepancy: &Discrepancy) -> Vec<Target> {
        if discrepancy.class != Class::Unsound {
            return Vec::new();
        }
        if self.by == JudgeBy::Effects {
            let target = |(module, name): (&str, &str)| Target {
                module: module.to_owned(),
                name: name.to_owned(),
                call: true,
            };
            return FELT.map(target).to_vec();
        }
        let program = Program::parse(pickle);
        let run = machine::run(&program.codes);
        let asked = discrepancy.touched.first().filter(|first| first.kind == TouchKind::Resolve);
        let name = asked
            .and_then(|first| fault::of_touch(&program, &run, first))
            .and_then(|step| fault::module_and_name(&program, &run, step));
        let plain = |text: &str| !text.is_empty() && !text.contains('\n');
        name.filter(|(module, name)| plain(module) && plain(name))
            .map(|(module, name)| Target { module, name, call: false })
            .into_iter()
            .collect()
    }

    fn holds(&mut self, candidate: &[u8], shows: &Shows) -> assay_oracle::Result<bool> {
        match shows.class {
            Class::AnalyzerCrash => return Ok(self.subject.judge(candidate).crashed),
            Class::Unsound if self.subject.judge(candidate).verdict != Judged::Safe => {
                return Ok(false);
            }
            Class::NoWitness => {
                if self.subject.judge(candidate).verdict != Judged::Dangerous {
                    return Ok(false);
                }
                return Ok(!self.has_witness(candidate, 1)?);
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
        Ok(match shows.class {
            Class::InterpreterCrash => seen[0].outcome == Outcome::Signaled,
            Class::Divergence => {
                divergence::find(&seen).is_some_and(|found| Some(found.facet) == shows.facet)
            }
            _ => offences(self.by, self.allowed, &seen[0])
                .iter()
                .any(|offence| shows.key.as_ref().is_none_or(|key| offence.key() == *key)),
        })
    }
}

/// What must hold, and where to look.
#[derive(Clone)]
struct Shows {
    class: Class,
    loads: Vec<Load>,
    key: Option<(u8, String)>,
    facet: Option<Facet>,
    /// Whether it cannot show in a pickle that asks for nothing beyond what is allowed.
    must_ask: bool,
}

impl Shows {
    fn in_mode(&self, mode: Mode) -> Self {
        let mut out = self.clone();
        for load in &mut out.loads {
            load.run.mode = mode;
        }
        out
    }

    /// Some classes take dozens of loads, or loads that run into a limit, for each candidate.
    fn affordable(&self, budget: Budget) -> Budget {
        let most = match self.class {
            Class::NoWitness => 100,
            _ if self.facet == Some(Facet::Limit) => 30,
            _ => budget.tests,
        };
        Budget { tests: budget.tests.min(most) }
    }
}

#[cfg(test)]
mod tests;
