//! How fast the tiers are, as ratios to what no oracle could beat or would want to be: bare
//! `pickle.loads` in a loop, a bare fork of the same zygote, an interpreter spawned per pickle.
//!
//! Everything is measured in turn, round after round, on the same pickles, on one core, so that
//! a busy machine slows all alike: `cargo bench -p assay-oracle -- [--all] [--python VERSION]
//! [--rounds N] [--json]`. With `--scale`: one worker against one on each core.

#![allow(clippy::print_stdout, reason = "that is what it is for")]

mod bare;
mod clock;
mod scale;
mod table;

use assay_oracle::{Engine, Observation, Oracle, OracleConfig, Python, Refused, discover};

use crate::clock::Taken;
use crate::table::{Row, Target};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// What the deny tier resolves; the yardstick makes pickles of other things too.
const ALLOWED: &[&str] = &[
    "builtins.set",
    "builtins.frozenset",
    "builtins.complex",
    "builtins.range",
    "builtins.bytearray",
    "_codecs.encode",
    "copyreg._reconstructor",
    "collections.OrderedDict",
    "collections.deque",
    "datetime.date",
    "datetime.datetime",
    "datetime.timedelta",
];

/// What the pickles of the yardstick ask for besides.
const OTHERS: &[&str] = &[
    "fractions.Fraction",
    "decimal.Decimal",
    "uuid.UUID",
    "collections.Counter",
    "builtins.len",
    "builtins.dict",
    "builtins.object",
];

/// Loaded in the sandbox only, as all that the oracle is given: evaluates `1`.
const HIT: &[u8] = b"\x80\x04cbuiltins\neval\n(X\x01\0\0\x001tR.";

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let (mut all, mut wanted, mut rounds) = (false, None, 15);
    let (mut json, mut scale) = (false, false);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--all" => all = true,
            "--json" => json = true,
            "--scale" => scale = true,
            "--python" => wanted = arguments.next(),
            "--rounds" => rounds = arguments.next().unwrap_or_default().parse()?,
            // Cargo says so to every benchmark.
            "--bench" => {}
            other => return Err(format!("unknown argument {other}").into()),
        }
    }
    let mut pythons = discover();
    if let Some(wanted) = wanted {
        pythons.retain(|python| python.version.starts_with(&wanted));
    }
    pythons.sort_by_key(|python| std::cmp::Reverse(numbers(&python.version)));
    pythons.truncate(if all { usize::MAX } else { 1 });
    if pythons.is_empty() {
        return Err("no such CPython".into());
    }
    if scale {
        return pythons.iter().try_for_each(|python| scale::print(python, rounds));
    }
    to_one_core();
    for python in pythons {
        let rows = measure(&python, rounds)?;
        if json {
            println!("{}", table::json(&python, rounds, &rows));
        } else {
            println!("{}", table::text(&python, rounds, &rows));
        }
    }
    Ok(())
}

fn numbers(version: &str) -> Vec<u32> {
    version.split('.').filter_map(|part| part.parse().ok()).collect()
}

/// Keeps this process, and so all it starts, on one core: what works at the same time on two
/// would count twice.
fn to_one_core() {
    let Ok(allowed) = rustix::thread::sched_getaffinity(None) else { return };
    let last = (0..rustix::thread::CpuSet::MAX_CPU).rev().find(|core| allowed.is_set(*core));
    let mut one = rustix::thread::CpuSet::new();
    one.set(last.unwrap_or_default());
    // Where the kernel refuses, the figures say less and are no less true.
    let _ = rustix::thread::sched_setaffinity(None, &one);
}

/// The oracles of one interpreter, and the bare side.
struct Bench {
    python: Python,
    bare: bare::Loop,
    deny: Oracle,
    stand_in: Oracle,
    full: Oracle,
    pickles: Vec<Vec<u8>>,
    spawned: usize,
}

