//! `assay completions`: a shell's completion script.

use anyhow::Result;
use clap_complete::Shell;

use crate::exit::Exit;
use crate::output::Output;

/// Print a completion script for a shell
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  assay completions bash > ~/.local/share/bash-completion/completions/assay"
)]
pub struct Args {
    /// The shell
    shell: Shell,
}

pub fn run(args: &Args, definition: &mut clap::Command) -> Result<Exit> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, definition, "assay", &mut script);
    let mut out = Output::stdout();
    out.raw(&script)?;
    out.flush()?;
    Ok(Exit::Clean)
}
