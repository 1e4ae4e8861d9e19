//! `assay trace`: loads files for real, in the sandbox, and says what that touched.

use std::path::PathBuf;

use anyhow::Result;
use assay_oracle::{
    Effect, EffectKind, Engine, Mode, Observation, Oracle, Outcome, Run, TouchKind, Touched,
};
use serde::Serialize;

use crate::escape::{brief, escape};
use crate::exit::{Exit, Tally};
use crate::globals::Globals;
use crate::input::{self, InputError, Source};
use crate::options::{Format, FormatArgs, JobsArgs, LoadArgs};
use crate::output::{self, BAD, BOLD, DIM, DOUBT, GOOD, Output};
use crate::parallel;

/// Load files for real, in a sandbox, and record what that touches
///
/// Each file is loaded alone in a fresh, confined process, by every CPython and engine asked
/// for, with everything it resolves, calls, imports and sets recorded before it happens. Exits 0
/// when the loads could be traced, whatever they did; `assay check` judges.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  assay trace model.pkl
  assay trace --python 3.12 --engine c-loads --engine py model.pkl
  assay trace --encoding latin1 --no-fix-imports --buffers --persistent-load model.pkl
  assay trace --format json model.pkl | jq -c '.effects[]'")]
pub struct Args {
    /// Files, directories (every file in them) or `-`
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    #[command(flatten)]
    format: FormatArgs,
    #[command(flatten)]
    jobs: JobsArgs,
    #[command(flatten)]
    oracle: LoadArgs,
}

/// One line of JSON: one load.
#[derive(Serialize)]
struct Line<'a> {
    path: &'a str,
    python: &'a str,
    engine: Engine,
    /// `encoding`, `fix_imports`, `buffers` and `persistent_load`.
    #[serde(flatten)]
    mode: Mode,
    outcome: Outcome,
    exception: &'a Option<String>,
    touched: &'a [Touched],
    effects: &'a [Effect],
    result: &'a Option<String>,
    stderr: &'a str,
    time_us: u64,
    complete: bool,
}

pub fn run(args: &Args, _globals: Globals) -> Result<Exit> {
    let config = args.oracle.config()?;
    // Fails here, once, if nothing can be loaded on this machine.
    Oracle::new(config.clone())?;
    let mut tally = Tally::default();
    let sources = input::sources(&args.paths, &mut tally);
    let pythons = config.pythons.len();
    let tasks: Vec<(&Source, usize)> = sources
        .iter()
        .flat_map(|source| (0..pythons).map(move |python| (source, python)))
        .collect();
    let runs = args.oracle.runs();
    let mut out = Output::stdout();
    let mut seen = Vec::new();
    parallel::ordered(
        args.jobs.count(),
        &tasks,
        || Ok(Oracle::new(config.clone())?),
        |oracle, (source, python)| load(oracle, source, *python, &runs),
        |(source, python), result| {
            let error = match result {
                Ok(Ok(observations)) => {
                    seen.extend(observations?);
                    if args.format.format == Format::Json || *python + 1 == pythons {
                        print(&mut out, args.format.format, source, &seen)?;
                        // A line is wanted when it is known, not when a buffer is full.
                        out.flush()?;
                        seen.clear();
                    }
                    return Ok(());
                }
                Ok(Err(error)) => error.to_string(),
                Err(panic) => {
                    format!("{}: internal error, please report it: {panic}", source.name())
                }
            };
            tally.trouble = true;
            // Told once, not once for each interpreter.
            if *python == 0 {
                output::error(&error);
            }
            Ok(())
        },
    )?;
    out.flush()?;
    Ok(tally.exit())
}

/// The observations of one file on one interpreter; the outer error is about the file, the inner
/// one about this machine.
fn load(
    oracle: &mut Oracle,
    source: &Source,
    python: usize,
    runs: &[Run],
) -> Result<assay_oracle::Result<Vec<Observation>>, InputError> {
    let bytes = source.read()?;
    Ok(runs.iter().map(|run| oracle.full(python, *run, &bytes)).collect())
}

