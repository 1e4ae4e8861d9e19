//! `assay policy conditions` and `assay policy measure`: what contracts demand, and whether
//! campaigns notice when a demand is dropped.

use std::collections::HashSet;
use std::io::BufRead as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use assay_analyzer::{Because, Condition, Policy, Unfound};
use assay_campaign::ground_truth::{Trial, trial};
use assay_campaign::{Aim, CampaignConfig};
use assay_subjects::SubjectSpec;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::exit::Exit;
use crate::globals::Globals;
use crate::options::{Format, FormatArgs, JobsArgs, OracleArgs, duration};
use crate::output::{self, BAD, BOLD, DIM, GOOD, Output};

/// List the conditions of a policy: what its contracts demand, each by name
///
/// The name of a condition can be had as an analyser: `assay:POLICY~CONDITION` judges by the
/// policy without it.
#[derive(Debug, clap::Args)]
pub struct Conditions {
    /// Only these: names of conditions, or how they begin
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    /// Policy whose conditions these are: a built-in profile or a TOML file
    #[arg(long, value_name = "NAME|FILE", default_value = "stdlib")]
    policy: String,
    #[command(flatten)]
    format: FormatArgs,
}

/// Delete each condition of a policy and measure how soon a campaign finds the hole
///
/// Runs campaigns against an analyser whose policy lacks the condition, aimed at what the condition
/// keeps out, each until its first find. What is found counts if the policy with the condition does
/// not pass it; where it does, the policy itself is unsound. A condition that is never found is not
/// needed, or is there against something that no oracle sees: analyzer/policies/unfound.toml says
/// which. Exits 1 if one is not found that does not stand there, if one stands there and is found,
/// or if the policy is unsound.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  assay policy measure
  assay policy measure --time 5s --python 3.12 stdlib/uuid: data/_codecs:encode/call[0]/arg[1]
  assay policy measure --policy numpy --python venv/bin/python --format json >> numpy.jsonl
  assay policy measure --policy numpy --python venv/bin/python --format json \\
      --resume numpy.jsonl >> numpy.jsonl")]
pub struct Measure {
    /// Only these: names of conditions, or how they begin
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    /// Policy whose conditions these are: a built-in profile or a TOML file
    #[arg(long, value_name = "NAME|FILE", default_value = "stdlib")]
    policy: String,
    /// Longest time for one campaign
    #[arg(long, value_name = "DURATION", value_parser = duration, default_value = "60s")]
    time: Duration,
    /// How many campaigns for each condition, at most: the first find ends it
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    seeds: u64,
    /// The first seed; the others follow
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Directory (or file) of pickles into which aimed objects are grafted; repeat for more
    #[arg(long, value_name = "DIR")]
    corpus: Vec<PathBuf>,
    /// Leave out the conditions of these results (JSON Lines of an earlier run)
    #[arg(long, value_name = "FILE")]
    resume: Option<PathBuf>,
    #[command(flatten)]
    jobs: JobsArgs,
    #[command(flatten)]
    format: FormatArgs,
    #[command(flatten)]
    oracle: OracleArgs,
}

/// A line of JSON: one condition.
#[derive(Serialize)]
struct Row {
    condition: String,
    demands: String,
    tried: usize,
    found_seconds: Option<f64>,
    generated: u64,
    executed: u64,
    bucket: Option<String>,
    minimized: Option<String>,
    /// First finds that the policy with the condition passes, too: it is unsound.
    not_by_the_hole: Vec<String>,
    /// Why nothing is to be found, if that is known.
    unfound_because: Option<Because>,
}

impl Row {
    /// Whether what is known of the condition and what was measured agree.
    fn is_as_known(&self) -> bool {
        self.not_by_the_hole.is_empty()
            && self.found_seconds.is_some() != self.unfound_because.is_some()
    }
}

/// What is read of an earlier run.
#[derive(Deserialize)]
struct Earlier {
    condition: String,
}

/// The conditions that are called so, or whose names begin so; all if none is named.
pub fn chosen(policy: &Policy, names: &[String]) -> Result<Vec<Condition>> {
    let mut conditions = policy.conditions();
    if let Some(unknown) =
        names.iter().find(|name| !conditions.iter().any(|c| c.name.starts_with(name.as_str())))
    {
        bail!("no condition is called {unknown:?} or so; `assay policy conditions` lists them");
    }
    conditions.retain(|condition| {
        names.is_empty() || names.iter().any(|name| condition.name.starts_with(name))
    });
    Ok(conditions)
}

pub fn list(args: &Conditions) -> Result<Exit> {
    let policy = Policy::load(&[&args.policy])?;
    let mut out = Output::stdout();
    for condition in chosen(&policy, &args.names)? {
        let Condition { name, demands, .. } = &condition;
        let unfound = Unfound::of(name);
        match args.format.format {
            Format::Text => {
                out.line(format_args!("{BOLD}{name}{BOLD:#} {DIM}{demands}{DIM:#}"))?;
                if let Some(unfound) = unfound {
                    out.line(format_args!("    not to be found: {}", unfound.reason))?;
                }
            }
            Format::Json => out.json(&json!({
                "condition": name,
                "demands": demands,
                "globals": policy.contract_with(&condition).globals.iter()
                    .map(|(module, name)| format!("{module}.{name}")).collect::<Vec<_>>(),
                "unfound_because": unfound.map(|row| row.because),
                "reason": unfound.map(|row| &row.reason),
            }))?,
        }
    }
    out.flush()?;
    Ok(Exit::Clean)
}

