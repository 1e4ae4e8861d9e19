//! `assay planted`: how long campaigns take to find holes that are known to be there.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use assay_analyzer::Policy;
use assay_campaign::CampaignConfig;
use assay_campaign::ground_truth::{Trial, median, trial};
use assay_planted::{BASE, Grade, HOLES, Hole};
use assay_subjects::SubjectSpec;
use clap::Subcommand;
use serde::Serialize;
use serde_json::json;

use crate::exit::Exit;
use crate::globals::Globals;
use crate::options::{Format, FormatArgs, JobsArgs, OracleArgs, duration};
use crate::output::{self, BAD, BOLD, DIM, GOOD, Output};

/// List analysers with a planted hole, or measure how soon campaigns find the holes
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List the holes: grade, what is wrong, and what it is modelled on
    List {
        #[command(flatten)]
        format: FormatArgs,
    },
    Measure(Measure),
}

/// Measure how soon campaigns find each hole
///
/// Runs a campaign against each analyser for each seed, from nothing but what every campaign
/// starts with, and ends it at its first find. What is found counts if the analyser with the hole
/// passes it and the one without does not. Once more than half of a hole's campaigns have found
/// nothing, its median is out of reach and the rest is left out. Exits 1 if the median of a hole
/// is out of reach.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  assay planted measure
  assay planted measure --seeds 1 --grade easy --grade middle
  assay planted measure --only inst-unread --format json")]
struct Measure {
    /// How many campaigns for each hole
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..))]
    seeds: u64,
    /// The first seed; the others follow
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Longest time for one campaign [default: 60s, and 10m for hard ones]
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    time: Option<Duration>,
    /// Only this hole; repeat for more
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,
    /// Only holes of this grade; repeat for more
    #[arg(long, value_name = "easy|middle|hard", value_parser = ["easy", "middle", "hard"])]
    grade: Vec<String>,
    #[command(flatten)]
    jobs: JobsArgs,
    #[command(flatten)]
    format: FormatArgs,
    #[command(flatten)]
    oracle: OracleArgs,
}

/// A line of JSON: one hole.
#[derive(Serialize)]
struct Row {
    hole: &'static str,
    grade: &'static str,
    source: &'static str,
    tried: usize,
    found: usize,
    median_seconds: Option<f64>,
    median_generated: Option<f64>,
    median_executed: Option<f64>,
    trials: Vec<Tried>,
}

/// One campaign of a hole.
#[derive(Serialize)]
struct Tried {
    seed: u64,
    seconds: f64,
    generated: u64,
    executed: u64,
    found_seconds: Option<f64>,
    by_the_hole: bool,
    bucket: Option<String>,
    minimized: Option<String>,
}

pub fn run(args: &Args, globals: Globals) -> Result<Exit> {
    match &args.action {
        Action::List { format } => list(format.format),
        Action::Measure(args) => measure(args, globals),
    }
}

fn list(format: Format) -> Result<Exit> {
    let mut out = Output::stdout();
    for Hole { name, grade, about, source, held_out, .. } in &HOLES {
        match format {
            Format::Text => {
                out.line(format_args!("{BOLD}{name:24}{BOLD:#} {grade:6} {about}"))?;
                let held_out = if *held_out { "held out; " } else { "" };
                out.line(format_args!("{:31} {DIM}{held_out}{source}{DIM:#}", ""))?;
            }
            Format::Json => {
                let grade = grade.name();
                let row = json!({
                    "hole": name, "grade": grade, "about": about, "source": source,
                    "held_out": held_out,
                });
                out.json(&row)?;
            }
        }
    }
    out.flush()?;
    Ok(Exit::Clean)
}

fn chosen(args: &Measure) -> Result<Vec<&'static Hole>> {
    if let Some(unknown) = args.only.iter().find(|name| assay_planted::hole(name).is_none()) {
        bail!("no hole is called {unknown:?}; `assay planted list` lists them");
    }
    let wanted = |hole: &&Hole| {
        (args.only.is_empty() || args.only.iter().any(|name| name == hole.name))
            && (args.grade.is_empty() || args.grade.iter().any(|grade| grade == hole.grade.name()))
    };
    let chosen: Vec<&Hole> = HOLES.iter().filter(wanted).collect();
    if chosen.is_empty() {
        bail!("no hole is of that name and grade; `assay planted list` lists them");
    }
    Ok(chosen)
}

