//! `assay minimize`: the smallest pickle that shows the same.

mod command;

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use assay_differential::minimise::{Budget, Predicate as _, minimise};
use assay_differential::{Bench, Class, Hunt, Several};
use assay_pickle::Program;
use serde::Serialize;

use crate::exit::Exit;
use crate::globals::Globals;
use crate::input;
use crate::options::{AnalyzerArgs, Format, FormatArgs, JobsArgs, LoadArgs, PolicyArgs};
use crate::output::{self, Output};
use crate::whole;
use command::Commands;

/// Find the smallest pickle that shows the same discrepancy
///
/// Checks the pickle as `assay check` does and reduces it as long as it stays in its bucket; or,
/// with --interesting, as long as a command of yours exits with 0. Several candidates are tried at
/// once; the result does not hang on how many. A command that cannot bear to run beside itself
/// wants `--jobs 1`; one that takes longer than --timeout is not interested. Ctrl-C ends the search
/// and keeps the smallest so far.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  assay minimize --analyzer 'exec:python3 scanner.py' missed.pkl --out small.pkl
  assay minimize big.pkl --out small.pkl --interesting 'sh -c \"! python3 scanner.py {}\"'")]
pub struct Args {
    /// A file or `-`
    #[arg(value_name = "PATH")]
    path: PathBuf,
    /// Where the smallest goes
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    #[command(flatten)]
    analyzer: AnalyzerArgs,
    #[command(flatten)]
    policy: PolicyArgs,
    /// The bucket to stay in [default: that of the gravest discrepancy]
    #[arg(long, value_name = "ID")]
    bucket: Option<String>,
    /// Command that says with exit code 0 that the pickle in the file {} is interesting
    #[arg(long, value_name = "CMD {}", conflicts_with_all = ["bucket", "analyzers"])]
    interesting: Option<String>,
    /// How many candidates to try at most
    #[arg(long, value_name = "N", default_value_t = Budget::default().tests)]
    tests: usize,
    #[command(flatten)]
    jobs: JobsArgs,
    #[command(flatten)]
    format: FormatArgs,
    #[command(flatten)]
    oracle: LoadArgs,
}

/// The result.
#[derive(Serialize)]
struct Line {
    path: String,
    out: String,
    class: Option<Class>,
    bucket: Option<String>,
    original_bytes: usize,
    minimized_bytes: usize,
    minimized_opcodes: usize,
    tests: usize,
    /// Whether the search ended of itself: only then can no opcode go.
    complete: bool,
}

/// What was found to be smallest.
struct Smallest {
    bytes: Vec<u8>,
    shows: Option<(Class, String)>,
    tests: usize,
    complete: bool,
}

pub fn run(args: &Args, globals: Globals) -> Result<Exit> {
    ctrlc::set_handler(|| {
        if STOP.swap(true, Ordering::Relaxed) {
            std::process::exit(2);
        }
    })
    .context("cannot catch Ctrl-C")?;
    let (sources, errors) = input::expand(std::slice::from_ref(&args.path));
    if let Some(error) = errors.first() {
        bail!("{error}");
    }
    let [source] = sources.as_slice() else {
        bail!("{}: expected one file, found a directory", args.path.display());
    };
    let bytes = source.read().map_err(|error| anyhow!("{error}"))?;
    let smallest = match &args.interesting {
        Some(command) => by_command(args, command, &bytes)?,
        None => by_bucket(args, &bytes)?,
    };
    whole::write(&args.out, &smallest.bytes).with_context(|| args.out.display().to_string())?;
    let (class, bucket) = smallest.shows.unzip();
    let line = Line {
        path: source.name(),
        out: args.out.display().to_string(),
        class,
        bucket,
        original_bytes: bytes.len(),
        minimized_bytes: smallest.bytes.len(),
        minimized_opcodes: Program::parse(&smallest.bytes).codes.len(),
        tests: smallest.tests,
        complete: smallest.complete,
    };
    if !line.complete {
        let why = if interrupted() { "interrupted" } else { "--tests is used up" };
        output::note(globals.quiet, format_args!("{why}: a smaller one may exist"));
    }
    let mut out = Output::stdout();
    match args.format.format {
        Format::Json => out.json(&line)?,
        Format::Text => {
            let shows = match (&line.class, &line.bucket) {
                (Some(class), Some(bucket)) => format!(", {class} {bucket}"),
                _ => String::new(),
            };
            out.line(format_args!(
                "{}: {} bytes to {}, {} opcodes, {} candidates tried{shows}",
                line.out,
                line.original_bytes,
                line.minimized_bytes,
                line.minimized_opcodes,
                line.tests
            ))?;
        }
    }
    out.flush()?;
    Ok(Exit::Clean)
}