fn measure(python: &Python, rounds: usize) -> Result<Vec<Row>> {
    let (bare, pickles) = bare::Loop::start(python)?;
    let config = |names: &[&[&str]], refused| {
        let mut config = OracleConfig::new(vec![python.clone()]);
        config.refused = refused;
        let split = |name: &&str| name.rsplit_once('.').map(|(m, n)| (m.to_owned(), n.to_owned()));
        config.allow = names.iter().flat_map(|names| names.iter()).filter_map(split).collect();
        let modules = config.allow.iter().map(|(module, _)| module.clone());
        config.preload = modules.collect();
        Oracle::new(config)
    };
    let mut bench = Bench {
        python: python.clone(),
        bare,
        deny: config(&[ALLOWED], Refused::Raise)?,
        stand_in: config(&[ALLOWED], Refused::StandIn)?,
        full: config(&[ALLOWED, OTHERS], Refused::Raise)?,
        pickles,
        spawned: 0,
    };
    let mut taken: Vec<Vec<Taken>> = vec![Vec::new(); NAMES.len()];
    for round in 0..=rounds {
        for (item, taken) in taken.iter_mut().enumerate() {
            let one = bench.once(item)?;
            // The first round starts the workers.
            if round > 0 {
                taken.push(one);
            }
        }
    }
    Ok(rows(&taken))
}

const LOADS: usize = 0;
const SPAWN: usize = 1;
const FORK: usize = 2;
const DENY: usize = 3;
const STAND_IN: usize = 4;
const FULL: usize = 5;
const FILTER: usize = 6;
const SIFT: usize = 7;
const NAMES: [&str; 8] = [
    "bare pickle.loads in a loop",
    "spawning python3 -I -S -c",
    "bare fork, exit and wait of the zygote",
    "deny tier, refusing",
    "deny tier, stand-ins",
    "full tier, one pickle a fork",
    "filter, sixteen pickles a fork",
    "filter, 1 in 16 a hit, run again alone",
];

impl Bench {
    /// One round of one item: a tenth of a second or two.
    fn once(&mut self, item: usize) -> Result<Taken> {
        let run = Engine::CLoads.into();
        let refs: Vec<&[u8]> = self.pickles.iter().map(Vec::as_slice).collect();
        Ok(match item {
            LOADS => {
                let processes = [self.bare.id()];
                clock::time(&processes, || {
                    self.bare.load(1000).map(|seconds| (1000 * refs.len(), Some(seconds)))
                })?
            }
            SPAWN => {
                let at = self.spawned;
                self.spawned += 8;
                clock::time(&[], || {
                    (at..at + 8)
                        .try_for_each(|at| bare::spawn(&self.python, refs[at * 7 % refs.len()]))
                        .map(|()| (8, None))
                })?
            }
            FORK => {
                let processes = self.full.processes();
                clock::time(&processes, || self.full.fork_only(0, 96).map(|()| (96, None)))?
            }
            DENY | STAND_IN => {
                let oracle = if item == DENY { &mut self.deny } else { &mut self.stand_in };
                let batch: Vec<&[u8]> = refs.iter().copied().cycle().take(1024).collect();
                let processes = oracle.processes();
                clock::time(&processes, || {
                    for _ in 0..48 {
                        oracle.deny(0, run, &batch)?;
                    }
                    Ok::<_, assay_oracle::Error>((48 * 1024, None))
                })?
            }
            FULL => {
                let processes = self.full.processes();
                clock::time(&processes, || {
                    self.full.full_batch(0, run, &refs).map(|seen| (seen.len(), None))
                })?
            }
            FILTER => {
                let processes = self.full.processes();
                clock::time(&processes, || {
                    for _ in 0..8 {
                        self.full.filter(0, run, &refs)?;
                    }
                    Ok::<_, assay_oracle::Error>((8 * refs.len(), None))
                })?
            }
            SIFT => {
                let mixed: Vec<&[u8]> =
                    refs.chunks(15).flat_map(|chunk| chunk.iter().copied().chain([HIT])).collect();
                let processes = self.full.processes();
                let is_hit = |_, seen: &Observation| !seen.effects.is_empty();
                clock::time(&processes, || {
                    for _ in 0..4 {
                        self.full.sift(0, run, &mixed, is_hit)?;
                    }
                    Ok::<_, assay_oracle::Error>((4 * mixed.len(), None))
                })?
            }
            _ => unreachable!("there is no such item"),
        })
    }
}

fn rows(taken: &[Vec<Taken>]) -> Vec<Row> {
    let targets: [&[Target]; NAMES.len()] = [
        &[],
        &[],
        &[],
        &[(LOADS, 0.5), (SPAWN, 5000.0)],
        &[(LOADS, 0.5), (SPAWN, 5000.0)],
        &[(FORK, 0.55), (SPAWN, 20.0)],
        &[(SPAWN, 120.0)],
        &[],
    ];
    NAMES
        .iter()
        .zip(targets)
        .enumerate()
        .map(|(item, (name, targets))| Row::new(name, item, taken, targets, &NAMES))
        .collect()
}
