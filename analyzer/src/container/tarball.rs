//! Tar archives.

use std::io::Read;

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
        let limit = unpacker.budget as u64;
        let mut data = Vec::new();
        if let Err(error) = entry.take(limit + 1).read_to_end(&mut data) {
            unpacker.damage(Some(&path), format!("is damaged: {error}"));
        }
        if data.len() as u64 > limit {
            unpacker.damage(Some(&path), "unpacks to more than the analysis takes");
            return;
        }
        if !data.is_empty() {
            unpacker.member(path, None, data, depth);
        }
    }
}
