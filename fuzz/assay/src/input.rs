//! Inputs: files, directories (walked) and `-`.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use memmap2::Mmap;
use walkdir::WalkDir;

use crate::escape::escape;
use crate::exit::Tally;
use crate::output;

/// From this size on a file is mapped instead of read, so that models of any size can be judged.
const MAP_FROM: u64 = 32 << 20;

/// One input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source(PathBuf);

/// An input that can't be had, with its path.
#[derive(Debug)]
pub struct InputError {
    path: PathBuf,
    error: io::Error,
}

impl fmt::Display for InputError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = escape(&self.path.to_string_lossy());
        match self.error.kind() {
            io::ErrorKind::NotFound => write!(f, "{path}: no such file or directory"),
            io::ErrorKind::PermissionDenied => write!(f, "{path}: permission denied"),
            _ => write!(f, "{path}: {}", self.error),
        }
    }
}

/// The bytes of an input.
pub enum Bytes {
    /// Read.
    Owned(Vec<u8>),
    /// Mapped.
    Mapped(Mmap),
    /// Standard input, which can be read once only.
    Stdin(&'static [u8]),
}

impl Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Owned(bytes) => bytes,
            Self::Mapped(map) => map,
            Self::Stdin(bytes) => bytes,
        }
    }
}

impl Source {
    /// The path, `-` for standard input.
    pub fn name(&self) -> String {
        self.0.to_string_lossy().into_owned()
    }

    /// All of it.
    pub fn read(&self) -> Result<Bytes, InputError> {
        let read = || {
            if self.0 == Path::new("-") {
                return stdin().map(Bytes::Stdin);
            }
            let mut file = File::open(&self.0)?;
            let metadata = file.metadata()?;
            if is_device(&metadata) {
                return Err(io::Error::other("a device, not a file"));
            }
            if metadata.is_file() && metadata.len() >= MAP_FROM {
                return map(&file).map(Bytes::Mapped);
            }
            let mut bytes = Vec::with_capacity(usize::try_from(metadata.len()).unwrap_or(0));
            file.read_to_end(&mut bytes)?;
            Ok(Bytes::Owned(bytes))
        };
        read().map_err(|error| InputError { path: self.0.clone(), error })
    }
}

/// All of standard input, however often it is asked for.
fn stdin() -> io::Result<&'static [u8]> {
    static STDIN: OnceLock<io::Result<Vec<u8>>> = OnceLock::new();
    let read = STDIN.get_or_init(|| {
        let mut bytes = Vec::new();
        io::stdin().lock().read_to_end(&mut bytes)?;
        Ok(bytes)
    });
    read.as_deref().map_err(|error| io::Error::new(error.kind(), error.to_string()))
}

#[expect(unsafe_code, reason = "mapping a file is unsafe by nature, and this is the one place")]
fn map(file: &File) -> io::Result<Mmap> {
    // SAFETY: the mapping is private and only read. Were someone to shorten the file meanwhile,
    // the kernel would end the process: nothing is judged on bytes that are not there.
    unsafe { Mmap::map(file) }
}

fn is_device(metadata: &std::fs::Metadata) -> bool {
    use std::os::unix::fs::FileTypeExt;
    let kind = metadata.file_type();
    kind.is_char_device() || kind.is_block_device() || kind.is_socket()
}

/// The inputs that the paths stand for, in order. What can't be had is told and counted, and so
/// that a directory stands for none is told: a gate that looks at nothing should not do so unseen.
pub fn sources(paths: &[PathBuf], tally: &mut Tally) -> Vec<Source> {
    let mut sources = Vec::new();
    for path in paths {
        let (found, errors) = expand(std::slice::from_ref(path));
        if found.is_empty() && errors.is_empty() {
            output::error(&format!("{}: no file in it", escape(&path.to_string_lossy())));
        }
        for error in errors {
            output::error(&error.to_string());
            tally.trouble = true;
        }
        sources.extend(found);
    }
    sources
}

/// The inputs that the paths stand for, in order: a directory stands for every file in it.
pub fn expand(paths: &[PathBuf]) -> (Vec<Source>, Vec<InputError>) {
    let (mut sources, mut errors) = (Vec::new(), Vec::new());
    for path in paths {
        if path == Path::new("-") {
            sources.push(Source(path.clone()));
            continue;
        }
        match std::fs::metadata(path) {
            Ok(metadata) if metadata.is_dir() => walk(path, &mut sources, &mut errors),
            Ok(_) => sources.push(Source(path.clone())),
            Err(error) => errors.push(InputError { path: path.clone(), error }),
        }
    }
    (sources, errors)
}

fn walk(dir: &Path, sources: &mut Vec<Source>, errors: &mut Vec<InputError>) {
    // Links are followed: caches of models are made of them.
    for entry in WalkDir::new(dir).follow_links(true).sort_by_file_name() {
        match entry {
            Ok(entry) if entry.file_type().is_file() => sources.push(Source(entry.into_path())),
            Ok(_) => {}
            // What a loop leads to is walked anyway.
            Err(error) if error.loop_ancestor().is_some() => {}
            Err(error) => errors.push(InputError {
                path: error.path().unwrap_or(dir).to_owned(),
                error: error
                    .into_io_error()
                    .unwrap_or_else(|| io::Error::other("cannot be walked")),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directories_are_walked_in_order_and_loops_are_harmless() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["b", "a"] {
            std::fs::write(dir.path().join(name), name).unwrap();
        }
        std::os::unix::fs::symlink(dir.path(), dir.path().join("loop")).unwrap();
        let (sources, errors) = expand(&[dir.path().into(), dir.path().join("none"), "-".into()]);
        let names: Vec<_> = sources.iter().map(Source::name).collect();
        let a = dir.path().join("a").to_string_lossy().into_owned();
        let b = dir.path().join("b").to_string_lossy().into_owned();
        assert_eq!(names, [a, b, "-".into()]);
        assert_eq!(&*sources[0].read().ok().unwrap(), b"a");
        assert_eq!(errors.len(), 1);
        assert!(errors[0].to_string().ends_with("none: no such file or directory"));
    }

    #[test]
    fn devices_are_refused() {
        let (sources, _) = expand(&["/dev/zero".into()]);
        assert!(sources[0].read().err().unwrap().to_string().contains("a device"));
    }
}
