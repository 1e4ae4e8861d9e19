//! `assay campaign`: the main job.

mod display;
mod estimate;
mod resume;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use anyhow::{Context as _, Result};
use assay_campaign::exhaustive::Plan;
use assay_campaign::{Aim, CampaignConfig, FailOn, Shard, Status, Store, Summary};
use assay_differential::Class;

use super::policy::chosen_conditions;
use crate::crash;
use crate::escape::{brief, escape};
use crate::exit::Exit;
use crate::globals::Globals;
use crate::options::{
    AnalyzerArgs, Format, FormatArgs, HuntChoice, JobsArgs, OracleArgs, PolicyArgs, SeedArgs,
    duration,
};
use crate::output::{self, BAD, BOLD, DIM, DOUBT, Output};
use display::Display;

/// Hunt for pickles that an analyser is wrong about
///
/// Generates pickles, asks the analysers about each, loads the same bytes in sandboxed CPythons,
/// compares, and follows every disagreement down to its root cause and its smallest pickle,
/// until the time is up or Ctrl-C. A small share of the work hunts for a hole planted in Assay's
/// own analyser: a campaign that does not find it says that it is not to be trusted, and exits
/// with 2.
///
/// With --exhaustive N nothing is generated at random: every program of at most N opcodes over an
/// alphabet of 158 symbols and STOP (every opcode, each with a few arguments, boundaries included)
/// is judged, and every one that is called safe is loaded on every CPython, by every engine, in every
/// load mode, but for what provably cannot differ. It ends with a certificate that says what has
/// been shown, of how many programs, and why each rule of pruning loses nothing; some thousands
/// of the pruned ones are loaded all the same, and if one is not as foretold, the certificate is
/// void and the exit code 2.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  assay campaign --time 60s
  assay campaign --time 10m --analyzer 'exec:python3 scanner.py'
  assay campaign --time 8h --hunt divergence --python 3.9 --python 3.13
  assay campaign --policy numpy --aim numpy/ --python venv/bin/python --time 10m
  assay campaign --resume campaigns/2026-01-31T12-00-00 --time 1h
  assay campaign --exhaustive 2
  assay campaign --exhaustive 3 --shard 1/2 --out here     # and 2/2 elsewhere, then:
  assay report here there --format md --out -              # one certificate of both
  assay campaign --exhaustive 4 --estimate --time 5m       # what it would cost

In --out, when it ends: summary.json, findings.jsonl, report.html, and for each finding the
pickle, the smallest pickle, an explanation and a script that shows it. With --exhaustive also
certificate.json.")]
pub struct Args {
    /// How long to run [default: until Ctrl-C]
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    time: Option<Duration>,
    /// How many pickles to generate [default: no bound]
    #[arg(long, value_name = "N")]
    execs: Option<u64>,
    #[command(flatten)]
    analyzer: AnalyzerArgs,
    #[command(flatten)]
    policy: PolicyArgs,
    /// What to hunt for
    #[arg(long, value_enum, default_value = "soundness")]
    hunt: HuntChoice,
    /// Directory (or file) of more seeds; repeat for more
    #[arg(long, value_name = "DIR")]
    corpus: Vec<PathBuf>,
    /// Aim at what conditions of the policy keep out, by name or how it begins (`numpy/`), rather
    /// than try everything; repeat for more. `assay policy conditions` lists them. With `--corpus`,
    /// objects are grafted into its pickles as well
    #[arg(long, value_name = "NAME", conflicts_with = "exhaustive")]
    aim: Vec<String>,
    /// Where everything goes [default: campaigns/<date>]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Go on with the campaign in this directory, as it began
    #[arg(
        long,
        value_name = "DIR",
        conflicts_with_all = ["out", "seed", "analyzers", "policies", "hunt"]
    )]
    resume: Option<PathBuf>,
    /// Which part of a campaign over N machines or processes this is, from 1; parts may share
    /// one --out [default: 1/1]
    #[arg(long, value_name = "I/N")]
    shard: Option<Shard>,
    /// Classes of discrepancy that make the exit code 1: a list, `any` or `none`; with `unsound` go
    /// crashes of the interpreter on what is called safe
    #[arg(long, value_name = "LIST", default_value = "unsound,analyzer-crash")]
    fail_on: FailOn,
    /// End with the first finding that makes the exit code 1
    #[arg(long)]
    until_found: bool,
    /// Do every program of at most N opcodes, STOP not counted, instead of generating some: 2 takes
    /// a minute, 3 less than an hour, 4 is for many machines
    #[arg(
        long,
        value_name = "N",
        value_parser = clap::value_parser!(u32).range(1..=8),
        conflicts_with_all = ["execs", "corpus", "resume"]
    )]
    exhaustive: Option<u32>,
    /// How many pruned programs to load all the same, for each rule of pruning
    #[arg(long, value_name = "N", default_value_t = 4000, requires = "exhaustive")]
    exhaustive_sample: u64,
    /// Measure units of the work, chosen by --seed, for --time (default 60s), and print what all
    /// of it would cost in core-hours; nothing is kept
    #[arg(long, requires = "exhaustive", conflicts_with_all = ["out", "shard", "until_found"])]
    estimate: bool,
    /// The most opcodes of a generated pickle
    #[arg(long, value_name = "N", default_value_t = 60)]
    max_opcodes: usize,
    #[command(flatten)]
    seed: SeedArgs,
    #[command(flatten)]
    jobs: JobsArgs,
    #[command(flatten)]
    format: FormatArgs,
    #[command(flatten)]
    oracle: OracleArgs,
}

