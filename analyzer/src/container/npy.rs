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
    // `numpy.lib.format.read_array`: `dtype.hasobject` decides; only a type that is spelled with
    // an `O` holds objects. A field's name may hold one too: then a stream is judged for nothing.
    if !text.contains(&b'O') {
        return;
    }
    let bytes = match bytes {
        Cow::Borrowed(bytes) => Cow::Borrowed(&bytes[start..]),
        Cow::Owned(mut bytes) => Cow::Owned(bytes.split_off(start)),
    };
    unpacker.contents.payloads.push(Payload {
        member: member.map(str::to_owned),
        loader: Some("numpy.load"),
        offset: start,
        bytes,
    });
}