fn by_bucket(args: &Args, bytes: &[u8]) -> Result<Smallest> {
    let [spec] = args.analyzer.analyzers.as_slice() else {
        bail!("one --analyzer at a time");
    };
    let run_policy = args.policy.load()?;
    let policy = spec.policy(&run_policy)?;
    let mut subject = spec.start(&run_policy, args.analyzer.analyzer_timeout)?;
    let mut config = args.oracle.config()?;
    config.preload = run_policy.modules();
    let mut oracles = Several::new(&config, args.jobs.count())?;
    let mut bench = Bench {
        subject: &mut *subject,
        witness: &mut oracles,
        allowed: &policy,
        by: args.analyzer.judge_by(spec),
        engines: &args.oracle.engines(),
    };
    let checked = bench.check_in(bytes, Hunt::All, args.oracle.mode())?;
    let mut buckets = Vec::new();
    for discrepancy in &checked.discrepancies {
        let budget = Budget { tests: args.tests };
        let traced = bench.trace_until(bytes, &checked, discrepancy, budget, &interrupted)?;
        let Some(traced) = traced else { continue };
        let cut_short = interrupted();
        if cut_short || args.bucket.as_ref().is_none_or(|wanted| *wanted == traced.bucket) {
            // What is not minimal has no bucket.
            let shows = (!cut_short).then_some((traced.discrepancy.class, traced.bucket));
            return Ok(Smallest {
                bytes: traced.minimized,
                shows,
                tests: traced.tests,
                complete: traced.complete,
            });
        }
        buckets.push(traced.bucket);
    }
    match &args.bucket {
        Some(wanted) if !buckets.is_empty() => {
            bail!("{} is not in bucket {wanted} but in {}", args.path.display(), buckets.join(", "))
        }
        _ => bail!(
            "{} shows no discrepancy: {} judges it {}, and nothing refutes that; to minimise by \
             another measure use --interesting",
            args.path.display(),
            spec.name(),
            checked.judgement.verdict
        ),
    }
}

fn by_command(args: &Args, command: &str, bytes: &[u8]) -> Result<Smallest> {
    let mut asking = Commands::new(command, args.oracle.timeout(), args.jobs.count())?;
    let at_first = asking.first(&[bytes]);
    if let Some(error) = asking.trouble.take() {
        return Err(error);
    }
    ensure!(!interrupted(), "interrupted before `{command}` had answered");
    ensure!(
        at_first.is_some(),
        "{} is not interesting: `{command}` fails on it",
        args.path.display()
    );
    let found = minimise(bytes, &mut asking, Budget { tests: args.tests });
    match asking.trouble {
        Some(error) => Err(error),
        None => Ok(Smallest {
            bytes: found.bytes,
            shows: None,
            tests: found.tests,
            complete: found.complete && !interrupted(),
        }),
    }
}

/// Set by Ctrl-C: the smallest found so far is written then.
static STOP: AtomicBool = AtomicBool::new(false);

fn interrupted() -> bool {
    STOP.load(Ordering::Relaxed)
}
