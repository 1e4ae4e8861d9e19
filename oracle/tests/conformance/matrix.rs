//! The matrix of what is seen, for people: written from a real run, and compared with one.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::PathBuf;

use crate::{ENGINES, Seen, reach};

/// Set to write the file rather than compare it.
const WRITE: &str = "ASSAY_WRITE_CONFORMANCE";

const HEADER: &str = "\
# Conformance of the tracer

Every way in which a pickle can cause a call, and whether the tracer sees it before it happens,
by engine and CPython. Written by a test from real runs, which fails if this file is out of date:

    ASSAY_WRITE_CONFORMANCE=1 cargo test --release -p assay-oracle --test conformance

A machine that has fewer CPythons compares what it has. `seen` means on every version below;
otherwise the versions are named. `-` means that there is nothing to see or that it is out of
reach: the reasons stand at the end. *Callables* are the kinds with which a row was tried.
";

fn path() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("CONFORMANCE.md")
}

/// `3.11` of `3.11.7`.
fn minor(version: &str) -> &str {
    version.rsplit_once('.').map_or(version, |(minor, _)| minor)
}

/// Ordered as numbers are: 3.9 before 3.10.
fn ordered(minors: BTreeSet<&str>) -> Vec<String> {
    let mut minors: Vec<&str> = minors.into_iter().collect();
    minors.sort_by_key(|minor| {
        minor.split('.').map(str::parse::<u32>).map(Result::ok).collect::<Vec<_>>()
    });
    minors.into_iter().map(str::to_owned).collect()
}

/// One line: mechanism, kinds of callable, and by engine the versions on which it is seen.
struct Row {
    mechanism: String,
    kinds: Vec<&'static str>,
    cells: Vec<BTreeSet<String>>,
}

fn rows(seen: &Seen) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    for (index, case) in seen.cases.iter().enumerate() {
        let cells: Vec<BTreeSet<String>> = (0..ENGINES.len())
            .map(|engine| {
                // Two releases of one minor version must agree.
                let (mut yes, mut no) = (BTreeSet::new(), BTreeSet::new());
                for (at, version) in seen.versions.iter().enumerate() {
                    let side = if seen.seen(at, index, engine) { &mut yes } else { &mut no };
                    side.insert(minor(version).to_owned());
                }
                yes.difference(&no).cloned().collect()
            })
            .collect();
        match rows.iter_mut().find(|row| row.mechanism == case.mechanism && row.cells == cells) {
            Some(row) => row.kinds.push(case.kind),
            None => {
                rows.push(Row { mechanism: case.mechanism.into(), kinds: vec![case.kind], cells })
            }
        }
    }
    rows
}

/// How many kinds a mechanism was tried with.
fn tried(seen: &Seen, mechanism: &str) -> usize {
    seen.cases.iter().filter(|case| case.mechanism == mechanism).count()
}

fn render(seen: &Seen) -> String {
    let minors = ordered(seen.versions.iter().map(|version| minor(version)).collect());
    let mut out = String::from(HEADER);
    let _ = writeln!(out, "\nCPython: {}\n", minors.join(", "));
    let _ = writeln!(out, "| Mechanism | Callables | {} |", ENGINES.map(|e| e.name()).join(" | "));
    let _ = writeln!(out, "|---|---|{}", "---|".repeat(ENGINES.len()));
    for row in rows(seen) {
        let kinds = match row.kinds.as_slice() {
            [""] => String::new(),
            kinds if kinds.len() == tried(seen, &row.mechanism) => {
                format!("{} kinds: all", kinds.len())
            }
            kinds => kinds.join(", "),
        };
        let cells: Vec<String> = row.cells.iter().map(|cell| show(cell, &minors)).collect();
        let _ = writeln!(out, "| {} | {kinds} | {} |", row.mechanism, cells.join(" | "));
    }
    let kinds: Vec<&str> = crate::kinds::KINDS.iter().map(|kind| kind.name).collect();
    let _ = writeln!(out, "\nKinds of callable: {}.", kinds.join("; "));
    let _ = writeln!(out, "\n## Why not\n");
    for (what, why) in reach::reasons() {
        let _ = writeln!(out, "- {what}: {why}.");
    }
    out
}

fn show(cell: &BTreeSet<String>, minors: &[String]) -> String {
    match cell.len() {
        0 => "-".into(),
        len if len == minors.len() => "seen".into(),
        _ => minors.iter().filter(|m| cell.contains(*m)).cloned().collect::<Vec<_>>().join(", "),
    }
}

/// Compares the file with what was seen, or writes it.
pub fn check(seen: &Seen) {
    if std::env::var_os(WRITE).is_some() {
        std::fs::write(path(), render(seen)).unwrap();
        return;
    }
    let text = std::fs::read_to_string(path()).unwrap();
    let advice = format!("CONFORMANCE.md is out of date: set {WRITE}=1 and run this test");
    assert!(text.starts_with(HEADER), "{advice}");
    let documented: Vec<String> = text
        .lines()
        .find_map(|line| line.strip_prefix("CPython: "))
        .map(|line| line.split(", ").map(str::to_owned).collect())
        .unwrap_or_default();
    let here: BTreeSet<String> = seen
        .versions
        .iter()
        .map(|version| minor(version).to_owned())
        .filter(|minor| documented.contains(minor))
        .collect();
    assert!(!here.is_empty(), "none of this machine's CPythons is in CONFORMANCE.md");
    let documented = parse(&text, &documented, &here);
    let mut found: BTreeMap<String, BTreeSet<Vec<BTreeSet<String>>>> = BTreeMap::new();
    for row in rows(seen) {
        let cells = row.cells.iter().map(|cell| cell & &here).collect();
        found.entry(row.mechanism).or_default().insert(cells);
    }
    assert_eq!(documented, found, "{advice}");
}

/// The rows of the file, by mechanism, with no versions but those that are here.
fn parse(
    text: &str,
    documented: &[String],
    here: &BTreeSet<String>,
) -> BTreeMap<String, BTreeSet<Vec<BTreeSet<String>>>> {
    let mut out: BTreeMap<String, BTreeSet<Vec<BTreeSet<String>>>> = BTreeMap::new();
    for line in text.lines().filter(|line| line.starts_with("| ")).skip(1) {
        let parts: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
        let [mechanism, _, cells @ ..] = parts.as_slice() else { panic!("{line}") };
        let read = |cell: &&str| -> BTreeSet<String> {
            let versions: BTreeSet<String> = match *cell {
                "-" => BTreeSet::new(),
                "seen" => documented.iter().cloned().collect(),
                some => some.split(", ").map(str::to_owned).collect(),
            };
            &versions & here
        };
        out.entry((*mechanism).to_owned()).or_default().insert(cells.iter().map(read).collect());
    }
    out
}
