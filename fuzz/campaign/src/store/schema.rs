//! The tables, and how those of an older version become those of today.

use rusqlite::{Connection, Transaction, params};
use serde_json::{Value, json};

use crate::coverage::Coverage;

/// The version of the tables. A change raises it and adds a row to [`MIGRATIONS`].
pub const VERSION: i64 = 5;

/// The tables of version 2. A *shard* is what one process at a time writes.
const TABLES_2: &str = "
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE shards (
    shard INTEGER PRIMARY KEY,
    seconds REAL NOT NULL,
    tally TEXT NOT NULL,
    coverage BLOB NOT NULL,
    control TEXT NOT NULL
);
CREATE TABLE workers (
    shard INTEGER NOT NULL,
    worker INTEGER NOT NULL,
    next_batch INTEGER NOT NULL,
    PRIMARY KEY (shard, worker)
) WITHOUT ROWID;
CREATE TABLE findings (
    analyzer TEXT NOT NULL,
    bucket TEXT NOT NULL,
    finding TEXT NOT NULL,
    PRIMARY KEY (analyzer, bucket)
) WITHOUT ROWID;
CREATE TABLE sightings (
    shard INTEGER NOT NULL,
    analyzer TEXT NOT NULL,
    bucket TEXT NOT NULL,
    count INTEGER NOT NULL,
    first_seen_seconds REAL NOT NULL,
    PRIMARY KEY (shard, analyzer, bucket)
) WITHOUT ROWID;
CREATE TABLE pool (
    id INTEGER PRIMARY KEY,
    shard INTEGER NOT NULL,
    worker INTEGER NOT NULL,
    behaviour INTEGER NOT NULL,
    bytes BLOB NOT NULL
);
CREATE TABLE timeline (
    id INTEGER PRIMARY KEY,
    shard INTEGER NOT NULL,
    sample TEXT NOT NULL
);
";

/// What version 3 has beside: pickles whose way down to the cause was cut short.
const PENDING: &str = "
CREATE TABLE pending (
    shard INTEGER NOT NULL,
    pending TEXT NOT NULL,
    PRIMARY KEY (shard, pending)
) WITHOUT ROWID;
";

/// What version 4 has beside: units of an exhaustive campaign that are done.
const UNITS: &str = "
CREATE TABLE units (
    shard INTEGER NOT NULL,
    unit INTEGER NOT NULL,
    counts TEXT NOT NULL,
    PRIMARY KEY (shard, unit)
) WITHOUT ROWID;
";

/// What version 5 has otherwise: places of the pool, where one takes another's.
const SLOTS: &str = "
ALTER TABLE pool RENAME TO pool_4;
CREATE TABLE pool (
    shard INTEGER NOT NULL,
    worker INTEGER NOT NULL,
    slot INTEGER NOT NULL,
    behaviour INTEGER NOT NULL,
    bytes BLOB NOT NULL,
    PRIMARY KEY (shard, worker, slot)
);
INSERT INTO pool (shard, worker, slot, behaviour, bytes)
    SELECT shard, worker, row_number() OVER (PARTITION BY shard, worker ORDER BY id) - 1,
           behaviour, bytes FROM pool_4;
DROP TABLE pool_4;
";

/// Makes the tables of this version.
pub fn create(db: &Connection) -> rusqlite::Result<()> {
    db.execute_batch(TABLES_2)?;
    db.execute_batch(PENDING)?;
    db.execute_batch(UNITS)?;
    db.execute_batch(SLOTS)
}

/// From 2 to 3.
fn pending(db: &Transaction<'_>) -> rusqlite::Result<()> {
    db.execute_batch(PENDING)
}

/// From 3 to 4.
fn units(db: &Transaction<'_>) -> rusqlite::Result<()> {
    db.execute_batch(UNITS)
}

/// From 4 to 5.
fn slots(db: &Transaction<'_>) -> rusqlite::Result<()> {
    db.execute_batch(SLOTS)
}

