//! The `assay` binary: parses arguments, calls the libraries, prints what they return.

mod cli;
mod commands;
mod crash;
mod escape;
mod exit;
mod globals;
mod input;
mod limits;
mod options;
mod output;
mod parallel;
mod size;
mod whole;

use std::process::ExitCode;

fn main() -> ExitCode {
    crash::guard(cli::run).into()
}
