//! Measures the generator: coverage of opcodes and transitions, how much loads, how many attacks
//! reach their call, and speed. `cargo run --release -p assay-targets --example measure`.
//!
//! Everything is loaded by the sandboxed oracle, in the first CPython found.

use std::io::{self, Write};
use std::time::Instant;

use assay_analyzer::Policy;
use assay_differential::classify;
use assay_generator::{Config, Coverage, Generator, Profile, generate_seeded};
use assay_oracle::{
    Engine, Observation, Oracle, OracleConfig, Outcome, Refused, Run, TouchKind, discover,
};

/// Pickles for coverage, as the mark has it.
const COUNT: u64 = 10_000;

/// Pickles that are loaded with stand-ins, and attacks that are loaded for real.
const LOADED: u64 = 5_000;
const ATTACKS: u64 = 500;

const SEED: u64 = 1;

fn generator(profile: Profile, protocol: Option<u8>, max_opcodes: usize) -> Generator {
    Generator::new(Config { profile, protocol, max_opcodes, ..Config::default() })
}

fn pickles(profile: Profile, protocol: u8, count: u64) -> Vec<Vec<u8>> {
    let generator = generator(profile, Some(protocol), 60);
    let one = |index| {
        let mut out = Vec::new();
        generate_seeded(&generator, SEED, index, &mut out);
        out
    };
    (0..count).map(one).collect()
}

fn refs(pickles: &[Vec<u8>]) -> Vec<&[u8]> {
    pickles.iter().map(Vec::as_slice).collect()
}

/// Whether an attack got to its call: something on the deny list was called, or the world felt it.
fn reached(policy: &Policy, seen: &Observation) -> bool {
    let call = |kind| matches!(kind, TouchKind::Call | TouchKind::Method | TouchKind::Import);
    seen.touched.iter().any(|touched| call(touched.kind) && policy.denied(&touched.name))
        || seen.effects.iter().any(classify::counts)
}

fn percent(part: usize, of: u64) -> f64 {
    100.0 * part as f64 / of as f64
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut out = io::stdout().lock();
    let python = discover().into_iter().next().ok_or("no CPython: see `assay doctor`")?;
    writeln!(out, "CPython {}, seed {SEED}\n", python.version)?;
    let mut config = OracleConfig::new(vec![python]);
    let mut full = Oracle::new(config.clone())?;
    config.refused = Refused::StandIn;
    let mut stand_in = Oracle::new(config)?;
    let policy = Policy::load(&["stdlib"])?;
    let run = Run::from(Engine::CLoads);

    writeln!(
        out,
        "| protocol | opcodes | transitions | data loads | mixed loads | attacks reach |"
    )?;
    writeln!(out, "|---|---|---|---|---|---|")?;
    for protocol in 0..=5 {
        let mut coverage = Coverage::new();
        pickles(Profile::Mixed, protocol, COUNT).iter().for_each(|pickle| coverage.add(pickle));
        let mut loads = |profile| -> Result<f64, assay_oracle::Error> {
            let pickles = pickles(profile, protocol, LOADED);
            let seen = stand_in.deny(0, run, &refs(&pickles))?;
            let loaded = seen.iter().filter(|seen| seen.outcome == Outcome::Loaded).count();
            Ok(percent(loaded, LOADED))
        };
        let (data, mixed) = (loads(Profile::Data)?, loads(Profile::Mixed)?);
        let attacks = pickles(Profile::Attack, protocol, ATTACKS);
        let mut far = 0;
        for some in refs(&attacks).chunks(50) {
            // A stream is read to its end: some attacks are in the second pickle of one.
            let seen = full.full_batch(0, Run::from(Engine::CReuse), some)?;
            far += seen.iter().filter(|seen| reached(&policy, seen)).count();
        }
        writeln!(
            out,
            "| {protocol} | {} | {} | {data:.1} % | {mixed:.1} % | {:.1} % |",
            coverage.opcodes_seen(),
            coverage.transitions_seen(),
            percent(far, ATTACKS),
        )?;
        out.flush()?;
    }

    writeln!(out, "\n| profile | opcodes at most | opcodes | bytes | pickles/s | opcodes/s |")?;
    writeln!(out, "|---|---|---|---|---|---|")?;
    for (profile, max_opcodes) in [
        (Profile::Data, 20),
        (Profile::Mixed, 20),
        (Profile::Attack, 20),
        (Profile::Divergent, 20),
        (Profile::Mixed, 60),
        (Profile::Mixed, 300),
    ] {
        let generator = generator(profile, None, max_opcodes);
        let (mut buffer, mut bytes, mut coverage) = (Vec::new(), 0, Coverage::new());
        for index in 0..COUNT {
            generate_seeded(&generator, SEED, index, &mut buffer);
            coverage.add(&buffer);
            bytes += buffer.len();
        }
        let opcodes = coverage.stats().opcodes as f64 / COUNT as f64;
        // The best of several: others share the machine.
        let rate = (0..10).map(|_| {
            let began = Instant::now();
            for index in 0..COUNT {
                generate_seeded(&generator, SEED, index, &mut buffer);
                std::hint::black_box(&buffer);
            }
            COUNT as f64 / began.elapsed().as_secs_f64()
        });
        let rate = rate.fold(0.0, f64::max);
        writeln!(
            out,
            "| {} | {max_opcodes} | {opcodes:.0} | {:.0} | {rate:.0} | {:.0} |",
            profile.name(),
            bytes as f64 / COUNT as f64,
            rate * opcodes,
        )?;
    }
    Ok(())
}
