//! Compressed files: what joblib and people write.

use std::borrow::Cow;
use std::cell::Cell;
use std::io::{self, Read};
use std::rc::Rc;

use super::{Payload, Unpacker, recognise};

pub(super) fn unpack<'b>(
    unpacker: &mut Unpacker<'_, '_>,
    member: Option<&str>,
    format: &'static str,
    bytes: &'b [u8],
    depth: u32,
) {
    let packed = bytes.len() as u64;
    let several = Rc::new(Cell::new(false));
    let streams = |open, bytes| Streams::new(open, bytes, Rc::clone(&several));
    let mut read =
        |open: &dyn Fn() -> Box<dyn Read + 'b>| unpacker.read(member, packed, &mut || Ok(open()));
    let data = match format {
        "gzip" => read(&|| Box::new(flate2::read::MultiGzDecoder::new(bytes))),
        "bz2" => read(&|| Box::new(bzip2::read::MultiBzDecoder::new(bytes))),
        // Python takes padding between streams for their end, xz does not.
        "xz" => read(&|| Box::new(streams(xz, bytes))),
        "zfile" => {
            let bytes = bytes.get(ZFILE_HEADER..).unwrap_or_default();
            let bytes = bytes.strip_prefix(b" ").unwrap_or(bytes);
            read(&|| Box::new(streams(zlib, bytes)))
        }
        "zlib" => read(&|| Box::new(streams(zlib, bytes))),
        "lzma" => read(&|| Box::new(streams(lzma, bytes))),
        _ => read(&|| Box::new(streams(lz4, bytes))),
    };
    if several.get() && matches!(format, "zlib" | "zfile") {
        unpacker.damage(member, "holds several streams: some readers take the first alone");
    }
    take(unpacker, member, (format, None), data, depth);
}

/// Takes what was unpacked of a format: a container, or a pickle; of bytes that may be the pickle
/// themselves, if `container` says what they may be as well.
fn take(
    unpacker: &mut Unpacker<'_, '_>,
    member: Option<&str>,
    (format, container): (&'static str, Option<&'static str>),
    data: Vec<u8>,
    depth: u32,
) {
    if recognise(&data).is_some() {
        unpacker.unpack(member, Cow::Owned(data), depth + 1);
    } else if !data.is_empty() {
        let member = member.map(str::to_owned);
        let bytes = Cow::Owned(data);
        unpacker.contents.payloads.push(Payload {
            member,
            loader: Some(format),
            container,
            offset: 0,
            bytes,
        });
    }
}

/// Unpacks what may be compressed with a header that begins an ordinary pickle as well: whoever
/// unpacks it loads what comes of that.
pub(super) fn guess(
    unpacker: &mut Unpacker<'_, '_>,
    member: Option<&str>,
    bytes: &[u8],
    depth: u32,
) {
    let is_lzma = may_be_lzma(bytes);
    for (format, open, may_be) in
        [("zlib", zlib as Open, may_be_zlib(bytes)), ("lzma", lzma, is_lzma.is_some())]
    {
        if !may_be {
            continue;
        }
        // The decoder takes little beside the dictionary, and refuses more than `MEMORY`.
        if format == "lzma" && is_lzma.is_some_and(|dictionary| dictionary > MEMORY / 2) {
            unpacker.give_up(member, "may be lzma of more memory than the analysis takes");
            continue;
        }
        let several = Rc::new(Cell::new(false));
        let mut source = || Ok(Streams::new(open, bytes, Rc::clone(&several)));
        // Most are not compressed at all: that they can't be unpacked says nothing.
        let (data, _) = unpacker.read_some(member, bytes.len() as u64, &mut source);
        if several.get() && !data.is_empty() {
            unpacker.damage(member, "holds a stream and more: readers differ in what they take");
        }
        take(unpacker, member, (format, Some(format)), data, depth);
    }
}

/// Whether zlib takes the header: its method, a window of at most 32 KiB, a sum, and no dictionary
/// (RFC 1950).
fn may_be_zlib(bytes: &[u8]) -> bool {
    let [method, flags, _, ..] = bytes else { return false };
    method & 0x0f == 8
        && method >> 4 <= 7
        && u16::from_be_bytes([*method, *flags]).is_multiple_of(31)
        && flags & 0x20 == 0
}

/// Whether liblzma takes the header of the old format, as its decoder of any format does
/// (`alone_decoder.c`, `picky`): properties, the size of a dictionary that is a power of two or one
/// and a half of one, and a length below 256 GiB or none. Gives the bytes of the dictionary.
fn may_be_lzma(bytes: &[u8]) -> Option<u64> {
    let (&properties, rest) = bytes.split_first()?;
    let dictionary = u32::from_le_bytes(*rest.first_chunk()?);
    let length = u64::from_le_bytes(*rest.get(4..)?.first_chunk()?);
    let whole = dictionary.is_power_of_two();
    let half = dictionary.is_multiple_of(3) && (dictionary / 3).is_power_of_two();
    let taken = properties < 225
        && (whole || half || dictionary == u32::MAX)
        && (length == u64::MAX || length < 1 << 38);
    taken.then_some(dictionary.into())
}

/// How a stream is opened.
type Open = for<'b> fn(&'b [u8]) -> Stream<'b>;

/// One stream after the other, where the library reads the first only: who loads with `lzma.open`,
/// or joblib, reads on.
struct Streams<'b> {
    open: Open,
    current: Stream<'b>,
    /// Bytes that were left when it began.
    length: usize,
    /// Whether there was a second one.
    several: Rc<Cell<bool>>,
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

fn xz(bytes: &[u8]) -> Stream<'_> {
    match liblzma::stream::Stream::new_stream_decoder(MEMORY, 0) {
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
    fn new(open: Open, bytes: &'b [u8], several: Rc<Cell<bool>>) -> Self {
        Self { open, current: open(bytes), length: bytes.len(), several }
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
            self.several.set(true);
            (self.length, self.current) = (rest.len(), (self.open)(rest));
        }
    }
}

/// Bytes that the decoder of the old lzma format may take.
const MEMORY: u64 = 128 << 20;

/// Bytes of the header of joblib's oldest compressed files (`numpy_pickle_compat.py` read_zfile):
/// `ZF` and the length in hexadecimal, padded; perhaps one blank more.
const ZFILE_HEADER: usize = 21;
