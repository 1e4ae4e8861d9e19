//! Containers: the files in which pickles travel, and the pickles in them.
//!
//! Formats are recognised by content, never by a file's name. Libraries do the unpacking; what
//! can't be unpacked is *damage*, which keeps a file from being safe while everything that was
//! readable is still judged. This module must not judge: it says which bytes a loader of the
//! format unpickles.

mod compressed;
mod directory;
mod npy;
mod sevenz;
pub(crate) mod storages;
mod tarball;
pub(crate) mod torch;
mod zipped;

use std::borrow::Cow;
use std::collections::HashMap;
use std::io::{self, Read};

use crate::limits::Limits;
use crate::probe;

/// A stream of pickles found in a file.
#[derive(Clone, Debug)]
pub(crate) struct Payload<'a> {
    /// Where in the container: member names joined by `!`.
    pub member: Option<String>,
    /// What loads it, where it is not `pickle.load` of the whole file.
    pub loader: Option<&'static str>,
    /// The container that these bytes are themselves: whoever loads them as a pickle mostly fails at
    /// once.
    pub container: Option<&'static str>,
    /// Offset in bytes of the stream in its member.
    pub offset: usize,
    /// The stream.
    pub bytes: Cow<'a, [u8]>,
}

impl<'a> Payload<'a> {
    /// What `pickle.load` of a whole file or member loads.
    fn whole(member: Option<String>, bytes: Cow<'a, [u8]>) -> Self {
        Self { member, loader: None, container: None, offset: 0, bytes }
    }
}

/// Something that could not be unpacked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Damage {
    /// Where in the container.
    pub member: Option<String>,
    /// The rule for its reason.
    pub rule: &'static str,
    /// What is wrong.
    pub message: String,
}

/// What was found in a file.
#[derive(Clone, Debug, Default)]
pub(crate) struct Contents<'a> {
    /// The container's format; `None` for a plain stream of pickles.
    pub format: Option<&'static str>,
    /// The streams of pickles.
    pub payloads: Vec<Payload<'a>>,
    /// What could not be unpacked.
    pub damage: Vec<Damage>,
    /// How long the records of tensors are, by member.
    pub records: HashMap<String, u64>,
}

/// Finds the streams of pickles in a file.
pub(crate) fn open<'a>(bytes: &'a [u8], limits: &Limits) -> Contents<'a> {
    let mut unpacker = Unpacker {
        limits,
        unpacked: limits.unpacked,
        stored: bytes.len() as u64,
        members: limits.members,
        contents: Contents::default(),
    };
    let format = unpacker.unpack(None, Cow::Borrowed(bytes), 0);
    if format.is_none() {
        compressed::guess(&mut unpacker, None, bytes, 0);
    }
    let mut contents = unpacker.contents;
    if format.is_none() {
        contents.payloads.push(Payload::whole(None, Cow::Borrowed(bytes)));
    }
    contents.format = format;
    contents
}

/// Bytes that a member may unpack to whatever its ratio: too few to be a bomb.
const SMALL: u64 = 64 << 20;

/// Damages that are kept: enough to see what is wrong.
const MAX_DAMAGE: usize = 100;

/// Bytes that are unpacked at once: where a fault is met, so many are unpacked one by one.
const CHUNK: usize = 4096;

/// Something packed, which can be unpacked from its beginning again and again.
trait Source {
    fn open(&mut self) -> io::Result<impl Read>;
}

impl<R: Read, F: FnMut() -> io::Result<R>> Source for F {
    fn open(&mut self) -> io::Result<impl Read> {
        self()
    }
}

/// Something stored as it is: a fault loses nothing of it.
struct Stored<R>(R);

impl<R: Read> Source for Stored<R> {
    fn open(&mut self) -> io::Result<impl Read> {
        Ok(&mut self.0)
    }
}