pub fn run(args: &Args, globals: Globals) -> Result<Exit> {
    let config = match &args.resume {
        Some(dir) => resume::config(args, dir)?,
        None => config(args)?,
    };
    static STOP: AtomicBool = AtomicBool::new(false);
    let quiet = globals.quiet;
    let interrupted = move || {
        if STOP.swap(true, Ordering::Relaxed) {
            // Asked twice: what is saved is saved.
            std::process::exit(2);
        }
        output::note(quiet, "ending; what was found is being saved");
    };
    ctrlc::set_handler(interrupted).context("cannot catch Ctrl-C")?;
    if args.estimate {
        return estimate::run(config, args.format.format, globals, &STOP);
    }
    let out = config.out.display();
    match args.resume {
        Some(_) => {
            output::note(globals.quiet, format_args!("resuming {out}, seed {}", config.seed))
        }
        None => output::note(globals.quiet, format_args!("seed {}, in {out}", config.seed)),
    }
    let display = Display::new(globals.quiet);
    let summary = assay_campaign::run(&config, &STOP, &|status| {
        display.show(status);
        if args.until_found && found(args, status) {
            STOP.store(true, Ordering::Relaxed);
        }
    });
    display.clear();
    let summary = summary.map_err(|error| match error {
        // The library knows what a worker said when it died, but not where.
        assay_campaign::Error::Worker(said) => {
            assay_campaign::Error::Worker(crash::latest().unwrap_or(said))
        }
        error => error,
    })?;
    match print(&config, args.format.format, globals, &summary) {
        // Whoever stopped reading may still look at the exit code: all of it is saved.
        Err(error) if !output::is_broken_pipe(&error) => return Err(error),
        _ => {}
    }
    Ok(match summary.exit_code(&args.fail_on) {
        0 => Exit::Clean,
        1 => Exit::Found,
        _ if summary.control.found_seconds.is_none() => {
            output::error(
                "the campaign is not trustworthy: it did not find the hole planted in it; give it \
                 more time, or see what `assay doctor` says",
            );
            Exit::Trouble
        }
        _ => {
            let why = summary.doubt().unwrap_or_default();
            output::error(&format!(
                "the certificate is void: {why}; please report this with its certificate.json"
            ));
            Exit::Trouble
        }
    })
}

/// Whether a finding of this class is there and makes the exit code 1.
/// Whether there is something that `--fail-on` names. A crash of what is called safe is unsound.
fn found(args: &Args, status: &Status) -> bool {
    let found = |class: Class| match class {
        _ if status.buckets.get(class.name()).is_some_and(|&n| n > 0) => true,
        Class::Unsound => status.safe_crashes > 0,
        _ => false,
    };
    Class::ALL.into_iter().any(|class| args.fail_on.includes(class) && found(class))
}

