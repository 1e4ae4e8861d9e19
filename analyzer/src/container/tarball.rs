//! Tar archives: those of `torch.load`'s oldest format, and any other.
//!
//! The `tar` crate finds the members. Python's `tarfile` reads some headers otherwise; where it
//! could, the archive counts as damaged.

mod header;

use std::collections::BTreeSet;

use super::{Stored, Unpacker};

pub(super) use header::is_tar;

/// What data are padded to.
const BLOCK: usize = 512;

pub(super) fn unpack(
    unpacker: &mut Unpacker<'_, '_>,
    outer: Option<&str>,
    bytes: &[u8],
    depth: u32,
) {
    compare_readers(unpacker, outer, bytes);
    let mut archive = tar::Archive::new(bytes);
    let entries = match archive.entries() {
        Ok(entries) => entries,
        Err(error) => {
            unpacker.damage(outer, format!("the tar archive can't be read: {error}"));
            return;
        }
    };
    for entry in entries {
        let entry = match entry {
            Ok(entry) => entry,
            Err(error) => {
                unpacker.damage(outer, format!("the tar archive is damaged: {error}"));
                return;
            }
        };
        let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let path = outer.map_or(name.clone(), |outer| format!("{outer}!{name}"));
        if !unpacker.may_open(outer) {
            return;
        }
        if holds_raw_bytes(&name) {
            unpacker.damage(Some(&path), "torch reads raw bytes among its pickles");
        }
        let data = unpacker.read(Some(&path), entry.size(), &mut Stored(entry));
        if !data.is_empty() {
            unpacker.member(path, loader(&name), data, depth);
        }
    }
}

/// The name as it is extracted: up to a NUL, without `.` and slashes to spare.
fn normal(name: &str) -> String {
    let name = name.split('\0').next().unwrap_or_default();
    let parts = name.split('/').filter(|part| !matches!(*part, "" | "."));
    parts.collect::<Vec<_>>().join("/")
}

/// `torch.load` takes a tar for its oldest format (`torch/serialization.py` legacy_load), in which
/// these are pickles.
fn loader(name: &str) -> Option<&'static str> {
    let known = ["pickle", "storages", "tensors", "sys_info"];
    known.contains(&&*normal(name)).then_some("torch.load")
}

/// Whether torch goes on behind raw bytes there, as many as the pickles before them say. They are not
/// followed: the analysis reads on where a pickle ends, and could take them for one that hides the
/// next. Nothing that holds such a member is safe.
fn holds_raw_bytes(name: &str) -> bool {
    matches!(&*normal(name), "storages" | "tensors")
}

/// Notes what `tarfile` reads otherwise than the `tar` crate.
fn compare_readers(unpacker: &mut Unpacker<'_, '_>, outer: Option<&str>, bytes: &[u8]) {
    let mut archive = tar::Archive::new(bytes);
    // What can't be read is noted by who unpacks it.
    let Ok(entries) = archive.entries() else { return };
    let mut faults = BTreeSet::new();
    let mut before = 0;
    for entry in entries.raw(true) {
        let Ok(entry) = entry else { break };
        let blocks = usize::try_from(entry.raw_file_position()).ok().and_then(|start| {
            let size = usize::try_from(entry.size()).ok()?.checked_next_multiple_of(BLOCK)?;
            bytes.get(start..start.saturating_add(size).min(bytes.len()))
        });
        faults.extend(header::fault(entry.header(), blocks.unwrap_or_default()));
        let kind = entry.header().entry_type().as_byte();
        if header::name_twice(before, kind) {
            faults.insert("the name of a member");
        }
        before = kind;
    }
    for fault in faults {
        unpacker.damage(outer, format!("tarfile reads it otherwise: {fault}"));
    }
}
