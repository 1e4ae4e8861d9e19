//! Our analyser behind the protocol of external analysers (fuzz/README.md), and nothing else of
//! the project: a mutant of the analyser is put under test by building this alone.
//!
//!     assay campaign --judge policy --analyzer 'exec:target/release/examples/serve'

use std::io::{self, BufRead, Read, Write};

use assay_analyzer::{Policy, analyze};

fn main() -> io::Result<()> {
    let policy = Policy::load(&["stdlib"]).map_err(io::Error::other)?;
    let mut input = io::stdin().lock();
    let mut output = io::stdout().lock();
    let (mut line, mut pickle) = (String::new(), Vec::new());
    while input.read_line(&mut line)? > 0 {
        let length: usize = line.trim_end().parse().map_err(io::Error::other)?;
        pickle.resize(length, 0);
        input.read_exact(&mut pickle)?;
        writeln!(output, "{{\"verdict\": \"{}\"}}", analyze(&pickle, &policy).verdict.name())?;
        output.flush()?;
        line.clear();
    }
    Ok(())
}
