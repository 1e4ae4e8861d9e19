//! Headers of tar members as Python's `tarfile` reads them (`TarInfo.frombuf`, `_proc_member`).
//!
//! This module says whether bytes begin with a header for `tarfile`, and what in a header makes
//! it find other members than the `tar` crate does. It must not look for members itself.

use std::collections::BTreeSet;
use std::ops::Range;

/// Bytes of a header.
const HEADER: usize = 512;

/// Where the name stands, the size, the sum, which counts as blanks, the type, and the magic of POSIX
/// and GNU.
const NAME: Range<usize> = 0..100;
const SIZE: Range<usize> = 124..136;
const SUM: Range<usize> = 148..156;
const KIND: usize = 156;
const MAGIC: Range<usize> = 257..262;

/// Whether the bytes begin with a tar's header: those of before POSIX have no magic, but all have a
/// sum of their bytes (`tarfile.py` calc_chksums, which takes bytes as signed or not).
pub(crate) fn is_tar(bytes: &[u8]) -> bool {
    if bytes.get(MAGIC) == Some(b"ustar") {
        return true;
    }
    let Some(header) = bytes.first_chunk::<HEADER>() else { return false };
    let Some(sum) = number(&header[SUM]) else { return false };
    let counted = |(at, byte): (usize, &u8)| if SUM.contains(&at) { b' ' } else { *byte };
    let counted = header.iter().enumerate().map(counted);
    let unsigned: i128 = counted.clone().map(i128::from).sum();
    let signed: i128 = counted.map(|byte| i128::from(byte as i8)).sum();
    [unsigned, signed].contains(&sum)
}

/// A number of a header, as `tarfile.nti` reads it: base 256 behind a mark, or else octal text.
fn number(field: &[u8]) -> Option<i128> {
    match field {
        [0o200, digits @ ..] => Some(base_256(digits)),
        [0o377, digits @ ..] => Some(base_256(digits) - (1 << (8 * digits.len()))),
        _ => {
            let end = field.iter().position(|byte| *byte == 0).unwrap_or(field.len());
            let text = std::str::from_utf8(&field[..end]).ok().filter(|text| text.is_ascii())?;
            octal(text.trim_matches(is_blank))
        }
    }
}

/// Eleven bytes at most, which an `i128` holds.
fn base_256(digits: &[u8]) -> i128 {
    digits.iter().fold(0, |value, digit| value << 8 | i128::from(*digit))
}

/// What `str.strip` takes off of ASCII: the separators, too, which Rust keeps.
fn is_blank(c: char) -> bool {
    matches!(c, '\t'..='\r' | '\x1c'..='\x1f' | ' ')
}

/// `int(text, 8)` of Python: a sign, `0o`, and underscores between digits; nothing is 0.
fn octal(text: &str) -> Option<i128> {
    if text.is_empty() {
        return Some(0);
    }
    let (sign, digits) = match text.as_bytes()[0] {
        b'-' => (-1, &text[1..]),
        b'+' => (1, &text[1..]),
        _ => (1, text),
    };
    let prefixed = digits.strip_prefix("0o").or_else(|| digits.strip_prefix("0O"));
    let digits = prefixed.map_or(digits, |rest| rest.strip_prefix('_').unwrap_or(rest));
    let value = digits.split('_').try_fold(0, |value, part| {
        let is_octal = !part.is_empty() && part.bytes().all(|byte| matches!(byte, b'0'..=b'7'));
        is_octal
            .then(|| part.bytes().fold(value, |value, byte| value * 8 + i128::from(byte - b'0')))
    })?;
    Some(sign * value)
}

/// Types that say more of the member that follows: names of GNU, and records of pax, which Solaris
/// calls otherwise.
const GNU_NAMES: [u8; 2] = [b'L', b'K'];
const PAX: u8 = b'x';
const PAX_GLOBAL: u8 = b'g';
const PAX_SOLARIS: u8 = b'X';
/// A file with holes, in the form of GNU before pax.
const SPARSE: u8 = b'S';
/// Types behind which `tarfile` expects no data: links, devices, directories and pipes.
const EMPTY: Range<u8> = b'1'..b'7';

