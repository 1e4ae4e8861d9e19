//! `assay trace`: loads files for real, in the sandbox, and says what that touched.

use std::path::PathBuf;

use anyhow::Result;
use assay_oracle::{Effect, EffectKind, Engine, Observation, Oracle, Outcome, Run, Touched};
use serde::Serialize;

use crate::cli::Globals;
use crate::escape::{brief, escape};
use crate::exit::{Exit, Tally};
use crate::input::{self, InputError, Source};
use crate::options::{Format, FormatArgs, JobsArgs, OracleArgs};
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
    oracle: OracleArgs,
}

/// One line of JSON: one load.
#[derive(Serialize)]
struct Line<'a> {
    path: &'a str,
    python: &'a str,
    engine: Engine,
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
    let (sources, errors) = input::expand(&args.paths);
    let mut tally = Tally::default();
    for error in errors {
        output::error(&error.to_string());
        tally.trouble = true;
    }
    let pythons = config.pythons.len();
    let tasks: Vec<(&Source, usize)> = sources
        .iter()
        .flat_map(|source| (0..pythons).map(move |python| (source, python)))
        .collect();
    let runs = args.oracle.runs();
    let mut out = Output::stdout();
    parallel::ordered(
        args.jobs.count(),
        &tasks,
        || Ok(Oracle::new(config.clone())?),
        |oracle, (source, python)| load(oracle, source, *python, &runs),
        |(source, python), result| {
            let error = match result {
                Ok(Ok(observations)) => {
                    for observation in observations? {
                        print(&mut out, args.format.format, source, &observation)?;
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

fn print(out: &mut Output, format: Format, source: &Source, seen: &Observation) -> Result<()> {
    match format {
        Format::Json => out.json(&Line {
            path: &source.name(),
            python: &seen.python,
            engine: seen.engine,
            outcome: seen.outcome,
            exception: &seen.exception,
            touched: &seen.touched,
            effects: &seen.effects,
            result: &seen.result,
            stderr: &seen.stderr,
            time_us: seen.time_us,
            complete: seen.complete,
        }),
        Format::Text => text(out, source, seen),
    }
}

/// The name that JSON gives it.
fn name(value: &impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(name)) => name,
        _ => String::new(),
    }
}

fn text(out: &mut Output, source: &Source, seen: &Observation) -> Result<()> {
    let style = if seen.outcome == Outcome::Loaded { GOOD } else { DOUBT };
    let (outcome, path) = (name(&seen.outcome), escape(&source.name()));
    let detail = seen.exception.as_ref().or(seen.result.as_ref());
    let detail = detail.map(|text| format!(": {}", brief(text, 200))).unwrap_or_default();
    out.line(format_args!(
        "{BOLD}{path}{BOLD:#}  {} {}  {style}{outcome}{style:#}{detail}",
        seen.python,
        seen.engine.name(),
    ))?;
    for touched in &seen.touched {
        let offset = touched.opcode_offset.map(|o| format!(" {DIM}byte {o}{DIM:#}"));
        let args = touched.args.as_deref().map(|args| brief(args, 100)).unwrap_or_default();
        out.line(format_args!(
            "    {:10} {}{args}{}",
            name(&touched.kind),
            escape(&touched.name),
            offset.unwrap_or_default()
        ))?;
    }
    for effect in seen.effects.iter().filter(|effect| effect.kind != EffectKind::Import) {
        let kind = name(&effect.kind);
        out.line(format_args!("    {BAD}{kind:10} {}{BAD:#}", brief(&effect.detail, 200)))?;
    }
    if !seen.complete {
        out.line(format_args!("    {DOUBT}the trace is incomplete{DOUBT:#}"))?;
    }
    Ok(())
}
