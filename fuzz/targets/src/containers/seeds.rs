//! The files that the hunt begins with.

use std::collections::HashSet;
use std::path::Path;
use std::{fs, io};

use assay_corpus::{Seed, seeds};

use super::pack::Container;

/// The longest file to begin with: longer ones are few, and add little.
const LONGEST: usize = 4096;

/// Files to begin with, of at most 4 KiB: those of joblib and PyTorch among the corpus's, those that
/// readers once read otherwise than the analyser, and one pickle of every kind in a container of each
/// kind.
///
/// # Errors
/// If `corpus` of this repository can't be read.
pub fn files() -> io::Result<Vec<(String, Vec<u8>)>> {
    let mut files = Vec::new();
    let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/../../corpus");
    let real = |name: &str| name.contains("-joblib-") || name.contains("-torch-");
    let read_otherwise = |name: &str| !name.ends_with(".toml");
    for (directory, wanted) in
        [("real/files", &real as &dyn Fn(&str) -> bool), ("containers", &read_otherwise)]
    {
        for entry in fs::read_dir(Path::new(corpus).join(directory))? {
            let path = entry?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if wanted(&name) {
                files.push((name, fs::read(path)?));
            }
        }
    }
    files.retain(|(_, bytes)| bytes.len() <= LONGEST);
    files.sort();
    let mut kinds = HashSet::new();
    let fitting = |seed: &&Seed| seed.policy == "stdlib" && seed.bytes.len() < LONGEST;
    for seed in seeds().iter().filter(fitting).filter(|seed| kinds.insert(seed.kind)) {
        for kind in 0..Container::KINDS {
            let container = Container::of(kind, seed.bytes.to_vec());
            files.push((format!("{}-{kind}", seed.name), container.pack()));
        }
    }
    Ok(files)
}
