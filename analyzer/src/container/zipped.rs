//! Zip archives: `torch.save`, `numpy.savez` and plain ones.
//!
//! Python's `zipfile` and torch's reader (miniz) both go by the central directory, but differ in
//! what they check: Python compares names with the local headers and sums, torch does neither and
//! takes names whatever their case. Where they could differ, the archive counts as damaged; how
//! they find the directory, `directory` compares.

use std::collections::HashSet;
use std::io::{self, Cursor, Read};

use zip::read::{ZipFile, ZipReadOptions, read_zipfile_from_stream};
use zip::{CompressionMethod, ZipArchive};

use super::{Source, Unpacker, directory, npy};

/// Signatures of an entry of the central directory, and of the record that ends it.
const ENTRY: &[u8; 4] = b"PK\x01\x02";
const END: &[u8; 4] = b"PK\x05\x06";

/// How an array of NumPy begins, whatever its member is called.
const ARRAY: &[u8] = b"\x93NUMPY";

/// Bytes of a member that are looked at to see whether it is plain data.
const HEAD: u64 = 1 << 16;

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
            salvage(unpacker, outer, bytes, depth);
            return;
        }
    };
    compare_readers(unpacker, outer, &mut archive, bytes);
    // `torch.save` puts everything into one folder, its pickle as `data.pkl`.
    let torch = archive.file_names().flatten().find_map(|name| {
        let end = name.len().checked_sub("data.pkl".len())?;
        let folder = name.get(..end)?;
        let is_folder = folder.is_empty() || folder.ends_with('/');
        let known = name.get(end..)?.eq_ignore_ascii_case("data.pkl");
        (is_folder && known).then(|| folder.to_owned())
    });
    let mut names = HashSet::new();
    for index in 0..archive.len() {
        if !unpacker.may_open(outer) {
            return;
        }
        let options = ZipReadOptions::new().ignore_encryption_flag(true);
        let (path, in_torch) = match archive.by_index_with_options(index, options) {
            Ok(mut entry) => {
                let name = name_of(&entry);
                let path = path(outer, &name);
                if entry.encrypted() {
                    unpacker
                        .damage(Some(&path), "is marked as encrypted, which readers may ignore");
                }
                if torch.is_some() && !names.insert(name.to_ascii_lowercase()) {
                    let message =
                        "the name differs from another's in case only: torch takes either";
                    unpacker.damage(Some(&path), message);
                }
                let in_torch = torch
                    .as_deref()
                    .and_then(|folder| name.strip_prefix(folder))
                    .map(str::to_owned);
                if in_torch.as_deref().is_some_and(|name| name.eq_ignore_ascii_case(CONSTANTS)) {
                    let message = "torch.load hands an archive with it to TorchScript's own reader";
                    unpacker.damage(Some(&path), message);
                }
                let stored = entry.compression() == CompressionMethod::Stored;
                let mut head = Vec::new();
                let begun = (&mut entry).take(HEAD).read_to_end(&mut head);
                let is_tensor = in_torch.as_deref().is_some_and(is_tensor);
                // `numpy.load` takes any zip, and of its members whatever begins as an array.
                if is_tensor {
                    unpacker.contents.records.insert(path.clone(), entry.size());
                }
                if is_tensor && !head.starts_with(ARRAY) || npy::extent(&head) == Some(entry.size())
                {
                    match begun {
                        Ok(_) => unpacker.check(&path, stored, &mut entry),
                        Err(error) => {
                            unpacker.damage(Some(&path), format!("can't be unpacked: {error}"));
                        }
                    }
                    continue;
                }
                (path, in_torch)
            }
            Err(error) => {
                // What it says of itself is wrong; its bytes may be a pickle all the same.
                unpacker.damage(outer, format!("entry {index} can't be read: {error}"));
                (path(outer, &index.to_string()), None)
            }
        };
        let packed = archive.by_index_raw(index).map_or(0, |entry| entry.compressed_size());
        let mut entry = Entry { archive: &mut archive, index, raw: false };
        let mut data = Vec::new();
        for raw in [false, true] {
            entry.raw = raw;
            let opens = entry.open().is_ok();
            if opens && data.is_empty() {
                data = unpacker.read(Some(&path), packed, &mut entry);
            }
        }
        let loader = match in_torch.as_deref() {
            Some(name) if is_pickle_of_torch(name) => Some("torch.load"),
            _ => None,
        };
        if !data.is_empty() {
            unpacker.member(path, loader, data, depth);
        }
    }
}

