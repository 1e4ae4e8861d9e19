//! The directory of a zip archive: the record at its end and the central directory before it.
//!
//! Readers look for both in ways of their own. Python's `zipfile` counts back from the end record by
//! the directory's size, miniz and the `zip` crate go where its offset says, each asks the zip64
//! records for something else, and of two extra fields of one id some take the first and some the
//! last. This module reads both by hand and says why readers may find different members, or
//! members that share bytes. It must not unpack, nor judge what a member holds.
//!
//! The format is PKWARE's APPNOTE.TXT; the readers are CPython's `zipfile` (`_EndRecData`,
//! `_RealGetContents`, `_decodeExtra`) and `mz_zip_reader_read_central_dir` of miniz.

use std::collections::BTreeSet;
use std::ops::Range;

const END: &[u8; 4] = b"PK\x05\x06";
const LOCATOR: &[u8; 4] = b"PK\x06\x07";
const END64: &[u8; 4] = b"PK\x06\x06";
const ENTRY: &[u8; 4] = b"PK\x01\x02";
const LOCAL: &[u8; 4] = b"PK\x03\x04";

/// Bytes of each record up to what varies in length (APPNOTE 4.3).
const END_SIZE: usize = 22;
const LOCATOR_SIZE: usize = 20;
const END64_SIZE: usize = 56;
const ENTRY_SIZE: usize = 46;
const LOCAL_SIZE: usize = 30;

/// What the zip64 end record says of its own length: all but its first two fields.
const END64_REST: u64 = END64_SIZE as u64 - 12;

/// Extra fields: sizes and offsets of 64 bits, and a name in Unicode, which CPython takes since 3.13.
const ZIP64: u64 = 0x0001;
const UNICODE_PATH: u64 = 0x7075;

/// A record that ends before the bytes do, or lies beyond them.
const CUT: &str = "a record of the zip archive is cut";

type Result<T, E = String> = std::result::Result<T, E>;

/// Where the central directory begins. Fails unless every reader finds the same members, each in
/// bytes of its own.
pub(super) fn check(bytes: &[u8]) -> Result<u64> {
    let directory = find(bytes)?;
    let mut at = directory.range.start;
    let mut taken = Vec::new();
    for index in 0..directory.count {
        let member = entry(&bytes[..directory.range.end], &mut at)
            .and_then(|entry| entry.span(bytes))
            .map_err(|fault| format!("entry {index} of the central directory: {fault}"))?;
        taken.push(member);
    }
    if at != directory.range.end {
        return Err("the central directory holds more than its entries".to_owned());
    }
    taken.sort_unstable();
    let ends = taken.iter().map(|(_, end)| *end);
    let starts = taken.iter().skip(1).map(|(start, _)| *start);
    let start = directory.range.start as u64;
    let limits = starts.chain([start]);
    if ends.zip(limits).any(|(end, limit)| end > limit) {
        return Err("members overlap each other or the central directory".to_owned());
    }
    Ok(start)
}

/// Where the entries are, and how many.
struct Directory {
    range: Range<usize>,
    count: u64,
}

/// A number of `length` bytes, the lowest first.
fn number(bytes: &[u8], at: usize, length: usize) -> Result<u64> {
    let field = at.checked_add(length).and_then(|end| bytes.get(at..end)).ok_or(CUT)?;
    Ok(field.iter().rev().fold(0, |value, byte| value << 8 | u64::from(*byte)))
}

/// The number that is all ones: it stands in for one of 64 bits elsewhere.
fn ones(length: usize) -> u64 {
    (1 << (8 * length)) - 1
}

/// The fields of the end record, each with its place and length there and in that of zip64: two
/// numbers of disks, two counts of entries, the directory's size and its offset.
const FIELDS: [[(usize, usize); 2]; 6] = [
    [(4, 2), (16, 4)],
    [(6, 2), (20, 4)],
    [(8, 2), (24, 8)],
    [(10, 2), (32, 8)],
    [(12, 4), (40, 8)],
    [(16, 4), (48, 8)],
];

/// Finds the directory by the record at the end.
fn find(bytes: &[u8]) -> Result<Directory> {
    let end = bytes
        .windows(END.len())
        .rposition(|window| window == END)
        .ok_or("there is no end record")?;
    let comment = number(bytes, end + 20, 2)?;
    if (end + END_SIZE) as u64 + comment != bytes.len() as u64 {
        return Err("the file does not end where its last end record does".to_owned());
    }
    let locator = end.checked_sub(LOCATOR_SIZE).filter(|at| bytes[*at..].starts_with(LOCATOR));
    let end64 = locator.map(|locator| find_zip64(bytes, locator)).transpose()?;
    let mut values = [0; FIELDS.len()];
    for (value, [(at, length), (at64, length64)]) in values.iter_mut().zip(FIELDS) {
        *value = number(bytes, end + at, length)?;
        let is_ones = *value == ones(length);
        match end64 {
            Some(end64) => {
                let wide = number(bytes, end64 + at64, length64)?;
                if *value != wide && !is_ones {
                    return Err("the end record differs from that of zip64".to_owned());
                }
                *value = wide;
            }
            None if is_ones => return Err("the end record of zip64 is missing".to_owned()),
            None => {}
        }
    }
    let [disk, directory_disk, here, count, size, offset] = values;
    if disk != 0 || directory_disk != 0 || here != count {
        return Err("the archive is said to be a part of several".to_owned());
    }
    let end = end64.unwrap_or(end);
    if offset.checked_add(size) != Some(end as u64) {
        return Err("the central directory does not end where its end record begins".to_owned());
    }
    Ok(Directory { range: offset as usize..end, count })
}