/// Adds what comes before a fault: a decoder that meets one gives nothing of what it was asked for
/// at once, so it is asked for a byte at a time where it failed.
fn salvage(source: &mut impl Source, limit: u64, data: &mut Vec<u8>) {
    let known = data.len() as u64;
    let Ok(again) = source.open() else { return };
    let mut again = again.take(limit);
    let passed = io::copy(&mut again.by_ref().take(known), &mut io::sink());
    if passed.is_ok_and(|passed| passed == known) {
        let mut byte = [0];
        for _ in 0..CHUNK {
            match again.read(&mut byte) {
                Ok(1) => data.push(byte[0]),
                _ => break,
            }
        }
    }
}

/// The state of unpacking.
struct Unpacker<'l, 'a> {
    limits: &'l Limits,
    /// Bytes that may still be unpacked.
    unpacked: u64,
    /// Bytes that may still be checked where they lie: those of the file, each once.
    stored: u64,
    /// Members that may still be opened.
    members: usize,
    contents: Contents<'a>,
}

impl<'a> Unpacker<'_, 'a> {
    /// Unpacks `bytes` if they are a container; gives its format.
    fn unpack(
        &mut self,
        member: Option<&str>,
        bytes: Cow<'a, [u8]>,
        depth: u32,
    ) -> Option<&'static str> {
        let format = recognise(&bytes)?;
        if depth >= self.limits.containers {
            self.give_up(member, "containers are nested too deeply to be opened");
            return Some(format);
        }
        // torch tries a tar first, whatever its first name begins with.
        if format != "tar" && tarball::is_tar(&bytes) {
            self.damage(member, "is a tar archive, too");
        }
        match format {
            "npy" => npy::unpack(self, member, bytes),
            "torch" => torch::unpack(self, member, bytes),
            _ => self.unpack_as(format, member, bytes, depth),
        }
        Some(format)
    }

    /// Unpacks a container of that format, which may be a pickle as well: a tar begins with a name of
    /// anyone's choice, which `pickle.load` takes for opcodes, and zlib for a header.
    fn unpack_as(
        &mut self,
        format: &'static str,
        member: Option<&str>,
        bytes: Cow<'a, [u8]>,
        depth: u32,
    ) {
        match format {
            "zip" => zipped::unpack(self, member, &bytes, depth),
            "tar" => {
                tarball::unpack(self, member, &bytes, depth);
                compressed::guess(self, member, &bytes, depth);
            }
            "7z" => sevenz::unpack(self, member, &bytes, depth),
            "lzip" => self.damage(member, "is of lzip, which is not opened"),
            _ => compressed::unpack(self, member, format, &bytes, depth),
        }
        if probe::is_begun(&bytes) {
            let whole = Payload::whole(member.map(str::to_owned), bytes);
            self.contents.payloads.push(Payload { container: Some(format), ..whole });
        }
    }

    /// Whether one more member may be opened.
    fn may_open(&mut self, outer: Option<&str>) -> bool {
        if self.members == 0 {
            self.give_up(outer, "there are more members than the analysis opens");
            return false;
        }
        self.members -= 1;
        true
    }

    /// Reads what `packed` bytes unpack to. What goes wrong is noted; what comes before stays.
    fn read(&mut self, member: Option<&str>, packed: u64, source: &mut impl Source) -> Vec<u8> {
        let (data, fault) = self.read_some(member, packed, source);
        if let Some(error) = fault {
            self.damage(member, format!("can't be unpacked: {error}"));
        }
        data
    }

    /// Reads what `packed` bytes unpack to before a fault, and the fault.
    fn read_some(
        &mut self,
        member: Option<&str>,
        packed: u64,
        source: &mut impl Source,
    ) -> (Vec<u8>, Option<io::Error>) {
        let proportionate = packed.saturating_mul(self.limits.ratio).max(SMALL);
        let limit = self.unpacked.min(proportionate);
        let mut data = Vec::new();
        let result = source.open().and_then(|reader| {
            let mut reader = reader.take(limit.saturating_add(1));
            let mut chunk = [0; CHUNK];
            loop {
                match reader.read(&mut chunk) {
                    Ok(0) => return Ok(()),
                    Ok(read) => data.extend(&chunk[..read]),
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(error) => return Err(error),
                }
            }
        });
        if data.len() as u64 > limit {
            data.truncate(limit as usize);
            self.give_up(member, "unpacks to more than the analysis takes");
            self.unpacked -= data.len() as u64;
            return (data, None);
        }
        let fault = result.err();
        if fault.is_some() {
            salvage(source, limit, &mut data);
        }
        self.unpacked -= data.len() as u64;
        (data, fault)
    }

    /// Reads what holds no pickle, to see that it is whole; `stored` if it takes no unpacking.
    fn check(&mut self, member: &str, stored: bool, reader: impl Read) {
        let left = if stored { &mut self.stored } else { &mut self.unpacked };
        let limit = *left;
        let result = io::copy(&mut reader.take(limit.saturating_add(1)), &mut io::sink());
        *left = limit.saturating_sub(*result.as_ref().unwrap_or(&limit));
        match result {
            Ok(length) if length > limit => {
                self.give_up(Some(member), "unpacks to more than the analysis takes");
            }
            Ok(_) => {}
            Err(error) => self.damage(Some(member), format!("can't be unpacked: {error}")),
        }
    }

    /// Takes a member that was unpacked: a container, a pickle, or neither.
    fn member(&mut self, name: String, loader: Option<&'static str>, bytes: Vec<u8>, depth: u32) {
        if recognise(&bytes).is_some() {
            self.unpack(Some(&name), Cow::Owned(bytes), depth + 1);
            return;
        }
        compressed::guess(self, Some(&name), &bytes, depth);
        if loader.is_some() || probe::is_pickle(&bytes) {
            let whole = Payload::whole(Some(name), Cow::Owned(bytes));
            self.contents.payloads.push(Payload { loader, ..whole });
        }
    }

    fn damage(&mut self, member: Option<&str>, message: impl Into<String>) {
        self.note("damaged-container", member, message.into());
    }

    /// Notes that a budget ran out.
    fn give_up(&mut self, member: Option<&str>, message: &str) {
        self.note("budget", member, message.to_owned());
    }

    fn note(&mut self, rule: &'static str, member: Option<&str>, message: String) {
        if self.contents.damage.len() < MAX_DAMAGE {
            let member = member.map(str::to_owned);
            self.contents.damage.push(Damage { member, rule, message });
        }
    }
}

