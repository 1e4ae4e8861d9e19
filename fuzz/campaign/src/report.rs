//! Reports: what one or several campaigns found, for people and for machines.
//!
//! A report is made of stored state alone, so that it can be made again at any time, of several
//! shards or nights together. It must not add opinions: how much a "sound" is worth is told by
//! the counts beside it.

mod headline;
mod hindcast;
mod html;
mod junit;
mod markdown;
mod plots;
pub(crate) mod remedy;
mod sarif;
mod severity;
mod trends;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use assay_differential::{Class, is_safe_crash};
use serde_json::{Value, json};

use crate::estimate::{Abundance, Estimate};
use crate::exhaustive::certificates;
use crate::finding::Finding;
use crate::merge::{Cause, Merged, PartId, Sighting};
use crate::store::{self, Store};
use crate::summary::{Control, Summary};
use crate::{Error, Result, files};

pub use hindcast::{Hindcast, between as hindcast};

/// The formats of reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// One self-contained page.
    Html,
    /// Markdown, for issues.
    Markdown,
    /// The summary and the findings as one JSON object.
    Json,
    /// For code-scanning services.
    Sarif,
    /// For CI systems that show tests.
    Junit,
}

impl FromStr for Format {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "html" => Ok(Self::Html),
            "md" => Ok(Self::Markdown),
            "json" => Ok(Self::Json),
            "sarif" => Ok(Self::Sarif),
            "junit" => Ok(Self::Junit),
            other => Err(Error::Config(format!(
                "expected html, md, json, sarif or junit, found {other:?}"
            ))),
        }
    }
}

/// The report of the campaigns in these directories, merged.
pub fn render(directories: &[PathBuf], format: Format) -> Result<String> {
    let merged = load(directories)?;
    let summary = summary(&merged);
    match format {
        Format::Html => html::page(&merged, &summary),
        Format::Markdown => markdown::campaign(&merged, &summary),
        Format::Json => Ok(format!("{:#}\n", json(&merged, &summary))),
        Format::Sarif => Ok(format!("{:#}\n", sarif::log(&merged, &summary))),
        Format::Junit => junit::report(&merged, &summary),
    }
}

fn json(merged: &Merged, summary: &Summary) -> Value {
    let findings: Vec<Value> = merged
        .causes()
        .map(|cause| {
            let finding = cause.finding();
            let mut out = json!(finding.line(&finding.directory()));
            out["remedy"] = json!(remedy::remedy(finding));
            let seen = |(part, seen): (&PartId, &Sighting)| json!({ "part": part, "seen": seen });
            out["sightings"] = cause.sightings().iter().map(seen).collect();
            out
        })
        .collect();
    let campaigns: Vec<Value> = merged
        .parts()
        .iter()
        .map(|part| {
            json!({
                "id": part.meta.id, "shard": part.shard, "began": part.meta.began,
                "seed": part.meta.seed, "analyzers": part.meta.analyzers,
                "seconds": part.seconds, "generated": part.tally.generated,
                "control": part.control, "timeline": part.timeline,
            })
        })
        .collect();
    json!({ "summary": summary, "findings": findings, "campaigns": campaigns })
}

/// Everything in the campaigns of these directories, or of those below them.
pub fn load(directories: &[PathBuf]) -> Result<Merged> {
    let mut merged = Merged::default();
    for directory in directories {
        for campaign in store::find(directory)? {
            merged.merge(Store::open_to_read(&campaign)?.merged()?);
        }
    }
    Ok(merged)
}

