//! Reports: what one or several campaigns found, for people and for machines.
//!
//! A report is made of stored state alone, so that it can be made again at any time, of several
//! shards or nights together. It must not add opinions: how much a "sound" is worth is told by
//! the counts beside it.

mod html;
mod merge;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use assay_differential::Class;

use crate::finding::Finding;
use crate::store::{State, Store};
use crate::summary::Summary;
use crate::{Error, Result, files, render};

/// The formats of reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// One self-contained page.
    Html,
    /// Markdown, for issues.
    Markdown,
    /// The summary and the findings as one JSON object.
    Json,
}

impl FromStr for Format {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "html" => Ok(Self::Html),
            "md" => Ok(Self::Markdown),
            "json" => Ok(Self::Json),
            other => Err(Error::Config(format!("expected html, md or json, found {other:?}"))),
        }
    }
}

/// The report of the campaigns in these directories, merged.
pub fn render(directories: &[PathBuf], format: Format) -> Result<String> {
    let mut states = Vec::new();
    for directory in directories {
        states.push(Store::open(directory)?.state()?);
    }
    let state = merge::merge(states)
        .ok_or_else(|| Error::Config("no campaign given to report on".into()))?;
    let summary = summary(&state);
    match format {
        Format::Html => html::page(&state, &summary),
        Format::Markdown => render::campaign(&state, &summary),
        Format::Json => {
            let lines: Vec<_> =
                state.findings.iter().map(|found| found.line(&found.directory())).collect();
            let all = serde_json::json!({ "summary": summary, "findings": lines });
            Ok(format!("{all:#}\n"))
        }
    }
}

/// The summary of a state.
pub fn summary(state: &State) -> Summary {
    let tally = &state.tally;
    let spent: u64 = tally.spent_us.values().sum();
    let time_share = tally
        .spent_us
        .iter()
        .map(|(stage, us)| {
            let share = *us as f64 / spent.max(1) as f64;
            (stage.clone(), (share * 1000.0).round() / 1000.0)
        })
        .collect();
    Summary {
        seed: state.meta.seed,
        seconds: state.seconds,
        generated: tally.generated,
        analyzed: tally.analyzed,
        executed: tally.executed(),
        executed_deny: tally.executed_deny,
        executed_full: tally.executed_full,
        execs_per_second: tally.executed() as f64 / state.seconds.max(1e-3),
        loaded: tally.loaded,
        touched_denied: tally.touched_denied,
        opcodes_seen: state.coverage.opcodes_seen(),
        transitions_seen: state.coverage.transitions_seen(),
        verdicts: tally.verdicts.clone(),
        safe_with_call: tally.safe_with_call,
        safe_with_call_executed_full: tally.safe_with_call_executed_full,
        control: state.control.clone(),
        buckets: by_class(&state.findings),
        analyzers: state.meta.analyzers.clone(),
        pythons: state.meta.pythons.clone(),
        first_find_seconds: first_finds(&state.findings),
        matrix: tally.matrix.clone(),
        time_share,
        trustworthy: Summary::trusted(&state.control, state.seconds),
    }
}

/// Number of findings by class; every class is named.
pub fn by_class(findings: &[Finding]) -> BTreeMap<String, u64> {
    let mut out: BTreeMap<String, u64> =
        Class::ALL.iter().map(|class| (class.name().to_owned(), 0)).collect();
    for finding in findings {
        *out.entry(finding.class.name().to_owned()).or_default() += 1;
    }
    out
}

fn first_finds(findings: &[Finding]) -> BTreeMap<String, f64> {
    let mut out: BTreeMap<String, f64> = BTreeMap::new();
    for finding in findings {
        let seconds = out.entry(finding.bucket.clone()).or_insert(finding.first_seen_seconds);
        *seconds = seconds.min(finding.first_seen_seconds);
    }
    out
}

/// Writes `summary.json` and `findings.jsonl`.
pub fn write_files(out: &Path, state: &State, summary: &Summary) -> Result<()> {
    let json = serde_json::to_string_pretty(summary).expect("a summary has text keys only");
    files::write(&out.join("summary.json"), format!("{json}\n").as_bytes())?;
    let mut lines = String::new();
    for finding in &state.findings {
        let line = finding.line(&finding.directory());
        lines += &serde_json::to_string(&line).expect("a finding has text keys only");
        lines.push('\n');
    }
    files::write(&out.join("findings.jsonl"), lines.as_bytes())
}
