//! Judges files and prints a line for each: `cargo run --example judge -- PROFILE,… FILE…`.

use std::io::Write;

use assay_analyzer::{Policy, analyze_file};

fn main() -> std::io::Result<()> {
    let mut args = std::env::args().skip(1);
    let profiles = args.next().ok_or_else(|| std::io::Error::other("expected profiles"))?;
    let profiles: Vec<_> = profiles.split(',').collect();
    let policy = Policy::load(&profiles).map_err(std::io::Error::other)?;
    let mut out = std::io::stdout().lock();
    for path in args {
        let analysis = analyze_file(&std::fs::read(&path)?, &policy);
        let reason = analysis.items.iter().flat_map(|item| &item.pickle.reasons).next();
        let reason =
            reason.map_or(String::new(), |r| format!("{} at {}: {}", r.rule, r.offset, r.message));
        writeln!(out, "{} {path} {reason}", analysis.verdict.name())?;
    }
    Ok(())
}
