//! The cases of a unit in one mode: on every interpreter, by every engine.

use std::collections::HashMap;
use std::time::Instant;

use assay_differential::{Class, Hunt, Load, Witness as _, compare, rough_key};
use assay_generator::exhaustive::Alphabet;
use assay_oracle::{DenyObservation, Engine, Filtered, Mode, Observation, Outcome, Run, TouchKind};
use assay_subjects::Judged;

use super::unit::{Programs, Unfinished};
use super::{Rule, acts, ended, sample};
use crate::batch::{safe_with_call, suspicion};
use crate::pursue::Trail;
use crate::worker::{Done, Worker};
use crate::{Result, pursue};

/// Pickles loaded at once in the deny tier: a round trip costs little beside them, and whoever
/// wants to end it need not wait.
const LOADED_AT_ONCE: usize = 1024;

/// Pickles loaded at once in the full tier.
const WATCHED_AT_ONCE: usize = 256;

/// How a load ended, as far as engines are held against one another.
type Side = (bool, Vec<assay_oracle::Resolved>, Option<String>);

impl Worker<'_, '_> {
    /// The engines by which cases are loaded.
    pub(super) fn engines_of_cases(&self) -> Vec<Engine> {
        let config = self.shared.config;
        let parts = config.hunt.wants(Class::Divergence);
        config.engines.iter().copied().filter(|engine| parts || engine.loads()).collect()
    }

    /// Loads the programs of these indices in one mode, wherever a prefix does not end the load.
    /// False if that was left unfinished.
    pub(super) fn load_mode(
        &mut self,
        programs: &Programs,
        needed: &[usize],
        mode: Mode,
        engines: &[Engine],
        so_far: &mut Unfinished,
        done: &mut Done,
    ) -> Result<bool> {
        if needed.is_empty() {
            return Ok(true);
        }
        let mut sides: HashMap<(usize, Engine), Side> = HashMap::new();
        let mut parted: Vec<(usize, String)> = Vec::new();
        for python in 0..self.shared.config.pythons.len() {
            for &engine in engines {
                let load = Load { python, run: Run { engine, mode } };
                let began = Instant::now();
                let Some(seen) = self.load_run(programs, needed, load, so_far, done)? else {
                    return Ok(false);
                };
                done.tally.spent("deny", began.elapsed());
                if self.shared.config.hunt.wants(Class::Divergence) {
                    for (&i, seen) in needed.iter().zip(&seen) {
                        if let Some(key) = part(&mut sides, (i, engine), seen) {
                            parted.push((i, key));
                        }
                    }
                }
                self.crashes(programs, needed, &seen, mode, done)?;
                if engine.loads() {
                    self.note_denied(needed, &seen, so_far);
                    if !self.watch_run(programs, needed, &seen, load, so_far, done)? {
                        return Ok(false);
                    }
                }
            }
        }
        parted.sort();
        parted.dedup_by_key(|(i, _)| *i);
        so_far.counts.parted += parted.len() as u64;
        let began = Instant::now();
        for (i, classes) in parted {
            if self.leaves() {
                return Ok(false);
            }
            let pickle = &programs.pickles[i];
            let suspected = assay_differential::Discrepancy::suspected(Class::Divergence, vec![]);
            let key = rough_key(pickle, &suspected) + &classes;
            pursue::follow(self, 0, pickle, &key.into(), mode, false, done)?;
        }
        done.tally.spent("pursue", began.elapsed());
        Ok(true)
    }

