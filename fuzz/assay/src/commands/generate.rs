//! `assay generate`: pickles, and nothing but pickles.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use assay_generator::{Config, Coverage, Generator, Profile, generate_seeded};
use clap::ValueEnum;
use serde_json::json;

use crate::exit::Exit;
use crate::globals::Globals;
use crate::options::{Format, FormatArgs, SeedArgs};
use crate::output::{self, Output};

/// Generate pickles
///
/// The same seed, options and build give the same pickles. They are written and never loaded;
/// some are attacks, so load none of them outside a sandbox.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  assay generate --count 1000 --out pickles/
  assay generate --count 1 --profile attack --out - | assay dis -
  assay generate --count 100 --format json --out - | jq -r .hex
  assay generate --count 100000 --profile divergent --stats")]
pub struct Args {
    /// How many
    #[arg(long, value_name = "N", default_value_t = 1)]
    count: u64,
    /// Where to: a directory for a file each, or `-` for standard output, where they follow each
    /// other as they are, or a line each with --format json
    #[arg(long, value_name = "DIR|-", required_unless_present = "stats")]
    out: Option<PathBuf>,
    /// What they are to try
    #[arg(long, value_enum, value_name = "PROFILE", default_value = "mixed")]
    profile: ProfileChoice,
    /// Protocol [default: any]
    #[arg(long, value_name = "0-5", value_parser = clap::value_parser!(u8).range(0..=5))]
    protocol: Option<u8>,
    #[command(flatten)]
    seed: SeedArgs,
    /// The most opcodes of a pickle; an ending may add a few
    #[arg(long, value_name = "N", default_value_t = 60)]
    max_opcodes: usize,
    /// Print opcode and transition coverage as JSON
    #[arg(long)]
    stats: bool,
    #[command(flatten)]
    format: FormatArgs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum ProfileChoice {
    /// Plain data: it loads
    Data,
    /// The call of something harmful, named and placed in ways that could be missed
    Attack,
    /// Benign idioms, near misses of them, data and a few attacks
    Mixed,
    /// Boundary values and malformed structure, on which unpicklers disagree
    Divergent,
}

impl From<ProfileChoice> for Profile {
    fn from(choice: ProfileChoice) -> Self {
        match choice {
            ProfileChoice::Data => Self::Data,
            ProfileChoice::Attack => Self::Attack,
            ProfileChoice::Mixed => Self::Mixed,
            ProfileChoice::Divergent => Self::Divergent,
        }
    }
}

pub fn run(args: &Args, globals: Globals) -> Result<Exit> {
    let seed = args.seed.get();
    let generator = Generator::new(Config {
        profile: args.profile.into(),
        protocol: args.protocol,
        max_opcodes: args.max_opcodes,
        ..Config::default()
    });
    let to_stdout = args.out.as_deref() == Some(Path::new("-"));
    if to_stdout && args.format.format == Format::Text && std::io::stdout().is_terminal() {
        bail!("pickles are no text for a terminal; use --format json, or --out DIR");
    }
    if let Some(dir) = args.out.as_ref().filter(|_| !to_stdout) {
        std::fs::create_dir_all(dir).with_context(|| dir.display().to_string())?;
    }
    let mut out = Output::stdout();
    let mut coverage = Coverage::new();
    let mut pickle = Vec::new();
    for index in 0..args.count {
        generate_seeded(&generator, seed, index, &mut pickle);
        if args.stats {
            coverage.add(&pickle);
        }
        match &args.out {
            None => {}
            Some(_) if to_stdout => match args.format.format {
                Format::Text => out.raw(&pickle)?,
                Format::Json => out.json(&json!({ "index": index, "hex": hex(&pickle) }))?,
            },
            Some(dir) => {
                let file = dir.join(format!("{index:06}.pkl"));
                std::fs::write(&file, &pickle).with_context(|| file.display().to_string())?;
            }
        }
    }
    if args.stats {
        let stats = json!({ "seed": seed, "coverage": coverage.stats() });
        if to_stdout {
            // Standard output is taken by the pickles.
            output::note(false, stats);
        } else {
            out.json(&stats)?;
        }
    }
    out.flush()?;
    output::note(globals.quiet, format_args!("seed {seed}"));
    Ok(Exit::Clean)
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
