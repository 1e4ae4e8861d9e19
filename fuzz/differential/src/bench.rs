//! The *bench*: a subject and a witness, side by side, for one pickle at a time.
//!
//! Judges and loads the same bytes, compares, and follows a discrepancy down to its root cause.
//! What `check`, `minimize` and a campaign do with a single pickle is done here, so that all
//! three come to the same bucket.

use assay_oracle::{
    DenyObservation, Encoding, Engine, Filtered, Mode, Observation, Oracle, Outcome, Run, TouchKind,
};
use assay_pickle::Program;
use assay_subjects::{JudgeBy, Judgement, Subject};

mod earlier;
mod several;
mod shows;

pub use several::Several;
use shows::{Asking, Shows};

use crate::canonicalise::{Canonical, Hints, Target, canonicalise};
use crate::compare::Discrepancy;
use crate::minimise::Budget;
use crate::offence::Mechanism;
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

    /// Loads pickles with everything refused that is not allowed: a quick no spares a load.
    fn deny(&mut self, load: Load, pickles: &[&[u8]])
    -> assay_oracle::Result<Vec<DenyObservation>>;

    /// Loads each pickle, several to a process where that may do. Only what is marked as loaded
    /// alone counts; where the rest shows nothing there is nothing, as a rule.
    fn filter(&mut self, load: Load, pickles: &[&[u8]]) -> assay_oracle::Result<Vec<Filtered>>;

    /// How many pickles it loads at the same time.
    fn at_once(&self) -> usize {
        1
    }
}

