//! Prints what loading a file touches, on the default interpreter: `observe FILE [ENGINE]`.

#![allow(clippy::print_stdout, reason = "that is what it is for")]

use assay_oracle::{Engine, Oracle, OracleConfig, discover};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let path = args.next().ok_or("usage: observe FILE [ENGINE]")?;
    let engine = args.next().unwrap_or_else(|| "c-loads".into());
    let engine = Engine::from_name(&engine).ok_or("no such engine")?;
    let mut pythons = discover();
    if let Some(wanted) = args.next() {
        pythons.retain(|python| python.version.starts_with(&wanted));
    }
    let mut config = OracleConfig::new(pythons);
    config.extra_path = std::env::var_os("EXTRA_PATH").map(Into::into).into_iter().collect();
    let mut oracle = Oracle::new(config)?;
    let seen = oracle.full(0, engine.into(), &std::fs::read(path)?)?;
    for (index, touched) in seen.touched.iter().enumerate() {
        println!("{index:4} {}", serde_json::to_string(touched)?);
    }
    for effect in &seen.effects {
        println!("     {}", serde_json::to_string(effect)?);
    }
    println!(
        "{:?} {:?} {:?} {:?} {} us, complete {}",
        seen.outcome, seen.exception, seen.result, seen.stderr, seen.time_us, seen.complete
    );
    Ok(())
}
