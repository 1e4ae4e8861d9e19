//! A *sample*: some pruned cases are loaded after all, and held against what their rule foretold.
//! One that is otherwise makes the certificate void.

use assay_differential::{Load, Witness as _};
use assay_generator::exhaustive::Alphabet;
use assay_oracle::{DenyObservation, Engine, Mode, Observation, Outcome, Run};

use super::unit::{Programs, Unfinished};
use super::{Contradiction, Rule, ended, modes};
use crate::Result;
use crate::random::Random;
use crate::worker::Worker;

/// What the choice derives from: a constant, so that it is the same in every campaign, shard and
/// session.
const SEED: u64 = 0x0061_7373_6179;

/// As many as that of the candidates, chosen by number: which others there are changes nothing
/// but how many are taken.
fn choose<T>(rule: Rule, most: usize, candidates: impl Iterator<Item = (u64, T)>) -> Vec<T> {
    let rank = |number: u64| Random::at(SEED, &[rule as u64, number]).next();
    let mut ranked: Vec<(u64, T)> =
        candidates.map(|(number, candidate)| (rank(number), candidate)).collect();
    ranked.sort_by_key(|(rank, _)| *rank);
    ranked.truncate(most);
    ranked.into_iter().map(|(_, candidate)| candidate).collect()
}

/// Tries some of the programs that were not loaded because a prefix ends this load.
pub fn try_ended(
    worker: &mut Worker<'_, '_>,
    programs: &Programs,
    pruned: &[(usize, DenyObservation)],
    load: Load,
    so_far: &mut Unfinished,
) -> Result<()> {
    let candidates = pruned.iter().map(|case| (programs.numbers[case.0], case));
    let chosen = choose(Rule::EndedPrefix, so_far.sample, candidates);
    let pickles: Vec<&[u8]> = chosen.iter().map(|(i, _)| &programs.pickles[*i][..]).collect();
    let foretold: Vec<DenyObservation> = chosen.iter().map(|(_, seen)| seen.clone()).collect();
    hold(worker, Rule::EndedPrefix, load, &pickles, &foretold, so_far)
}

/// Some of the programs that are still, to be watched all the same: each by one engine on one
/// interpreter.
pub fn still(
    worker: &Worker<'_, '_>,
    programs: &Programs,
    still: &[usize],
    load: Load,
    so_far: &Unfinished,
) -> Vec<usize> {
    let engines = worker.engines_of_cases();
    let runs = engines.len() * worker.shared.config.pythons.len();
    let engine = engines.iter().position(|engine| *engine == load.run.engine).unwrap_or(0);
    let run = load.python * engines.len() + engine;
    let turn = |number: u64| (Random::at(SEED, &[number]).next() % runs.max(1) as u64) as usize;
    let candidates =
        still.iter().map(|&i| (programs.numbers[i], i)).filter(|(number, _)| turn(*number) == run);
    choose(Rule::NothingActs, so_far.sample.div_ceil(runs.max(1)), candidates)
}

/// Counts a still program that was watched.
pub fn tried_still(pickle: &[u8], seen: &Observation, otherwise: bool, so_far: &mut Unfinished) {
    let rule = Rule::NothingActs;
    so_far.counts.rule(rule).tried += 1;
    if !otherwise {
        return;
    }
    so_far.counts.rule(rule).contradicted += 1;
    so_far.counts.keep(Contradiction {
        rule,
        pickle: hex(pickle),
        python: seen.python.clone(),
        run: described(Run { engine: seen.engine, mode: seen.mode }),
        foretold: "allowed globals resolved".into(),
        came: serde_json::to_string(&seen.touched).expect("touches have text keys only"),
    });
}

/// Tries some of the programs that were not loaded for the other rules. False if that was left
/// unfinished.
pub fn try_out(
    worker: &mut Worker<'_, '_>,
    programs: &Programs,
    claimed: &[usize],
    renamed: &[(usize, Vec<usize>)],
    engines: &[Engine],
    so_far: &mut Unfinished,
) -> Result<bool> {
    let renamed = renamed.iter().map(|pair| (programs.numbers[pair.0], pair));
    let renamed = choose(Rule::MemoRenaming, so_far.sample, renamed);
    // One mode each that it does not need: which, goes by the program too.
    let options = claimed.iter().filter_map(|&i| {
        let number = programs.numbers[i];
        let mut unneeded = modes::all();
        unneeded.retain(|&mode| !programs.options[i].needs(mode));
        let turn = Random::at(SEED, &[number]).next();
        let which = turn.checked_rem(unneeded.len() as u64)? as usize;
        Some((number, (i, unneeded[which])))
    });
    let options = choose(Rule::UnusedOptions, so_far.sample, options);
    for python in 0..worker.shared.config.pythons.len() {
        for &engine in engines {
            for mode in modes::all() {
                if worker.leaves() {
                    return Ok(false);
                }
                let load = Load { python, run: Run { engine, mode } };
                try_renamed(worker, programs, &renamed, load, so_far)?;
                let here: Vec<usize> =
                    options.iter().filter(|(_, of)| *of == mode).map(|(i, _)| *i).collect();
                try_options(worker, programs, &here, load, so_far)?;
            }
        }
    }
    Ok(true)
}

