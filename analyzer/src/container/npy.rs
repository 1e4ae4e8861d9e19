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
    let Some((start, text)) = header(&bytes) else {
        unpacker.damage(member, "the npy header can't be read");
        return;
    };
    if !may_hold_objects(text) {
        return;
    }
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

/// Whether what begins so is an array of plain data, in which there is nothing to judge.
pub(super) fn is_plain(head: &[u8]) -> bool {
    head.starts_with(b"\x93NUMPY") && header(head).is_some_and(|(_, text)| !may_hold_objects(text))
}
