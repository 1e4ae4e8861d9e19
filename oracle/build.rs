//! Builds `worker/` with a cargo of its own, and leaves the library where the host embeds it.
//!
//! The worker is a Python extension: other crate type, other profile, other lock file. Cargo
//! cannot express that within one workspace, so it is built by a nested run.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

/// Variables that describe the outer build and would mislead the inner one.
fn misleads(name: &str) -> bool {
    let ours = name.starts_with("CARGO_")
        && !["CARGO_HOME", "CARGO_NET", "CARGO_REGISTR", "CARGO_HTTP", "CARGO_SOURCE"]
            .iter()
            .any(|kept| name.starts_with(kept));
    let flags = ["RUSTFLAGS", "RUSTC_WRAPPER", "RUSTC_WORKSPACE_WRAPPER", "TARGET", "HOST"];
    ours || flags.contains(&name)
        || name.starts_with("DEP_")
        || name.starts_with("PYO3_")
        || ["OUT_DIR", "OPT_LEVEL", "DEBUG", "PROFILE", "NUM_JOBS"].contains(&name)
}

fn main() {
    let manifest_dir = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("set by cargo"));
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("set by cargo"));
    let worker = manifest_dir.join("worker");
    for watched in [
        worker.join("src"),
        worker.join("Cargo.toml"),
        worker.join("Cargo.lock"),
        manifest_dir.join("src/bounds.rs"),
        manifest_dir.join("src/protocol.rs"),
        manifest_dir.join("sandbox/src"),
        manifest_dir.join("sandbox/Cargo.toml"),
    ] {
        println!("cargo::rerun-if-changed={}", watched.display());
    }
    println!("cargo::rerun-if-changed=build.rs");

    // `TARGET_DIR/PROFILE/build/PACKAGE/out`: all profiles and packages of the outer build share the
    // worker's, which is the same for each.
    let target = out.ancestors().nth(4).unwrap_or(&out).join("worker");
    let mut cargo = Command::new(env::var_os("CARGO").expect("set by cargo"));
    cargo
        .args(["build", "--release", "--locked", "--quiet", "--manifest-path"])
        .arg(worker.join("Cargo.toml"))
        .arg("--target-dir")
        .arg(&target);
    for (name, _) in env::vars_os() {
        if name.to_str().is_some_and(misleads) {
            cargo.env_remove(name);
        }
    }
    // No libpython is linked, and no interpreter is asked: the stable ABI needs neither.
    cargo.env("PYO3_BUILD_EXTENSION_MODULE", "1").env("PYO3_NO_PYTHON", "1");
    let status = cargo.status().expect("cargo can be started");
    assert!(status.success(), "the worker (oracle/worker) does not build; see the errors above");
    let library = target.join("release/libassay_worker.so");
    copy_if_changed(&library, &out.join("worker.so"));
}

/// Leaves the time of an equal file alone, so that what embeds it is not rebuilt.
fn copy_if_changed(from: &Path, to: &Path) {
    let new = fs::read(from).expect("the worker was just built");
    if fs::read(to).is_ok_and(|old| old == new) {
        return;
    }
    fs::write(to, new).expect("OUT_DIR is writable");
}
