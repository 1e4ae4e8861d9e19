//! Tar archives.

use super::Unpacker;

pub(super) fn unpack(
    unpacker: &mut Unpacker<'_, '_>,
    outer: Option<&str>,
    bytes: &[u8],
    depth: u32,
) {
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
        let data = unpacker.read(Some(&path), entry.size(), entry);
        if !data.is_empty() {
            unpacker.member(path, loader(&name), data, depth);
        }
    }
}

/// `torch.load` takes a tar for its oldest format (`torch/serialization.py` legacy_load), in which
/// `storages` and `tensors` are pickles with raw bytes between: those are not followed, so that
/// such a file is never safe.
fn loader(name: &str) -> Option<&'static str> {
    matches!(name, "pickle" | "storages" | "tensors" | "sys_info").then_some("torch.load")
}
