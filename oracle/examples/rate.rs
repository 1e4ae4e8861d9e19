//! Measures how many small pickles a second one worker loads, by tier and batch size.

#![allow(clippy::print_stdout, reason = "that is what it is for")]

use std::time::Instant;

use assay_oracle::{Engine, Oracle, OracleConfig, Refused};

fn main() -> assay_oracle::Result<()> {
    let config = OracleConfig { refused: Refused::StandIn, ..OracleConfig::default() };
    let mut oracle = Oracle::new(config)?;
    let pickle: &[u8] = b"\x80\x04cos\nsystem\n(X\x04\x00\x00\x00truetR.";
    for python in 0..oracle.pythons().len() {
        let version = oracle.pythons()[python].version.clone();
        for (engine, batch, rounds) in
            [(Engine::CLoads, 256, 400), (Engine::CLoads, 1, 20_000), (Engine::Py, 256, 40)]
        {
            let pickles = vec![pickle; batch];
            oracle.deny(python, engine.into(), &pickles)?;
            let begin = Instant::now();
            for _ in 0..rounds {
                oracle.deny(python, engine.into(), &pickles)?;
            }
            let rate = (batch * rounds) as f64 / begin.elapsed().as_secs_f64();
            println!("{version} deny {} batch {batch}: {rate:.0}/s", engine.name());
        }
        for (engine, batch, rounds) in
            [(Engine::CLoads, 64, 8), (Engine::CLoads, 1, 200), (Engine::Py, 64, 4)]
        {
            let pickles = vec![pickle; batch];
            oracle.full_batch(python, engine.into(), &pickles)?;
            let begin = Instant::now();
            for _ in 0..rounds {
                oracle.full_batch(python, engine.into(), &pickles)?;
            }
            let rate = (batch * rounds) as f64 / begin.elapsed().as_secs_f64();
            println!("{version} full {} batch {batch}: {rate:.0}/s", engine.name());
        }
    }
    Ok(())
}
