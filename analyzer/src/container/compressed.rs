//! Compressed files: what joblib and people write.

use std::borrow::Cow;
use std::io::Read;

use super::{Payload, Unpacker, recognise};

pub(super) fn unpack(
    unpacker: &mut Unpacker<'_, '_>,
    member: Option<&str>,
    format: &'static str,
    bytes: &[u8],
    depth: u32,
) {
    let mut data = Vec::new();
    let limit = unpacker.budget as u64 + 1;
    let result = match format {
        "gzip" => flate2::read::MultiGzDecoder::new(bytes).take(limit).read_to_end(&mut data),
        "zlib" => flate2::read::ZlibDecoder::new(bytes).take(limit).read_to_end(&mut data),
        "bz2" => bzip2::read::MultiBzDecoder::new(bytes).take(limit).read_to_end(&mut data),
        "xz" => {
            liblzma::read::XzDecoder::new_multi_decoder(bytes).take(limit).read_to_end(&mut data)
        }
        "lzma" => match liblzma::stream::Stream::new_lzma_decoder(MEMORY) {
            Ok(stream) => {
                let decoder = liblzma::read::XzDecoder::new_stream(bytes, stream);
                decoder.take(limit).read_to_end(&mut data)
            }
            Err(error) => Err(error.into()),
        },
        _ => lz4_flex::frame::FrameDecoder::new(bytes).take(limit).read_to_end(&mut data),
    };
    if data.len() as u64 >= limit {
        unpacker.damage(member, "unpacks to more than the analysis takes");
        return;
    }
    if let Err(error) = result {
        unpacker.damage(member, format!("the {format} data can't be unpacked: {error}"));
    }
    unpacker.budget -= data.len();
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