/// The conditions of which there are results already.
fn earlier(path: &Path) -> Result<HashSet<String>> {
    let file =
        std::fs::File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut out = HashSet::new();
    for (at, line) in std::io::BufReader::new(file).lines().enumerate() {
        let line = line.with_context(|| format!("cannot read {}", path.display()))?;
        let earlier: Earlier = serde_json::from_str(&line)
            .with_context(|| format!("{}, line {}: no result", path.display(), at + 1))?;
        out.insert(earlier.condition);
    }
    Ok(out)
}

pub fn measure(args: &Measure, globals: Globals) -> Result<Exit> {
    let policy = Policy::load(&[&args.policy])?;
    let mut conditions = chosen(&policy, &args.names)?;
    if let Some(path) = &args.resume {
        let done = earlier(path)?;
        conditions.retain(|condition| !done.contains(&condition.name));
    }
    static STOP: AtomicBool = AtomicBool::new(false);
    ctrlc::set_handler(|| STOP.store(true, Ordering::Relaxed)).context("cannot catch Ctrl-C")?;
    let pythons = args.oracle.pythons()?;
    let base: SubjectSpec = format!("assay:{}", args.policy).parse()?;
    let mut out = Output::stdout();
    let mut rows: Vec<Row> = Vec::new();
    for condition in &conditions {
        let spec: SubjectSpec = format!("assay:{}~{}", args.policy, condition.name).parse()?;
        let mut config = CampaignConfig::new(vec![spec], policy.clone(), pythons.clone());
        config.engines = args.oracle.engines();
        config.load_timeout = args.oracle.timeout();
        config.jobs = args.jobs.count();
        config.corpus.clone_from(&args.corpus);
        config.time = Some(args.time);
        config.aim = Some(Aim::at(&policy, [condition]));
        let mut trials: Vec<Trial> = Vec::new();
        for seed in args.seed..args.seed + args.seeds {
            output::note(globals.quiet, format_args!("{}, seed {seed}", condition.name));
            let dir = tempfile::tempdir().context("no room for a campaign")?;
            config.out = dir.path().join("campaign");
            config.seed = seed;
            trials.push(trial(&config, &base, &STOP)?);
            if STOP.load(Ordering::Relaxed) || trials.last().is_some_and(by_the_hole) {
                break;
            }
        }
        if STOP.load(Ordering::Relaxed) {
            // A campaign cut short says nothing.
            break;
        }
        let row = row(condition, &trials);
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
    Ok(if STOP.load(Ordering::Relaxed) {
        Exit::Trouble
    } else if rows.iter().all(Row::is_as_known) {
        Exit::Clean
    } else {
        Exit::Found
    })
}

fn by_the_hole(trial: &Trial) -> bool {
    trial.found.as_ref().is_some_and(|found| found.by_the_hole)
}

fn row(condition: &Condition, trials: &[Trial]) -> Row {
    let found =
        trials.iter().find(|trial| by_the_hole(trial)).and_then(|trial| trial.found.as_ref());
    let shown = |pickle: &[u8]| assay_pickle::quote_bytes(pickle, 200);
    let others = trials.iter().filter(|trial| !by_the_hole(trial));
    Row {
        condition: condition.name.clone(),
        demands: condition.demands.clone(),
        tried: trials.len(),
        found_seconds: found.map(|found| found.seconds),
        generated: trials.iter().map(|trial| trial.generated).sum(),
        executed: trials.iter().map(|trial| trial.executed).sum(),
        bucket: found.map(|found| found.bucket.clone()),
        minimized: found.map(|found| shown(&found.minimized)),
        not_by_the_hole: others
            .filter_map(|trial| trial.found.as_ref().map(|found| shown(&found.minimized)))
            .collect(),
        unfound_because: Unfound::of(&condition.name).map(|row| row.because),
    }
}

fn tell(out: &mut Output, row: &Row) -> Result<()> {
    let style = if row.is_as_known() { GOOD } else { BAD };
    let result = match (row.found_seconds, row.unfound_because) {
        (Some(seconds), None) => format!("found in {seconds:.1} s"),
        (Some(seconds), Some(_)) => format!("found in {seconds:.1} s, and said not to be"),
        (None, None) => "not found".to_owned(),
        (None, Some(_)) => "not found, as known".to_owned(),
    };
    let Row { condition, generated, executed, .. } = row;
    out.line(format_args!(
        "{condition:60} {style}{result}{style:#} {DIM}{generated} pickles, {executed} loads{DIM:#}"
    ))?;
    for minimized in &row.not_by_the_hole {
        out.line(format_args!(
            "    {BAD}unsound with the condition, too{BAD:#} {DIM}{minimized}{DIM:#}"
        ))?;
    }
    Ok(())
}

fn conclude(out: &mut Output, rows: &[Row]) -> Result<()> {
    let found = rows.iter().filter(|row| row.found_seconds.is_some()).count();
    let known = rows.iter().filter(|row| row.found_seconds.is_none() && row.is_as_known()).count();
    let unsound = rows.iter().filter(|row| !row.not_by_the_hole.is_empty()).count();
    let wrong = rows.iter().filter(|row| !row.is_as_known()).count() - unsound;
    out.line(format_args!(
        "{BOLD}{found} of {}{BOLD:#} found, {known} not to be found, {wrong} unexplained, {unsound} \
         unsound with them, too",
        rows.len()
    ))?;
    Ok(())
}
