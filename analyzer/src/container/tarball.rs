//! Tar archives.

use super::{Stored, Unpacker};

/// Bytes of a header.
const HEADER: usize = 512;

/// Whether the bytes begin with a tar's header: those of before POSIX have no magic, but all have a
/// sum of their bytes (`tarfile.py` calc_chksums, which takes bytes as signed or not).
pub(super) fn is_tar(bytes: &[u8]) -> bool {
    if bytes.get(257..262) == Some(b"ustar") {
        return true;
    }
    let Some(header) = bytes.first_chunk::<HEADER>() else { return false };
    let Ok(sum) = tar::Header::from_byte_slice(header).cksum() else { return false };
    let counted = |(at, byte): (usize, &u8)| if SUM.contains(&at) { b' ' } else { *byte };
    let counted = header.iter().enumerate().map(counted);
    let unsigned: i64 = counted.clone().map(i64::from).sum();
    let signed: i64 = counted.map(|byte| i64::from(byte as i8)).sum();
    [unsigned, signed].contains(&i64::from(sum))
}

/// Where the sum stands, which counts as blanks.
const SUM: std::ops::Range<usize> = 148..156;

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
        let data = unpacker.read(Some(&path), entry.size(), &mut Stored(entry));
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
