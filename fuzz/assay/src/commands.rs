//! The subcommands, one file each.

mod campaign;
mod check;
mod completions;
mod dis;
mod doctor;
mod generate;
mod minimize;
mod policy;
mod report;
mod scan;
mod trace;

use std::io::Write as _;
use std::path::Path;

use anyhow::Result;
use clap::Subcommand;

use crate::cli::Globals;
use crate::exit::Exit;

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    Campaign(campaign::Args),
    Scan(scan::Args),
    Dis(dis::Args),
    Trace(trace::Args),
    Check(check::Args),
    Minimize(minimize::Args),
    Generate(generate::Args),
    Report(report::Args),
    Policy(policy::Args),
    Doctor(doctor::Args),
    Completions(completions::Args),
}

impl Command {
    /// Runs the subcommand.
    pub fn run(self, globals: Globals) -> Result<Exit> {
        match self {
            Self::Campaign(args) => campaign::run(&args, globals),
            Self::Scan(args) => scan::run(&args, globals),
            Self::Dis(args) => dis::run(&args, globals),
            Self::Trace(args) => trace::run(&args, globals),
            Self::Check(args) => check::run(&args, globals),
            Self::Minimize(args) => minimize::run(&args),
            Self::Generate(args) => generate::run(&args, globals),
            Self::Report(args) => report::run(&args),
            Self::Policy(args) => policy::run(&args),
            Self::Doctor(args) => doctor::run(&args, globals),
            Self::Completions(args) => completions::run(&args),
        }
    }
}

/// Writes a file whole or not at all.
fn write_whole(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty());
    let mut file = tempfile::NamedTempFile::new_in(dir.unwrap_or(Path::new(".")))?;
    file.write_all(bytes)?;
    file.persist(path)?;
    Ok(())
}
