//! What is saved, all at once or not at all.

use rusqlite::{Connection, OptionalExtension, Transaction, params};

use super::Store;
use super::read::{Meta, Sample, parse};
use crate::Result;
use crate::coverage::Coverage;
use crate::exhaustive::Counts;
use crate::finding::Finding;
use crate::merge;
use crate::pending::Pending;
use crate::pool::Interesting;
use crate::summary::Control;
use crate::tally::Tally;

/// What one save brings.
pub struct Save<'a> {
    /// Whose it is.
    pub shard: u32,
    /// How long the shard has run.
    pub seconds: f64,
    /// Everything counted so far.
    pub tally: &'a Tally,
    /// Everything generated so far.
    pub coverage: &'a Coverage,
    /// The positive control.
    pub control: &'a Control,
    /// Workers that got on, and their next batch.
    pub next_batch: &'a [(u64, u64)],
    /// Findings that are new, or have a new witness.
    pub findings: &'a [&'a Finding],
    /// Findings that were seen again.
    pub counted: &'a [&'a Finding],
    /// Pickles newly kept, by worker.
    pub pool: Vec<(u64, &'a Interesting)>,
    /// Points for the plots.
    pub samples: &'a [Sample],
    /// Pickles that could not be followed to the end.
    pub pending: &'a [Pending],
    /// Pickles that were pending and are so no more.
    pub settled: &'a [Pending],
    /// Units of an exhaustive campaign that are done.
    pub units: &'a [(u64, Counts)],
}

impl Store {
    /// Saves everything at once, or nothing.
    pub fn save(&self, save: &Save<'_>) -> Result<()> {
        self.transaction(|db| {
            progress(db, save)?;
            for (worker, next) in save.next_batch {
                db.prepare_cached(
                    "INSERT INTO workers (shard, worker, next_batch) VALUES (?1, ?2, ?3)
                     ON CONFLICT DO UPDATE SET next_batch = ?3",
                )?
                .execute(params![save.shard, signed(*worker), signed(*next)])?;
            }
            for finding in save.findings {
                witness(db, finding)?;
            }
            for finding in save.findings.iter().chain(save.counted) {
                db.prepare_cached(
                    "INSERT INTO sightings (shard, analyzer, bucket, count, first_seen_seconds)
                     VALUES (?1, ?2, ?3, ?4, ?5)
                     ON CONFLICT DO UPDATE SET count = max(count, ?4),
                     first_seen_seconds = min(first_seen_seconds, ?5)",
                )?
                .execute(params![
                    save.shard,
                    finding.analyzer,
                    finding.bucket,
                    signed(finding.count),
                    finding.first_seen_seconds
                ])?;
            }
            for (worker, kept) in &save.pool {
                db.prepare_cached(
                    "INSERT OR REPLACE INTO pool (shard, worker, slot, behaviour, bytes)
                     VALUES (?1, ?2, ?3, ?4, ?5)",
                )?
                .execute(params![
                    save.shard,
                    signed(*worker),
                    kept.slot,
                    signed(kept.behaviour),
                    kept.bytes
                ])?;
            }
            for pending in save.pending {
                db.prepare_cached(
                    "INSERT OR IGNORE INTO pending (shard, pending) VALUES (?1, ?2)",
                )?
                .execute(params![save.shard, json(pending)])?;
            }
            for settled in save.settled {
                db.prepare_cached("DELETE FROM pending WHERE shard = ?1 AND pending = ?2")?
                    .execute(params![save.shard, json(settled)])?;
            }
            for (unit, counts) in save.units {
                db.prepare_cached(
                    "INSERT OR REPLACE INTO units (shard, unit, counts) VALUES (?1, ?2, ?3)",
                )?
                .execute(params![save.shard, signed(*unit), json(counts)])?;
            }
            for sample in save.samples {
                db.prepare_cached("INSERT INTO timeline (shard, sample) VALUES (?1, ?2)")?
                    .execute(params![save.shard, json(sample)])?;
            }
            Ok(())
        })
    }
}

pub(super) fn meta(db: &Connection, meta: &Meta) -> rusqlite::Result<()> {
    db.execute("INSERT INTO meta (key, value) VALUES ('campaign', ?1)", [json(meta)]).map(drop)
}

fn progress(db: &Transaction<'_>, save: &Save<'_>) -> rusqlite::Result<()> {
    db.prepare_cached(
        "INSERT INTO shards (shard, seconds, tally, coverage, control)
         VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT DO UPDATE SET seconds = ?2, tally = ?3, coverage = ?4, control = ?5",
    )?
    .execute(params![
        save.shard,
        save.seconds,
        json(save.tally),
        save.coverage.to_bytes(),
        json(save.control)
    ])
    .map(drop)
}

/// Keeps the plainer of two witnesses: another process may have found one meanwhile.
fn witness(db: &Transaction<'_>, finding: &Finding) -> rusqlite::Result<()> {
    let known: Option<Finding> = db
        .prepare_cached("SELECT finding FROM findings WHERE analyzer = ?1 AND bucket = ?2")?
        .query_row(params![finding.analyzer, finding.bucket], |row| parse(row, 0))
        .optional()?;
    let kept = match known {
        Some(known) => merge::witness(known, finding.clone()),
        None => finding.clone(),
    };
    db.prepare_cached(
        "INSERT INTO findings (analyzer, bucket, finding) VALUES (?1, ?2, ?3)
         ON CONFLICT DO UPDATE SET finding = ?3",
    )?
    .execute(params![kept.analyzer, kept.bucket, json(&kept)])
    .map(drop)
}

fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).expect("what is stored has text keys only")
}

/// SQLite's integers are signed; the bits are kept.
fn signed(value: u64) -> i64 {
    value.cast_signed()
}
