//! The subcommands, one file each.

mod buckets;
mod campaign;
mod check;
mod completions;
mod dis;
mod doctor;
mod generate;
mod minimize;
mod planted;
mod policy;
mod report;
mod scan;
mod trace;

use anyhow::Result;
use clap::Subcommand;

use crate::exit::Exit;
use crate::globals::Globals;

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    Campaign(campaign::Args),
    Scan(scan::Args),
    Dis(dis::Args),
    Trace(trace::Args),
    Check(check::Args),
    Minimize(minimize::Args),
    Buckets(buckets::Args),
    Planted(planted::Args),
    Generate(generate::Args),
    Report(report::Args),
    Policy(policy::Args),
    Doctor(doctor::Args),
    Completions(completions::Args),
}

impl Command {
    /// Runs the subcommand; `definition` is the whole command line's.
    pub fn run(self, globals: Globals, definition: fn() -> clap::Command) -> Result<Exit> {
        match self {
            Self::Campaign(args) => campaign::run(&args, globals),
            Self::Scan(args) => scan::run(&args, globals),
            Self::Dis(args) => dis::run(&args, globals),
            Self::Trace(args) => trace::run(&args, globals),
            Self::Check(args) => check::run(&args, globals),
            Self::Minimize(args) => minimize::run(&args, globals),
            Self::Buckets(args) => buckets::run(&args),
            Self::Planted(args) => planted::run(&args, globals),
            Self::Generate(args) => generate::run(&args, globals),
            Self::Report(args) => report::run(&args),
            Self::Policy(args) => policy::run(&args, globals),
            Self::Doctor(args) => doctor::run(&args, globals),
            Self::Completions(args) => completions::run(&args, &mut definition()),
        }
    }
}
