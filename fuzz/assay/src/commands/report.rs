//! `assay report`: what one or several campaigns found, told anew.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use assay_campaign::report;
use clap::ValueEnum;

use crate::exit::Exit;
use crate::output::Output;
use crate::whole;

/// Report on one or several campaigns
///
/// Several are merged, in whichever order they come: shards of one campaign, or nights. One that
/// is named twice counts once.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  assay report campaigns/2026-01-31T12-00-00 --format md
  assay report shard-1/ shard-2/ --format html --out report.html
  assay report campaigns/ --format html --out trends.html")]
pub struct Args {
    /// Directories of campaigns, or that hold such directories
    #[arg(required = true, value_name = "DIR")]
    dirs: Vec<PathBuf>,
    /// The format [default: as the name of --out ends, else md]
    #[arg(long, value_enum)]
    format: Option<ReportFormat>,
    /// Where to, `-` for standard output
    #[arg(long, value_name = "FILE", default_value = "-")]
    out: PathBuf,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum ReportFormat {
    /// One self-contained page
    Html,
    /// Markdown, for an issue or a job summary
    Md,
    /// The summary and the findings as one object
    Json,
    /// SARIF 2.1.0, for code-scanning services
    Sarif,
    /// JUnit XML, for CI systems that show tests
    Junit,
}

impl From<ReportFormat> for report::Format {
    fn from(format: ReportFormat) -> Self {
        match format {
            ReportFormat::Html => Self::Html,
            ReportFormat::Md => Self::Markdown,
            ReportFormat::Json => Self::Json,
            ReportFormat::Sarif => Self::Sarif,
            ReportFormat::Junit => Self::Junit,
        }
    }
}

impl ReportFormat {
    /// The format of files of that name.
    fn of(path: &Path) -> Self {
        let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
        match ending {
            "html" | "htm" => Self::Html,
            "json" => Self::Json,
            "sarif" => Self::Sarif,
            "xml" => Self::Junit,
            _ => Self::Md,
        }
    }
}

pub fn run(args: &Args) -> Result<Exit> {
    let format = args.format.unwrap_or_else(|| ReportFormat::of(&args.out));
    let text = report::render(&args.dirs, format.into())?;
    if args.out == Path::new("-") {
        let mut out = Output::stdout();
        out.raw(text.as_bytes())?;
        out.flush()?;
    } else {
        whole::write(&args.out, text.as_bytes()).with_context(|| args.out.display().to_string())?;
    }
    Ok(Exit::Clean)
}