/// Where the end record of zip64 is by its locator, which follows it.
fn find_zip64(bytes: &[u8], locator: usize) -> Result<usize> {
    let end64 = locator
        .checked_sub(END64_SIZE)
        .filter(|at| bytes[*at..].starts_with(END64))
        .ok_or("the end record of zip64 is not before its locator")?;
    if number(bytes, locator + 8, 8)? != end64 as u64 {
        return Err("the locator of zip64 points elsewhere than before itself".to_owned());
    }
    if number(bytes, locator + 4, 4)? != 0 || number(bytes, locator + 16, 4)? != 1 {
        return Err("the archive is said to be a part of several".to_owned());
    }
    if number(bytes, end64 + 4, 8)? != END64_REST {
        return Err("the end record of zip64 says another length than it has".to_owned());
    }
    Ok(end64)
}

/// What an entry says of where its member is.
struct Entry {
    packed: u64,
    offset: u64,
}

/// Reads the entry at `at`, and goes on to the next.
fn entry(bytes: &[u8], at: &mut usize) -> Result<Entry> {
    let rest = bytes.get(*at..).ok_or(CUT)?;
    if !rest.starts_with(ENTRY) {
        return Err("it does not begin as one".to_owned());
    }
    let [name, extra, comment] = [28, 30, 32].map(|at| number(rest, at, 2));
    let name_end = ENTRY_SIZE + name? as usize;
    let extra_end = name_end + extra? as usize;
    let end = extra_end + comment? as usize;
    if rest.len() < end {
        return Err(CUT.to_owned());
    }
    *at += end;
    let (name, extra) = (&rest[ENTRY_SIZE..name_end], &rest[name_end..extra_end]);
    if name.contains(&0) {
        return Err("its name holds a NUL, which ends it for some".to_owned());
    }
    let zip64 = zip64_of(extra, name)?;
    let mut wide = zip64.unwrap_or_default();
    // In this order their values stand in the extra field (APPNOTE 4.5.3).
    let mut take = |at: usize, length: usize, wide_length: usize| -> Result<u64> {
        let value = number(rest, at, length)?;
        if value != ones(length) {
            return Ok(value);
        }
        let value = number(wide, 0, wide_length)
            .map_err(|_| "its extra field of zip64 lacks a value".to_owned())?;
        wide = &wide[wide_length..];
        Ok(value)
    };
    let unpacked = take(24, 4, 8)?;
    let packed = take(20, 4, 8)?;
    let offset = take(42, 4, 8)?;
    let disk = take(34, 2, 4)?;
    if !wide.is_empty() {
        return Err("its extra field of zip64 holds more than is asked of it".to_owned());
    }
    if disk != 0 {
        return Err("it is said to be on another disk".to_owned());
    }
    let stored = number(rest, 10, 2)? == 0;
    if stored && packed != unpacked {
        return Err("it is stored as it is, in another size".to_owned());
    }
    Ok(Entry { packed, offset })
}

/// The extra field of zip64, if there is one among these; each is an id, a length and data.
fn zip64_of<'a>(mut extra: &'a [u8], name: &[u8]) -> Result<Option<&'a [u8]>> {
    let mut ids = BTreeSet::new();
    let mut zip64 = None;
    while !extra.is_empty() {
        let cut = "its extra fields are cut";
        let head = |at| number(extra, at, 2).map_err(|_| cut);
        let (id, length) = (head(0)?, head(2)? as usize);
        let data = extra.get(4..4 + length).ok_or(cut)?;
        if !ids.insert(id) {
            return Err("it has an extra field twice".to_owned());
        }
        // A version and the name's sum come before the name.
        if id == UNICODE_PATH && data.get(5..) != Some(name) {
            return Err("it has two names".to_owned());
        }
        if id == ZIP64 {
            zip64 = Some(data);
        }
        extra = &extra[4 + length..];
    }
    Ok(zip64)
}

impl Entry {
    /// Where the member begins and ends, by its local header, of which only the lengths are read.
    fn span(&self, bytes: &[u8]) -> Result<(u64, u64)> {
        let local = usize::try_from(self.offset)
            .ok()
            .and_then(|at| bytes.get(at..))
            .filter(|local| local.starts_with(LOCAL))
            .ok_or("no member begins where it says")?;
        let header = LOCAL_SIZE as u64 + number(local, 26, 2)? + number(local, 28, 2)?;
        let end = self.offset.checked_add(header).and_then(|start| start.checked_add(self.packed));
        Ok((self.offset, end.ok_or(CUT)?))
    }
}

#[cfg(test)]
mod tests;