/// The container format of the bytes.
fn recognise(bytes: &[u8]) -> Option<&'static str> {
    let zlib = |bytes: &[u8]| {
        matches!(bytes, [0x78, 0x01 | 0x5e | 0x9c | 0xda, ..])
            && u16::from_be_bytes([bytes[0], bytes[1]]).is_multiple_of(31)
    };
    match bytes {
        [b'P', b'K', 3, 4, ..] | [b'P', b'K', 5, 6, ..] => Some("zip"),
        [0x93, b'N', b'U', b'M', b'P', b'Y', ..] => Some("npy"),
        [0x1f, 0x8b, 8, ..] => Some("gzip"),
        [b'B', b'Z', b'h', b'1'..=b'9', ..] => Some("bz2"),
        [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Some("xz"),
        [0x5d, 0, ..] => Some("lzma"),
        [0x04, 0x22, 0x4d, 0x18, ..] => Some("lz4"),
        [b'Z', b'F', ..] => Some("zfile"),
        [b'L', b'Z', b'I', b'P', 0 | 1, ..] => Some("lzip"),
        [b'7', b'z', 0xbc, 0xaf, 0x27, 0x1c, ..] => Some("7z"),
        _ if zlib(bytes) => Some("zlib"),
        // A tar begins with a name of anyone's choice, which may be a pickle; torch tries it first.
        _ if tarball::is_tar(bytes) => Some("tar"),
        _ if bytes.starts_with(torch::MAGIC) => Some("torch"),
        _ => None,
    }
}
