//! Compressed files: what joblib and people write.

use std::borrow::Cow;

use super::{Payload, Unpacker, recognise};

pub(super) fn unpack(
    unpacker: &mut Unpacker<'_, '_>,
    member: Option<&str>,
    format: &'static str,
    bytes: &[u8],
    depth: u32,
) {
    let mut rest = bytes;
    if format == "zfile" {
        rest = rest.get(ZFILE_HEADER..).unwrap_or_default();
        rest = rest.strip_prefix(b" ").unwrap_or(rest);
    }
    let packed = bytes.len() as u64;
    let mut data = Vec::new();
    // What follows a stream is one more to who reads on, as `lzma.open` and joblib do.
    loop {
        let (before, faults) = (rest.len(), unpacker.faults());
        data.append(&mut stream(unpacker, member, packed, format, &mut rest));
        if rest.is_empty() || unpacker.faults() > faults {
            break;
        }
        if rest.len() == before {
            unpacker.damage(member, "something follows the compressed data");
            break;
        }
    }
    if recognise(&data).is_some() {
        unpacker.unpack(member, Cow::Owned(data), depth + 1);
    } else if !data.is_empty() {
        unpacker.contents.payloads.push(Payload {
            member: member.map(str::to_owned),
            loader: Some(format),
            offset: 0,
            bytes: Cow::Owned(data),
        });
    }
}

/// Reads one stream, or all there are where the library does so; what is left of `rest` follows.
fn stream(
    unpacker: &mut Unpacker<'_, '_>,
    member: Option<&str>,
    packed: u64,
    format: &'static str,
    rest: &mut &[u8],
) -> Vec<u8> {
    match format {
        "gzip" => unpacker.read(member, packed, flate2::bufread::MultiGzDecoder::new(rest)),
        "zlib" | "zfile" => unpacker.read(member, packed, flate2::bufread::ZlibDecoder::new(rest)),
        "bz2" => unpacker.read(member, packed, bzip2::bufread::MultiBzDecoder::new(rest)),
        "xz" => unpacker.read(member, packed, liblzma::bufread::XzDecoder::new_multi_decoder(rest)),
        "lzma" => match liblzma::stream::Stream::new_lzma_decoder(MEMORY) {
            Ok(stream) => {
                let decoder = liblzma::bufread::XzDecoder::new_stream(rest, stream);
                unpacker.read(member, packed, decoder)
            }
            Err(error) => {
                unpacker.damage(member, format!("can't be unpacked: {error}"));
                Vec::new()
            }
        },
        _ => unpacker.read(member, packed, lz4_flex::frame::FrameDecoder::new(rest)),
    }
}

/// Bytes that the decoder of the old lzma format may take.
const MEMORY: u64 = 128 << 20;

/// Bytes of the header of joblib's oldest compressed files (`numpy_pickle_compat.py` read_zfile):
/// `ZF` and the length in hexadecimal, padded; perhaps one blank more.
const ZFILE_HEADER: usize = 21;
