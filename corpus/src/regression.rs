//! Regressions: pickles that once went wrong, each with its root cause.
//!
//! `<name>.pkl` beside `<name>.toml`, whose `cause` says in a paragraph what was wrong and where,
//! and whose `expect` is the verdict from now on. Whoever replays them must replay all.

use std::sync::LazyLock;

use serde::Deserialize;

use crate::{Error, Result, embedded};

/// A pickle that once went wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Regression {
    /// The file's name without its extension.
    pub name: String,
    /// The pickle.
    pub bytes: &'static [u8],
    /// The root cause.
    pub cause: String,
    /// The verdict expected: `safe`, `dangerous`, `unproven`, or `any`.
    pub expect: String,
    /// The policy it is judged by; `stdlib` unless the file says otherwise.
    pub policy: String,
    /// Issue, commit or advisory.
    pub reference: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    cause: String,
    expect: String,
    policy: Option<String>,
    reference: Option<String>,
}

pub(crate) fn read_regressions() -> Result<Vec<Regression>> {
    let read = |(file, text): &(&'static str, &'static str)| {
        let entry: Entry = toml::from_str(text).map_err(|error| Error::new(file, error))?;
        let name = file.strip_suffix(".toml").unwrap_or(file);
        let bytes = embedded::find(embedded::regression_pickles(), &format!("{name}.pkl"))
            .ok_or_else(|| Error::new(file, format!("there is no {name}.pkl beside it")))?;
        Ok(Regression {
            name: name.to_owned(),
            bytes,
            cause: entry.cause,
            expect: entry.expect,
            policy: entry.policy.unwrap_or_else(|| "stdlib".to_owned()),
            reference: entry.reference,
        })
    };
    embedded::regression_files().iter().map(read).collect()
}

/// Every regression of the corpus.
///
/// # Panics
/// If an embedded file is broken, which the crate's lint test excludes.
pub fn regressions() -> &'static [Regression] {
    static REGRESSIONS: LazyLock<Vec<Regression>> =
        LazyLock::new(|| read_regressions().expect("embedded regressions pass the lint"));
    &REGRESSIONS
}
