//! `assay buckets`: how well buckets tell root causes apart.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use assay_analyzer::Policy;
use assay_differential::labelled::{Cause, Labelled, Shown};
use assay_differential::minimise::Budget;
use assay_differential::{Bench, Class, Hunt, VMeasure, v_measure};
use assay_oracle::{Mode, Oracle};
use assay_pickle::Program;
use assay_subjects::SubjectSpec;
use clap::Subcommand;
use serde::Serialize;

use crate::exit::Exit;
use crate::options::{Format, FormatArgs, JobsArgs, LoadArgs};
use crate::output::{self, BAD, BOLD, DIM, Output};
use crate::parallel;

/// Measure how well buckets tell root causes apart
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Measure(Measure),
}

/// Compare buckets with the labels of pickles whose root cause is known
///
/// Follows each pickle of a labelled set down to its bucket, as `assay check` and a campaign do,
/// and prints homogeneity (no bucket holds two causes), completeness (no cause is in two
/// buckets) and their harmonic mean, the V-measure; which causes are split and which are merged;
/// and how small the minimised pickles are and how long it took. A set is a directory with
/// `labels.toml` and `pickles/`; Assay's own is fuzz/differential/labelled. Exits 1 if homogeneity
/// or completeness is below --at-least, or a pickle shows no discrepancy of its class.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  assay buckets measure fuzz/differential/labelled
  assay buckets measure fuzz/differential/labelled --cause inst-not-read --format json")]
struct Measure {
    /// Directory of the labelled set
    #[arg(value_name = "DIR")]
    dir: PathBuf,
    /// Only causes whose label contains this
    #[arg(long, value_name = "TEXT")]
    cause: Option<String>,
    /// What homogeneity and completeness must reach
    #[arg(long, value_name = "SHARE", default_value_t = 0.95)]
    at_least: f64,
    /// How many candidates the minimiser may try
    #[arg(long, value_name = "N", default_value_t = Budget::default().tests)]
    tests: usize,
    #[command(flatten)]
    format: FormatArgs,
    #[command(flatten)]
    jobs: JobsArgs,
    #[command(flatten)]
    oracle: LoadArgs,
}

/// Longest time for one answer of an analyser, unless the set says otherwise.
const TIMEOUT: Duration = Duration::from_secs(5);

/// One pickle to follow.
struct Task<'s> {
    cause: &'s Cause,
    shown: &'s Shown,
    file: &'s str,
}

/// A line of JSON: one pickle.
#[derive(Serialize)]
struct Line {
    file: String,
    label: String,
    class: Class,
    bucket: Option<String>,
    features: Vec<String>,
    original_bytes: usize,
    minimized_bytes: usize,
    minimized_opcodes: usize,
    minimized: String,
    tests: usize,
    seconds: f64,
}

/// The last line of JSON: all of it.
#[derive(Serialize)]
struct Total {
    pickles: usize,
    causes: usize,
    buckets: usize,
    missed: usize,
    #[serde(flatten)]
    measure: VMeasure,
    median_opcodes: usize,
    median_bytes: usize,
    median_seconds: f64,
    slowest_seconds: f64,
}

pub fn run(args: &Args) -> Result<Exit> {
    let Command::Measure(args) = &args.command;
    let set = Labelled::read(&args.dir)?;
    let policy = Policy::load(&["stdlib"])?;
    let wanted =
        |cause: &&Cause| args.cause.as_ref().is_none_or(|text| cause.label.contains(text.as_str()));
    let mut tasks = Vec::new();
    for cause in set.causes.iter().filter(wanted) {
        for shown in &cause.shown {
            for entry in &shown.pickles {
                tasks.push(Task { cause, shown, file: &entry.file });
            }
        }
    }
    let mut config = args.oracle.config()?;
    config.preload = policy.modules();
    let mut out = Output::stdout();
    let mut lines: Vec<Line> = Vec::new();
    let mut trouble = false;
    parallel::ordered(
        args.jobs.count(),
        &tasks,
        || Ok(Oracle::new(config.clone())?),
        |oracle, task| follow(args, oracle, task, &policy),
        |task, result| {
            match result {
                Ok(Ok(line)) => {
                    if args.format.format == Format::Json {
                        out.json(&line)?;
                        out.flush()?;
                    }
                    lines.push(line);
                }
                Ok(Err(error)) => {
                    output::error(&format!("{}: {error:#}", task.file));
                    trouble = true;
                }
                Err(panic) => {
                    output::error(&format!("{}: internal error: {panic}", task.file));
                    trouble = true;
                }
            }
            Ok(())
        },
    )?;
    let total = total(&lines);
    match args.format.format {
        Format::Json => out.json(&total)?,
        Format::Text => text(&mut out, &lines, &total)?,
    }
    out.flush()?;
    let low = total.measure.homogeneity.min(total.measure.completeness);
    Ok(if trouble {
        Exit::Trouble
    } else if low < args.at_least || total.missed > 0 {
        Exit::Found
    } else {
        Exit::Clean
    })
}

