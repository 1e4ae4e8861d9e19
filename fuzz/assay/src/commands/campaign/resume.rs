//! `--resume`: a campaign goes on as it began.

use std::path::Path;

use anyhow::{Context as _, Result, bail};
use assay_analyzer::Policy;
use assay_campaign::{CampaignConfig, Store};
use assay_differential::Hunt;
use assay_oracle::Engine;

use super::Args;

/// The configuration stored in the directory, with the bounds given now.
pub fn config(args: &Args, dir: &Path) -> Result<CampaignConfig> {
    let meta = Store::open(dir)?.state()?.meta;
    let analyzers = meta.analyzers.iter().map(|name| name.parse()).collect::<Result<_, _>>()?;
    let mut pythons = args.oracle.pythons()?;
    if !args.oracle.names_pythons() {
        for version in &meta.pythons {
            if !pythons.iter().any(|python| python.version == *version) {
                bail!(
                    "the campaign used CPython {version}, which is not found any more; say with \
                     --python what to go on with"
                );
            }
        }
        pythons.retain(|python| meta.pythons.contains(&python.version));
    }
    let mut config = CampaignConfig::new(analyzers, Policy::load(&meta.policy)?, pythons);
    config.engines = meta.engines.iter().filter_map(|name| Engine::from_name(name)).collect();
    config.hunt = Hunt::from_name(&meta.hunt)
        .with_context(|| format!("{}: no hunt is called {:?}", dir.display(), meta.hunt))?;
    config.out = dir.to_owned();
    config.resume = true;
    config.shard = meta.shard;
    config.seed = meta.seed;
    super::bound(&mut config, args);
    Ok(config)
}
