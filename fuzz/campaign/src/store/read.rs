//! What the database holds, read back: one shard to go on with, or everything to report on.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension, Row};

use super::Store;
use crate::Result;
use crate::coverage::Coverage;
use crate::exhaustive::{Counts, Plan};
use crate::finding::Finding;
use crate::merge::{Cause, Merged, Part, PartId, Sighting};
use crate::pending::Pending;
use crate::pool::Interesting;
use crate::summary::Control;
use crate::tally::Tally;

/// What never changes in a campaign.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Meta {
    /// What tells this campaign from every other, wherever copies of it lie.
    pub id: String,
    /// What everything random derives from.
    pub seed: u64,
    /// Into how many shards it is divided.
    pub shards: u32,
    /// The analysers.
    pub analyzers: Vec<String>,
    /// The policy's profiles.
    pub policy: Vec<String>,
    /// The interpreters' versions.
    pub pythons: Vec<String>,
    /// The engines' names.
    pub engines: Vec<String>,
    /// What is hunted for.
    pub hunt: String,
    /// Seconds since 1970 at which it began, by a clock that may be wrong: it orders nights, and
    /// nothing else depends on it.
    pub began: u64,
    /// What is covered, if everything is to be.
    #[serde(default)]
    pub exhaustive: Option<Plan>,
}

/// A point of the plots over time.
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct Sample {
    /// When.
    pub seconds: f64,
    /// Pickles generated so far.
    pub generated: u64,
    /// Loads in the deny tier so far.
    pub deny: u64,
    /// Loads in the full tier so far.
    pub full: u64,
    /// Transitions so far.
    pub transitions: usize,
    /// Findings so far.
    pub buckets: usize,
    /// Findings that one pickle alone has shown so far.
    pub singletons: usize,
    /// Findings that two pickles have shown so far.
    pub doubletons: usize,
}

/// What a shard goes on with.
#[derive(Clone, Debug)]
pub struct State {
    /// What never changes.
    pub meta: Meta,
    /// How long it ran.
    pub seconds: f64,
    /// What was counted.
    pub tally: Tally,
    /// What was generated.
    pub coverage: Coverage,
    /// The positive control.
    pub control: Control,
    /// The next batch of each worker.
    pub next_batch: Vec<(u64, u64)>,
    /// What this shard saw, with its own counts and times.
    pub findings: Vec<Finding>,
    /// What each worker keeps for mutation, by worker and slot.
    pub pool: BTreeMap<(u64, u32), Interesting>,
    /// The plots.
    pub timeline: Vec<Sample>,
    /// What could not be followed to the end.
    pub pending: Vec<Pending>,
    /// Units of an exhaustive campaign that are done.
    pub units: BTreeMap<u64, Counts>,
}

impl Store {
    /// What never changes.
    pub fn meta(&self) -> Result<Meta> {
        self.wrap(meta)
    }

    /// The shards that have begun.
    pub fn shards(&self) -> Result<Vec<u32>> {
        self.wrap(|db| rows(db, "SELECT shard FROM shards ORDER BY shard", [], |row| row.get(0)))
    }

    /// What a shard goes on with; one that has not begun starts from nothing.
    pub fn state(&self, shard: u32) -> Result<State> {
        self.wrap(|db| {
            let db = &db.unchecked_transaction()?;
            let part = part(db, shard)?;
            let next_batch = rows(
                db,
                "SELECT worker, next_batch FROM workers WHERE shard = ?1",
                [shard],
                |row| Ok((unsigned(row.get(0)?), unsigned(row.get(1)?))),
            )?;
            let findings = rows(
                db,
                "SELECT finding, count, first_seen_seconds FROM sightings
                 JOIN findings USING (analyzer, bucket) WHERE shard = ?1
                 ORDER BY analyzer, bucket",
                [shard],
                |row| {
                    let mut finding: Finding = parse(row, 0)?;
                    finding.count = unsigned(row.get(1)?);
                    finding.first_seen_seconds = row.get(2)?;
                    Ok(finding)
                },
            )?;
            let pool = rows(
                db,
                "SELECT worker, slot, behaviour, bytes FROM pool WHERE shard = ?1",
                [shard],
                |row| Ok(((unsigned(row.get(0)?), row.get(1)?), kept(row)?)),
            )?;
            Ok(State {
                meta: part.meta,
                seconds: part.seconds,
                tally: part.tally,
                coverage: part.coverage,
                control: part.control,
                next_batch,
                findings,
                pool: pool.into_iter().collect(),
                timeline: part.timeline,
                pending: part.pending,
                units: part.units,
            })
        })
    }