/// What in a raw header `tarfile` reads otherwise; `blocks` are those that follow it, to the end of the
/// last.
pub(super) fn fault(header: &tar::Header, blocks: &[u8]) -> Option<&'static str> {
    let bytes = header.as_bytes();
    let kind = bytes[KIND];
    let size = header.entry_size().ok()?;
    let (data, padding) = blocks.split_at_checked(usize::try_from(size).ok()?)?;
    match kind {
        _ if Some(i128::from(size)) != number(&bytes[SIZE]) => Some("the size of a member"),
        // The `tar` crate goes by all of the magic, `tarfile` by none.
        _ if extends(kind) && header.as_ustar().is_none() && header.as_gnu().is_none() => {
            Some("a header without magic")
        }
        // `tarfile` looks for names and records in whole blocks.
        _ if extends(kind) && padding.iter().any(|byte| *byte != 0) => Some("data behind a header"),
        PAX => pax_fault(data),
        PAX_GLOBAL => keys(data)
            .is_none_or(|keys| keys.iter().any(|key| *key != b"comment"))
            .then_some("records for all members"),
        PAX_SOLARIS => Some("records of Solaris"),
        SPARSE => Some("a file with holes"),
        _ if size != 0 && (EMPTY.contains(&kind) || is_old_directory(bytes, kind)) => {
            Some("data of what is no file")
        }
        _ => None,
    }
}

/// Whether it is a directory of before POSIX, which has no type but a slash at the end of its name.
fn is_old_directory(header: &[u8; HEADER], kind: u8) -> bool {
    let name = header[NAME].split(|byte| *byte == 0).next();
    kind == 0 && name.is_some_and(|name| name.ends_with(b"/"))
}

/// Whether a member of this type says something of the next.
fn extends(kind: u8) -> bool {
    GNU_NAMES.contains(&kind) || is_pax(kind)
}

/// Whether a member of this type holds records of pax.
fn is_pax(kind: u8) -> bool {
    kind == PAX || kind == PAX_GLOBAL
}

/// Whether a member that these two come before has its name from either, as the reader likes.
pub(super) fn name_twice(before: u8, kind: u8) -> bool {
    extends(before) && extends(kind) && is_pax(before) != is_pax(kind)
}

fn pax_fault(data: &[u8]) -> Option<&'static str> {
    let Some(keys) = keys(data) else { return Some("records of pax") };
    let mut seen = BTreeSet::new();
    keys.iter().find_map(|key| match *key {
        _ if key.starts_with(b"GNU.sparse.") => Some("a file with holes"),
        b"size" => Some("the size of a member"),
        _ if !seen.insert(key) => Some("a record that stands twice"),
        _ => None,
    })
}

