//! Files written so that none is ever seen half written.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use crate::{Error, Result};

/// Writes a file: into another one beside it, which then takes its name.
pub fn write(path: &Path, contents: &[u8]) -> Result<()> {
    let temporary = beside(path);
    let written = (|| {
        let mut file = fs::File::create(&temporary)?;
        file.write_all(contents)?;
        file.sync_data()?;
        fs::rename(&temporary, path)
    })();
    if written.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    written.map_err(Error::file(path))
}

/// Makes a directory and those above it.
pub fn directory(path: &Path) -> Result<()> {
    fs::create_dir_all(path).map_err(Error::file(path))
}

/// Lets the owner write to a file.
pub fn make_writable(path: &Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).map_err(Error::file(path))
}

/// A name in the same directory that no other process uses.
fn beside(path: &Path) -> PathBuf {
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(format!(".{}.tmp", std::process::id()));
    path.with_file_name(name)
}

/// Every file under the paths, in order: directories are walked, hidden files left out.
pub fn walk(paths: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let mut out = Vec::new();
    for path in paths {
        let kind = fs::metadata(path).map_err(Error::file(path))?;
        if kind.is_dir() {
            let mut inner = Vec::new();
            for entry in fs::read_dir(path).map_err(Error::file(path))? {
                let entry = entry.map_err(Error::file(path))?;
                if !entry.file_name().as_encoded_bytes().starts_with(b".") {
                    inner.push(entry.path());
                }
            }
            inner.sort();
            out.extend(walk(&inner)?);
        } else if kind.is_file() {
            out.push(path.clone());
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_whole_files_and_leaves_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.json");
        write(&path, b"one").unwrap();
        write(&path, b"two").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
        let nowhere = dir.path().join("no/such/dir");
        assert!(write(&nowhere, b"x").unwrap_err().to_string().contains("no/such/dir"));
    }

    #[test]
    fn walks_directories_in_order() {
        let dir = tempfile::tempdir().unwrap();
        directory(&dir.path().join("b")).unwrap();
        for name in ["b/2", "b/1", "a", ".hidden"] {
            fs::write(dir.path().join(name), name).unwrap();
        }
        let found = walk(&[dir.path().to_owned()]).unwrap();
        let names: Vec<_> =
            found.iter().map(|p| p.strip_prefix(dir.path()).unwrap().to_str().unwrap()).collect();
        assert_eq!(names, ["a", "b/1", "b/2"]);
    }
}
