//! `assay policy`: the built-in policies, and what they say.

use anyhow::{Result, bail};
use assay_analyzer::Policy;
use clap::Subcommand;
use serde_json::json;

use crate::exit::Exit;
use crate::options::{Format, FormatArgs};
use crate::output::{BOLD, Output};

/// List the built-in policies, or show one
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
}

pub fn run(args: &Args) -> Result<Exit> {
    let mut out = Output::stdout();
    match &args.action {
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
    }
    out.flush()?;
    Ok(Exit::Clean)
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
