//! How the tiers scale: as many oracles at work as there are cores, each kept on its own, held
//! against one.

use std::time::Instant;

use assay_oracle::{Engine, Oracle, OracleConfig, Python};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

use crate::Result;

/// What is loaded: a call, a list.
const PICKLE: &[u8] = b"\x80\x04cbuiltins\ncomplex\n(K\x01tR.";

const TIERS: [&str; 3] = ["deny tier", "full tier", "filter"];

/// Prints, for each tier, the rate of one oracle and the ratio of as many as there are cores.
pub fn print(python: &Python, rounds: usize) -> Result<()> {
    let allowed = sched_getaffinity(None)?;
    let cores: Vec<usize> = (0..CpuSet::MAX_CPU).filter(|core| allowed.is_set(*core)).collect();
    let mut config = OracleConfig::new(vec![python.clone()]);
    config.allow = vec![("builtins".into(), "complex".into())];
    let mut oracles: Vec<Oracle> = Vec::new();
    for _ in &cores {
        oracles.push(Oracle::new(config.clone())?);
    }
    println!("CPython {}, median of {rounds} rounds, one worker a core", python.version);
    for (tier, name) in TIERS.into_iter().enumerate() {
        let mut rates = Vec::new();
        let mut ratios = Vec::new();
        for round in 0..=rounds {
            let one = together(&mut oracles[..1], &cores, tier)?;
            let all = together(&mut oracles, &cores, tier)?;
            // The first round starts the workers.
            if round > 0 {
                rates.push(one);
                ratios.push(all / one);
            }
        }
        let (rate, ratio) = (median(rates), median(ratios));
        println!("{name:12} {rate:>10.0} per s; {} cores: {ratio:.2} times that", cores.len());
    }
    Ok(())
}

/// All these oracles at once; loads per second of all together.
fn together(oracles: &mut [Oracle], cores: &[usize], tier: usize) -> Result<f64> {
    let begin = Instant::now();
    let loads = std::thread::scope(|scope| {
        let threads: Vec<_> = oracles
            .iter_mut()
            .zip(cores)
            .map(|(oracle, &core)| scope.spawn(move || work(oracle, core, tier)))
            .collect();
        threads.into_iter().map(|thread| thread.join().expect("it does not panic")).sum()
    });
    let loads: std::result::Result<usize, assay_oracle::Error> = loads;
    Ok(loads? as f64 / begin.elapsed().as_secs_f64())
}

fn work(oracle: &mut Oracle, core: usize, tier: usize) -> assay_oracle::Result<usize> {
    let mut one = CpuSet::new();
    one.set(core);
    // Where the kernel refuses, the figures say less and are no less true.
    let _ = sched_setaffinity(None, &one);
    let run = Engine::CLoads.into();
    let (batch, times) = [(1024, 128), (64, 4), (256, 8)][tier];
    let pickles = vec![PICKLE; batch];
    for _ in 0..times {
        match tier {
            0 => drop(oracle.deny(0, run, &pickles)?),
            1 => drop(oracle.full_batch(0, run, &pickles)?),
            _ => drop(oracle.filter(0, run, &pickles)?),
        }
    }
    Ok(batch * times)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