    /// What one engine on one interpreter does with each of them in the deny tier, loaded or
    /// foretold. `None` if that was left unfinished.
    fn load_run(
        &mut self,
        programs: &Programs,
        needed: &[usize],
        load: Load,
        so_far: &mut Unfinished,
        done: &mut Done,
    ) -> Result<Option<Vec<DenyObservation>>> {
        let Some(ends) = self.ended(programs, needed, load)? else { return Ok(None) };
        let foretold = |i: usize| {
            let program = &programs.symbols[i];
            let shortest = programs.prefix.max(1);
            (shortest..program.len()).find_map(|length| ends.get(&program[..length]))
        };
        let mut out: Vec<Option<DenyObservation>> = vec![None; needed.len()];
        let mut open = Vec::new();
        for (place, &i) in needed.iter().enumerate() {
            match foretold(i) {
                Some(seen) => out[place] = Some(seen.clone()),
                None => open.push(place),
            }
        }
        let pruned = needed.len() - open.len();
        so_far.counts.rule(Rule::EndedPrefix).cases += pruned as u64;
        if pruned > 0 {
            let pruned: Vec<(usize, DenyObservation)> =
                needed.iter().zip(&out).filter_map(|(&i, seen)| Some((i, seen.clone()?))).collect();
            sample::try_ended(self, programs, &pruned, load, so_far)?;
        }
        for places in open.chunks(LOADED_AT_ONCE) {
            if self.leaves() {
                return Ok(None);
            }
            let refs: Vec<&[u8]> =
                places.iter().map(|&place| programs.pickles[needed[place]].as_slice()).collect();
            for (&place, seen) in places.iter().zip(self.oracle.deny(load, &refs)?) {
                for judgements in &programs.judgements {
                    done.tally.ended(judgements[needed[place]].verdict, seen.outcome);
                }
                done.tally.loaded += u64::from(seen.outcome == Outcome::Loaded);
                done.tally.touched_denied += u64::from(self.reaches_denied(&seen));
                out[place] = Some(seen);
            }
        }
        so_far.counts.loaded += open.len() as u64;
        done.tally.executed_deny += open.len() as u64;
        Ok(Some(out.into_iter().flatten().collect()))
    }

    /// The prefixes of these programs that end this load, and what all that begin with them do.
    fn ended(
        &mut self,
        programs: &Programs,
        needed: &[usize],
        load: Load,
    ) -> Result<Option<HashMap<Vec<usize>, DenyObservation>>> {
        let alphabet = Alphabet::standard();
        let mut prefixes: Vec<&[usize]> = needed
            .iter()
            .flat_map(|&i| {
                let program = &programs.symbols[i];
                (programs.prefix.max(1)..program.len()).map(|length| &program[..length])
            })
            .collect();
        prefixes.sort();
        prefixes.dedup();
        prefixes.retain(|prefix| ended::can_be_asked(alphabet, prefix));
        let questions: Vec<Vec<Vec<u8>>> = prefixes
            .iter()
            .map(|prefix| ended::questions(alphabet, prefix, load.run.engine))
            .collect();
        let refs: Vec<&[u8]> = questions.iter().flatten().map(Vec::as_slice).collect();
        let mut answers = Vec::with_capacity(refs.len());
        for chunk in refs.chunks(LOADED_AT_ONCE) {
            if self.leaves() {
                return Ok(None);
            }
            answers.extend(self.oracle.deny(load, chunk)?);
        }
        let mut rest = answers.as_slice();
        let mut out = HashMap::new();
        for (prefix, questions) in prefixes.into_iter().zip(&questions) {
            let (mine, others) = rest.split_at(questions.len());
            rest = others;
            if let Some(seen) = ended::ends(mine) {
                out.insert(prefix.to_vec(), seen.clone());
            }
        }
        Ok(Some(out))
    }

