//! The *lock* of a shard: one process at a time works on it.
//!
//! The kernel gives it up with the process, however that ends.

use std::fs::File;
use std::path::Path;

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use crate::{Error, Result};

/// Held for as long as a process works on a shard.
#[derive(Debug)]
pub struct Lock {
    /// The lock is the open file's.
    _file: File,
}

impl Lock {
    /// Takes the lock of a shard in a campaign's directory.
    ///
    /// # Errors
    /// If another process holds it.
    pub fn take(directory: &Path, shard: u32) -> Result<Self> {
        let path = directory.join(format!(".shard-{shard}.lock"));
        let file = File::create(&path).map_err(Error::file(&path))?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Err(Errno::WOULDBLOCK) => Err(Error::Directory {
                path: directory.to_owned(),
                reason: format!(
                    "another process is at work on shard {shard} of this campaign; end it first, \
                     or work on another shard with --shard"
                ),
            }),
            // A file system without locks: then it is for the user to see that there is one.
            Ok(()) | Err(_) => Ok(Self { _file: file }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shard_is_worked_on_by_one_at_a_time() {
        let dir = tempfile::tempdir().unwrap();
        let held = Lock::take(dir.path(), 1).unwrap();
        let refused = Lock::take(dir.path(), 1).unwrap_err().to_string();
        assert!(refused.contains("another process"), "{refused}");
        Lock::take(dir.path(), 2).unwrap();
        drop(held);
        Lock::take(dir.path(), 1).unwrap();
    }
}