/// An entry by the central directory.
struct Entry<'a, 'b> {
    archive: &'a mut ZipArchive<Cursor<&'b [u8]>>,
    index: usize,
    /// Whether its bytes are taken as they are stored.
    raw: bool,
}

impl Source for Entry<'_, '_> {
    fn open(&mut self) -> io::Result<impl Read> {
        let options = ZipReadOptions::new().ignore_encryption_flag(true);
        Ok(match self.raw {
            true => self.archive.by_index_raw(self.index)?,
            false => self.archive.by_index_with_options(self.index, options)?,
        })
    }
}

/// An entry by its local header.
struct LocalEntry<'b> {
    start: &'b [u8],
    /// What follows it, once it was opened.
    rest: &'b [u8],
}

impl<'b> LocalEntry<'b> {
    fn zip_file(&mut self) -> io::Result<ZipFile<'_, &'b [u8]>> {
        self.rest = self.start;
        read_zipfile_from_stream(&mut self.rest)?
            .ok_or_else(|| io::Error::other("no entry begins there"))
    }
}

impl Source for LocalEntry<'_> {
    fn open(&mut self) -> io::Result<impl Read> {
        self.zip_file()
    }
}

/// Notes what readers could differ in.
fn compare_readers(
    unpacker: &mut Unpacker<'_, '_>,
    outer: Option<&str>,
    archive: &mut ZipArchive<Cursor<&[u8]>>,
    bytes: &[u8],
) {
    match directory::check(bytes) {
        Ok(start) if start == archive.central_directory_start() => {}
        Ok(_) => unpacker.damage(outer, "the central directory is found in two places"),
        Err(fault) => unpacker.damage(outer, format!("readers differ in what they take: {fault}")),
    }
    if let Err(error) = archive.validate_header_consistency() {
        unpacker.damage(outer, format!("readers differ in what they take: {error}"));
    }
    if archive.offset() != 0 {
        unpacker.damage(outer, "bytes stand before the archive, which readers count differently");
    }
    let directory = usize::try_from(archive.central_directory_start()).unwrap_or(usize::MAX);
    let directory = bytes.get(directory..).unwrap_or_default();
    let count = |signature: &[u8]| directory.windows(4).filter(|at| *at == signature).count();
    if count(END) != 1 || count(ENTRY) != archive.len() {
        let message = "the central directory can be read in several ways";
        unpacker.damage(outer, message);
    }
}

/// Without a central directory: entry after entry, by the local headers.
fn salvage(unpacker: &mut Unpacker<'_, '_>, outer: Option<&str>, bytes: &[u8], depth: u32) {
    let mut entry = LocalEntry { start: bytes, rest: bytes };
    while let Ok(name) = entry.zip_file().map(|file| name_of(&file)) {
        if !unpacker.may_open(outer) {
            return;
        }
        let path = path(outer, &name);
        let data = unpacker.read(Some(&path), bytes.len() as u64, &mut entry);
        entry.start = entry.rest;
        if !data.is_empty() {
            unpacker.member(path, None, data, depth);
        }
    }
}

fn name_of<R: Read>(entry: &ZipFile<'_, R>) -> String {
    match entry.name() {
        Ok(name) => name.into_owned(),
        Err(_) => String::from_utf8_lossy(entry.name_raw()).into_owned(),
    }
}

fn path(outer: Option<&str>, name: &str) -> String {
    outer.map_or_else(|| name.to_owned(), |outer| format!("{outer}!{name}"))
}

/// The bytes of tensors, numbered.
fn is_tensor(name: &str) -> bool {
    name.strip_prefix("data/").is_some_and(|number| {
        !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
    })
}

/// What makes an archive one of TorchScript (torch/serialization.py _is_torchscript_zip).
const CONSTANTS: &str = "constants.pkl";

fn is_pickle_of_torch(name: &str) -> bool {
    ["data.pkl", CONSTANTS].iter().any(|known| name.eq_ignore_ascii_case(known))
}
