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
    let packed = bytes.len() as u64;
    let data = match format {
        "gzip" => unpacker.read(member, packed, flate2::read::MultiGzDecoder::new(bytes)),
        "zlib" => unpacker.read(member, packed, flate2::read::ZlibDecoder::new(bytes)),
        "zfile" => {
            let bytes = bytes.get(ZFILE_HEADER..).unwrap_or_default();
            let bytes = bytes.strip_prefix(b" ").unwrap_or(bytes);
            unpacker.read(member, packed, flate2::read::ZlibDecoder::new(bytes))
        }
        "bz2" => unpacker.read(member, packed, bzip2::read::MultiBzDecoder::new(bytes)),
        "xz" => unpacker.read(member, packed, liblzma::read::XzDecoder::new_multi_decoder(bytes)),
        "lzma" => match liblzma::stream::Stream::new_lzma_decoder(MEMORY) {
            Ok(stream) => {
                let decoder = liblzma::read::XzDecoder::new_stream(bytes, stream);
                unpacker.read(member, packed, decoder)
            }
            Err(error) => {
                unpacker.damage(member, format!("can't be unpacked: {error}"));
                Vec::new()
            }
        },
        _ => unpacker.read(member, packed, lz4_flex::frame::FrameDecoder::new(bytes)),
    };
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

/// Bytes that the decoder of the old lzma format may take.
const MEMORY: u64 = 128 << 20;

/// Bytes of the header of joblib's oldest compressed files (`numpy_pickle_compat.py` read_zfile):
/// `ZF` and the length in hexadecimal, padded; perhaps one blank more.
const ZFILE_HEADER: usize = 21;
