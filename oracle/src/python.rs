//! Interpreters: which CPythons this machine has, and whether the oracle can use them.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::{Error, Result};

/// A CPython that the oracle can use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Python {
    /// The executable (a shim is followed to what it starts).
    pub exe: PathBuf,
    /// Its version, `3.11.7`.
    pub version: String,
    /// Major, minor, micro.
    pub number: (u32, u32, u32),
    /// Installation prefixes, the standard library's directories included.
    pub prefixes: Vec<PathBuf>,
    /// `sys.path` entries that `site` adds: where packages are installed.
    pub site: Vec<PathBuf>,
}

/// Printed one per line, so that no module need be imported to encode it. The last lines are
/// `sys.path`, with `site` and without.
const PROBE: &str = "\
import sys
print(sys.implementation.name)
print('%d.%d.%d' % sys.version_info[:3])
print('debug' if hasattr(sys, 'gettotalrefcount') else 'release')
print('free-threaded' if 't' in getattr(sys, 'abiflags', '') else 'gil')
print(sys.executable)
print(sys.prefix)
print(sys.base_prefix)
print(sys.base_exec_prefix)
bare = [p for p in sys.path if p]
import site
site.main()
print(len(bare))
for p in bare + [p for p in sys.path if p and p not in bare]: print(p)
";

impl Python {
    /// Asks the executable what it is. An error says why it cannot be used.
    pub fn probe(exe: &Path) -> Result<Self> {
        let refuse = |reason: String| Error::UnsupportedPython { exe: exe.to_owned(), reason };
        let output = Command::new(exe)
            .args(["-I", "-S", "-B", "-c", PROBE])
            .stdin(Stdio::null())
            .output()
            .map_err(|e| refuse(format!("cannot be started: {e}")))?;
        if !output.status.success() {
            let stderr = String::from_utf8_lossy(&output.stderr);
            let last = stderr.lines().last().unwrap_or("no message");
            return Err(refuse(format!("expected a CPython, but it failed: {last}")));
        }
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let lines: Vec<&str> = text.lines().collect();
        let [name, version, build, gil, executable, prefix, base, base_exec, bare, path @ ..] =
            lines.as_slice()
        else {
            return Err(refuse("expected a CPython, found something else".into()));
        };
        if *name != "cpython" {
            return Err(refuse(format!("expected CPython, found {name}")));
        }
        let number = parse_version(version)
            .ok_or_else(|| refuse(format!("cannot make sense of the version {version:?}")))?;
        if number < (3, 9, 0) {
            return Err(refuse(format!("expected CPython 3.9 or newer, found {version}")));
        }
        if *build == "debug" || *gil == "free-threaded" {
            let found = if *build == "debug" { build } else { gil };
            return Err(refuse(format!(
                "the tracer knows ordinary builds only, this is a {found} build of {version}"
            )));
        }
        let split = bare.parse::<usize>().unwrap_or(path.len()).min(path.len());
        let mut prefixes: Vec<PathBuf> = Vec::new();
        for dir in [prefix, base, base_exec].into_iter().chain(&path[..split]) {
            let dir = PathBuf::from(dir);
            if dir.is_dir() && !prefixes.contains(&dir) {
                prefixes.push(dir);
            }
        }
        let exe = if executable.is_empty() { exe.to_owned() } else { PathBuf::from(executable) };
        let site = path[split..].iter().map(PathBuf::from).filter(|dir| dir.is_dir()).collect();
        Ok(Self { exe, version: (*version).to_owned(), number, prefixes, site })
    }
}

fn parse_version(text: &str) -> Option<(u32, u32, u32)> {
    let mut parts = text.split('.').map(|part| part.parse().ok());
    Some((parts.next()??, parts.next()??, parts.next()??))
}

/// The CPythons of this machine that the oracle can use, one per version: the `python3` of
/// `PATH` first, then the newest first.
pub fn discover() -> Vec<Python> {
    let mut seen_exe = HashSet::new();
    let mut found: Vec<Python> = Vec::new();
    for candidate in candidates() {
        if !seen_exe.insert(candidate.canonicalize().unwrap_or_else(|_| candidate.clone()))
            && !is_shim(&candidate)
        {
            continue;
        }
        match Python::probe(&candidate) {
            Ok(python) if found.iter().all(|other| other.number != python.number) => {
                found.push(python);
            }
            Ok(_) => {}
            Err(error) => tracing::debug!(%error, "interpreter left out"),
        }
    }
    let default = default_interpreter().and_then(|exe| Python::probe(&exe).ok());
    found.sort_by(|a, b| {
        let is_default =
            |python: &Python| default.as_ref().is_some_and(|d| d.number == python.number);
        is_default(b).cmp(&is_default(a)).then(b.number.cmp(&a.number))
    });
    found
}