    /// Loads for real, and watched, what is called safe and asks for something, calls something,
    /// or was not seen to its end. False if that was left unfinished.
    fn watch_run(
        &mut self,
        programs: &Programs,
        needed: &[usize],
        seen: &[DenyObservation],
        load: Load,
        so_far: &mut Unfinished,
        done: &mut Done,
    ) -> Result<bool> {
        let judgements = &programs.judgements;
        let safe = |i: usize| judgements.iter().any(|all| all[i].verdict == Judged::Safe);
        let calls = |i: usize| judgements.iter().any(|all| safe_with_call(&all[i]));
        let (mut chosen, mut still) = (Vec::new(), Vec::new());
        for (&i, seen) in needed.iter().zip(seen) {
            if safe(i) && !so_far.refuted[i] && (calls(i) || asks(seen)) {
                let spared = programs.still[i] && !calls(i) && acts::was_seen_whole(seen);
                if spared { still.push(i) } else { chosen.push(i) }
            }
        }
        so_far.counts.rule(Rule::NothingActs).cases += still.len() as u64;
        let tried = sample::still(self, programs, &still, load, so_far);
        let all = chosen.chunks(WATCHED_AT_ONCE).map(|chunk| (chunk, false));
        for (chunk, still) in all.chain(tried.chunks(WATCHED_AT_ONCE).map(|chunk| (chunk, true))) {
            if self.leaves() {
                return Ok(false);
            }
            let began = Instant::now();
            let refuted = self.watch(programs, chunk, load, still, so_far, done)?;
            done.tally.spent("full", began.elapsed());
            let began = Instant::now();
            for (at, i, trail) in refuted {
                so_far.refuted[i] = true;
                let pickle = &programs.pickles[i];
                pursue::follow(self, at, pickle, &trail, load.run.mode, true, done)?;
            }
            done.tally.spent("pursue", began.elapsed());
        }
        Ok(true)
    }

    /// Loads them for real, several to a process first, and again alone what then speaks against
    /// an analyser; gives what does so still, with the analyser. If the programs are `still`, the
    /// rule that says so is tried by it.
    fn watch(
        &mut self,
        programs: &Programs,
        chosen: &[usize],
        load: Load,
        still: bool,
        so_far: &mut Unfinished,
        done: &mut Done,
    ) -> Result<Vec<(usize, usize, Trail)>> {
        let refs: Vec<&[u8]> = chosen.iter().map(|&i| programs.pickles[i].as_slice()).collect();
        let policy = &self.shared.config.policy;
        let tested = &self.tested;
        let refutes = |i: usize, observation: &Observation| {
            let mut out = Vec::new();
            for (at, judgements) in programs.judgements.iter().enumerate() {
                let observation = std::slice::from_ref(observation);
                let found = compare(&judgements[i], tested[at].by, policy, observation);
                let found = found.into_iter().filter(|found| found.class != Class::AnalyzerCrash);
                out.extend(found.map(|found| (at, found)));
            }
            out
        };
        let mut hits = 0;
        let sifted = self.oracle.sift(load, &refs, |index, observation| {
            let hit = !conclusive(observation)
                || still && acts::acted(observation)
                || !refutes(chosen[index], observation).is_empty();
            hits += u64::from(hit);
            hit
        })?;
        done.tally.executed_full += sifted.len() as u64 + hits;
        if !still {
            so_far.counts.watched += sifted.len() as u64;
        }
        let mut out = Vec::new();
        for (&i, Filtered { observation, alone }) in chosen.iter().zip(&sifted) {
            done.tally.executed_full_alone += u64::from(*alone);
            done.tally.loaded += u64::from(observation.outcome == Outcome::Loaded);
            so_far.counts.inconclusive += u64::from(!conclusive(observation));
            for judgements in &programs.judgements {
                done.tally.safe_with_call_executed_full +=
                    u64::from(safe_with_call(&judgements[i]));
            }
            let refuted = refutes(i, observation);
            if still {
                let otherwise = acts::acted(observation) || !refuted.is_empty();
                sample::tried_still(&programs.pickles[i], observation, otherwise, so_far);
            }
            for (at, discrepancy) in refuted {
                let key = rough_key(&programs.pickles[i], &discrepancy);
                let first = discrepancy.touched.first();
                let name = first
                    .filter(|touched| touched.kind == TouchKind::Resolve)
                    .map(|touched| touched.name.clone());
                out.push((at, i, Trail { key, name }));
            }
        }
        Ok(out)
    }