/// Whether a pickle asked for anything beyond what the deny tier allows. May say yes where that
/// is not known.
fn asks(seen: &DenyObservation) -> bool {
    !matches!(seen.outcome, Outcome::Loaded | Outcome::Raised)
        || seen.persistent > 0
        || seen.resolved.iter().any(|asked| !asked.allowed)
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

    fn deny(
        &mut self,
        load: Load,
        pickles: &[&[u8]],
    ) -> assay_oracle::Result<Vec<DenyObservation>> {
        Oracle::deny(self, load.python, load.run, pickles)
    }

    fn filter(&mut self, load: Load, pickles: &[&[u8]]) -> assay_oracle::Result<Vec<Filtered>> {
        Oracle::filter(self, load.python, load.run, pickles)
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
    /// The mode of its loads.
    pub mode: Mode,
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
    /// What of it the discrepancy needs; the bucket is made of it.
    pub features: Vec<String>,
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

/// Callables whose call with an empty `str` is felt outside, best known first: a list of the
/// forbidden that lacks even the last is not worth much.
const FELT: &[(&str, &str)] = &[
    ("os", "system"),
    ("builtins", "exec"),
    ("subprocess", "getoutput"),
    ("os", "remove"),
    ("__builtin__", "exec"),
];

/// What stands in for any name that is wrongly flagged: no module is called so.
const MISSING: &[(&str, &str)] = &[("x", "y")];

/// Most names of a pickle that are tried as the one it is about.
const OWN: usize = 4;

/// Bytes from which on a time limit is no accident.
const LARGE: usize = 1 << 16;

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
        Ok(self.load_all(load, &[pickle])?.remove(0))
    }

    /// As [`load`](Self::load), for each.
    fn load_all(
        &mut self,
        load: Load,
        pickles: &[&[u8]],
    ) -> assay_oracle::Result<Vec<Observation>> {
        let mut seen = self.witness.load(load.python, load.run, pickles)?;
        for (seen, pickle) in seen.iter_mut().zip(pickles) {
            let again = match seen.outcome {
                // A large pickle that takes too long takes as long again.
                Outcome::Timeout => pickle.len() <= LARGE,
                outcome => outcome == Outcome::Sandbox,
            };
            if again {
                *seen = self.witness.load(load.python, load.run, &[pickle])?.remove(0);
            }
        }
        Ok(seen)
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
            && self.has_witness(pickle, usize::MAX, &other_modes())?
        {
            discrepancies.retain(|found| found.class != Class::NoWitness);
        }
        Ok(Checked { mode, judgement, loads, observations, discrepancies })
    }

    /// Whether something denied is touched by any engine in any of the modes, on the first so many
    /// interpreters.
    fn has_witness(
        &mut self,
        pickle: &[u8],
        pythons: usize,
        modes: &[Mode],
    ) -> assay_oracle::Result<bool> {
        for python in 0..self.witness.versions().len().min(pythons) {
            for &mode in modes {
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

    /// As [`trace`](Self::trace), but stops once `over` says so. What it has by then is not
    /// complete, and its bucket means nothing.
    pub fn trace_until(
        &mut self,
        pickle: &[u8],
        checked: &Checked,
        discrepancy: &Discrepancy,
        budget: Budget,
        over: &dyn Fn() -> bool,
    ) -> assay_oracle::Result<Option<Traced>> {
        let class = discrepancy.class;
        let earlier = self.earlier(pickle, checked, discrepancy)?;
        let (pickle, checked, discrepancy) = match &earlier {
            Some((pickle, checked, discrepancy)) => (pickle.as_slice(), checked, discrepancy),
            None => (pickle, checked, discrepancy),
        };
        let Some(shows) = Shows::of(self, checked, discrepancy) else { return Ok(None) };
        let mut mode = shows.loads.first().map_or(Mode::default(), |load| load.run.mode);
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
        // Persistent ids ask for no global.
        shows.must_ask = class == Class::Unsound
            && shows.mechanism != Some(Mechanism::Direct(TouchKind::Persistent))
            && asks(&self.witness.deny(shows.loads[0], &[pickle])?[0]);
        shows.parts_denied =
            class == Class::Divergence && self.part_denied(&[pickle], &shows)? == [true];
        let budget = shows.affordable(budget, pickle);
        let hints = self.hints(pickle, discrepancy, &shows);
        let mut interesting = Asking { bench: self, shows: &shows, over, trouble: None };
        let Canonical { reduced, probes } = canonicalise(pickle, &hints, &mut interesting, budget);
        if let Some(error) = interesting.trouble {
            return Err(error);
        }
        if over() {
            return Ok(Some(Traced {
                bucket: bucket::id(class, &[]),
                minimized: reduced.bytes,
                discrepancy: discrepancy.clone(),
                features: Vec::new(),
                judgement: checked.judgement.clone(),
                mode,
                tests: reduced.tests,
                complete: false,
            }));
        }
        let again = if reduced.bytes == pickle && mode == checked.mode {
            checked.clone()
        } else {
            self.check_in(&reduced.bytes, Hunt::All, mode)?
        };
        let Some(found) = again.discrepancies.into_iter().find(|found| found.class == class) else {
            return Ok(None);
        };
        let features = bucket::features(&reduced.bytes, &found, mode, &probes, hints.stand_ins);
        Ok(Some(Traced {
            bucket: bucket::id(class, &features),
            minimized: reduced.bytes,
            discrepancy: found,
            features,
            judgement: again.judgement,
            mode,
            tests: reduced.tests,
            complete: reduced.complete,
        }))
    }

    /// What is known of pickles that show the same.
    fn hints(&self, pickle: &[u8], discrepancy: &Discrepancy, shows: &Shows) -> Hints {
        let mut hints = Hints {
            tidy: discrepancy.class == Class::Divergence,
            probe: discrepancy.class.concerns_analyzer(),
            ..Hints::default()
        };
        match discrepancy.class {
            Class::NoWitness => hints.stand_ins = MISSING,
            Class::Unsound if !matches!(shows.mechanism, Some(Mechanism::InTurn(_))) => {
                hints.stand_ins = FELT;
                hints.call = self.by == JudgeBy::Effects;
                hints.own = own(pickle, discrepancy, hints.call);
            }
            _ => {}
        }
        hints
    }
}

/// The globals that a pickle names, those at fault first.
fn own(pickle: &[u8], discrepancy: &Discrepancy, call: bool) -> Vec<Target> {
    let program = Program::parse(pickle);
    let run = machine::run(&program.codes);
    let at_fault =
        discrepancy.touched.iter().filter_map(|touched| fault::of_touch(&program, &run, touched));
    let all = run.steps.iter().filter(|step| fault::names(step.opcode));
    let plain = |text: &str| !text.is_empty() && !text.contains('\n');
    let mut out: Vec<Target> = Vec::new();
    for step in at_fault.chain(all) {
        let naming = fault::naming(&run, step).unwrap_or(step);
        if let Some((module, name)) = fault::module_and_name(&program, &run, naming)
            && plain(&module)
            && plain(&name)
        {
            let target = Target { module, name, call };
            if !out.contains(&target) && out.len() < OWN {
                out.push(target);
            }
        }
    }
    out
}

#[cfg(test)]
mod tests;
