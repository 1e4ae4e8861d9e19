//! Asks for something that no policy allows at every place of every file that `containers` begins with,
//! and has each reader that this machine has read what is still called safe:
//! `ASSAY_PYTHON=VENV/bin/python cargo run --release -p assay-targets --example containers`.
//! Exits with 1 if a reader asks for it.

use std::io::{self, Write};
use std::process::ExitCode;

use assay_targets::{Containers, Target, files, variants};

fn main() -> io::Result<ExitCode> {
    let mut out = io::stdout().lock();
    let mut target = Containers::new();
    for loaders in target.loaders() {
        let names: Vec<_> = loaders.iter().map(|loader| loader.name()).collect();
        writeln!(out, "readers: {}", names.join(", "))?;
    }
    let (mut count, mut wrong) = (0, 0);
    for (name, file) in files()? {
        for variant in variants(&file) {
            count += 1;
            if let Err(message) = target.run(&variant) {
                wrong += 1;
                writeln!(out, "{name}: {message}\n    {}", variant.escape_ascii())?;
            }
        }
    }
    writeln!(out, "{count} files, {wrong} wrongly called safe")?;
    Ok(if wrong == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