    /// Interpreters that died.
    fn crashes(
        &mut self,
        programs: &Programs,
        needed: &[usize],
        seen: &[DenyObservation],
        mode: Mode,
        done: &mut Done,
    ) -> Result<()> {
        for (&i, seen) in needed.iter().zip(seen) {
            if seen.outcome == Outcome::Signaled {
                let pickle = &programs.pickles[i];
                let key = rough_key(pickle, &suspicion(Class::InterpreterCrash, seen));
                pursue::follow(self, 0, pickle, &key.into(), mode, true, done)?;
            }
        }
        Ok(())
    }

    fn note_denied(&self, needed: &[usize], seen: &[DenyObservation], so_far: &mut Unfinished) {
        for (&i, seen) in needed.iter().zip(seen) {
            so_far.denied[i] |= self.reaches_denied(seen);
        }
    }

    fn reaches_denied(&self, seen: &DenyObservation) -> bool {
        let policy = &self.shared.config.policy;
        seen.resolved.iter().any(|asked| {
            !asked.allowed && policy.denied(&format!("{}.{}", asked.module, asked.name))
        })
    }

    /// Programs called dangerous of which no case asked for anything denied.
    pub(super) fn unwitnessed(
        &mut self,
        programs: &Programs,
        so_far: &Unfinished,
        done: &mut Done,
    ) -> Result<()> {
        // Soundness campaigns load what is called safe only.
        if self.shared.config.hunt != Hunt::All {
            return Ok(());
        }
        for at in 0..self.tested.len() {
            if self.tested[at].by != assay_subjects::JudgeBy::Policy {
                continue;
            }
            for (i, pickle) in programs.pickles.iter().enumerate() {
                let judgement = &programs.judgements[at][i];
                if judgement.verdict == Judged::Dangerous && !so_far.denied[i] {
                    let suspected =
                        assay_differential::Discrepancy::suspected(Class::NoWitness, vec![]);
                    let key = rough_key(pickle, &suspected) + &judgement.rules.join(",");
                    pursue::follow(self, at, pickle, &key.into(), Mode::default(), false, done)?;
                }
            }
        }
        Ok(())
    }
}

/// Whether the deny tier leaves anything open: a global or a persistent object was asked for, or
/// the load was not seen to its end.
fn asks(seen: &DenyObservation) -> bool {
    !matches!(seen.outcome, Outcome::Loaded | Outcome::Raised)
        || !seen.complete
        || seen.persistent > 0
        || !seen.resolved.is_empty()
}

/// Whether the load was watched to its end.
fn conclusive(seen: &Observation) -> bool {
    seen.complete && matches!(seen.outcome, Outcome::Loaded | Outcome::Raised | Outcome::Signaled)
}

/// Holds a load against the first of the same program by an engine that is to do the same; by
/// which exceptions they part, if they do.
fn part(
    sides: &mut HashMap<(usize, Engine), Side>,
    (i, engine): (usize, Engine),
    seen: &DenyObservation,
) -> Option<String> {
    let clear = matches!(seen.outcome, Outcome::Loaded | Outcome::Raised)
        && !matches!(seen.exception.as_deref(), Some("RecursionError" | "MemoryError"));
    if !clear {
        return None;
    }
    // Engines that read on after a STOP are held against themselves on other versions.
    let group = match engine {
        Engine::CStream | Engine::CReuse => engine,
        _ => Engine::CLoads,
    };
    let accepted = seen.outcome == Outcome::Loaded;
    let resolved = if engine.loads() { seen.resolved.clone() } else { Vec::new() };
    let (first, names, exception) = sides
        .entry((i, group))
        .or_insert_with(|| (accepted, resolved.clone(), seen.exception.clone()));
    let apart = *first != accepted || engine.loads() && *names != resolved;
    apart.then(|| format!("{exception:?}/{:?}", seen.exception))
}
