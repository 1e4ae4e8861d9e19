//! The command line as a whole: the subcommands and what they share.

use clap::Parser;
use tracing_subscriber::EnvFilter;

use crate::commands::Command;
use crate::exit::Exit;
use crate::globals::Globals;
use crate::output;

const ABOUT: &str = "Tests the tools that judge pickles against the truth";

const LONG_ABOUT: &str = "\
Tests the tools that judge pickles against the truth.

A pickle is a program: loading one can run anything. Analysers read pickles without loading \
them and say whether they are safe. Assay finds the pickles they are wrong about: it generates \
pickles, asks an analyser about each, loads the same bytes in sandboxed CPythons, and compares \
the answer with what the load did.";

const EXAMPLES: &str = "\
Examples:
  assay campaign --time 60s                   hunt for pickles that Assay's own analyser gets wrong
  assay campaign --time 5m --analyzer 'exec:python3 scanner.py'
                                              hunt for pickles that your scanner gets wrong
  assay scan model.pkl downloads/             judge files without running anything
  assay trace model.pkl                       see what loading really does, in a sandbox
  assay check model.pkl                       do both, and compare
  assay doctor                                what this machine offers and what is missing

Exit codes:
  0  nothing wrong found
  1  something found: an unsafe file, a discrepancy, a failed verification
  2  usage, input or environment error, with one line that says what to do
     (where something was found besides, it is 1)";

#[derive(Debug, Parser)]
#[command(
    name = "assay",
    version,
    about = ABOUT,
    long_about = LONG_ABOUT,
    after_long_help = EXAMPLES,
    after_help = "Try `assay --help` for examples, `assay help COMMAND` for a command.",
    subcommand_required = true,
    arg_required_else_help = true,
    max_term_width = 100
)]
struct Cli {
    #[command(flatten)]
    globals: Globals,
    #[command(subcommand)]
    command: Command,
}

/// The command line's own definition.
fn command() -> clap::Command {
    <Cli as clap::CommandFactory>::command()
}

/// Parses the arguments and runs the command.
pub fn run() -> Exit {
    let cli = Cli::parse();
    log(cli.globals);
    match cli.command.run(cli.globals, command) {
        Ok(exit) => exit,
        // Whoever read our output went away; there is nobody to tell, and no claim to make.
        Err(error) if output::is_broken_pipe(&error) => Exit::Trouble,
        Err(error) => {
            output::error(&output::chain(&error));
            Exit::Trouble
        }
    }
}

/// Sends logs to standard error; `ASSAY_LOG` overrules the flags.
fn log(globals: Globals) {
    let level = match (globals.quiet, globals.verbose) {
        (true, _) => "error",
        (_, 0) => "warn",
        (_, 1) => "info",
        (_, 2) => "debug",
        _ => "trace",
    };
    let filter = EnvFilter::try_from_env("ASSAY_LOG").unwrap_or_else(|_| EnvFilter::new(level));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(output::colours_on_stderr())
        .with_target(false)
        .without_time()
        .init();
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_definition_is_consistent() {
        super::command().debug_assert();
    }
}
