//! One unit of an exhaustive campaign: its programs are judged, and every case of those called
//! safe is loaded or pruned.

use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::sync::mpsc::SyncSender;
use std::time::Instant;

use assay_differential::{Class, rough_key};
use assay_generator::exhaustive::{Alphabet, Space, Unit, with_first_memo_first};
use assay_oracle::Mode;
use assay_subjects::{Judged, Judgement};

use super::modes::{self, Options};
use super::{Counts, Plan, Queue, Rule, acts, control, sample};
use crate::batch::safe_with_call;
use crate::worker::{Done, Event, Worker};
use crate::{Result, pursue};

/// Programs judged at once.
const JUDGED_AT_ONCE: usize = 2048;

/// The programs of a unit, and what is known of each.
pub(super) struct Programs {
    /// By program.
    pub symbols: Vec<Vec<usize>>,
    /// By program.
    pub pickles: Vec<Vec<u8>>,
    /// By program: the options that may matter to it.
    pub options: Vec<Options>,
    /// By program: whether it can do nothing but resolve globals.
    pub still: Vec<bool>,
    /// By program: its number among all.
    pub numbers: Vec<u64>,
    /// By analyser, then by program.
    pub judgements: Vec<Vec<Judgement>>,
    /// How long the prefix is that all share.
    pub prefix: usize,
}

/// What has been learnt of a unit so far.
pub(super) struct Unfinished {
    pub counts: Counts,
    /// By program: whether it was judged safe and refuted.
    pub refuted: Vec<bool>,
    /// By program: whether it asked for anything that is denied, in any case.
    pub denied: Vec<bool>,
    /// How many pruned programs are tried for each rule.
    pub sample: usize,
}

impl Worker<'_, '_> {
    /// Does unit after unit until none is left or it is over.
    pub fn run_units(&mut self, plan: &Plan, queue: &Queue, events: &SyncSender<Event>) {
        let space = match plan.try_space() {
            Ok(space) => space,
            Err(error) => {
                let _ = events.send(Event::Failed(error));
                return;
            }
        };
        if self.number == 0
            && let Err(error) = control::hunt(self, space, events)
        {
            let _ = events.send(Event::Failed(error));
            return;
        }
        // Costs cannot be estimated from fewer than two units, however little time there is.
        while !self.shared.over() || queue.taken() < 2 && !self.leaves() {
            let Some(number) = queue.next() else { return };
            let mut done = self.done(0);
            let event = match self.unit(plan, space, number, &mut done) {
                Ok(Some(counts)) => {
                    done.unit = Some((number, counts));
                    Event::Batch(Box::new(done))
                }
                // What was found counts, what was counted does not: the unit is done again.
                Ok(None) => {
                    let Done { findings, pending, .. } = done;
                    Event::Batch(Box::new(Done { findings, pending, ..self.done(0) }))
                }
                Err(error) => Event::Failed(error),
            };
            let failed = matches!(event, Event::Failed(_));
            // If nobody listens any more, there is nothing to go on for.
            if events.send(event).is_err() || failed {
                return;
            }
        }
    }

    /// Whether to leave a unit unfinished. When costs are measured, the time that is up ends no
    /// unit, or long ones would be missed.
    pub(super) fn leaves(&self) -> bool {
        let shared = self.shared;
        if shared.config.slice.is_some() {
            return shared.stop.load(Ordering::Relaxed) || shared.halt.load(Ordering::Relaxed);
        }
        shared.over()
    }

