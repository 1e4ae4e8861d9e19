//! Sends pickles of all sorts through the pool and watches it: `soak [--count N] [--seed N]`.
//! Fails if memory grows, an answer is missing, or a dead process is left.

#![allow(clippy::print_stdout, reason = "that is what it is for")]

#[path = "../tests/common/soak.rs"]
mod soak;

use std::process::ExitCode;
use std::time::Instant;

fn main() -> Result<ExitCode, Box<dyn std::error::Error>> {
    let (mut count, mut seed) = (100_000, 1);
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let number = arguments.next().ok_or("usage: soak [--count N] [--seed N]")?.parse()?;
        match argument.as_str() {
            "--count" => count = number,
            "--seed" => seed = number,
            other => return Err(format!("unknown argument {other}").into()),
        }
    }
    let begin = Instant::now();
    println!(
        "{:>9} {:>8} {:>12} {:>12} {:>8}",
        "pickles", "s", "host KiB", "worker KiB", "zombies"
    );
    let seen = soak::run(count, seed, |seen| {
        let last = |samples: &[u64]| samples.last().copied().unwrap_or_default();
        println!(
            "{:>9} {:>8.1} {:>12} {:>12} {:>8}",
            seen.asked,
            begin.elapsed().as_secs_f64(),
            last(&seen.host),
            last(&seen.worker),
            seen.zombies
        );
    })?;
    for (outcome, count) in &seen.outcomes {
        println!("{outcome:20} {count}");
    }
    println!("workers replaced: {}", seen.restarts);
    println!("{} asked, {} answered", seen.asked, seen.answered);
    let violations = seen.violations();
    for violation in &violations {
        println!("VIOLATION: {violation}");
    }
    Ok(if violations.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