/// The keys of pax records, `LENGTH KEY=VALUE\n` each; `None` if they are not in this form to the end.
fn keys(mut data: &[u8]) -> Option<Vec<&[u8]>> {
    let mut keys = Vec::new();
    while !data.is_empty() {
        let blank = data.iter().position(|byte| *byte == b' ')?;
        let is_number = data[..blank].iter().all(u8::is_ascii_digit);
        let length: usize =
            std::str::from_utf8(&data[..blank]).ok().filter(|_| is_number)?.parse().ok()?;
        let (record, rest) = data.split_at_checked(length)?;
        // The crate ends a record at its first newline, `tarfile` where its length says.
        let text =
            record.get(blank + 1..)?.strip_suffix(b"\n").filter(|text| !text.contains(&b'\n'))?;
        let key = text.iter().position(|byte| *byte == b'=')?;
        keys.push(&text[..key]);
        data = rest;
    }
    Some(keys)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_python_does() {
        let texts: [(&[u8], Option<i128>); 14] = [
            (b"0012345\0", Some(0o12345)),
            (b" 017 \0x9", Some(0o17)),
            (b"0o017\0", Some(0o17)),
            (b"-0O_1_7", Some(-0o17)),
            (b"+17\x1f", Some(0o17)),
            (b"\0\0\0", Some(0)),
            (b"   \0", Some(0)),
            (b"_17", None),
            (b"1__7", None),
            (b"0o", None),
            (b"- 7", None),
            (b"18", None),
            (b"\xc2\xa07", None),
            (b"\x81\x01", None),
        ];
        for (field, value) in texts {
            assert_eq!(number(field), value, "{}", field.escape_ascii());
        }
        assert_eq!(number(b"\x80\0\0\0\0\0\x01\x02"), Some(0x102));
        assert_eq!(number(b"\xff\xff\xff\xff\xff\xff\xff\xfe"), Some(-2));
    }

    #[test]
    fn sums_are_of_bytes_with_a_sign_or_without() {
        let mut header = [16; HEADER];
        header[0] = 0xff;
        let unsigned = 255 + 503 * 16 + 8 * i32::from(b' ');
        for (sum, is) in [(unsigned, true), (unsigned - 256, true), (unsigned - 1, false)] {
            header[SUM].copy_from_slice(format!("0o{sum:05o}\0").as_bytes());
            assert_eq!(is_tar(&header), is);
        }
        assert!(!is_tar(&header[..HEADER - 1]));
    }

    fn header(kind: u8, size: u64) -> tar::Header {
        let mut header = tar::Header::new_ustar();
        header.set_entry_type(tar::EntryType::new(kind));
        header.set_size(size);
        header
    }

    /// What is said of a header with this data, in whole blocks.
    fn of(kind: u8, data: &[u8]) -> Option<&'static str> {
        let mut blocks = data.to_vec();
        blocks.resize(data.len().next_multiple_of(HEADER), 0);
        fault(&header(kind, data.len() as u64), &blocks)
    }

    #[test]
    fn each_fault_is_told() {
        assert_eq!(of(b'0', b"data"), None);
        assert_eq!(of(b'L', b"name\0"), None);
        assert_eq!(of(b'5', b""), None);
        assert_eq!(of(b'5', b"data"), Some("data of what is no file"));
        assert_eq!(of(b'S', b""), Some("a file with holes"));
        assert_eq!(of(b'X', b""), Some("records of Solaris"));
        assert_eq!(of(b'x', b"9 path=a\n"), None);
        assert_eq!(of(b'x', b"9 path=a\n9 path=b\n"), Some("a record that stands twice"));
        assert_eq!(of(b'x', b"11 size=51\n"), Some("the size of a member"));
        assert_eq!(of(b'x', b"22 GNU.sparse.major=1\n"), Some("a file with holes"));
        for data in
            [&b"9 path=a"[..], b"9 path=a\n\0", b"10 path=\n\n", b"+9 path=a\n", b"9 path:a\n"]
        {
            assert_eq!(of(b'x', data), Some("records of pax"), "{}", data.escape_ascii());
        }
        assert_eq!(of(b'g', b"13 comment=a\n"), None);
        assert_eq!(of(b'g', b"9 path=a\n"), Some("records for all members"));
        let mut old = header(b'x', 0);
        old.as_mut_bytes()[MAGIC].fill(0);
        assert_eq!(fault(&old, b""), Some("a header without magic"));
        let mut directory = header(b'0', 1);
        directory.as_mut_bytes()[KIND] = 0;
        directory.as_mut_bytes()[..2].copy_from_slice(b"a/");
        assert_eq!(fault(&directory, &[0; HEADER]), Some("data of what is no file"));
        let mut odd = header(b'0', 1);
        odd.as_mut_bytes()[SIZE][..4].copy_from_slice(b"\x81\0\0\0");
        odd.as_mut_bytes()[SIZE][4..].copy_from_slice(&[0, 0, 0, 0, 0, 0, 0, 1]);
        assert_eq!(fault(&odd, &[0; HEADER]), Some("the size of a member"));
        let mut blocks = [0; HEADER];
        blocks[..8].copy_from_slice(b"storages");
        assert_eq!(fault(&header(b'L', 4), &blocks), Some("data behind a header"));
        assert!(name_twice(b'L', b'x') && name_twice(b'x', b'K') && !name_twice(b'K', b'L'));
        assert!(!name_twice(b'0', b'x') && !name_twice(b'g', b'x'));
    }
}
