//! Seeds: pickles of real objects, written by real CPythons.

use std::sync::LazyLock;

use serde::Deserialize;

use crate::embedded;

/// A pickle that a CPython wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seed {
    /// The file's name.
    pub name: &'static str,
    /// The pickle.
    pub bytes: &'static [u8],
    /// The CPython that wrote it, `3.11`.
    pub python: &'static str,
    /// The protocol it was asked for.
    pub protocol: u8,
    /// What was pickled.
    pub kind: &'static str,
    /// `stdlib` if it holds only data types of the standard library; `python2` if such data
    /// holds 8-bit strings, which load differently by encoding; else `other`.
    pub policy: &'static str,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Manifest<'a> {
    #[serde(default, borrow)]
    seed: Vec<Entry<'a>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry<'a> {
    file: &'a str,
    python: &'a str,
    protocol: u8,
    r#type: &'a str,
    policy: &'a str,
}

/// Every seed of the corpus that its manifest lists.
///
/// # Panics
/// If the manifest is broken, which the crate's lint test excludes.
pub fn seeds() -> &'static [Seed] {
    static SEEDS: LazyLock<Vec<Seed>> = LazyLock::new(|| {
        let mut seeds = Vec::new();
        for (_, text) in embedded::seed_manifests() {
            let manifest: Manifest<'static> = toml::from_str(text).expect("the manifest is linted");
            for entry in manifest.seed {
                let files = embedded::seed_files();
                let found = files.binary_search_by(|(name, _)| (*name).cmp(entry.file));
                seeds.push(Seed {
                    name: entry.file,
                    bytes: files[found.expect("the manifest is linted")].1,
                    python: entry.python,
                    protocol: entry.protocol,
                    kind: entry.r#type,
                    policy: entry.policy,
                });
            }
        }
        seeds
    });
    &SEEDS
}