fn measure(args: &Measure, globals: Globals) -> Result<Exit> {
    let holes = chosen(args)?;
    static STOP: AtomicBool = AtomicBool::new(false);
    ctrlc::set_handler(|| STOP.store(true, Ordering::Relaxed)).context("cannot catch Ctrl-C")?;
    let policy = Policy::load(&["stdlib"])?;
    let pythons = args.oracle.pythons()?;
    let base: SubjectSpec = format!("planted:{BASE}").parse()?;
    let mut out = Output::stdout();
    let mut rows = Vec::new();
    for hole in holes {
        let spec: SubjectSpec = format!("planted:{}", hole.name).parse()?;
        let mut trials: Vec<Trial> = Vec::new();
        for seed in args.seed..args.seed + args.seeds {
            let missed = trials.iter().filter(|trial| !counts(trial)).count();
            if missed as u64 > args.seeds / 2 || STOP.load(Ordering::Relaxed) {
                break;
            }
            output::note(globals.quiet, format_args!("{}, seed {seed}", hole.name));
            let dir = tempfile::tempdir().context("no room for a campaign")?;
            let mut config =
                CampaignConfig::new(vec![spec.clone()], policy.clone(), pythons.clone());
            config.engines = args.oracle.engines();
            config.load_timeout = args.oracle.timeout();
            config.out = dir.path().join("campaign");
            config.jobs = args.jobs.count();
            config.seed = seed;
            config.time = Some(args.time.unwrap_or_else(|| patience(hole.grade)));
            trials.push(trial(&config, &base, &STOP)?);
        }
        if STOP.load(Ordering::Relaxed) {
            // A campaign cut short says nothing.
            break;
        }
        let row = row(hole, &trials);
        match args.format.format {
            Format::Json => out.json(&row)?,
            Format::Text => tell(&mut out, &row)?,
        }
        out.flush()?;
        rows.push(row);
    }
    if args.format.format == Format::Text {
        conclude(&mut out, &rows)?;
    }
    out.flush()?;
    let missed = rows.iter().any(|row| row.median_seconds.is_none());
    Ok(if STOP.load(Ordering::Relaxed) {
        Exit::Trouble
    } else if missed {
        Exit::Found
    } else {
        Exit::Clean
    })
}

/// How long a hole may take by default.
fn patience(grade: Grade) -> Duration {
    match grade {
        Grade::Easy | Grade::Middle => Duration::from_secs(60),
        Grade::Hard => Duration::from_secs(600),
    }
}

fn counts(trial: &Trial) -> bool {
    trial.found.as_ref().is_some_and(|found| found.by_the_hole)
}

fn row(hole: &'static Hole, trials: &[Trial]) -> Row {
    let seconds = |trial: &Trial| trial.found.as_ref().map_or(0.0, |found| found.seconds);
    Row {
        hole: hole.name,
        grade: hole.grade.name(),
        source: hole.source,
        tried: trials.len(),
        found: trials.iter().filter(|trial| counts(trial)).count(),
        median_seconds: median(trials, seconds),
        median_generated: median(trials, |trial| trial.generated as f64),
        median_executed: median(trials, |trial| trial.executed as f64),
        trials: trials
            .iter()
            .map(|trial| Tried {
                seed: trial.seed,
                seconds: trial.seconds,
                generated: trial.generated,
                executed: trial.executed,
                found_seconds: trial.found.as_ref().map(|found| found.seconds),
                by_the_hole: counts(trial),
                bucket: trial.found.as_ref().map(|found| found.bucket.clone()),
                minimized: trial
                    .found
                    .as_ref()
                    .map(|found| assay_pickle::quote_bytes(&found.minimized, 200)),
            })
            .collect(),
    }
}

fn tell(out: &mut Output, row: &Row) -> Result<()> {
    let Row { hole, grade, found, tried, .. } = row;
    let style = if row.median_seconds.is_some() { GOOD } else { BAD };
    let count = |value: Option<f64>| value.map_or("-".to_owned(), |value| format!("{value:.0}"));
    let seconds = row.median_seconds.map_or("-".to_owned(), |value| format!("{value:.1}"));
    out.line(format_args!(
        "{hole:24} {grade:6} {style}{found} of {tried}{style:#} {seconds:>8} s {:>10} pickles \
         {:>10} loads",
        count(row.median_generated),
        count(row.median_executed),
    ))?;
    for trial in row.trials.iter().filter(|trial| trial.bucket.is_some() && !trial.by_the_hole) {
        let minimized = trial.minimized.as_deref().unwrap_or_default();
        out.line(format_args!("    {BAD}not by the hole{BAD:#} {DIM}{minimized}{DIM:#}"))?;
    }
    Ok(())
}

fn conclude(out: &mut Output, rows: &[Row]) -> Result<()> {
    for grade in [Grade::Easy, Grade::Middle, Grade::Hard] {
        let of_grade: Vec<&Row> = rows.iter().filter(|row| row.grade == grade.name()).collect();
        if of_grade.is_empty() {
            continue;
        }
        let mut medians: Vec<f64> = of_grade.iter().filter_map(|row| row.median_seconds).collect();
        medians.sort_by(f64::total_cmp);
        let slowest = medians.last().map_or(String::new(), |s| format!(", slowest {s:.1} s"));
        out.line(format_args!(
            "{BOLD}{grade}{BOLD:#}: {} of {} found{slowest}",
            medians.len(),
            of_grade.len(),
        ))?;
    }
    Ok(())
}
