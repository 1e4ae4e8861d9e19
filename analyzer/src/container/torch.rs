//! `torch.save` before 1.6, and with `_use_new_zipfile_serialization=False`: five pickles in a row
//! (`torch/serialization.py` _legacy_load), then the bytes of tensors.

use std::borrow::Cow;

use assay_pickle::{Opcode, Reader};

use super::{Payload, Unpacker};

/// The first pickle: MAGIC_NUMBER in protocol 2, which alone `torch.save` writes unless told
/// otherwise.
pub(super) const MAGIC: &[u8] = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.";

/// The magic number, the version of the format, what machine wrote it, the object, and the keys
/// of the storages whose bytes follow.
const PICKLES: usize = 5;

pub(super) fn unpack<'a>(
    unpacker: &mut Unpacker<'_, 'a>,
    member: Option<&str>,
    bytes: Cow<'a, [u8]>,
) {
    let mut add = |loader, offset, bytes| {
        let member = member.map(str::to_owned);
        unpacker.contents.payloads.push(Payload { member, loader, container: None, offset, bytes });
    };
    match end_of_pickles(&bytes) {
        // As it is not whole, all of it is the pickles'.
        None => add(Some("torch.load"), 0, bytes),
        Some(end) => {
            let (pickles, rest) = match bytes {
                Cow::Borrowed(bytes) => {
                    let (pickles, rest) = bytes.split_at(end);
                    (Cow::Borrowed(pickles), Cow::Borrowed(rest))
                }
                Cow::Owned(mut bytes) => {
                    let rest = bytes.split_off(end);
                    (Cow::Owned(bytes), Cow::Owned(rest))
                }
            };
            add(Some("torch.load"), 0, pickles);
            if !rest.is_empty() {
                add(Some(TENSORS), end, rest);
            }
        }
    }
}

/// Not loaded by torch, but by whoever loads the file as a stream of pickles.
pub(crate) const TENSORS: &str = "pickle.load behind torch.load";

fn end_of_pickles(bytes: &[u8]) -> Option<usize> {
    let mut offset = 0;
    for _ in 0..PICKLES {
        let mut reader = Reader::at(bytes, offset);
        while reader.read().ok()?.opcode != Opcode::Stop {}
        offset = reader.offset();
    }
    Some(offset)
}
