//! `assay minimize`: the smallest pickle that shows the same.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use assay_differential::minimise::{Budget, minimise};
use assay_differential::{Bench, Class, Hunt};
use assay_oracle::Oracle;
use assay_pickle::Program;
use serde::Serialize;

use crate::exit::Exit;
use crate::input;
use crate::options::{AnalyzerArgs, Format, FormatArgs, LoadArgs, PolicyArgs};
use crate::output::Output;
use crate::whole;

/// Find the smallest pickle that shows the same discrepancy
///
/// Checks the pickle as `assay check` does and reduces it as long as it stays in its bucket; or,
/// with --interesting, as long as a command of yours exits with 0.
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
}

/// What was found to be smallest.
struct Smallest {
    bytes: Vec<u8>,
    shows: Option<(Class, String)>,
    tests: usize,
}

pub fn run(args: &Args) -> Result<Exit> {
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
    };
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
    let mut oracle = Oracle::new(config)?;
    let mut bench = Bench {
        subject: &mut *subject,
        witness: &mut oracle,
        allowed: &policy,
        by: args.analyzer.judge_by(spec),
        engines: &args.oracle.engines(),
    };
    let checked = bench.check_in(bytes, Hunt::All, args.oracle.mode())?;
    let mut buckets = Vec::new();
    for discrepancy in &checked.discrepancies {
        let budget = Budget { tests: args.tests };
        let Some(traced) = bench.trace(bytes, &checked, discrepancy, budget)? else { continue };
        if args.bucket.as_ref().is_none_or(|wanted| *wanted == traced.bucket) {
            let shows = Some((traced.discrepancy.class, traced.bucket));
            return Ok(Smallest { bytes: traced.minimized, shows, tests: traced.tests });
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
    let words = shlex::split(command).context("--interesting: a quote is not closed")?;
    ensure!(!words.is_empty(), "--interesting: no command");
    ensure!(
        words.iter().any(|word| word.contains("{}")),
        "--interesting: expected {{}} in the command, where the file's name goes"
    );
    let dir = tempfile::tempdir().context("a directory for candidates")?;
    let file = dir.path().join("candidate.pkl");
    let name = file.to_string_lossy();
    let words: Vec<String> = words.iter().map(|word| word.replace("{}", &name)).collect();
    let limit = args.oracle.timeout();
    let ask = |candidate: &[u8]| -> Result<bool> {
        std::fs::write(&file, candidate).context("a candidate")?;
        exits_with_zero(&words, limit)
    };
    ensure!(ask(bytes)?, "{} is not interesting: `{command}` fails on it", args.path.display());
    let mut trouble = None;
    let mut interesting = |candidate: &[u8]| {
        trouble.is_none()
            && ask(candidate).unwrap_or_else(|error| {
                trouble = Some(error);
                false
            })
    };
    let found = minimise(bytes, &mut interesting, Budget { tests: args.tests });
    match trouble {
        Some(error) => Err(error),
        None => Ok(Smallest { bytes: found.bytes, shows: None, tests: found.tests }),
    }
}

/// Runs the command; one that takes too long is not interested.
fn exits_with_zero(words: &[String], limit: Duration) -> Result<bool> {
    let mut child = Command::new(&words[0])
        .args(&words[1..])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .with_context(|| format!("--interesting: cannot start `{}`", words[0]))?;
    let deadline = Instant::now() + limit;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status.success());
        }
        if Instant::now() > deadline {
            let _ = child.kill();
            child.wait()?;
            return Ok(false);
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}
