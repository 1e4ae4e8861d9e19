//! Lists the data files for embedding, so that a binary works from any directory.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

/// The files of `folder` whose names end in `extension`, by name.
fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    println!("cargo::rerun-if-changed={}", folder.display());
    let entries = fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let mut paths: Vec<PathBuf> = entries
        .map(|entry| entry.expect("a readable directory entry").path())
        .filter(|path| path.extension().is_some_and(|found| found == extension))
        .collect();
    paths.sort();
    paths
}

fn list(out: &mut String, name: &str, kind: &str, include: &str, paths: &[PathBuf]) {
    writeln!(out, "static {name}: &[(&str, {kind})] = &[").expect("a string grows");
    for path in paths {
        println!("cargo::rerun-if-changed={}", path.display());
        let file = path.file_name().expect("a file has a name").to_string_lossy();
        let path = path.display().to_string();
        writeln!(out, "    ({file:?}, {include}!({path:?})),").expect("a string grows");
    }
    out.push_str("];\n");
}

fn main() {
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("set by cargo"));
    let text = ("&str", "include_str");
    let bytes = ("&[u8]", "include_bytes");
    let mut out = String::new();
    for (name, folder, extension, (kind, include)) in [
        ("GADGET_FILES", "gadgets", "toml", text),
        ("SEED_FILES", "seeds", "pkl", bytes),
        ("SEED_MANIFESTS", "seeds", "toml", text),
        ("RECORD_FILES", "records", "md", text),
        ("RECORD_PICKLES", "records", "pkl", bytes),
        ("REGRESSION_FILES", "regressions", "toml", text),
        ("REGRESSION_PICKLES", "regressions", "pkl", bytes),
    ] {
        list(&mut out, name, kind, include, &files(&root.join(folder), extension));
    }
    let target = PathBuf::from(env::var_os("OUT_DIR").expect("set by cargo")).join("embedded.rs");
    fs::write(&target, out).unwrap_or_else(|e| panic!("{}: {e}", target.display()));
}
