//! `assay policy`: the built-in policies, what they say, and which entries files need.

mod conditions;

pub use conditions::chosen as chosen_conditions;

use std::path::PathBuf;

use anyhow::{Result, bail};
use assay_analyzer::{Explanation, Policy, explain};
use clap::Subcommand;
use serde_json::json;

use crate::escape::escape;
use crate::exit::{Exit, Tally};
use crate::globals::Globals;
use crate::input;
use crate::options::{Format, FormatArgs};
use crate::output::{self, BOLD, DIM, Output};

/// List the built-in policies, show one, or explain which entries files need
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List the built-in policies
    List {
        #[command(flatten)]
        format: FormatArgs,
    },
    /// Show a built-in policy as TOML: a model for one's own
    Show {
        /// Its name
        name: String,
        #[command(flatten)]
        format: FormatArgs,
    },
    /// Say which entries files need, and propose a policy that has them
    ///
    /// Names the profile of each global that the files ask for, and proposes a policy that has these
    /// globals of the profiles and no others (`only`). For those that no profile knows it proposes
    /// entries of your own, with the kinds of arguments and states seen. An entry is a contract: it
    /// says how a global may be used, and everything that is not said is not allowed.
    /// Before you trust a proposed entry, read the source of what it names: may it call, import or
    /// open anything, given such arguments? Tighten the kinds where you can (a literal `'C'`, a
    /// range `0..9`, an instance `<module:Class>`), and write into `source` where you read it.
    ///
    /// What the deny list names, and uses that a built-in contract refuses, are never proposed.
    /// Exits 0 if the files are proved safe under what is proposed, whoever has to review it.
    #[command(after_long_help = "\
Examples:
  assay policy explain model.pkl
  assay policy explain orders/*.pkl > ours.toml        # what the files need stands in its comments
  assay scan --policy ours.toml orders/                # after the review
  assay policy explain --policy sklearn --format json model.joblib")]
    Explain {
        /// Files, directories (every file in them) or `-`; one proposal is made for all
        #[arg(required = true, value_name = "PATH")]
        paths: Vec<PathBuf>,
        /// Profile to start from; repeat to add up [default: those that know most of the globals]
        #[arg(long = "policy", value_name = "NAME|FILE")]
        policies: Vec<String>,
        #[command(flatten)]
        format: FormatArgs,
    },
    Conditions(conditions::Conditions),
    Measure(conditions::Measure),
}

pub fn run(args: &Args, globals: Globals) -> Result<Exit> {
    let mut out = Output::stdout();
    match &args.action {
        Action::Conditions(args) => return conditions::list(args),
        Action::Measure(args) => return conditions::measure(args, globals),
        Action::List { format } => {
            for (name, summary) in Policy::builtin() {
                match format.format {
                    Format::Text => out.line(format_args!("{BOLD}{name:16}{BOLD:#} {summary}"))?,
                    Format::Json => out.json(&json!({ "name": name, "summary": summary }))?,
                }
            }
        }
        Action::Show { name, format } => {
            let Some(text) = Policy::builtin_text(name) else {
                let known: Vec<_> = Policy::builtin().iter().map(|(name, _)| *name).collect();
                bail!("no built-in policy `{name}`; there are {}", known.join(", "));
            };
            match format.format {
                Format::Text => out.raw(text.as_bytes())?,
                Format::Json => out.json(&shown(name)?)?,
            }
        }
        Action::Explain { paths, policies, format } => {
            let exit = explained(&mut out, paths, policies, format.format)?;
            out.flush()?;
            return Ok(exit);
        }
    }
    out.flush()?;
    Ok(Exit::Clean)
}

fn explained(
    out: &mut Output,
    paths: &[PathBuf],
    policies: &[String],
    format: Format,
) -> Result<Exit> {
    let mut tally = Tally::default();
    let sources = input::sources(paths, &mut tally);
    let mut files = Vec::new();
    for source in &sources {
        match source.read() {
            Ok(bytes) => files.push(bytes),
            Err(error) => {
                output::error(&error.to_string());
                tally.trouble = true;
            }
        }
    }
    if files.is_empty() {
        return Ok(tally.exit());
    }
    let views: Vec<&[u8]> = files.iter().map(|bytes| &**bytes).collect();
    let explanation = explain(&views, policies)?;
    tally.found |= !explanation.proved;
    match format {
        Format::Json => out.json(&explanation)?,
        Format::Text => tell(out, &explanation)?,
    }
    Ok(tally.exit())
}

/// A policy file whose comments say what the files need.
fn tell(out: &mut Output, explanation: &Explanation) -> Result<()> {
    out.line(format_args!("{BOLD}# What the files ask for:{BOLD:#}"))?;
    for entry in &explanation.entries {
        let profile = entry.profile.as_deref().unwrap_or("no profile");
        let source = entry.source.as_deref().map(|source| format!("; {}", escape(source)));
        let (global, source) = (escape(&entry.global), source.unwrap_or_default());
        out.line(format_args!("#   {global}: {BOLD}{profile}{BOLD:#}{DIM}{source}{DIM:#}"))?;
    }
    if explanation.proved {
        out.line("# Under the policy below every file is proved safe.")?;
    } else {
        out.line("# Even under the policy below not every file is safe:")?;
        for reason in &explanation.reasons {
            let (offset, message) = (reason.offset, escape(&reason.message));
            out.line(format_args!("#   at byte {offset}: {message}"))?;
        }
    }
    out.raw(
        b"
",
    )?;
    out.raw(explanation.proposal.as_bytes())?;
    Ok(())
}

/// What the policy allows, those it includes included.
fn shown(name: &str) -> Result<serde_json::Value> {
    let globals: Vec<String> = Policy::load(&[name])?
        .globals()
        .into_iter()
        .map(|(module, name)| format!("{module}.{name}"))
        .collect();
    let summary = Policy::builtin().iter().find(|(n, _)| *n == name).map(|(_, summary)| summary);
    Ok(json!({ "name": name, "summary": summary, "globals": globals }))
}