    /// Does a unit; `None` if it was left unfinished.
    fn unit(
        &mut self,
        plan: &Plan,
        space: Space,
        number: u64,
        done: &mut Done,
    ) -> Result<Option<Counts>> {
        let began = Instant::now();
        let unit = space.unit(number);
        let Some(programs) = self.judge(space, &unit, done)? else { return Ok(None) };
        done.tally.spent("judge", began.elapsed());
        let count = programs.pickles.len();
        let mut so_far = Unfinished {
            counts: Counts { programs: count as u64, ..Counts::default() },
            refuted: vec![false; count],
            denied: vec![false; count],
            sample: plan.sample_of_unit(space.units()),
        };
        let engines = self.engines_of_cases();
        let runs = (self.shared.config.pythons.len() * engines.len()) as u64;
        let (claimed, renamed) = self.claimed(&programs);
        let all_modes = modes::all();
        let modes = all_modes.len() as u64;
        so_far.counts.claims = (claimed.len() + renamed.len()) as u64;
        so_far.counts.cases = so_far.counts.claims * runs * modes;
        so_far.counts.rule(Rule::MemoRenaming).cases = renamed.len() as u64 * runs * modes;
        for &mode in &all_modes {
            let needed: Vec<usize> =
                claimed.iter().copied().filter(|&i| programs.options[i].needs(mode)).collect();
            so_far.counts.rule(Rule::UnusedOptions).cases +=
                (claimed.len() - needed.len()) as u64 * runs;
            if !self.load_mode(&programs, &needed, mode, &engines, &mut so_far, done)? {
                return Ok(None);
            }
        }
        self.unwitnessed(&programs, &so_far, done)?;
        let sampled = Instant::now();
        if !sample::try_out(self, &programs, &claimed, &renamed, &engines, &mut so_far)? {
            return Ok(None);
        }
        done.tally.spent("sample", sampled.elapsed());
        so_far.counts.refuted = so_far.refuted.iter().filter(|&&refuted| refuted).count() as u64;
        so_far.counts.spent_us = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX);
        Ok(Some(so_far.counts))
    }

    /// Writes and judges the programs of a unit.
    fn judge(&mut self, space: Space, unit: &Unit, done: &mut Done) -> Result<Option<Programs>> {
        let alphabet = Alphabet::standard();
        let symbols = programs_of(alphabet.len(), unit);
        let pickles: Vec<Vec<u8>> =
            symbols.iter().map(|program| alphabet.pickle(program)).collect();
        let mut judgements: Vec<Vec<Judgement>> = vec![Vec::new(); self.tested.len()];
        for chunk in pickles.chunks(JUDGED_AT_ONCE) {
            if self.leaves() {
                return Ok(None);
            }
            let refs: Vec<&[u8]> = chunk.iter().map(Vec::as_slice).collect();
            for (tested, judgements) in self.tested.iter_mut().zip(&mut judgements) {
                judgements.extend(tested.subject.judge_batch(&refs));
            }
        }
        for pickle in &pickles {
            done.coverage.add(pickle);
        }
        done.tally.generated += pickles.len() as u64;
        for judgement in judgements.iter().flatten() {
            done.tally.judged(judgement.verdict);
            done.tally.safe_with_call += u64::from(safe_with_call(judgement));
        }
        for (at, judgements) in judgements.iter().enumerate() {
            for (pickle, judgement) in pickles.iter().zip(judgements) {
                if judgement.crashed {
                    let suspected =
                        assay_differential::Discrepancy::suspected(Class::AnalyzerCrash, vec![]);
                    let key = rough_key(pickle, &suspected).into();
                    pursue::follow(self, at, pickle, &key, Mode::default(), true, done)?;
                }
            }
        }
        Ok(Some(Programs {
            options: pickles.iter().map(|pickle| Options::of(pickle)).collect(),
            numbers: symbols.iter().map(|program| space.number(program)).collect(),
            still: symbols.iter().map(|program| acts::is_still(alphabet, program)).collect(),
            prefix: unit.prefix.len(),
            symbols,
            pickles,
            judgements,
        }))
    }

    /// The programs of which something is claimed: those that are to be loaded, and those for
    /// which another one is.
    fn claimed(&mut self, programs: &Programs) -> (Vec<usize>, Vec<(usize, Vec<usize>)>) {
        let alphabet = Alphabet::standard();
        let hunt = self.shared.config.hunt;
        let every = hunt.wants(Class::Divergence) || hunt.wants(Class::NoWitness);
        let every = every && hunt != assay_differential::Hunt::Soundness;
        let (mut loaded, mut renamed) = (Vec::new(), Vec::new());
        // One program stands for many.
        let mut asked: HashMap<Vec<usize>, Vec<Judged>> = HashMap::new();
        for (i, program) in programs.symbols.iter().enumerate() {
            let said: Vec<Judged> =
                programs.judgements.iter().map(|judgements| judgements[i].verdict).collect();
            if !every && !said.contains(&Judged::Safe) {
                continue;
            }
            let Some(other) = with_first_memo_first(alphabet, program) else {
                loaded.push(i);
                continue;
            };
            let pickle = alphabet.pickle(&other);
            let said_of_other = asked.entry(other.clone()).or_insert_with(|| {
                let tested = self.tested.iter_mut();
                tested.map(|tested| tested.subject.judge(&pickle).verdict).collect()
            });
            if *said_of_other == said {
                renamed.push((i, other));
            } else {
                loaded.push(i);
            }
        }
        (loaded, renamed)
    }
}

/// The programs of a unit, shorter ones first.
pub(super) fn programs_of(symbols: usize, unit: &Unit) -> Vec<Vec<usize>> {
    let mut out = Vec::new();
    let mut level = vec![unit.prefix.clone()];
    if unit.prefix.is_empty() {
        out.extend(level.iter().cloned());
    }
    for _ in 0..unit.depth {
        level = level
            .iter()
            .flat_map(|program| (0..symbols).map(|symbol| [program.as_slice(), &[symbol]].concat()))
            .collect();
        out.extend(level.iter().cloned());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unit_writes_all_its_programs() {
        for (length, number) in [(1, 0), (2, 0), (3, 0), (3, 4), (4, 9)] {
            let space = Space::new(5, length).unwrap();
            let unit = space.unit(number);
            let programs = programs_of(5, &unit);
            assert_eq!(programs.len() as u64, space.programs_of(&unit));
            assert!(programs.iter().all(|program| program.starts_with(&unit.prefix)));
        }
    }
}
