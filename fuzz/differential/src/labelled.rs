//! The *labelled set*: discrepant pickles whose root cause is known beforehand.
//!
//! It is the yardstick of the buckets. This module reads its manifest and must not look at what
//! the bucketing says; `labelled/README.md` tells how the labels came about.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::Class;

/// A manifest.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Labelled {
    /// The causes.
    #[serde(rename = "cause")]
    pub causes: Vec<Cause>,
}

/// One root cause.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cause {
    /// Its name.
    pub label: String,
    /// The class of the discrepancies that it brings about.
    pub class: Class,
    /// What it is, in a sentence.
    pub what: String,
    /// Pickles that show it, by analyser.
    pub shown: Vec<Shown>,
}

/// Pickles that show a cause in one analyser.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shown {
    /// The analyser, as on the command line; `{dir}` is the manifest's directory.
    pub analyzer: String,
    /// What refutes its `safe`, if not what is usual for it.
    pub judge: Option<String>,
    /// How long to wait for its answer: short, where hanging is the flaw.
    pub timeout_ms: Option<u64>,
    /// Whether it shows to loaders with a `persistent_load` only.
    #[serde(default)]
    pub persistent_load: bool,
    /// The pickles.
    pub pickles: Vec<Entry>,
}

/// One pickle.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Its file, in `pickles/`.
    pub file: String,
    /// How it was come by.
    pub how: String,
}

/// Why a labelled set can't be read.
#[derive(Debug, thiserror::Error)]
pub enum LabelledError {
    /// The manifest is not there, or not readable.
    #[error("{}: {error}; expected the manifest of a labelled set", path.display())]
    Unreadable {
        /// The manifest.
        path: PathBuf,
        /// Why not.
        error: std::io::Error,
    },
    /// The manifest is not one.
    #[error("{}: {message}", path.display())]
    Invalid {
        /// The manifest.
        path: PathBuf,
        /// What is wrong and where.
        message: String,
    },
}

impl Labelled {
    /// Reads `labels.toml` of a directory.
    ///
    /// # Errors
    /// If it is missing or no manifest.
    pub fn read(dir: &Path) -> Result<Self, LabelledError> {
        let path = dir.join("labels.toml");
        match std::fs::read_to_string(&path) {
            Err(error) => Err(LabelledError::Unreadable { path, error }),
            Ok(text) => toml::from_str(&text)
                .map_err(|error| LabelledError::Invalid { path, message: error.to_string() }),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_set_is_as_large_and_as_varied_as_it_says() {
        let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("labelled");
        let set = Labelled::read(&dir).unwrap();
        let labels: BTreeSet<&str> = set.causes.iter().map(|cause| &*cause.label).collect();
        assert_eq!(labels.len(), set.causes.len());
        assert!(labels.len() >= 25, "{}", labels.len());
        let classes: BTreeSet<Class> = set.causes.iter().map(|cause| cause.class).collect();
        assert_eq!(classes.len(), Class::ALL.len());
        let entries: Vec<&Entry> = set
            .causes
            .iter()
            .flat_map(|cause| &cause.shown)
            .flat_map(|shown| &shown.pickles)
            .collect();
        assert!(entries.len() >= 150, "{}", entries.len());
        let files: BTreeSet<&str> = entries.iter().map(|entry| &*entry.file).collect();
        assert_eq!(files.len(), entries.len());
        for file in files {
            assert!(dir.join("pickles").join(file).is_file(), "{file}");
        }
    }
}
