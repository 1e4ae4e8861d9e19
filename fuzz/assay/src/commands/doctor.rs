//! `assay doctor`: what this machine offers, and what is missing with the command that gets it.

use std::process::{Command, Stdio};

use anyhow::Result;
use assay_oracle::{Engine, Oracle, OracleConfig, Outcome, Python, discover};
use serde::Serialize;

use crate::escape::escape;
use crate::exit::Exit;
use crate::globals::Globals;
use crate::options::{Format, FormatArgs};
use crate::output::{self, BAD, BOLD, DIM, DOUBT, GOOD, Output};

/// Say what this machine offers and what is missing
///
/// Looks for CPythons, tries each layer of the sandbox, loads a pickle with each CPython, and
/// looks for analysers and the tools of the fuzz targets. Exits 2 if campaigns can't run here.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  assay doctor
  assay doctor --format json | jq -r '.fix // empty'")]
pub struct Args {
    #[command(flatten)]
    format: FormatArgs,
}

/// Whether something is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Status {
    /// It works.
    Ok,
    /// It is not there, and the main job does without.
    Absent,
    /// It is not there, and the main job can't run.
    Missing,
}

/// One line: one thing looked for.
#[derive(Debug, Serialize)]
struct Line {
    kind: &'static str,
    name: String,
    status: Status,
    detail: String,
    /// What gets it.
    fix: Option<String>,
}

impl Line {
    fn ok(kind: &'static str, name: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { kind, name: name.into(), status: Status::Ok, detail: detail.into(), fix: None }
    }

    fn lacking(
        kind: &'static str,
        name: impl Into<String>,
        required: bool,
        detail: impl Into<String>,
        fix: &str,
    ) -> Self {
        let status = if required { Status::Missing } else { Status::Absent };
        let (name, detail) = (name.into(), detail.into());
        Self { kind, name, status, detail, fix: Some(fix.to_owned()) }
    }
}

pub fn run(args: &Args, globals: Globals) -> Result<Exit> {
    let mut lines = sandbox();
    lines.extend(interpreters());
    lines.extend(analysers());
    lines.extend(toolchain());

    let mut out = Output::stdout();
    let mut kind = "";
    for line in &lines {
        match args.format.format {
            Format::Json => out.json(line)?,
            Format::Text => {
                if kind != line.kind {
                    kind = line.kind;
                    out.line(format_args!("{BOLD}{kind}{BOLD:#}"))?;
                }
                text(&mut out, line)?;
            }
        }
    }
    out.flush()?;
    let missing = lines.iter().filter(|line| line.status == Status::Missing).count();
    if missing > 0 {
        output::error(&format!("campaigns can't run here: {missing} missing, see above"));
        return Ok(Exit::Trouble);
    }
    output::note(globals.quiet, "campaigns can run here: `assay campaign --time 60s`");
    Ok(Exit::Clean)
}

fn text(out: &mut Output, line: &Line) -> Result<()> {
    let (style, sign) = match line.status {
        Status::Ok => (GOOD, "ok"),
        Status::Absent => (DOUBT, "absent"),
        Status::Missing => (BAD, "missing"),
    };
    let (name, detail) = (escape(&line.name), escape(&line.detail));
    out.line(format_args!("  {style}{sign:8}{style:#} {name:22} {DIM}{detail}{DIM:#}"))?;
    match &line.fix {
        Some(fix) => out.line(format_args!("           {fix}")),
        None => Ok(()),
    }
}

fn sandbox() -> Vec<Line> {
    let line = |status: assay_sandbox::LayerStatus| {
        let (layer, detail) = (status.layer, status.detail);
        if status.available {
            Line::ok("sandbox", layer.name(), detail)
        } else {
            Line::lacking("sandbox", layer.name(), status.required, detail, layer.advice())
        }
    };
    assay_sandbox::probe().into_iter().map(line).collect()
}

const GET_PYTHON: &str = "apt-get install python3, or pyenv install 3.13";

/// Each interpreter, proved by a load.
fn interpreters() -> Vec<Line> {
    let found = discover();
    if found.is_empty() {
        let detail = "no usable CPython from 3.9 on";
        return vec![Line::lacking("interpreters", "CPython", true, detail, GET_PYTHON)];
    }
    let tried: Vec<Result<Line, Line>> = found.into_iter().map(interpreter).collect();
    let none_works = tried.iter().all(Result::is_err);
    let settle = |tried: Result<Line, Line>| match tried {
        Err(line) if none_works => Line { status: Status::Missing, ..line },
        Ok(line) | Err(line) => line,
    };
    tried.into_iter().map(settle).collect()
}

fn interpreter(python: Python) -> Result<Line, Line> {
    let name = format!("CPython {}", python.version);
    let exe = python.exe.display().to_string();
    match first_load(python) {
        Ok(()) => Ok(Line::ok("interpreters", name, exe)),
        Err(why) => {
            let detail = format!("{exe}: {why}");
            Err(Line::lacking("interpreters", name, false, detail, GET_PYTHON))
        }
    }
}

/// Loads `None` for real.
fn first_load(python: Python) -> Result<(), String> {
    let load =
        || Oracle::new(OracleConfig::new(vec![python]))?.full(0, Engine::CLoads.into(), b"N.");
    match load() {
        Ok(seen) if seen.outcome == Outcome::Loaded => Ok(()),
        Ok(seen) => Err(seen.exception.unwrap_or_else(|| format!("{:?}", seen.outcome))),
        Err(error) => Err(error.to_string()),
    }
}

fn analysers() -> Vec<Line> {
    let version = env!("CARGO_PKG_VERSION");
    vec![
        Line::ok("analysers", "assay", format!("{version}, built in")),
        Line::ok("analysers", "exec:COMMAND", "any program that speaks the protocol"),
    ]
}

/// What the fuzz targets need; campaigns do without.
fn toolchain() -> Vec<Line> {
    let nightly = "rustup toolchain install nightly";
    let fuzz = "cargo install cargo-fuzz";
    [
        ("nightly Rust", &["rustc", "+nightly", "--version"][..], nightly),
        ("cargo-fuzz", &["cargo", "fuzz", "--version"][..], fuzz),
        // libFuzzer is C++, and built with the targets.
        ("C++ compiler", &["c++", "--version"][..], "apt-get install g++"),
    ]
    .into_iter()
    .map(|(name, words, fix)| match first_line(words) {
        Some(version) => Line::ok("fuzz targets", name, version),
        None => Line::lacking("fuzz targets", name, false, "not found", fix),
    })
    .collect()
}

fn first_line(words: &[&str]) -> Option<String> {
    let output = Command::new(words[0]).args(&words[1..]).stdin(Stdio::null()).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout);
    output.status.success().then(|| text.lines().next().unwrap_or("found").to_owned())
}