fn print(out: &mut Output, format: Format, source: &Source, seen: &[Observation]) -> Result<()> {
    let path = source.name();
    match format {
        Format::Text => text(out, &path, seen),
        Format::Json => seen.iter().try_for_each(|seen| {
            out.json(&Line {
                path: &path,
                python: &seen.python,
                engine: seen.engine,
                mode: seen.mode,
                outcome: seen.outcome,
                exception: &seen.exception,
                touched: &seen.touched,
                effects: &seen.effects,
                result: &seen.result,
                stderr: &seen.stderr,
                time_us: seen.time_us,
                complete: seen.complete,
            })
        }),
    }
}

/// The name that JSON gives it.
fn name(value: &impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(name)) => name,
        _ => String::new(),
    }
}

/// What people are shown of a load, and who saw it: loads that went alike are shown once.
fn text(out: &mut Output, path: &str, seen: &[Observation]) -> Result<()> {
    let mut groups: Vec<(String, Vec<&Observation>)> = Vec::new();
    for observation in seen {
        let shown = describe(observation);
        match groups.iter_mut().find(|(other, _)| *other == shown) {
            Some((_, alike)) => alike.push(observation),
            None => groups.push((shown, vec![observation])),
        }
    }
    out.line(format_args!("{BOLD}{}{BOLD:#}", escape(path)))?;
    for (shown, alike) in groups {
        for (engines, pythons) in witnesses(&alike) {
            out.line(format_args!("  {DIM}CPython {pythons}: {engines}{DIM:#}"))?;
        }
        out.line(shown)?;
    }
    Ok(())
}

/// The engines of each interpreter, with interpreters of the same engines taken together.
fn witnesses(alike: &[&Observation]) -> Vec<(String, String)> {
    let mut pythons: Vec<(&str, Vec<&str>)> = Vec::new();
    for seen in alike {
        match pythons.iter_mut().find(|(python, _)| *python == seen.python) {
            Some((_, engines)) => engines.push(seen.engine.name()),
            None => pythons.push((&seen.python, vec![seen.engine.name()])),
        }
    }
    let mut out: Vec<(String, String)> = Vec::new();
    for (python, engines) in pythons {
        let engines = engines.join(", ");
        match out.iter_mut().find(|(other, _)| *other == engines) {
            Some((_, pythons)) => *pythons = format!("{pythons}, {python}"),
            None => out.push((engines, python.to_owned())),
        }
    }
    out
}

/// How many touches of a load people are shown: a screen.
const SHOWN: usize = 30;

/// One load, for people. Offsets are left out: not every engine can tell them.
fn describe(seen: &Observation) -> String {
    let style = if seen.outcome == Outcome::Loaded { GOOD } else { DOUBT };
    let detail = seen.exception.as_ref().or(seen.result.as_ref());
    let detail = detail.map(|text| format!(": {}", brief(text, 200))).unwrap_or_default();
    let mut lines = vec![format!("    {style}{}{style:#}{detail}", name(&seen.outcome))];
    for touched in seen.touched.iter().take(SHOWN) {
        let args = touched.args.as_deref().map(|args| brief(args, 100)).unwrap_or_default();
        // Of a name that was asked for in another spelling, that spelling.
        let asked = touched.kind == TouchKind::Resolve && !args.is_empty();
        let args = if asked { format!(" (as {args})") } else { args };
        lines.push(format!("      {:10} {}{args}", name(&touched.kind), escape(&touched.name)));
    }
    if let Some(more @ 1..) = seen.touched.len().checked_sub(SHOWN) {
        lines.push(format!("      {DIM}… and {more} more, see --format json{DIM:#}"));
    }
    for effect in seen.effects.iter().filter(|effect| effect.kind != EffectKind::Import) {
        let kind = name(&effect.kind);
        lines.push(format!("      {BAD}{kind:10} {}{BAD:#}", brief(&effect.detail, 200)));
    }
    if !seen.complete {
        lines.push(format!("      {DOUBT}the trace is incomplete{DOUBT:#}"));
    }
    lines.join("\n")
}
