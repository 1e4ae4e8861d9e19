//! Holds what the analyser says of files against those who read them.
//!
//! Without arguments: makes files that readers take for different pickles, asks for something that no
//! policy allows at every place of every file that the target `containers` begins with, and has what is
//! still called safe read by all that this machine has. With arguments, of the policy and of files: has
//! those read that are called safe.
//!
//!     export ASSAY_PYTHON=VENV/bin/python
//!     cargo run --release -p assay-targets --example containers
//!     cargo run --release -p assay-targets --example containers -- sklearn model.joblib …
//!
//! Exits with 1 if a reader asks for what is not allowed.

use std::io::{self, Write};
use std::process::ExitCode;

use assay_analyzer::Policy;
use assay_targets::{Containers, Target as _, files, files_read_differently, variants};

/// Files made that readers take for different pickles.
const DIFFERENT: u64 = 1_000_000;

fn main() -> io::Result<ExitCode> {
    let mut arguments = std::env::args().skip(1);
    let mut out = io::stdout().lock();
    let mut target = match arguments.next() {
        Some(policy) => Containers::with(Policy::load(&[policy]).map_err(io::Error::other)?),
        None => Containers::new(),
    };
    for loaders in target.loaders() {
        let names: Vec<_> = loaders.iter().map(|loader| loader.name()).collect();
        writeln!(out, "readers: {}", names.join(", "))?;
    }
    let given: Vec<_> = arguments.collect();
    let (mut count, mut safe, mut wrong) = (0, 0, 0);
    let mut read = |name: &str, file: &[u8]| -> io::Result<()> {
        count += 1;
        match target.check(file) {
            Ok(is_safe) => safe += u64::from(is_safe),
            Err(message) => {
                (safe, wrong) = (safe + 1, wrong + 1);
                writeln!(out, "{name}: {message}")?;
                if file.len() < 1000 {
                    writeln!(out, "    {}", file.escape_ascii())?;
                }
            }
        }
        Ok(())
    };
    if given.is_empty() {
        for (index, file) in files_read_differently(1, DIFFERENT).enumerate() {
            read(&format!("different {index}"), &file)?;
        }
        for (name, file) in files()? {
            for variant in variants(&file) {
                read(&name, &variant)?;
            }
        }
    }
    for path in given {
        read(&path, &std::fs::read(&path)?)?;
    }
    writeln!(out, "{count} files, {safe} called safe, {wrong} of these wrongly")?;
    Ok(if wrong == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
