//! The state of a campaign in SQLite: whatever is saved survives a kill, and can go on.
//!
//! Everything a batch brings is saved in one transaction, so that counts, findings and the place
//! at which to go on always belong together. The store must not interpret what it keeps.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, params};

use crate::coverage::Coverage;
use crate::finding::Finding;
use crate::pool::Interesting;
use crate::summary::Control;
use crate::tally::Tally;
use crate::{Error, Result, files};

/// The name of the database in a campaign's directory.
pub const FILE: &str = "campaign.sqlite";

/// Raised with every change of the tables; an older database is migrated, a newer one refused.
const SCHEMA: i64 = 1;

const TABLES: &str = "
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE progress (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    seconds REAL NOT NULL,
    tally TEXT NOT NULL,
    coverage BLOB NOT NULL,
    control TEXT NOT NULL
);
CREATE TABLE workers (worker INTEGER PRIMARY KEY, next_batch INTEGER NOT NULL);
CREATE TABLE findings (
    analyzer TEXT NOT NULL,
    bucket TEXT NOT NULL,
    finding TEXT NOT NULL,
    PRIMARY KEY (analyzer, bucket)
) WITHOUT ROWID;
CREATE TABLE pool (
    id INTEGER PRIMARY KEY,
    worker INTEGER NOT NULL,
    behaviour INTEGER NOT NULL,
    bytes BLOB NOT NULL
);
CREATE TABLE timeline (seconds REAL NOT NULL, sample TEXT NOT NULL);
";

/// What never changes in a campaign.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Meta {
    /// What everything random derives from.
    pub seed: u64,
    /// Which part of how many.
    pub shard: crate::Shard,
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
    /// Seconds since 1970 at which it began.
    pub began: u64,
}

/// A point of the plots over time.
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
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
}

/// Everything a campaign knows.
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
    /// What was found, by analyser and bucket.
    pub findings: Vec<Finding>,
    /// What each worker keeps for mutation.
    pub pool: Vec<(u64, Interesting)>,
    /// The plots.
    pub timeline: Vec<Sample>,
}

/// What one save brings.
pub struct Save<'a> {
    /// How long the campaign has run.
    pub seconds: f64,
    /// Everything counted so far.
    pub tally: &'a Tally,
    /// Everything generated so far.
    pub coverage: &'a Coverage,
    /// The positive control.
    pub control: &'a Control,
    /// Workers that got on, and their next batch.
    pub next_batch: &'a [(u64, u64)],
    /// Findings that are new or changed.
    pub findings: &'a [&'a Finding],
    /// Pickles newly kept.
    pub pool: &'a [(u64, Interesting)],
    /// A point for the plots, if one is due.
    pub sample: Option<Sample>,
}

/// The database of one campaign.
pub struct Store {
    path: PathBuf,
    connection: Connection,
}

impl Store {
    /// Makes the database of a new campaign.
    pub fn create(directory: &Path, meta: &Meta) -> Result<Self> {
        files::directory(directory)?;
        let path = directory.join(FILE);
        if path.exists() {
            return Err(Error::Directory {
                path: directory.to_owned(),
                reason: "a campaign is there already; go on with it by --resume, or name another \
                         directory with --out"
                    .into(),
            });
        }
        let store = Self::connect(path)?;
        store.wrap(|db| {
            let transaction = db.unchecked_transaction()?;
            transaction.execute_batch(TABLES)?;
            transaction.pragma_update(None, "user_version", SCHEMA)?;
            transaction
                .execute("INSERT INTO meta (key, value) VALUES ('campaign', ?1)", [json(meta)])?;
            transaction.commit()
        })?;
        Ok(store)
    }

    /// Opens the database of a campaign.
    pub fn open(directory: &Path) -> Result<Self> {
        let path = directory.join(FILE);
        if !path.is_file() {
            return Err(Error::Directory {
                path: directory.to_owned(),
                reason: format!("no campaign here: there is no {FILE}"),
            });
        }
        let store = Self::connect(path)?;
        let version: i64 =
            store.wrap(|db| db.query_row("PRAGMA user_version", [], |row| row.get(0)))?;
        if version != SCHEMA {
            return Err(Error::Directory {
                path: directory.to_owned(),
                reason: format!(
                    "the campaign's database is of version {version}, this program's is {SCHEMA}; \
                     use the Assay that wrote it"
                ),
            });
        }
        Ok(store)
    }

