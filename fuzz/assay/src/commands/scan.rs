//! `assay scan`: judges files without running anything.

use std::path::PathBuf;

use anyhow::Result;
use assay_analyzer::{FileAnalysis, FileItem, Policy, Severity, Verdict, analyze_file_with, sarif};
use clap::ValueEnum;
use serde::Serialize;

use crate::escape::escape;
use crate::exit::{Exit, Tally};
use crate::globals::Globals;
use crate::input::{self, InputError, Source};
use crate::limits::LimitArgs;
use crate::options::{JobsArgs, PolicyArgs};
use crate::output::{self, BAD, BOLD, DIM, DOUBT, GOOD, Output};
use crate::parallel;

/// Judge files without running anything
///
/// Reads every pickle of every file and says of each whether loading it is proved to touch only
/// what the policy allows (`safe`), is proved to reach something harmful (`dangerous`), or
/// neither (`unproven`, which includes everything malformed). Exits 0 only if all are safe.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  assay scan model.pkl
  assay scan --policy stdlib --policy ours.toml downloads/
  curl -s https://example.org/model.pkl | assay scan -
  assay scan --format json downloads/ | jq -r 'select(.verdict != \"safe\").path'")]
pub struct Args {
    /// Files, directories (every file in them) or `-`
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    #[command(flatten)]
    policy: PolicyArgs,
    /// How to print results
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    format: ScanFormat,
    #[command(flatten)]
    jobs: JobsArgs,
    #[command(flatten)]
    limits: LimitArgs,
}

/// How results are printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum ScanFormat {
    /// For people
    #[default]
    Text,
    /// JSON Lines: one object per pickle
    Json,
    /// SARIF 2.1.0: one log for all, as code scanning services read it
    Sarif,
}

/// One line of JSON: one pickle.
#[derive(Serialize)]
struct Line<'a> {
    path: &'a str,
    policy: &'a [String],
    #[serde(flatten)]
    item: &'a FileItem,
}

pub fn run(args: &Args, globals: Globals) -> Result<Exit> {
    let policy = args.policy.load()?;
    let limits = args.limits.limits();
    let mut tally = Tally::default();
    let sources = input::sources(&args.paths, &mut tally);
    let mut out = Output::stdout();
    let mut counts = Counts::default();
    let mut logged = Vec::new();
    let judge = |source: &Source| -> Result<FileAnalysis, InputError> {
        Ok(analyze_file_with(&source.read()?, &policy, &limits))
    };
    parallel::ordered(
        args.jobs.count(),
        &sources,
        || Ok(()),
        |(), source| judge(source),
        |source, result| {
            match result {
                Ok(Ok(analysis)) => {
                    tally.found |= analysis.verdict != Verdict::Safe;
                    counts.add(&analysis);
                    match args.format {
                        ScanFormat::Text => text(&mut out, source, &analysis)?,
                        ScanFormat::Json => json(&mut out, source, &analysis, &policy)?,
                        ScanFormat::Sarif => logged.push((source.name(), analysis)),
                    }
                }
                Ok(Err(error)) => {
                    output::error(&error.to_string());
                    tally.trouble = true;
                }
                Err(panic) => {
                    let name = escape(&source.name());
                    output::error(&format!("{name}: internal error, please report it: {panic}"));
                    tally.trouble = true;
                }
            }
            Ok(())
        },
    )?;
    if args.format == ScanFormat::Sarif {
        out.json(&sarif(logged.iter().flat_map(|(path, analysis)| {
            analysis.items.iter().map(|item| (path.as_str(), item))
        })))?;
    }
    out.flush()?;
    output::note(globals.quiet, counts);
    Ok(tally.exit())
}

fn json(out: &mut Output, source: &Source, analysis: &FileAnalysis, policy: &Policy) -> Result<()> {
    let path = source.name();
    let mut items = analysis.items.iter();
    items.try_for_each(|item| out.json(&Line { path: &path, policy: policy.names(), item }))
}

fn text(out: &mut Output, source: &Source, analysis: &FileAnalysis) -> Result<()> {
    let path = escape(&source.name());
    let one_of_many = analysis.items.len() > 1;
    analysis.items.iter().try_for_each(|item| block(out, &path, item, one_of_many))
}

fn block(out: &mut Output, path: &str, item: &FileItem, one_of_many: bool) -> Result<()> {
    let pickle = &item.pickle;
    let style = match pickle.verdict {
        Verdict::Safe => GOOD,
        Verdict::Unproven => DOUBT,
        Verdict::Dangerous => BAD,
    };
    let mut place = String::new();
    if let Some(member) = &item.member {
        place += &format!(" {}", escape(member));
    }
    if one_of_many {
        place += &format!(" at byte {}", pickle.offset);
    }
    if let Some(loader) = item.loader {
        place += &format!(" (for {loader})");
    }
    let verdict = pickle.verdict.name();
    out.line(format_args!("{style}{verdict:9}{style:#} {BOLD}{path}{BOLD:#}{place}"))?;
    if let Some(fault) = &pickle.malformed {
        let message = escape(&fault.message);
        out.line(format_args!(
            "          byte {}: {message} {DIM}[malformed]{DIM:#}",
            fault.offset
        ))?;
    }
    for reason in &pickle.reasons {
        // The fault is told already.
        if pickle.malformed.as_ref().is_some_and(|fault| fault.message == reason.message) {
            continue;
        }
        let style = if reason.severity == Severity::Error { BAD } else { DOUBT };
        let opcode = if reason.opcode.is_empty() { "end" } else { reason.opcode };
        out.line(format_args!(
            "          byte {}, {opcode}: {style}{}{style:#} {DIM}[{}]{DIM:#}",
            reason.offset,
            escape(&reason.message),
            reason.rule,
        ))?;
    }
    for held in &pickle.holds {
        let verdict = held.verdict.map_or("not judged", Verdict::name);
        out.line(format_args!(
            "          byte {}: holds a pickle of {} bytes, which this one does not load; by itself {verdict} {DIM}[note]{DIM:#}",
            held.offset, held.length,
        ))?;
    }
    Ok(())
}

/// The summary for people.
#[derive(Default)]
struct Counts {
    files: usize,
    pickles: [usize; 3],
}

impl Counts {
    fn add(&mut self, analysis: &FileAnalysis) {
        self.files += 1;
        for item in &analysis.items {
            self.pickles[item.pickle.verdict as usize] += 1;
        }
    }
}

impl std::fmt::Display for Counts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let [safe, unproven, dangerous] = self.pickles;
        let pickles = safe + unproven + dangerous;
        let plural = |n: usize| if n == 1 { "" } else { "s" };
        write!(
            f,
            "{pickles} pickle{} in {} file{}: {safe} safe, {unproven} unproven, {dangerous} dangerous",
            plural(pickles),
            self.files,
            plural(self.files),
        )
    }
}
