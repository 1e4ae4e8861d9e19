//! `assay check`: scans and traces the same bytes, and compares.

use std::path::PathBuf;

use anyhow::Result;
use assay_analyzer::Policy;
use assay_differential::minimise::Budget;
use assay_differential::{Bench, Class, Discrepancy, Hunt};
use assay_oracle::{Effect, Engine, Mode, Oracle, OracleConfig, Touched};
use assay_subjects::{JudgeBy, Judged, Subject};
use serde::Serialize;

use crate::escape::{brief, escape};
use crate::exit::{Exit, Tally};
use crate::globals::Globals;
use crate::input::{self, InputError, Source};
use crate::options::{
    AnalyzerArgs, Format, FormatArgs, HuntChoice, JobsArgs, LoadArgs, PolicyArgs,
};
use crate::output::{self, BAD, BOLD, DIM, DOUBT, GOOD, Output};
use crate::parallel;

/// Judge files, load them for real, and compare
///
/// Asks each analyser about each file, loads the file in the sandbox by every CPython and engine
/// asked for, and reports where the two disagree, with the id of the root cause. Exits 1 if they
/// do anywhere.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  assay check model.pkl
  assay check --analyzer 'exec:python3 scanner.py' suspicious/
  assay check --hunt divergence --format json pickles/ | jq -r '.discrepancies[].bucket'")]
pub struct Args {
    /// Files, directories (every file in them) or `-`
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    #[command(flatten)]
    analyzer: AnalyzerArgs,
    #[command(flatten)]
    policy: PolicyArgs,
    /// What to look for
    #[arg(long, value_enum, default_value = "all")]
    hunt: HuntChoice,
    #[command(flatten)]
    format: FormatArgs,
    #[command(flatten)]
    jobs: JobsArgs,
    #[command(flatten)]
    oracle: LoadArgs,
}

/// One line of JSON: what one analyser said of one file, and what refutes it.
#[derive(Serialize)]
struct Line {
    path: String,
    analyzer: String,
    verdict: Judged,
    detail: Option<String>,
    discrepancies: Vec<Found>,
}

/// One discrepancy.
#[derive(Serialize)]
struct Found {
    class: Class,
    bucket: String,
    summary: String,
    python: Option<String>,
    engine: Option<Engine>,
    pythons: Vec<String>,
    engines: Vec<Engine>,
    touched: Vec<Touched>,
    effects: Vec<Effect>,
}

impl Found {
    fn new(bucket: String, discrepancy: Discrepancy) -> Self {
        Self {
            class: discrepancy.class,
            bucket,
            python: discrepancy.python().map(str::to_owned),
            engine: discrepancy.engine(),
            pythons: discrepancy.pythons(),
            engines: discrepancy.engines(),
            summary: discrepancy.summary,
            touched: discrepancy.touched,
            effects: discrepancy.effects,
        }
    }
}

/// What is the same for all files.
struct Setup {
    config: OracleConfig,
    engines: Vec<Engine>,
    mode: Mode,
    hunt: Hunt,
    /// Name, policy, and what refutes it.
    analyzers: Vec<(String, Policy, JudgeBy)>,
}

/// What each worker has of its own.
struct Worker {
    oracle: Oracle,
    subjects: Vec<Box<dyn Subject>>,
}

pub fn run(args: &Args, _globals: Globals) -> Result<Exit> {
    let policy = args.policy.load()?;
    let specs = &args.analyzer.analyzers;
    let mut analyzers = Vec::new();
    for spec in specs {
        let judge = args.analyzer.judge_by(spec);
        analyzers.push((spec.name().to_owned(), spec.policy(&policy)?, judge));
    }
    let mut config = args.oracle.config()?;
    // As a campaign does, so that both see the same and come to the same bucket.
    config.preload = policy.modules();
    let setup = Setup {
        config,
        engines: args.oracle.engines(),
        mode: args.oracle.mode(),
        hunt: args.hunt.into(),
        analyzers,
    };
    let start = || -> Result<Worker> {
        let subjects = specs.iter().map(|spec| spec.start(&policy, args.analyzer.analyzer_timeout));
        Ok(Worker {
            oracle: Oracle::new(setup.config.clone())?,
            subjects: subjects.collect::<Result<_, _>>()?,
        })
    };
    // Fails here, once, if nothing can be judged or loaded on this machine.
    drop(start()?);
    let mut tally = Tally::default();
    let sources = input::sources(&args.paths, &mut tally);
    let mut out = Output::stdout();
    parallel::ordered(
        args.jobs.count(),
        &sources,
        start,
        |worker, source| setup.check(worker, source),
        |source, result| {
            match result {
                Ok(Ok(lines)) => {
                    for line in lines? {
                        tally.found |= !line.discrepancies.is_empty();
                        match args.format.format {
                            Format::Text => text(&mut out, &line)?,
                            Format::Json => out.json(&line)?,
                        }
                        // A line is wanted when it is known, not when a buffer is full.
                        out.flush()?;
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
    out.flush()?;
    Ok(tally.exit())
}

impl Setup {
    /// Checks one file with every analyser; the outer error is about the file, the inner one
    /// about this machine.
    fn check(&self, worker: &mut Worker, source: &Source) -> Result<Result<Vec<Line>>, InputError> {
        let bytes = source.read()?;
        let Worker { oracle, subjects } = worker;
        let check =
            |((name, policy, by), subject): (&(String, Policy, JudgeBy), &mut Box<dyn Subject>)| {
                let mut bench = Bench {
                    subject: &mut **subject,
                    witness: &mut *oracle,
                    allowed: policy,
                    by: *by,
                    engines: &self.engines,
                };
                let checked = bench.check_in(&bytes, self.hunt, self.mode)?;
                let mut discrepancies = Vec::new();
                for discrepancy in &checked.discrepancies {
                    match bench.trace(&bytes, &checked, discrepancy, Budget::default())? {
                        Some(traced) => {
                            discrepancies.push(Found::new(traced.bucket, discrepancy.clone()));
                        }
                        None => tracing::warn!(
                            "{}: {} showed once and not again: {}",
                            source.name(),
                            discrepancy.class,
                            discrepancy.summary
                        ),
                    }
                }
                Ok(Line {
                    path: source.name(),
                    analyzer: name.clone(),
                    verdict: checked.judgement.verdict,
                    detail: checked.judgement.detail,
                    discrepancies,
                })
            };
        Ok(self.analyzers.iter().zip(subjects).map(check).collect())
    }
}

fn text(out: &mut Output, line: &Line) -> Result<()> {
    let style = match line.verdict {
        Judged::Safe => GOOD,
        Judged::Dangerous => BAD,
        Judged::Unproven | Judged::Error => DOUBT,
    };
    let (path, analyzer) = (escape(&line.path), escape(&line.analyzer));
    out.line(format_args!("{BOLD}{path}{BOLD:#}  {analyzer}: {style}{}{style:#}", line.verdict))?;
    for found in &line.discrepancies {
        let class = found.class;
        out.line(format_args!("    {BAD}{class}{BAD:#}  {}", brief(&found.summary, 300)))?;
        let engines: Vec<&str> = found.engines.iter().map(|engine| engine.name()).collect();
        if !engines.is_empty() {
            let (pythons, engines) = (found.pythons.join(", "), engines.join(", "));
            out.line(format_args!("        {DIM}seen on CPython {pythons} by {engines}{DIM:#}"))?;
        }
        out.line(format_args!("        {DIM}bucket {}{DIM:#}", found.bucket))?;
    }
    Ok(())
}