    fn connect(path: PathBuf) -> Result<Self> {
        let open = || {
            let connection = Connection::open(&path)?;
            connection.busy_timeout(Duration::from_secs(10))?;
            // A write-ahead log survives a kill at any moment; what a power cut may take is the
            // last transactions, not the database.
            connection.pragma_update(None, "journal_mode", "WAL")?;
            connection.pragma_update(None, "synchronous", "NORMAL")?;
            Ok(connection)
        };
        match open() {
            Ok(connection) => Ok(Self { path, connection }),
            Err(source) => Err(Error::Store { path, source }),
        }
    }

    fn wrap<T>(&self, run: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T> {
        run(&self.connection).map_err(|source| Error::Store { path: self.path.clone(), source })
    }

    /// Saves everything at once, or nothing.
    pub fn save(&self, save: &Save<'_>) -> Result<()> {
        self.wrap(|db| {
            let transaction = db.unchecked_transaction()?;
            transaction
                .prepare_cached(
                    "INSERT INTO progress (id, seconds, tally, coverage, control)
                     VALUES (1, ?1, ?2, ?3, ?4)
                     ON CONFLICT (id) DO UPDATE SET seconds = ?1, tally = ?2, coverage = ?3,
                     control = ?4",
                )?
                .execute(params![
                    save.seconds,
                    json(save.tally),
                    save.coverage.to_bytes(),
                    json(save.control)
                ])?;
            for (worker, next) in save.next_batch {
                transaction
                    .prepare_cached(
                        "INSERT INTO workers (worker, next_batch) VALUES (?1, ?2)
                         ON CONFLICT (worker) DO UPDATE SET next_batch = ?2",
                    )?
                    .execute(params![signed(*worker), signed(*next)])?;
            }
            for finding in save.findings {
                transaction
                    .prepare_cached(
                        "INSERT INTO findings (analyzer, bucket, finding) VALUES (?1, ?2, ?3)
                         ON CONFLICT (analyzer, bucket) DO UPDATE SET finding = ?3",
                    )?
                    .execute(params![finding.analyzer, finding.bucket, json(finding)])?;
            }
            for (worker, kept) in save.pool {
                transaction
                    .prepare_cached(
                        "INSERT INTO pool (worker, behaviour, bytes) VALUES (?1, ?2, ?3)",
                    )?
                    .execute(params![signed(*worker), signed(kept.behaviour), kept.bytes])?;
            }
            if let Some(sample) = &save.sample {
                transaction
                    .prepare_cached("INSERT INTO timeline (seconds, sample) VALUES (?1, ?2)")?
                    .execute(params![sample.seconds, json(sample)])?;
            }
            transaction.commit()
        })
    }

    /// Everything the campaign knows.
    pub fn state(&self) -> Result<State> {
        self.wrap(|db| {
            let meta: String =
                db.query_row("SELECT value FROM meta WHERE key = 'campaign'", [], |row| {
                    row.get(0)
                })?;
            let mut state = State {
                meta: parse(&meta)?,
                seconds: 0.0,
                tally: Tally::default(),
                coverage: Coverage::default(),
                control: Control::default(),
                next_batch: Vec::new(),
                findings: Vec::new(),
                pool: Vec::new(),
                timeline: Vec::new(),
            };
            let progress = db
                .query_row("SELECT seconds, tally, coverage, control FROM progress", [], |row| {
                    Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
                })
                .optional()?;
            if let Some((seconds, tally, coverage, control)) = progress {
                let (tally, control): (String, String) = (tally, control);
                let coverage: Vec<u8> = coverage;
                state.seconds = seconds;
                state.tally = parse(&tally)?;
                state.coverage = Coverage::from_bytes(&coverage).unwrap_or_default();
                state.control = parse(&control)?;
            }
            state.next_batch = rows(db, "SELECT worker, next_batch FROM workers", |row| {
                Ok((unsigned(row.get(0)?), unsigned(row.get(1)?)))
            })?;
            let findings =
                rows(db, "SELECT finding FROM findings ORDER BY analyzer, bucket", |row| {
                    row.get::<_, String>(0)
                })?;
            for finding in findings {
                state.findings.push(parse(&finding)?);
            }
            state.pool =
                rows(db, "SELECT worker, behaviour, bytes FROM pool ORDER BY id", |row| {
                    let kept = Interesting { behaviour: unsigned(row.get(1)?), bytes: row.get(2)? };
                    Ok((unsigned(row.get(0)?), kept))
                })?;
            let samples = rows(db, "SELECT sample FROM timeline ORDER BY seconds", |row| {
                row.get::<_, String>(0)
            })?;
            for sample in samples {
                state.timeline.push(parse(&sample)?);
            }
            Ok(state)
        })
    }
}

fn rows<T>(
    db: &Connection,
    query: &str,
    read: impl FnMut(&rusqlite::Row<'_>) -> rusqlite::Result<T>,
) -> rusqlite::Result<Vec<T>> {
    db.prepare(query)?.query_map([], read)?.collect()
}

fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).expect("what is stored has text keys only")
}

