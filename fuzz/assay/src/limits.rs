//! Options for the analyser's budgets.

use assay_analyzer::Limits;
use clap::Args;

use crate::size;

/// What judging one file may take; running out means `unproven`, with the reason.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Budgets (running out means unproven, with the reason)")]
pub struct LimitArgs {
    /// Steps for one stream of pickles: one an opcode, and one for each value that an opcode looks
    /// at again [default: 16 for each byte, 1048576 at least]
    #[arg(long, value_name = "N")]
    max_steps: Option<u64>,
    /// Memory for the values alive in one stream
    #[arg(long, value_name = "SIZE", value_parser = size::parse, default_value = "1GiB")]
    max_memory: u64,
    /// Depth of values that are hashed or given to a call; more than 500 counts as 500, since
    /// CPython itself may crash beyond
    #[arg(long, value_name = "N", default_value_t = Limits::default().nesting)]
    max_nesting: u32,
    /// Bytes that unpacking a file may give in all
    #[arg(long, value_name = "SIZE", value_parser = size::parse, default_value = "1GiB")]
    max_unpacked: u64,
    /// Times its packed size that a member may unpack to, beyond 64 MiB
    #[arg(long, value_name = "N", default_value_t = Limits::default().ratio)]
    max_ratio: u64,
    /// Members of containers that are opened, in all
    #[arg(long, value_name = "N", default_value_t = Limits::default().members)]
    max_members: usize,
    /// Containers within containers that are opened
    #[arg(long, value_name = "N", default_value_t = Limits::default().containers)]
    max_containers: u32,
}

impl LimitArgs {
    /// The budgets.
    pub fn limits(&self) -> Limits {
        Limits {
            steps: self.max_steps,
            memory: self.max_memory,
            nesting: self.max_nesting,
            unpacked: self.max_unpacked,
            ratio: self.max_ratio,
            members: self.max_members,
            containers: self.max_containers,
        }
    }
}
