//! `assay dis`: an annotated disassembly.

use std::path::PathBuf;

use anyhow::Result;
use assay_analyzer::{Annotated, Policy, annotate};
use serde::Serialize;

use crate::crash;
use crate::escape::brief;
use crate::exit::{Exit, Tally};
use crate::globals::Globals;
use crate::input::{self, Source};
use crate::options::{Format, FormatArgs, PolicyArgs};
use crate::output::{self, BAD, BOLD, DIM, DOUBT, Output};

/// Show a pickle opcode by opcode, with what each does
///
/// Each line gives the byte offset, the opcode with its argument, the stack after it as the
/// analyser knows it (topmost last), and the facts found: what is resolved, called, set. A
/// malformed pickle is shown up to the fault and, where bytes can still be read, past it; the
/// exit code is then 1.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  assay dis model.pkl
  assay dis --format json model.pkl | jq -r 'select(.facts != []) | .facts[]'")]
pub struct Args {
    /// Files, directories (every file in them) or `-`
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    #[command(flatten)]
    policy: PolicyArgs,
    #[command(flatten)]
    format: FormatArgs,
}

/// One line of JSON: one opcode.
#[derive(Serialize)]
struct Line<'a> {
    path: &'a str,
    offset: usize,
    opcode: &'a str,
    argument: &'a str,
    stack: &'a str,
    facts: &'a [String],
    fault: &'a Option<String>,
}

/// Characters of an argument or a stack that are shown to people.
const SHOWN: usize = 100;

pub fn run(args: &Args, _globals: Globals) -> Result<Exit> {
    let policy = args.policy.load()?;
    let mut tally = Tally::default();
    let sources = input::sources(&args.paths, &mut tally);
    let mut out = Output::stdout();
    for source in &sources {
        if args.format.format == Format::Text && sources.len() > 1 {
            out.line(format_args!("{BOLD}{}{BOLD:#}", brief(&source.name(), usize::MAX)))?;
        }
        match crash::contain(|| show(&mut out, args.format.format, source, &policy)) {
            Ok(shown) => {
                let shown = shown?;
                tally.found |= shown.found;
                tally.trouble |= shown.trouble;
            }
            Err(panic) => {
                let name = brief(&source.name(), usize::MAX);
                output::error(&format!("{name}: internal error, please report it: {panic}"));
                tally.trouble = true;
            }
        }
    }
    out.flush()?;
    Ok(tally.exit())
}

fn show(out: &mut Output, format: Format, source: &Source, policy: &Policy) -> Result<Tally> {
    let mut tally = Tally::default();
    let bytes = match source.read() {
        Ok(bytes) => bytes,
        Err(error) => {
            output::error(&error.to_string());
            tally.trouble = true;
            return Ok(tally);
        }
    };
    let path = source.name();
    if bytes.is_empty() {
        output::error(&format!("{}: empty, and so no pickle", brief(&path, usize::MAX)));
        tally.found = true;
    }
    for line in annotate(&bytes, policy) {
        tally.found |= line.fault.is_some();
        match format {
            Format::Text => text(out, &line)?,
            Format::Json => out.json(&Line {
                path: &path,
                offset: line.offset,
                opcode: line.opcode,
                argument: &line.argument,
                stack: &line.stack,
                facts: &line.facts,
                fault: &line.fault,
            })?,
        }
    }
    Ok(tally)
}

fn text(out: &mut Output, line: &Annotated) -> Result<()> {
    let mut code = format!("{} {}", line.opcode, brief(&line.argument, SHOWN));
    code.truncate(code.trim_end().len());
    if !line.stack.is_empty() {
        code = format!("{code:<40} {DIM}{}{DIM:#}", brief(&line.stack, SHOWN));
    }
    out.line(format_args!("{DIM}{:>6}{DIM:#}  {code}", line.offset))?;
    for fact in &line.facts {
        out.line(format_args!("        {DOUBT}→ {}{DOUBT:#}", brief(fact, usize::MAX)))?;
    }
    if let Some(fault) = &line.fault {
        out.line(format_args!("        {BAD}✗ {}{BAD:#}", brief(fault, usize::MAX)))?;
    }
    Ok(())
}