fn parse<T: serde::de::DeserializeOwned>(text: &str) -> rusqlite::Result<T> {
    serde_json::from_str(text).map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(0, rusqlite::types::Type::Text, Box::new(error))
    })
}

/// SQLite's integers are signed; the bits are kept.
fn signed(value: u64) -> i64 {
    value.cast_signed()
}

fn unsigned(value: i64) -> u64 {
    value.cast_unsigned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meta() -> Meta {
        Meta {
            seed: u64::MAX - 3,
            shard: crate::Shard::default(),
            analyzers: vec!["assay".into()],
            policy: vec!["stdlib".into()],
            pythons: vec!["3.11.7".into()],
            engines: vec!["c-loads".into()],
            hunt: "soundness".into(),
            began: 5,
        }
    }

    #[test]
    fn what_is_saved_is_there_again() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::create(dir.path(), &meta()).unwrap();
        let mut tally = Tally { generated: 256, ..Tally::default() };
        tally.judged(assay_subjects::Judged::Safe);
        let mut coverage = Coverage::default();
        coverage.add(b"N.");
        let control = Control { planted: "x".into(), found_seconds: Some(0.5) };
        let kept = (1, Interesting { behaviour: u64::MAX, bytes: b"N.".to_vec() });
        let save = Save {
            seconds: 1.5,
            tally: &tally,
            coverage: &coverage,
            control: &control,
            next_batch: &[(1, 7)],
            findings: &[],
            pool: std::slice::from_ref(&kept),
            sample: Some(Sample { seconds: 1.5, generated: 256, ..Sample::default() }),
        };
        store.save(&save).unwrap();
        store.save(&Save { next_batch: &[(1, 8)], pool: &[], sample: None, ..save }).unwrap();
        // As after a kill: the first connection is still open and never said goodbye.
        let state = Store::open(dir.path()).unwrap().state().unwrap();
        assert_eq!((state.meta, state.tally, state.coverage), (meta(), tally, coverage));
        assert_eq!((state.seconds, state.control), (1.5, control));
        assert_eq!((state.next_batch, state.pool), (vec![(1, 8)], vec![kept]));
        assert_eq!(state.timeline.len(), 1);
    }

    #[test]
    fn says_what_to_do_about_a_wrong_directory() {
        let dir = tempfile::tempdir().unwrap();
        let error = Store::open(dir.path()).err().unwrap().to_string();
        assert!(error.contains("no campaign here"), "{error}");
        let store = Store::create(dir.path(), &meta()).unwrap();
        let error = Store::create(dir.path(), &meta()).err().unwrap().to_string();
        assert!(error.contains("--resume"), "{error}");
        store.connection.pragma_update(None, "user_version", 99).unwrap();
        let error = Store::open(dir.path()).err().unwrap().to_string();
        assert!(error.contains("version 99"), "{error}");
    }
}
