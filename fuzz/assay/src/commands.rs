//! The subcommands, one file each.

mod check;
mod completions;
mod dis;
mod doctor;
mod generate;
mod minimize;
mod policy;
mod scan;
mod trace;

use anyhow::Result;
use clap::Subcommand;

use crate::cli::Globals;
use crate::exit::Exit;

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    Scan(scan::Args),
    Dis(dis::Args),
    Trace(trace::Args),
    Check(check::Args),
    Minimize(minimize::Args),
    Generate(generate::Args),
    Policy(policy::Args),
    Doctor(doctor::Args),
    Completions(completions::Args),
}

impl Command {
    /// Runs the subcommand.
    pub fn run(self, globals: Globals) -> Result<Exit> {
        match self {
            Self::Scan(args) => scan::run(&args, globals),
            Self::Dis(args) => dis::run(&args, globals),
            Self::Trace(args) => trace::run(&args, globals),
            Self::Check(args) => check::run(&args, globals),
            Self::Minimize(args) => minimize::run(&args),
            Self::Generate(args) => generate::run(&args, globals),
            Self::Policy(args) => policy::run(&args),
            Self::Doctor(args) => doctor::run(&args, globals),
            Self::Completions(args) => completions::run(&args),
        }
    }
}