/// One pyenv shim file serves all versions, so equal files need not be equal interpreters.
fn is_shim(path: &Path) -> bool {
    path.parent().and_then(Path::file_name) == Some(OsStr::new("shims"))
}

fn path_dirs() -> Vec<PathBuf> {
    std::env::var_os("PATH").map(|path| std::env::split_paths(&path).collect()).unwrap_or_default()
}

fn default_interpreter() -> Option<PathBuf> {
    path_dirs().into_iter().map(|dir| dir.join("python3")).find(|exe| exe.is_file())
}

fn candidates() -> Vec<PathBuf> {
    let mut dirs = path_dirs();
    if let Some(home) = std::env::var_os("HOME") {
        let versions = Path::new(&home).join(".pyenv/versions");
        let mut installed: Vec<PathBuf> = std::fs::read_dir(versions)
            .into_iter()
            .flatten()
            .flatten()
            .map(|entry| entry.path().join("bin"))
            .collect();
        installed.sort();
        dirs.extend(installed);
    }
    dirs.extend(["/usr/local/bin", "/usr/bin"].map(PathBuf::from));
    let mut out: Vec<PathBuf> = default_interpreter().into_iter().collect();
    for dir in dirs {
        let mut names: Vec<PathBuf> = std::fs::read_dir(&dir)
            .into_iter()
            .flatten()
            .flatten()
            .filter(|entry| entry.file_name().to_str().is_some_and(is_python_name))
            .map(|entry| entry.path())
            .collect();
        names.sort();
        out.extend(names);
    }
    out
}

/// `python3` and `python3.N`, N ≥ 9; not `python3-config`, not `python3.13t`.
fn is_python_name(name: &str) -> bool {
    match name.strip_prefix("python3") {
        Some("") => true,
        Some(rest) => rest
            .strip_prefix('.')
            .and_then(|minor| minor.parse::<u32>().ok())
            .is_some_and(|minor| minor >= 9),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_interpreters() {
        for good in ["python3", "python3.9", "python3.13"] {
            assert!(is_python_name(good), "{good}");
        }
        for bad in ["python", "python2.7", "python3.8", "python3-config", "python3.13t"] {
            assert!(!is_python_name(bad), "{bad}");
        }
    }

    #[test]
    fn what_is_no_interpreter_is_refused_with_a_reason() {
        let error = Python::probe(Path::new("/bin/true")).unwrap_err().to_string();
        assert!(error.contains("expected a CPython"), "{error}");
        let error = Python::probe(Path::new("/nonexistent")).unwrap_err().to_string();
        assert!(error.contains("cannot be started"), "{error}");
    }

    /// Something that answers the probe as an interpreter of that version and build would.
    fn impostor(name: &str, version: &str, build: &str, gil: &str) -> Result<Python> {
        use std::os::unix::fs::PermissionsExt;
        let exe = std::env::temp_dir().join(format!("assay-{}-{name}", std::process::id()));
        let lines = ["cpython", version, build, gil, "", "/usr", "/usr", "/usr", "1", "/usr/lib"];
        let script = format!("#!/bin/sh\nprintf '%s\\n' '{}'\n", lines.join("' '"));
        std::fs::write(&exe, script).unwrap();
        std::fs::set_permissions(&exe, std::fs::Permissions::from_mode(0o700)).unwrap();
        let answer = Python::probe(&exe);
        std::fs::remove_file(&exe).unwrap();
        answer
    }

    /// A newer version is taken, and serves if its worker passes the self-check; builds whose
    /// structures differ are not.
    #[test]
    fn new_versions_are_taken_and_unusual_builds_refused() {
        let newer = impostor("newer", "3.99.1", "release", "gil").unwrap();
        assert_eq!(newer.number, (3, 99, 1));
        for (name, build, gil) in [("d", "debug", "gil"), ("t", "release", "free-threaded")] {
            let error = impostor(name, "3.13.0", build, gil).unwrap_err().to_string();
            let found = if name == "d" { build } else { gil };
            assert!(error.contains(&format!("this is a {found} build of 3.13.0")), "{error}");
        }
        let older = impostor("older", "3.8.18", "release", "gil").unwrap_err().to_string();
        assert!(older.contains("expected CPython 3.9 or newer, found 3.8.18"), "{older}");
    }

    #[test]
    fn versions_are_unique_and_the_default_is_first() {
        let found = discover();
        assert!(!found.is_empty(), "no CPython >= 3.9 found on this machine");
        let numbers: HashSet<_> = found.iter().map(|python| python.number).collect();
        assert_eq!(numbers.len(), found.len());
        let rest: Vec<_> = found[1..].iter().map(|python| python.number).collect();
        assert!(rest.is_sorted_by(|a, b| a > b), "{rest:?}");
    }
}
