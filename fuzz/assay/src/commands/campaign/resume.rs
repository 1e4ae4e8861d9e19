//! `--resume`: a campaign goes on as it began.

use std::path::Path;

use anyhow::{Context as _, Result, bail};
use assay_analyzer::Policy;
use assay_campaign::{CampaignConfig, Meta, Shard, Store};
use assay_differential::Hunt;
use assay_oracle::Engine;

use super::Args;

/// The configuration stored in the directory, with the bounds given now.
pub fn config(args: &Args, dir: &Path) -> Result<CampaignConfig> {
    let store = Store::open(dir)?;
    let meta = store.meta()?;
    let shard = shard(args, &meta, &store.shards()?)?;
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
    config.shard = shard;
    config.seed = meta.seed;
    config.exhaustive = meta.exhaustive.clone();
    super::bound(&mut config, args)?;
    Ok(config)
}

/// The shard that goes on: the one that was named, or the only one.
fn shard(args: &Args, meta: &Meta, begun: &[u32]) -> Result<Shard> {
    let named: Vec<String> = begun.iter().map(|n| format!("{n}/{}", meta.shards)).collect();
    match (args.shard, begun) {
        (None, []) => Ok(Shard { index: 1, count: meta.shards }),
        (None, [only]) => Ok(Shard { index: *only, count: meta.shards }),
        (None, _) => bail!(
            "the directory holds several shards; say with --shard which is to go on: {}",
            named.join(", ")
        ),
        (Some(shard), _) if shard.count != meta.shards => {
            bail!("the campaign is divided into {} shards, not {}", meta.shards, shard.count)
        }
        (Some(shard), _) => Ok(shard),
    }
}