/// What takes a database from the version of its place, counted from 1, to the next.
const MIGRATIONS: [fn(&Transaction<'_>) -> rusqlite::Result<()>; VERSION as usize - 1] =
    [shards, pending, units, slots];

/// Brings a database of an older version up to date, all at once or not at all. Gives the version
/// that cannot be dealt with, if it is one.
pub fn migrate(db: &Connection) -> rusqlite::Result<Result<(), i64>> {
    if version(db)? == VERSION {
        return Ok(Ok(()));
    }
    let transaction = Transaction::new_unchecked(db, rusqlite::TransactionBehavior::Immediate)?;
    // Another process may have been quicker.
    let from = version(&transaction)?;
    if !(1..=VERSION).contains(&from) {
        return Ok(Err(from));
    }
    for step in &MIGRATIONS[from as usize - 1..] {
        step(&transaction)?;
    }
    transaction.pragma_update(None, "user_version", VERSION)?;
    transaction.commit()?;
    Ok(Ok(()))
}

/// The version of a database; 0 if it has no tables.
pub fn version(db: &Connection) -> rusqlite::Result<i64> {
    db.query_row("PRAGMA user_version", [], |row| row.get(0))
}

/// From 1 to 2: what one process writes gets the number of its shard, campaigns get an id,
/// sightings a table of their own, coverage a shorter form.
fn shards(db: &Transaction<'_>) -> rusqlite::Result<()> {
    let text: String =
        db.query_row("SELECT value FROM meta WHERE key = 'campaign'", [], |row| row.get(0))?;
    let mut meta: Value = serde_json::from_str(&text).unwrap_or_default();
    let shard = meta["shard"]["index"].as_i64().unwrap_or(1);
    // A copy of the same campaign, migrated elsewhere, is to have the same id.
    meta["id"] = json!(blake3::hash(text.as_bytes()).to_hex()[..16]);
    meta["shards"] = meta["shard"]["count"].clone();
    db.execute_batch(
        "ALTER TABLE workers RENAME TO workers_1;
         ALTER TABLE pool RENAME TO pool_1;
         ALTER TABLE timeline RENAME TO timeline_1;
         ALTER TABLE findings RENAME TO findings_1;
         ALTER TABLE meta RENAME TO meta_1;",
    )?;
    db.execute_batch(TABLES_2)?;
    db.execute("INSERT INTO meta (key, value) VALUES ('campaign', ?1)", [meta.to_string()])?;
    db.execute(
        "INSERT INTO shards SELECT ?1, seconds, tally, coverage, control FROM progress",
        [shard],
    )?;
    db.execute("INSERT INTO workers SELECT ?1, worker, next_batch FROM workers_1", [shard])?;
    db.execute(
        "INSERT INTO pool (shard, worker, behaviour, bytes)
         SELECT ?1, worker, behaviour, bytes FROM pool_1 ORDER BY id",
        [shard],
    )?;
    db.execute(
        "INSERT INTO timeline (shard, sample) SELECT ?1, sample FROM timeline_1 ORDER BY seconds",
        [shard],
    )?;
    db.execute("INSERT INTO findings SELECT analyzer, bucket, finding FROM findings_1", [])?;
    db.execute(
        "INSERT INTO sightings SELECT ?1, analyzer, bucket, json_extract(finding, '$.count'),
         json_extract(finding, '$.first_seen_seconds') FROM findings_1",
        [shard],
    )?;
    let old: Vec<u8> =
        db.query_row("SELECT coverage FROM shards", [], |row| row.get(0)).unwrap_or_default();
    let coverage = Coverage::from_fixed(&old).unwrap_or_default();
    db.execute("UPDATE shards SET coverage = ?1", params![coverage.to_bytes()])?;
    db.execute_batch(
        "DROP TABLE workers_1; DROP TABLE pool_1; DROP TABLE timeline_1; DROP TABLE findings_1;
         DROP TABLE meta_1; DROP TABLE progress;",
    )
}