    /// Everything but what only matters to going on.
    pub fn merged(&self) -> Result<Merged> {
        self.wrap(|db| {
            // One view of it, whatever others write meanwhile.
            let db = &db.unchecked_transaction()?;
            let id = meta(db)?.id;
            let mut out = Merged::default();
            let shards: Vec<u32> = rows(db, "SELECT shard FROM shards", [], |row| row.get(0))?;
            for shard in shards {
                out.add_part(part(db, shard)?);
            }
            let sightings = rows(
                db,
                "SELECT finding, shard, count, first_seen_seconds FROM sightings
                 JOIN findings USING (analyzer, bucket)",
                [],
                |row| {
                    let sighting =
                        Sighting { count: unsigned(row.get(2)?), first_seen_seconds: row.get(3)? };
                    Ok((parse(row, 0)?, row.get(1)?, sighting))
                },
            )?;
            for (finding, shard, sighting) in sightings {
                out.add_cause(Cause::new(finding, PartId { id: id.clone(), shard }, sighting));
            }
            Ok(out)
        })
    }

    /// The pickles of its pool and of its findings, for another campaign to start from: each
    /// once, in an order that depends on nothing but themselves.
    pub fn pickles(&self) -> Result<Vec<Vec<u8>>> {
        self.wrap(|db| {
            let mut out: Vec<Vec<u8>> = rows(db, "SELECT bytes FROM pool", [], |row| row.get(0))?;
            for finding in
                rows(db, "SELECT finding FROM findings", [], |row| parse::<Finding>(row, 0))?
            {
                out.extend([finding.original, finding.minimized]);
            }
            let pending =
                rows(db, "SELECT pending FROM pending", [], |row| parse::<Pending>(row, 0))?;
            out.extend(pending.into_iter().map(|pending| pending.pickle));
            out.sort();
            out.dedup();
            Ok(out)
        })
    }
}

fn meta(db: &Connection) -> rusqlite::Result<Meta> {
    db.query_row("SELECT value FROM meta WHERE key = 'campaign'", [], |row| parse(row, 0))
}

/// What is stored of one shard.
fn part(db: &Connection, shard: u32) -> rusqlite::Result<Part> {
    let stored = db
        .query_row(
            "SELECT seconds, tally, coverage, control FROM shards WHERE shard = ?1",
            [shard],
            |row| {
                let coverage: Vec<u8> = row.get(2)?;
                let coverage = Coverage::from_bytes(&coverage).unwrap_or_default();
                Ok((row.get(0)?, parse(row, 1)?, coverage, parse(row, 3)?))
            },
        )
        .optional()?;
    let (seconds, tally, coverage, control) = stored.unwrap_or_default();
    let timeline =
        rows(db, "SELECT sample FROM timeline WHERE shard = ?1 ORDER BY id", [shard], |row| {
            parse(row, 0)
        })?;
    let pending = rows(
        db,
        "SELECT pending FROM pending WHERE shard = ?1 ORDER BY pending",
        [shard],
        |row| parse(row, 0),
    )?;
    let units = rows(db, "SELECT unit, counts FROM units WHERE shard = ?1", [shard], |row| {
        Ok((unsigned(row.get(0)?), parse(row, 1)?))
    })?;
    let units = units.into_iter().collect();
    Ok(Part { meta: meta(db)?, shard, seconds, tally, coverage, control, timeline, pending, units })
}

fn kept(row: &Row<'_>) -> rusqlite::Result<Interesting> {
    Ok(Interesting { slot: row.get(1)?, behaviour: unsigned(row.get(2)?), bytes: row.get(3)? })
}

fn rows<T>(
    db: &Connection,
    query: &str,
    parameters: impl rusqlite::Params,
    read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
) -> rusqlite::Result<Vec<T>> {
    db.prepare(query)?.query_map(parameters, read)?.collect()
}

/// The JSON in a column.
pub(super) fn parse<T: serde::de::DeserializeOwned>(
    row: &Row<'_>,
    column: usize,
) -> rusqlite::Result<T> {
    let text: String = row.get(column)?;
    serde_json::from_str(&text).map_err(|error| {
        let kind = rusqlite::types::Type::Text;
        rusqlite::Error::FromSqlConversionFailure(column, kind, Box::new(error))
    })
}

/// SQLite's integers are signed; the bits are kept.
fn unsigned(value: i64) -> u64 {
    value.cast_unsigned()
}
