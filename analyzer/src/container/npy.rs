//! NumPy's `.npy`: a header, then raw data, or a pickle if the type of the elements is object.

use std::borrow::Cow;

use super::{Payload, Unpacker};

/// Where the data begin, and the header's text.
fn header(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let (length, start) = match bytes.get(6)? {
        1 => (usize::from(u16::from_le_bytes(*bytes.get(8..)?.first_chunk()?)), 10),
        2 | 3 => (usize::try_from(u32::from_le_bytes(*bytes.get(8..)?.first_chunk()?)).ok()?, 12),
        _ => return None,
    };
    let end = start + length;
    Some((end, bytes.get(start..end)?))
}

pub(super) fn unpack<'a>(
    unpacker: &mut Unpacker<'_, 'a>,
    member: Option<&str>,
    bytes: Cow<'a, [u8]>,
) {
    let mut begin = 0;
    // `numpy.load` of an open file reads one array, and the next time what follows it.
    let start = loop {
        let rest = &bytes[begin..];
        if rest.is_empty() {
            return;
        }
        if !rest.starts_with(MAGIC) {
            break begin;
        }
        let Some((start, text)) = header(rest) else {
            unpacker.damage(member, "the npy header can't be read");
            return;
        };
        if may_hold_objects(text) {
            break begin + start;
        }
        let Some(length) = length(text) else {
            unpacker.damage(member, "where the array ends is not known");
            return;
        };
        let data = usize::try_from(length).ok().and_then(|length| start.checked_add(length));
        match data.filter(|end| *end <= rest.len()) {
            Some(end) => begin += end,
            None => {
                unpacker.damage(member, "the array is cut short");
                return;
            }
        }
    };
    let bytes = match bytes {
        Cow::Borrowed(bytes) => Cow::Borrowed(&bytes[start..]),
        Cow::Owned(mut bytes) => Cow::Owned(bytes.split_off(start)),
    };
    unpacker.contents.payloads.push(Payload {
        member: member.map(str::to_owned),
        loader: Some("numpy.load"),
        container: None,
        offset: start,
        bytes,
    });
}

/// Bytes of the data of an array without objects, as NumPy spells its header.
fn length(header: &[u8]) -> Option<u64> {
    let text = str::from_utf8(header).ok()?;
    let value = |key: &str, open: &str, close: char| {
        let (_, rest) = text.split_once(&format!("'{key}':"))?;
        let (value, _) = rest.trim_start().strip_prefix(open)?.split_once(close)?;
        // Of an entry given twice, however it is quoted, the last counts.
        (text.matches(key).count() == 1).then_some(value)
    };
    let kind = value("descr", "'", '\'')?.trim_start_matches(['<', '>', '|', '=']);
    let mut letters = kind.chars();
    let unit = match letters.next()? {
        'U' => 4,
        'b' | 'i' | 'u' | 'f' | 'c' | 'S' | 'a' | 'V' | 'm' | 'M' => 1,
        _ => return None,
    };
    let (size, _) = letters.as_str().split_once('[').unwrap_or((letters.as_str(), ""));
    let lengths = value("shape", "(", ')')?.split(',').map(str::trim);
    let mut lengths = lengths.filter(|length| !length.is_empty());
    // NumPy before 2 counts sizes in 32 bits.
    let size = size.parse::<u64>().ok()?.checked_mul(unit)?;
    i32::try_from(size).ok()?;
    lengths.try_fold(size, |product, length| product.checked_mul(length.parse().ok()?))
}

/// With what the file begins.
const MAGIC: &[u8] = b"\x93NUMPY";

/// The keys of a header, its booleans, and the units of times.
const KNOWN: [&[u8]; 19] = [
    b"descr", b"fortran", b"order", b"shape", b"True", b"False", b"Y", b"M", b"W", b"D", b"h",
    b"m", b"s", b"ms", b"us", b"ns", b"ps", b"fs", b"as",
];

/// Whether the header may name a type that holds objects: then `numpy.load` unpickles what
/// follows (`numpy.lib.format.read_array`). The header is a Python literal; only words that are
/// plainly the keys of the header, its two booleans or types without objects say no. The names of
/// fields in structured types say yes: then a stream is judged for nothing.
fn may_hold_objects(header: &[u8]) -> bool {
    let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || !byte.is_ascii() || *byte == b'\\';
    let mut words = header.split(|byte| !is_word(byte)).filter(|word| !word.is_empty());
    words.any(|word| {
        let number = word.iter().all(u8::is_ascii_digit);
        let plain = matches!(word, [b'b' | b'i' | b'u' | b'f' | b'c' | b'S' | b'a' | b'U' | b'V' | b'm' | b'M' | b'?', size @ ..]
            if size.iter().all(u8::is_ascii_digit));
        !(KNOWN.contains(&word) || number || plain)
    })
}

/// Bytes of the array that begins so, if it is one of plain data, in which there is nothing to judge.
pub(super) fn extent(head: &[u8]) -> Option<u64> {
    let (start, text) = header(head).filter(|_| head.starts_with(MAGIC))?;
    let length = length(text).filter(|_| !may_hold_objects(text))?;
    length.checked_add(start as u64)
}

#[cfg(test)]
mod tests {
    use super::length;

    #[test]
    fn how_long_an_array_is() {
        let of = |kind: &str, shape: &str| {
            length(
                format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}")
                    .as_bytes(),
            )
        };
        assert_eq!(of("<f8", "(3, 4)"), Some(96));
        assert_eq!(of("<U5", "(2,)"), Some(40));
        assert_eq!(of("|S0", "(2,)"), Some(0));
        assert_eq!(of("<M8[ns]", "()"), Some(8));
        assert_eq!(of("f8,i4", "(2,)"), None);
        assert_eq!(of("<f8", "(18446744073709551615, 2)"), None);
        assert_eq!(length(b"{'descr': '<f8', 'shape': (1,), 'shape': (2,)}"), None);
        assert_eq!(length(b"{'descr': '<f8', 'shape': (9,), \"shape\": (2,)}"), None);
        assert_eq!(of("|S4294967304", "(1,)"), None);
    }
}