/// Loads renamed programs beside those that stand for them.
fn try_renamed(
    worker: &mut Worker<'_, '_>,
    programs: &Programs,
    renamed: &[&(usize, Vec<usize>)],
    load: Load,
    so_far: &mut Unfinished,
) -> Result<()> {
    let needs = |i: usize| programs.options[i].needs(load.run.mode);
    let here: Vec<_> = renamed.iter().filter(|(i, _)| needs(*i)).collect();
    if here.is_empty() {
        return Ok(());
    }
    let others: Vec<Vec<u8>> =
        here.iter().map(|(_, other)| Alphabet::standard().pickle(other)).collect();
    let others: Vec<&[u8]> = others.iter().map(Vec::as_slice).collect();
    let foretold = worker.oracle.deny(load, &others)?;
    let pickles: Vec<&[u8]> = here.iter().map(|(i, _)| &programs.pickles[*i][..]).collect();
    hold(worker, Rule::MemoRenaming, load, &pickles, &foretold, so_far)
}

/// Loads programs in a mode that they do not need, beside the plain one.
fn try_options(
    worker: &mut Worker<'_, '_>,
    programs: &Programs,
    here: &[usize],
    load: Load,
    so_far: &mut Unfinished,
) -> Result<()> {
    for plain in modes::all() {
        let pickles: Vec<&[u8]> = here
            .iter()
            .filter(|&&i| programs.options[i].plain(load.run.mode) == plain)
            .map(|&i| &programs.pickles[i][..])
            .collect();
        if !pickles.is_empty() {
            let run = Run { mode: plain, ..load.run };
            let foretold = worker.oracle.deny(Load { run, ..load }, &pickles)?;
            hold(worker, Rule::UnusedOptions, load, &pickles, &foretold, so_far)?;
        }
    }
    Ok(())
}

/// Loads pruned cases and holds them against what was foretold.
fn hold(
    worker: &mut Worker<'_, '_>,
    rule: Rule,
    load: Load,
    pickles: &[&[u8]],
    foretold: &[DenyObservation],
    so_far: &mut Unfinished,
) -> Result<()> {
    if pickles.is_empty() {
        return Ok(());
    }
    let came = worker.oracle.deny(load, pickles)?;
    so_far.counts.rule(rule).tried += pickles.len() as u64;
    for ((pickle, foretold), came) in pickles.iter().zip(foretold).zip(came) {
        if ended::same(foretold, &came) {
            continue;
        }
        // What the machine's own troubles ended is not held against the rule.
        let again = worker.oracle.deny(load, &[pickle])?.remove(0);
        if ended::same(foretold, &again) || !clear(foretold) || !clear(&again) {
            continue;
        }
        so_far.counts.rule(rule).contradicted += 1;
        so_far.counts.keep(Contradiction {
            rule,
            pickle: hex(pickle),
            python: worker.shared.config.pythons[load.python].version.clone(),
            run: described(load.run),
            foretold: told(foretold),
            came: told(&again),
        });
    }
    Ok(())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn clear(seen: &DenyObservation) -> bool {
    matches!(seen.outcome, Outcome::Loaded | Outcome::Raised | Outcome::Signaled)
}

fn described(run: Run) -> String {
    if run.mode == Mode::default() {
        return run.engine.name().to_owned();
    }
    let mode = serde_json::to_string(&run.mode).expect("a mode has text keys only");
    format!("{} {mode}", run.engine.name())
}

fn told(seen: &DenyObservation) -> String {
    serde_json::to_string(seen).expect("an observation has text keys only")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_are_chosen_whatever_the_order() {
        let chosen = |numbers: &[u64]| {
            let mut out =
                choose(Rule::EndedPrefix, 3, numbers.iter().map(|&number| (number, number)));
            out.sort();
            out
        };
        assert_eq!(chosen(&[1, 2, 3, 4, 5, 6, 7]), chosen(&[7, 5, 3, 1, 6, 4, 2]));
        assert_eq!(chosen(&[1, 2]), [1, 2]);
        let all: Vec<u64> = (0..1000).collect();
        let upper = choose(Rule::MemoRenaming, 100, all.iter().map(|&n| (n, n)));
        assert!(upper.iter().filter(|&&n| n >= 500).count() > 20, "{upper:?}");
    }

    #[test]
    fn a_run_is_named_with_its_mode() {
        assert_eq!(described(Engine::Py.into()), "py");
        let mode = Mode { buffers: true, ..Mode::default() };
        assert!(described(Run { engine: Engine::Py, mode }).contains("buffers\":true"));
    }
}
