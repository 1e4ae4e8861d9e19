//! The flags that every subcommand takes.

use clap::ArgAction;

/// What every subcommand takes.
#[derive(Clone, Copy, Debug, clap::Args)]
pub struct Globals {
    /// Print no progress and no summary, only results and errors
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub quiet: bool,
    /// Say more on standard error; twice for everything
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub verbose: u8,
}
