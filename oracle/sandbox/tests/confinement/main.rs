//! Enters the sandbox for real and attempts what a hostile pickle would.
//!
//! Has a `main` of its own: entering takes a single-threaded process, and is for good, so each
//! scenario runs in a forked process of its own. `cargo test` passes a name to run only the
//! scenarios that contain it.

#![allow(clippy::print_stdout, reason = "this is the test harness")]

mod attempts;
mod process;
mod scenarios;

use std::process::ExitCode;

use process::isolated;
use scenarios::SCENARIOS;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.iter().any(|argument| argument == "--list") {
        for (name, _) in SCENARIOS {
            println!("{name}: test");
        }
        return ExitCode::SUCCESS;
    }
    let wanted = |name: &str| {
        let mut filters = arguments.iter().filter(|argument| !argument.starts_with('-')).peekable();
        filters.peek().is_none() || filters.any(|filter| name.contains(filter.as_str()))
    };

    // Something in /tmp, for the private one to hide.
    let outside = attempts::OUTSIDE.to_string_lossy();
    let made = std::fs::write(&*outside, "").is_ok();

    let mut failed = 0;
    for (name, scenario) in SCENARIOS.iter().filter(|(name, _)| wanted(name)) {
        let result = isolated(*scenario);
        println!("test {name} ... {}", if result.is_ok() { "ok" } else { "FAILED" });
        if let Err(reason) = result {
            println!("{reason}");
            failed += 1;
        }
    }
    if made {
        let _ = std::fs::remove_file(&*outside);
    }
    println!("{failed} failed");
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