fn config(args: &Args) -> Result<CampaignConfig> {
    let policy = args.policy.load()?;
    let mut config =
        CampaignConfig::new(args.analyzer.analyzers.clone(), policy, args.oracle.pythons()?);
    config.engines = args.oracle.engines();
    config.hunt = args.hunt.into();
    config.out = args.out.clone().unwrap_or_else(default_out);
    config.shard = args.shard.unwrap_or_default();
    // A shard that joins others goes by their seed.
    let begun = joined(&config.out).filter(|_| config.shard.count > 1);
    config.seed = begun.unwrap_or_else(|| args.seed.get());
    if let Some(length) = args.exhaustive {
        config.exhaustive = Some(Plan::new(length, args.exhaustive_sample)?);
    }
    bound(&mut config, args)?;
    Ok(config)
}

/// The seed of the campaign in the directory, if there is one.
fn joined(out: &Path) -> Option<u64> {
    Store::open(out).ok()?.meta().ok().map(|meta| meta.seed)
}

/// What a campaign that goes on is told anew.
fn bound(config: &mut CampaignConfig, args: &Args) -> Result<()> {
    config.judge = args.analyzer.judge;
    config.corpus.clone_from(&args.corpus);
    config.jobs = args.jobs.count();
    config.time = args.time;
    config.execs = args.execs;
    config.max_opcodes = args.max_opcodes;
    config.analyzer_timeout = args.analyzer.analyzer_timeout;
    config.load_timeout = args.oracle.timeout();
    if !args.aim.is_empty() {
        config.aim = Some(Aim::at(&config.policy, &chosen_conditions(&config.policy, &args.aim)?));
    }
    Ok(())
}

/// `campaigns/<date>`, with a time that every file system takes. A clock may show a time twice.
fn default_out() -> PathBuf {
    let now = humantime::format_rfc3339_seconds(SystemTime::now()).to_string();
    let now = now.trim_end_matches('Z').replace(':', "-");
    let name = |n: u32| if n == 1 { now.clone() } else { format!("{now}-{n}") };
    let free = (1..).map(|n| Path::new("campaigns").join(name(n))).find(|path| !path.exists());
    free.expect("there are numbers enough")
}

fn print(
    config: &CampaignConfig,
    format: Format,
    globals: Globals,
    summary: &Summary,
) -> Result<()> {
    let mut out = Output::stdout();
    let file = config.out.join("findings.jsonl");
    let text = std::fs::read_to_string(&file).with_context(|| file.display().to_string())?;
    for line in text.lines() {
        let finding: assay_campaign::Line =
            serde_json::from_str(line).with_context(|| file.display().to_string())?;
        match format {
            Format::Json => out.json(&finding)?,
            Format::Text => describe(&mut out, &finding, &config.out)?,
        }
    }
    match format {
        Format::Json => out.json(summary)?,
        Format::Text if globals.quiet => {}
        Format::Text => {
            out.line(summary.text().trim_end())?;
            let report = config.out.join("report.html");
            out.line(format_args!("report: {BOLD}{}{BOLD:#}", report.display()))?;
        }
    }
    out.flush()
}

/// Findings of these classes are told in red.
const GRAVE: [Class; 2] = [Class::Unsound, Class::AnalyzerCrash];

fn describe(out: &mut Output, finding: &assay_campaign::Line, dir: &Path) -> Result<()> {
    let style = if GRAVE.contains(&finding.class) { BAD } else { DOUBT };
    let class = finding.class;
    out.line(format_args!("{style}{class}{style:#}  {}", brief(&finding.summary, 300)))?;
    let engines: Vec<&str> = finding.engines.iter().map(|engine| engine.name()).collect();
    out.line(format_args!(
        "    {DIM}{}; {} bytes, {} opcodes; seen {} times, first after {:.1} s{DIM:#}",
        escape(&finding.analyzer),
        finding.minimized_bytes,
        finding.minimized_opcodes,
        finding.count,
        finding.first_seen_seconds,
    ))?;
    if !engines.is_empty() {
        let (pythons, engines) = (finding.pythons.join(", "), engines.join(", "));
        out.line(format_args!("    {DIM}CPython {pythons} by {engines}{DIM:#}"))?;
    }
    let report = dir.join(&finding.minimized_path).with_file_name("report.md");
    out.line(format_args!("    {DIM}{}{DIM:#}", report.display()))
}
