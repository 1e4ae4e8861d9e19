//! Zip archives: `torch.save`, `numpy.savez` and plain ones.

use std::io::{Cursor, Read};

use zip::ZipArchive;
use zip::read::ZipFile;

use super::Unpacker;

/// The local header's signature.
const LOCAL: &[u8; 4] = b"PK\x03\x04";

pub(super) fn unpack(
    unpacker: &mut Unpacker<'_, '_>,
    outer: Option<&str>,
    bytes: &[u8],
    depth: u32,
) {
    let mut archive = match ZipArchive::new(Cursor::new(bytes)) {
        Ok(archive) => archive,
        Err(error) => {
            unpacker.damage(outer, format!("the zip archive can't be read: {error}"));
            return;
        }
    };
    // `torch.save` puts everything into one folder, its pickle as `data.pkl`.
    let torch = archive
        .file_names()
        .flatten()
        .find_map(|name| Some(name.strip_suffix("data.pkl")?.to_owned()))
        .filter(|folder| folder.is_empty() || folder.ends_with('/'));
    let mut known = Vec::new();
    let mut names = Vec::new();
    for index in 0..archive.len() {
        let (name, span) = match archive.by_index_raw(index) {
            Ok(entry) => (name_of(&entry), span(&entry)),
            Err(error) => {
                unpacker.damage(outer, format!("entry {index} can't be read: {error}"));
                continue;
            }
        };
        known.push(span);
        let mut data = Vec::new();
        let result = read(&mut archive, index, unpacker.budget, &mut data);
        let path = match outer {
            Some(outer) => format!("{outer}!{name}"),
            None => name.clone(),
        };
        if let Err(message) = result {
            unpacker.damage(Some(&path), message);
        }
        if names.contains(&name) {
            unpacker
                .damage(Some(&path), "the name occurs twice: readers differ in which they take");
        }
        let in_torch = torch.as_deref().and_then(|folder| name.strip_prefix(folder));
        let loader = match in_torch {
            // The bytes of tensors, numbered.
            Some(name)
                if name
                    .strip_prefix("data/")
                    .is_some_and(|number| number.bytes().all(|digit| digit.is_ascii_digit())) =>
            {
                continue;
            }
            Some("data.pkl" | "constants.pkl") => Some("torch.load"),
            _ => None,
        };
        names.push(name);
        if !data.is_empty() {
            unpacker.member(path, loader, data, depth);
        }
    }
    let hidden = bytes.windows(LOCAL.len()).enumerate().filter(|(at, window)| {
        window == LOCAL && !known.iter().any(|(start, end)| (*start..*end).contains(at))
    });
    for (at, _) in hidden {
        let message = format!("an entry at byte {at} is not in the central directory");
        unpacker.damage(outer, message);
    }
}

fn name_of<R: Read>(entry: &ZipFile<'_, R>) -> String {
    match entry.name() {
        Ok(name) => name.into_owned(),
        Err(_) => String::from_utf8_lossy(entry.name_raw()).into_owned(),
    }
}

/// From the local header of an entry to the end of its data.
fn span<R: Read>(entry: &ZipFile<'_, R>) -> (usize, usize) {
    let start = entry.header_start();
    let end = entry.data_start().unwrap_or(start) + entry.compressed_size();
    (start as usize, end as usize)
}

/// Unpacks an entry; what was read before an error is kept.
fn read(
    archive: &mut ZipArchive<Cursor<&[u8]>>,
    index: usize,
    budget: usize,
    data: &mut Vec<u8>,
) -> Result<(), String> {
    let entry = archive.by_index(index).map_err(|error| format!("can't be unpacked: {error}"))?;
    let limit = budget as u64;
    entry.take(limit + 1).read_to_end(data).map_err(|error| format!("is damaged: {error}"))?;
    if data.len() as u64 > limit {
        data.clear();
        return Err("unpacks to more than the analysis takes".to_owned());
    }
    Ok(())
}
