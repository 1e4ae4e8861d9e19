//! *Rescue*: where a campaign goes whose own directory cannot be written any more.

use std::path::{Path, PathBuf};

use super::{Save, State, Store};
use crate::finding::Finding;

/// Saves all of a shard's state as a campaign of the same id somewhere else, and says where; it
/// merges with what was saved before. `None` if there is no room anywhere.
pub fn rescue(state: &State, shard: u32, places: &[PathBuf]) -> Option<PathBuf> {
    places.iter().find_map(|place| save(state, shard, place))
}

fn save(state: &State, shard: u32, place: &Path) -> Option<PathBuf> {
    let name = format!("assay-rescued-{}-{shard}", state.meta.id);
    // An earlier rescue of the same campaign is not written over.
    let directory = (0..100)
        .map(|n| place.join(if n == 0 { name.clone() } else { format!("{name}-{n}") }))
        .find(|directory| !directory.exists())?;
    let findings: Vec<&Finding> = state.findings.iter().collect();
    let units: Vec<_> = state.units.iter().map(|(n, counts)| (*n, counts.clone())).collect();
    let saved = Store::create(&directory, &state.meta).and_then(|store| {
        store.save(&Save {
            shard,
            seconds: state.seconds,
            tally: &state.tally,
            coverage: &state.coverage,
            control: &state.control,
            next_batch: &state.next_batch,
            findings: &findings,
            counted: &[],
            pool: state.pool.iter().map(|((worker, _), kept)| (*worker, kept)).collect(),
            samples: &state.timeline,
            pending: &state.pending,
            settled: &[],
            units: &units,
        })
    });
    match saved {
        Ok(()) => Some(directory),
        Err(error) => {
            tracing::warn!("{error}");
            let _ = std::fs::remove_dir_all(&directory);
            None
        }
    }
}

/// Where there may be room: the places for temporary files, on disk and in memory.
pub fn places() -> Vec<PathBuf> {
    let mut out = vec![std::env::temp_dir()];
    for place in ["/var/tmp", "/dev/shm"] {
        if !out.iter().any(|known| known == Path::new(place)) {
            out.push(place.into());
        }
    }
    out
}
