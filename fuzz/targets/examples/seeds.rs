//! Writes the seed corpora: `cargo run -p assay-targets --example seeds`, then
//! `cargo fuzz run decode`. Into `fuzz/corpus/<target>` of this repository, or under a directory
//! given as the argument.

use std::path::PathBuf;
use std::{env, fs, io};

use assay_corpus::{records::records, regressions, seeds};

/// The longest seed. Longer ones are few, add little, and have libFuzzer make long inputs of all.
const LONGEST: usize = 4096;

const TARGETS: [&str; 5] = ["decode", "roundtrip", "analyze", "soundness", "divergence"];

fn main() -> io::Result<()> {
    let default = concat!(env!("CARGO_MANIFEST_DIR"), "/../corpus");
    let root = PathBuf::from(env::args().nth(1).unwrap_or_else(|| default.to_owned()));
    let seeds = seeds().iter().map(|seed| (seed.name.to_owned(), seed.bytes));
    let regressions = regressions().iter().map(|it| (format!("{}.pkl", it.name), it.bytes));
    let records = records().iter().map(|it| (format!("{}.pkl", it.front.id), it.pickle.as_slice()));
    let all: Vec<_> = seeds.chain(regressions).chain(records).collect();
    for target in TARGETS {
        let dir = root.join(target);
        fs::create_dir_all(&dir)?;
        for (name, bytes) in all.iter().filter(|(_, bytes)| bytes.len() <= LONGEST) {
            fs::write(dir.join(name), bytes)?;
        }
    }
    let dir = root.join("containers");
    fs::create_dir_all(&dir)?;
    for (name, bytes) in assay_targets::files()? {
        fs::write(dir.join(name), bytes)?;
    }
    Ok(())
}