/// The summary of everything.
pub fn summary(merged: &Merged) -> Summary {
    let tally = merged.tally();
    let coverage = merged.coverage();
    let parts = merged.parts();
    let seconds = parts.iter().map(|part| part.seconds).sum();
    let spent: u64 = tally.spent_us.values().sum();
    let time_share = tally
        .spent_us
        .iter()
        .map(|(stage, us)| {
            let share = *us as f64 / spent.max(1) as f64;
            (stage.clone(), (share * 1000.0).round() / 1000.0)
        })
        .collect();
    // One campaign whose hole was not found is enough to doubt all.
    let doubted = parts.iter().find(|part| !Summary::trusted(&part.control, part.seconds));
    let control = doubted.or(parts.first()).map_or(Control::default(), |p| p.control.clone());
    let certificates = certificates(merged);
    let void = certificates.iter().any(|certificate| certificate.void.is_some());
    let mut pending: BTreeMap<String, u64> = BTreeMap::new();
    for left in merged.pending() {
        *pending.entry(left.class.name().to_owned()).or_default() += 1;
    }
    Summary {
        seed: parts.first().map_or(0, |part| part.meta.seed),
        seconds,
        generated: tally.generated,
        analyzed: tally.analyzed,
        executed: tally.executed(),
        executed_deny: tally.executed_deny,
        executed_full: tally.executed_full,
        executed_full_alone: tally.executed_full_alone,
        execs_per_second: tally.executed() as f64 / seconds.max(1e-3),
        loaded: tally.loaded,
        touched_denied: tally.touched_denied,
        opcodes_seen: coverage.opcodes_seen(),
        transitions_seen: coverage.transitions_seen(),
        verdicts: tally.verdicts,
        safe_with_call: tally.safe_with_call,
        safe_with_call_executed_full: tally.safe_with_call_executed_full,
        control,
        buckets: by_class(merged.findings()),
        safe_crashes: safe_crashes(merged.findings()),
        pending,
        analyzers: merged.each(|meta| &meta.analyzers),
        pythons: merged.each(|meta| &meta.pythons),
        first_find_seconds: first_finds(merged),
        matrix: tally.matrix,
        time_share,
        trustworthy: doubted.is_none() && !void,
        estimate: Estimate::new(Abundance::of(
            tally.generated,
            merged.findings().map(|finding| finding.count),
        )),
        certificates,
    }
}

/// Number of findings by class; every class is named.
pub fn by_class<'f>(findings: impl Iterator<Item = &'f Finding>) -> BTreeMap<String, u64> {
    let mut out: BTreeMap<String, u64> =
        Class::ALL.iter().map(|class| (class.name().to_owned(), 0)).collect();
    for finding in findings {
        *out.entry(finding.class.name().to_owned()).or_default() += 1;
    }
    out
}

/// Crashes among them of what an analyser calls safe.
pub fn safe_crashes<'f>(findings: impl Iterator<Item = &'f Finding>) -> u64 {
    findings.filter(|finding| is_safe_crash(&finding.bucket)).count() as u64
}

fn first_finds(merged: &Merged) -> BTreeMap<String, f64> {
    let mut out: BTreeMap<String, f64> = BTreeMap::new();
    for finding in merged.findings() {
        let seconds = out.entry(finding.bucket.clone()).or_insert(finding.first_seen_seconds);
        *seconds = seconds.min(finding.first_seen_seconds);
    }
    out
}

/// Causes, gravest first, then the one with fewest opcodes.
fn ordered(merged: &Merged) -> Vec<&Cause> {
    let mut all: Vec<&Cause> = merged.causes().collect();
    all.sort_by_cached_key(|cause| {
        let finding = cause.finding();
        let name = (finding.bucket.clone(), finding.analyzer.clone());
        (severity::rank(finding), finding.minimized_opcodes(), name)
    });
    all
}

/// Writes `summary.json` and `findings.jsonl`, and `certificate.json` of an exhaustive campaign.
pub fn write_files(out: &Path, merged: &Merged, summary: &Summary) -> Result<()> {
    let json = serde_json::to_string_pretty(summary).expect("a summary has text keys only");
    files::write(&out.join("summary.json"), format!("{json}\n").as_bytes())?;
    if let Some(certificate) = summary.certificates.first() {
        let json = serde_json::to_string_pretty(certificate).expect("it has text keys only");
        files::write(&out.join("certificate.json"), format!("{json}\n").as_bytes())?;
    }
    let mut lines = String::new();
    for finding in merged.findings() {
        let line = finding.line(&finding.directory());
        lines += &serde_json::to_string(&line).expect("a finding has text keys only");
        lines.push('\n');
    }
    files::write(&out.join("findings.jsonl"), lines.as_bytes())
}
