//! Records: submitted pickles with what is expected of oracle and analysers.
//!
//! A record is one Markdown file that opens with TOML between two lines of `+++`; the format is
//! shown in `EXAMPLE.md`. This module reads records and finds their pickles. It must not replay
//! them.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use crate::{Error, Result, embedded};

/// The classes of discrepancy that a record can be of.
pub const CLASSES: [&str; 5] =
    ["unsound", "no-witness", "divergence", "analyzer-crash", "interpreter-crash"];

/// What may become of a record.
pub const STATUSES: [&str; 3] = ["open", "fixed", "accepted"];

/// A submitted pickle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// What the front matter says.
    pub front: FrontMatter,
    /// The pickle.
    pub pickle: Vec<u8>,
    /// The Markdown after the front matter: what happens and why.
    pub body: String,
}

/// The front matter of a record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FrontMatter {
    /// `ASSAY-0001`, given by `assay corpus add`.
    pub id: String,
    /// One line.
    pub title: String,
    /// One of [`CLASSES`], if the record shows a discrepancy; else a known attack.
    #[serde(default)]
    pub class: Option<String>,
    /// One of [`STATUSES`]: an `open` bypass must still bypass.
    pub status: String,
    /// The pickle in hexadecimal; white space does not count.
    #[serde(default)]
    pub pickle: Option<String>,
    /// A file beside the record instead, for a pickle too long to read.
    #[serde(default)]
    pub file: Option<String>,
    /// Advisories and addresses.
    #[serde(default)]
    pub references: Vec<String>,
    /// What must be seen when it is replayed.
    pub expects: Expectations,
}

/// What must be seen when a record is replayed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expectations {
    /// Our analyser's verdict: `safe`, `dangerous` or `unproven`.
    pub verdict: String,
    /// Names that at least one engine must touch.
    #[serde(default)]
    pub touched: Vec<String>,
    /// Effects that at least one engine must have.
    #[serde(default)]
    pub effects: Vec<String>,
    /// Verdicts of other analysers, by SPEC: `"picklescan==0.0.26" = "safe"`.
    #[serde(default)]
    pub analyzers: BTreeMap<String, String>,
}

/// Decodes hexadecimal with white space in it.
fn decode_hex(text: &str) -> Result<Vec<u8>, String> {
    let digits: Vec<char> = text.chars().filter(|c| !c.is_whitespace()).collect();
    if !digits.len().is_multiple_of(2) {
        return Err("an odd number of hex digits in `pickle`".to_owned());
    }
    let byte = |pair: &[char]| {
        let digit = |c: char| c.to_digit(16).ok_or(format!("not a hex digit: {c:?}"));
        Ok((digit(pair[0])? << 4 | digit(pair[1])?) as u8)
    };
    digits.chunks(2).map(byte).collect()
}

/// Reads a record. `find` gives the bytes of a file beside it.
///
/// # Errors
/// If the front matter is missing, malformed or names no pickle.
pub fn parse(file: &str, text: &str, find: impl FnOnce(&str) -> Option<Vec<u8>>) -> Result<Record> {
    let fail = |message: String| Error::new(file, message);
    let text = text.replace("\r\n", "\n");
    let rest = text
        .strip_prefix("+++\n")
        .ok_or_else(|| fail("expected `+++` on the first line".to_owned()))?;
    let (front, body) = rest
        .split_once("\n+++\n")
        .ok_or_else(|| fail("expected `+++` after the front matter".to_owned()))?;
    let front: FrontMatter = toml::from_str(front).map_err(|error| fail(error.to_string()))?;
    let pickle = match (&front.pickle, &front.file) {
        (Some(hex), None) => decode_hex(hex).map_err(fail)?,
        (None, Some(name)) => {
            find(name).ok_or_else(|| fail(format!("there is no `{name}` beside it")))?
        }
        _ => return Err(fail("expected one of `pickle` and `file`".to_owned())),
    };
    Ok(Record { front, pickle, body: body.trim().to_owned() })
}

pub(crate) fn read_records() -> Result<Vec<Record>> {
    let find = |name: &str| embedded::find(embedded::record_pickles(), name).map(<[u8]>::to_vec);
    embedded::record_files().iter().map(|(file, text)| parse(file, text, find)).collect()
}

/// Every record of the corpus.
///
/// # Panics
/// If an embedded record is broken, which the crate's lint test excludes.
pub fn records() -> &'static [Record] {
    static RECORDS: LazyLock<Vec<Record>> =
        LazyLock::new(|| read_records().expect("embedded records pass the lint"));
    &RECORDS
}

#[cfg(test)]
mod tests {
    use super::*;

    const RECORD: &str = "+++\nid = \"X-1\"\ntitle = \"t\"\nstatus = \"fixed\"\n\
        pickle = \"4e 2e\"\n[expects]\nverdict = \"safe\"\n+++\nWhy.\n";

    #[test]
    fn reads_a_record() {
        let record = parse("x.md", RECORD, |_| None).unwrap();
        assert_eq!(record.pickle, b"N.");
        assert_eq!(record.body, "Why.");
    }

    #[test]
    fn says_what_is_missing() {
        let error = |text: &str| parse("x.md", text, |_| None).unwrap_err().message;
        assert!(error("id = 1").contains("first line"));
        assert!(error(&RECORD.replace("4e 2e", "4e 2")).contains("odd number"));
        assert!(error(&RECORD.replace("pickle = \"4e 2e\"", "")).contains("one of"));
        assert!(error(&RECORD.replace("pickle = \"4e 2e\"", "file = \"a.pkl\"")).contains("a.pkl"));
    }

    #[test]
    fn the_example_is_a_record() {
        parse("EXAMPLE.md", include_str!("../EXAMPLE.md"), |_| None).unwrap();
    }
}
