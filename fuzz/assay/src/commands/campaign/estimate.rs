//! `--estimate`: what an exhaustive campaign would cost, from a slice of it.

use std::sync::atomic::AtomicBool;
use std::time::Duration;

use anyhow::{Context as _, Result};
use assay_campaign::exhaustive::Cost;
use assay_campaign::{CampaignConfig, Store};

use super::display::Display;
use crate::exit::Exit;
use crate::globals::Globals;
use crate::options::Format;
use crate::output::Output;

/// Long enough for dozens of units of four opcodes.
const TIME: Duration = Duration::from_secs(60);

/// Measures, and prints the cost.
pub fn run(
    mut config: CampaignConfig,
    format: Format,
    globals: Globals,
    stop: &AtomicBool,
) -> Result<Exit> {
    let dir = tempfile::tempdir().context("no room for a campaign")?;
    config.out = dir.path().join("campaign");
    config.slice = Some(config.seed);
    config.time.get_or_insert(TIME);
    let plan = config.exhaustive.clone().context("only an exhaustive campaign can be estimated")?;
    let display = Display::new(globals.quiet);
    let ran = assay_campaign::run(&config, stop, &|status| display.show(status));
    display.clear();
    ran?;
    let state = Store::open(&config.out)?.state(config.shard.index)?;
    let cost = Cost::new(&plan, &state.units, &state.tally)?;
    let mut out = Output::stdout();
    match format {
        Format::Json => out.json(&cost)?,
        Format::Text => out.line(cost.text().trim_end())?,
    }
    out.flush()?;
    Ok(Exit::Clean)
}
