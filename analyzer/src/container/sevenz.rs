//! 7z archives (7-Zip's `7zFormat.txt`), as far as plain chains of its usual methods go.
//!
//! The libraries for 7z that were looked at believe the counts that a header declares, so that an
//! archive of forty bytes has them allocate without bound. Here only the header is read by hand,
//! and each count must be within the bytes that are left; decoding is the libraries'.

mod header;

use std::io::{self, Read};

use liblzma::stream::{Filters, Stream};

use self::header::{Coder, Folder, Header};
use super::Unpacker;

/// Bytes before what offsets count from.
const START: usize = 32;

/// Headers may be packed, and packed again; more than once nobody does.
const MAX_PACKED: u32 = 4;

pub(super) fn unpack(
    unpacker: &mut Unpacker<'_, '_>,
    outer: Option<&str>,
    bytes: &[u8],
    depth: u32,
) {
    let header = match read_header(unpacker, outer, bytes) {
        Ok(header) => header,
        Err(message) => return unpacker.damage(outer, message),
    };
    let mut names = header.names.into_iter();
    let mut packed = header.streams.packed.iter();
    for folder in &header.streams.folders {
        let data = match packed.next() {
            Some(span) => decode(unpacker, outer, bytes, folder, *span),
            None => return unpacker.damage(outer, "the 7z archive lacks packed data"),
        };
        let mut rest = &data[..];
        for (size, sum) in &folder.streams {
            if !unpacker.may_open(outer) {
                return;
            }
            let name = names.next().unwrap_or_default();
            let path = outer.map_or(name.clone(), |outer| format!("{outer}!{name}"));
            let size = usize::try_from(*size).unwrap_or(usize::MAX);
            let whole = size <= rest.len();
            let (member, after) = rest.split_at(size.min(rest.len()));
            rest = after;
            if !whole {
                unpacker.damage(Some(&path), "is cut short");
            } else if sum.is_some_and(|sum| sum != sum_of(member)) {
                unpacker.damage(Some(&path), "does not have the sum that the archive says");
            }
            if !member.is_empty() {
                unpacker.member(path, None, member.to_vec(), depth);
            }
        }
    }
}

/// Reads the header, unpacking it as often as it is packed.
fn read_header(
    unpacker: &mut Unpacker<'_, '_>,
    outer: Option<&str>,
    bytes: &[u8],
) -> Result<Header, String> {
    let number = |at: usize| {
        let field = bytes.get(at..at + 8).and_then(|field| field.first_chunk());
        field.and_then(|field| usize::try_from(u64::from_le_bytes(*field)).ok())
    };
    let span = number(12).zip(number(20));
    let found = span.and_then(|(offset, size)| {
        let start = START.checked_add(offset)?;
        bytes.get(start..start.checked_add(size)?)
    });
    let mut text = found.ok_or("the 7z archive's header lies outside it")?.to_vec();
    for _ in 0..MAX_PACKED {
        match header::parse(&text)? {
            header::Parsed::Plain(header) => return Ok(header),
            header::Parsed::Packed(streams) => {
                let [folder] = &streams.folders[..] else {
                    return Err("the 7z archive's header is packed in an unusual way".to_owned());
                };
                let span = *streams.packed.first().ok_or("the 7z archive lacks its header")?;
                text = decode(unpacker, outer, bytes, folder, span);
            }
        }
    }
    Err("the 7z archive's header is packed too often".to_owned())
}

/// What a folder unpacks to; less than it says if something is wrong, which is noted.
fn decode<'b>(
    unpacker: &mut Unpacker<'_, '_>,
    outer: Option<&str>,
    bytes: &'b [u8],
    folder: &Folder,
    (offset, size): (u64, u64),
) -> Vec<u8> {
    let start = usize::try_from(offset).ok().and_then(|offset| START.checked_add(offset));
    let end =
        start.zip(usize::try_from(size).ok()).and_then(|(start, size)| start.checked_add(size));
    let Some(packed) = start.zip(end).and_then(|(start, end)| bytes.get(start..end)) else {
        unpacker.damage(outer, "packed data lie outside the 7z archive");
        return Vec::new();
    };
    let limit = folder.unpacked;
    let mut read = |open: &mut dyn FnMut() -> io::Result<Box<dyn Read + 'b>>| {
        let mut limited = || Ok(open()?.take(limit));
        unpacker.read(outer, packed.len() as u64, &mut limited)
    };
    match &folder.chain[..] {
        [coder] if coder.id == COPY => read(&mut || Ok(Box::new(packed))),
        [coder] if coder.id == DEFLATE => {
            read(&mut || Ok(Box::new(flate2::read::DeflateDecoder::new(packed))))
        }
        [coder] if coder.id == BZIP2 => {
            read(&mut || Ok(Box::new(bzip2::read::MultiBzDecoder::new(packed))))
        }
        chain => match filters(chain) {
            Some(filters) => read(&mut || {
                let stream = Stream::new_raw_decoder(&filters)?;
                Ok(Box::new(liblzma::read::XzDecoder::new_stream(packed, stream)))
            }),
            None => {
                unpacker.damage(outer, "the 7z archive uses a method that can't be undone here");
                Vec::new()
            }
        },
    }
}

const COPY: u64 = 0;
const DELTA: u64 = 0x03;
const X86: u64 = 0x04;
const ARM64: u64 = 0x0a;
const LZMA2: u64 = 0x21;
const LZMA: u64 = 0x03_01_01;
const OLD_X86: u64 = 0x03_03_01_03;
const DEFLATE: u64 = 0x04_01_08;
const BZIP2: u64 = 0x04_02_02;

/// The chain as liblzma takes it: the last to decode first.
fn filters(chain: &[Coder]) -> Option<Filters> {
    let mut filters = Filters::new();
    for coder in chain {
        let properties = &coder.properties[..];
        match coder.id {
            LZMA => filters.lzma1_properties(properties).ok()?,
            LZMA2 => filters.lzma2_properties(properties).ok()?,
            DELTA => filters.delta_properties(properties).ok()?,
            X86 | OLD_X86 => filters.x86(),
            ARM64 => filters.arm64(),
            _ => return None,
        };
    }
    Some(filters)
}

fn sum_of(bytes: &[u8]) -> u32 {
    let mut sum = flate2::Crc::new();
    sum.update(bytes);
    sum.sum()
}