fn follow(args: &Measure, oracle: &mut Oracle, task: &Task<'_>, policy: &Policy) -> Result<Line> {
    let path = args.dir.join("pickles").join(task.file);
    let bytes = std::fs::read(&path).with_context(|| path.display().to_string())?;
    let spec: SubjectSpec = placed(&task.shown.analyzer, &args.dir)?.parse()?;
    let by = match &task.shown.judge {
        Some(judge) => judge.parse()?,
        None => spec.judge_mode(),
    };
    let timeout = task.shown.timeout_ms.map_or(TIMEOUT, Duration::from_millis);
    let mut subject = spec.start(policy, timeout)?;
    let engines = args.oracle.engines();
    let mut bench =
        Bench { subject: &mut *subject, witness: oracle, allowed: policy, by, engines: &engines };
    let mode = Mode { persistent_load: task.shown.persistent_load, ..args.oracle.mode() };
    let checked = bench.check_in(&bytes, Hunt::All, mode)?;
    let begun = Instant::now();
    let class = task.cause.class;
    let traced = match checked.discrepancies.iter().find(|found| found.class == class) {
        Some(found) => bench.trace(&bytes, &checked, found, Budget { tests: args.tests })?,
        None => None,
    };
    let seconds = begun.elapsed().as_secs_f64();
    let minimized = traced.as_ref().map_or(&[][..], |traced| &traced.minimized);
    Ok(Line {
        file: task.file.to_owned(),
        label: task.cause.label.clone(),
        class,
        original_bytes: bytes.len(),
        minimized_bytes: minimized.len(),
        minimized_opcodes: Program::parse(minimized).codes.len(),
        minimized: assay_pickle::quote_bytes(minimized, 200).to_string(),
        tests: traced.as_ref().map_or(0, |traced| traced.tests),
        features: traced.as_ref().map_or_else(Vec::new, |traced| traced.features.clone()),
        bucket: traced.map(|traced| traced.bucket),
        seconds,
    })
}

/// An analyser's name with the set's directory in its place.
fn placed(analyzer: &str, dir: &Path) -> Result<String> {
    let dir = dir.canonicalize().with_context(|| dir.display().to_string())?;
    Ok(analyzer.replace("{dir}", &dir.to_string_lossy()))
}

fn total(lines: &[Line]) -> Total {
    let pairs: Vec<(&str, String)> = lines
        .iter()
        .map(|line| (&*line.label, line.bucket.clone().unwrap_or_else(|| "none".into())))
        .collect();
    let labels: BTreeSet<&str> = pairs.iter().map(|(label, _)| *label).collect();
    let buckets: BTreeSet<&str> = pairs.iter().map(|(_, bucket)| &**bucket).collect();
    let followed: Vec<&Line> = lines.iter().filter(|line| line.bucket.is_some()).collect();
    let mut seconds: Vec<f64> = followed.iter().map(|line| line.seconds).collect();
    seconds.sort_by(f64::total_cmp);
    Total {
        pickles: lines.len(),
        causes: labels.len(),
        buckets: buckets.len(),
        missed: lines.len() - followed.len(),
        measure: v_measure(pairs.iter().map(|(label, bucket)| (*label, &**bucket))),
        median_opcodes: median(followed.iter().map(|line| line.minimized_opcodes)),
        median_bytes: median(followed.iter().map(|line| line.minimized_bytes)),
        median_seconds: seconds.get(seconds.len() / 2).copied().unwrap_or(0.0),
        slowest_seconds: seconds.last().copied().unwrap_or(0.0),
    }
}

fn median(values: impl Iterator<Item = usize>) -> usize {
    let mut values: Vec<usize> = values.collect();
    values.sort_unstable();
    values.get(values.len() / 2).copied().unwrap_or(0)
}

fn text(out: &mut Output, lines: &[Line], total: &Total) -> Result<()> {
    let mut by_label: BTreeMap<&str, BTreeMap<&str, usize>> = BTreeMap::new();
    let mut by_bucket: BTreeMap<&str, BTreeMap<&str, usize>> = BTreeMap::new();
    for line in lines {
        let bucket = line.bucket.as_deref().unwrap_or("none");
        *by_label.entry(&line.label).or_default().entry(bucket).or_default() += 1;
        *by_bucket.entry(bucket).or_default().entry(&line.label).or_default() += 1;
    }
    for (what, groups) in [("split", &by_label), ("merged", &by_bucket)] {
        for (name, members) in groups.iter().filter(|(_, members)| members.len() > 1) {
            out.line(format_args!("{BAD}{what}{BAD:#}  {name}"))?;
            for (member, count) in members {
                out.line(format_args!("    {count:>3}  {DIM}{member}{DIM:#}"))?;
            }
        }
    }
    out.line(format_args!(
        "{} pickles of {} causes in {} buckets; {} show no discrepancy of their class",
        total.pickles, total.causes, total.buckets, total.missed
    ))?;
    let VMeasure { homogeneity, completeness, v } = total.measure;
    out.line(format_args!(
        "{BOLD}homogeneity {homogeneity:.4}, completeness {completeness:.4}, V-measure {v:.4}{BOLD:#}"
    ))?;
    out.line(format_args!(
        "minimised: median {} opcodes, {} bytes, {:.2} s; slowest {:.2} s",
        total.median_opcodes, total.median_bytes, total.median_seconds, total.slowest_seconds
    ))
}
