//! The database of one campaign: made, opened, and opened where nothing can be written.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode, Transaction, TransactionBehavior};

use super::read::Meta;
use super::{schema, write};
use crate::{Error, Result, files};

/// The name of the database in a campaign's directory.
pub const FILE: &str = "campaign.sqlite";

/// How long to wait for another process to finish its transaction. One takes milliseconds.
const BUSY: Duration = Duration::from_secs(10);

/// Between two tries of what SQLite does not wait for by itself.
const AGAIN: Duration = Duration::from_millis(5);

/// The database of one campaign.
pub struct Store {
    path: PathBuf,
    connection: Connection,
    /// Holds the copy that is read where nothing can be written.
    _copy: Option<tempfile::TempDir>,
}

impl Store {
    /// Makes the database of a new campaign.
    pub fn create(directory: &Path, meta: &Meta) -> Result<Self> {
        files::directory(directory)?;
        let store = Self::connect(directory.join(FILE))?;
        let mut taken = false;
        store.transaction(|db| {
            // A kill may have left a file without tables; another process may be quicker.
            taken = schema::version(db)? != 0;
            if taken {
                return Ok(());
            }
            schema::create(db)?;
            db.pragma_update(None, "user_version", schema::VERSION)?;
            write::meta(db, meta)
        })?;
        if taken {
            return Err(Error::Directory {
                path: directory.to_owned(),
                reason: "a campaign is there already; go on with it by --resume, or name another \
                         directory with --out"
                    .into(),
            });
        }
        Ok(store)
    }

    /// Opens the database of a campaign, to write into it too; one of an older version is brought
    /// up to date.
    pub fn open(directory: &Path) -> Result<Self> {
        let store = Self::connect(existing(directory)?)?;
        store.migrate(directory)?;
        Ok(store)
    }

    /// Opens the database of a campaign to read it, wherever it lies: where nothing can be
    /// written, a copy is read.
    pub fn open_to_read(directory: &Path) -> Result<Self> {
        let path = existing(directory)?;
        match Self::open(directory) {
            Err(Error::Store { source, .. }) if cannot_write(&source) => {}
            opened => return opened,
        }
        let copy = tempfile::tempdir().map_err(Error::file(directory))?;
        for suffix in ["", "-wal"] {
            let from = path.with_file_name(format!("{FILE}{suffix}"));
            if from.exists() {
                let to = copy.path().join(format!("{FILE}{suffix}"));
                std::fs::copy(&from, &to).map_err(Error::file(&from))?;
                files::make_writable(&to)?;
            }
        }
        let mut store = Self::connect(copy.path().join(FILE))?;
        store.migrate(directory)?;
        store._copy = Some(copy);
        Ok(store)
    }

    fn migrate(&self, directory: &Path) -> Result<()> {
        self.wrap(schema::migrate)?.map_err(|version| Error::Directory {
            path: directory.to_owned(),
            reason: match version {
                0 => "no campaign here: its database is empty; begin one with --out".into(),
                version => format!(
                    "the campaign's database is of version {version}, this program's is {}; use \
                     the Assay that wrote it",
                    schema::VERSION
                ),
            },
        })
    }

    fn connect(path: PathBuf) -> Result<Self> {
        let open = || {
            let connection = Connection::open(&path)?;
            connection.busy_timeout(BUSY)?;
            turn_log_on(&connection)?;
            connection.pragma_update(None, "synchronous", "NORMAL")?;
            Ok(connection)
        };
        match open() {
            Ok(connection) => Ok(Self { path, connection, _copy: None }),
            Err(source) => Err(Error::Store { path, source }),
        }
    }

    /// What SQLite finds wrong with the database; nothing if it is intact.
    pub fn faults(&self) -> Result<Vec<String>> {
        let found: Vec<String> = self.wrap(|db| {
            db.prepare("PRAGMA integrity_check")?.query_map([], |row| row.get(0))?.collect()
        })?;
        Ok(found.into_iter().filter(|line| line != "ok").collect())
    }

    /// Runs what only reads, or is a transaction by itself.
    pub(super) fn wrap<T>(
        &self,
        run: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T> {
        run(&self.connection).map_err(|source| Error::Store { path: self.path.clone(), source })
    }

    /// Runs all of it or nothing. The lock for writing is taken first: taken later, it would be
    /// refused if another process wrote in between.
    pub(super) fn transaction(
        &self,
        run: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<()>,
    ) -> Result<()> {
        self.wrap(|db| {
            let transaction = Transaction::new_unchecked(db, TransactionBehavior::Immediate)?;
            run(&transaction)?;
            transaction.commit()
        })
    }

    #[cfg(test)]
    pub(super) fn connection(&self) -> &Connection {
        &self.connection
    }
}

/// A write-ahead log survives a kill at any moment; what a power cut may take is the last
/// transactions, not the database.
fn turn_log_on(connection: &Connection) -> rusqlite::Result<()> {
    let began = Instant::now();
    loop {
        match connection.pragma_update(None, "journal_mode", "WAL") {
            // Of two processes that do so at once one is refused, however long it would wait.
            Err(error)
                if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy)
                    && began.elapsed() < BUSY =>
            {
                std::thread::sleep(AGAIN);
            }
            done => return done,
        }
    }
}

/// The directories of campaigns that a path means: itself, or those below it, in order.
///
/// # Errors
/// If there is none.
pub fn find(path: &Path) -> Result<Vec<PathBuf>> {
    let out = campaigns(path)?;
    if out.is_empty() {
        existing(path)?;
    }
    Ok(out)
}

/// As [`find`]; none is fine.
pub fn campaigns(path: &Path) -> Result<Vec<PathBuf>> {
    let mut out = Vec::new();
    below(path, &mut out)?;
    Ok(out)
}

fn below(path: &Path, out: &mut Vec<PathBuf>) -> Result<()> {
    if path.join(FILE).is_file() {
        out.push(path.to_owned());
        return Ok(());
    }
    let mut inner = Vec::new();
    for entry in std::fs::read_dir(path).map_err(Error::file(path))? {
        let entry = entry.map_err(Error::file(path))?;
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            inner.push(entry.path());
        }
    }
    inner.sort();
    inner.iter().try_for_each(|directory| below(directory, out))
}

fn existing(directory: &Path) -> Result<PathBuf> {
    let path = directory.join(FILE);
    if path.is_file() {
        return Ok(path);
    }
    Err(Error::Directory {
        path: directory.to_owned(),
        reason: format!("no campaign here: there is no {FILE}"),
    })
}

/// Whether SQLite says that this place cannot be written to.
fn cannot_write(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied)
    )
}
