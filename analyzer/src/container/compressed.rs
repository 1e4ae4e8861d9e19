//! Compressed files: what joblib and people write.

use std::borrow::Cow;
use std::io::{self, Read};

use super::{Payload, Unpacker, recognise};

pub(super) fn unpack<'b>(
    unpacker: &mut Unpacker<'_, '_>,
    member: Option<&str>,
    format: &'static str,
    bytes: &'b [u8],
    depth: u32,
) {
    let packed = bytes.len() as u64;
    let mut read =
        |open: &dyn Fn() -> Box<dyn Read + 'b>| unpacker.read(member, packed, &mut || Ok(open()));
    let data = match format {
        "gzip" => read(&|| Box::new(flate2::read::MultiGzDecoder::new(bytes))),
        "bz2" => read(&|| Box::new(bzip2::read::MultiBzDecoder::new(bytes))),
        "xz" => read(&|| Box::new(liblzma::read::XzDecoder::new_multi_decoder(bytes))),
        "zfile" => {
            let bytes = bytes.get(ZFILE_HEADER..).unwrap_or_default();
            let bytes = bytes.strip_prefix(b" ").unwrap_or(bytes);
            read(&|| Box::new(Streams::new(zlib, bytes)))
        }
        "zlib" => read(&|| Box::new(Streams::new(zlib, bytes))),
        "lzma" => read(&|| Box::new(Streams::new(lzma, bytes))),
        _ => read(&|| Box::new(Streams::new(lz4, bytes))),
    };
    if recognise(&data).is_some() {
        unpacker.unpack(member, Cow::Owned(data), depth + 1);
    } else if !data.is_empty() {
        unpacker.contents.payloads.push(Payload {
            member: member.map(str::to_owned),
            loader: Some(format),
            container: None,
            offset: 0,
            bytes: Cow::Owned(data),
        });
    }
}

/// One stream after the other, where the library reads the first only: who loads with `lzma.open`,
/// or joblib, reads on.
struct Streams<'b> {
    open: fn(&'b [u8]) -> Stream<'b>,
    current: Stream<'b>,
    /// Bytes that were left when it began.
    length: usize,
}

/// A stream that is being read.
enum Stream<'b> {
    Zlib(flate2::bufread::ZlibDecoder<&'b [u8]>),
    Lzma(liblzma::bufread::XzDecoder<&'b [u8]>),
    Lz4(Box<lz4_flex::frame::FrameDecoder<&'b [u8]>>),
    /// No decoder is to be had.
    Not(io::Error),
}

fn zlib(bytes: &[u8]) -> Stream<'_> {
    Stream::Zlib(flate2::bufread::ZlibDecoder::new(bytes))
}

fn lzma(bytes: &[u8]) -> Stream<'_> {
    match liblzma::stream::Stream::new_lzma_decoder(MEMORY) {
        Ok(stream) => Stream::Lzma(liblzma::bufread::XzDecoder::new_stream(bytes, stream)),
        Err(error) => Stream::Not(error.into()),
    }
}

fn lz4(bytes: &[u8]) -> Stream<'_> {
    Stream::Lz4(Box::new(lz4_flex::frame::FrameDecoder::new(bytes)))
}

impl<'b> Stream<'b> {
    /// What it has not read.
    fn rest(&self) -> &'b [u8] {
        match self {
            Self::Zlib(decoder) => decoder.get_ref(),
            Self::Lzma(decoder) => decoder.get_ref(),
            Self::Lz4(decoder) => decoder.get_ref(),
            Self::Not(_) => &[],
        }
    }

    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Zlib(decoder) => decoder.read(buffer),
            Self::Lzma(decoder) => decoder.read(buffer),
            Self::Lz4(decoder) => decoder.read(buffer),
            Self::Not(error) => Err(io::Error::new(error.kind(), error.to_string())),
        }
    }
}

impl<'b> Streams<'b> {
    fn new(open: fn(&'b [u8]) -> Stream<'b>, bytes: &'b [u8]) -> Self {
        Self { open, current: open(bytes), length: bytes.len() }
    }
}

impl Read for Streams<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let read = self.current.read(buffer)?;
            let rest = self.current.rest();
            if read > 0 || buffer.is_empty() || rest.is_empty() {
                return Ok(read);
            }
            // Each takes its header at least, or it would go on for ever.
            if rest.len() == self.length {
                return Err(io::Error::other("something follows the compressed data"));
            }
            (self.length, self.current) = (rest.len(), (self.open)(rest));
        }
    }
}

/// Bytes that the decoder of the old lzma format may take.
const MEMORY: u64 = 128 << 20;

/// Bytes of the header of joblib's oldest compressed files (`numpy_pickle_compat.py` read_zfile):
/// `ZF` and the length in hexadecimal, padded; perhaps one blank more.
const ZFILE_HEADER: usize = 21;
