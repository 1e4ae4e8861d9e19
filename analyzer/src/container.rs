//! Containers: the files in which pickles travel, and the pickles in them.
//!
//! Formats are recognised by content, never by a file's name. Libraries do the unpacking; what
//! can't be unpacked is *damage*, which keeps a file from being safe while everything that was
//! readable is still judged. This module must not judge: it says which bytes a loader of the
//! format unpickles.

mod compressed;
mod npy;
mod tarball;
mod zipped;

use std::borrow::Cow;

use assay_pickle::{Opcode, Reader};

use crate::limits::Limits;

/// Containers within containers that are opened.
const MAX_DEPTH: u32 = 4;

/// A stream of pickles found in a file.
#[derive(Clone, Debug)]
pub(crate) struct Payload<'a> {
    /// Where in the container: member names joined by `!`.
    pub member: Option<String>,
    /// What loads it, where it is not `pickle.load` of the whole file.
    pub loader: Option<&'static str>,
    /// Offset in bytes of the stream in its member.
    pub offset: usize,
    /// The stream.
    pub bytes: Cow<'a, [u8]>,
}

/// Something that could not be unpacked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Damage {
    /// Where in the container.
    pub member: Option<String>,
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
}

/// Finds the streams of pickles in a file.
pub(crate) fn open<'a>(bytes: &'a [u8], limits: &Limits) -> Contents<'a> {
    let mut contents = Contents::default();
    let mut unpacker = Unpacker { budget: limits.unpacked as usize, contents: &mut contents };
    let format = unpacker.unpack(None, Cow::Borrowed(bytes), 0);
    if format.is_none() {
        let bytes = Cow::Borrowed(bytes);
        contents.payloads.push(Payload { member: None, loader: None, offset: 0, bytes });
    }
    contents.format = format;
    contents
}

/// The state of unpacking.
struct Unpacker<'c, 'a> {
    budget: usize,
    contents: &'c mut Contents<'a>,
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
        if depth >= MAX_DEPTH {
            self.damage(member, "containers are nested too deeply to be opened");
            return Some(format);
        }
        match format {
            "zip" => zipped::unpack(self, member, &bytes, depth),
            "npy" => npy::unpack(self, member, bytes),
            "tar" => tarball::unpack(self, member, &bytes, depth),
            "7z" => self.damage(member, "7z archives can't be opened"),
            _ => compressed::unpack(self, member, format, &bytes, depth),
        }
        Some(format)
    }

    /// Takes a member that was unpacked: a container, a pickle, or neither.
    fn member(&mut self, name: String, loader: Option<&'static str>, bytes: Vec<u8>, depth: u32) {
        self.budget = self.budget.saturating_sub(bytes.len());
        if recognise(&bytes).is_some() {
            self.unpack(Some(&name), Cow::Owned(bytes), depth + 1);
        } else if loader.is_some() || is_pickle(&bytes) {
            let bytes = Cow::Owned(bytes);
            let payload = Payload { member: Some(name), loader, offset: 0, bytes };
            self.contents.payloads.push(payload);
        }
    }

    fn damage(&mut self, member: Option<&str>, message: impl Into<String>) {
        let damage = Damage { member: member.map(str::to_owned), message: message.into() };
        self.contents.damage.push(damage);
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
        [0x5d, 0, 0, _, _, 0xff, 0xff, ..] => Some("lzma"),
        [0x04, 0x22, 0x4d, 0x18, ..] => Some("lz4"),
        [b'7', b'z', 0xbc, 0xaf, 0x27, 0x1c, ..] => Some("7z"),
        _ if zlib(bytes) => Some("zlib"),
        _ if bytes.get(257..262) == Some(b"ustar") => Some("tar"),
        _ => None,
    }
}

/// Opcodes read before a member that is neither framed nor declared is taken for a pickle.
const MAX_PROBE: usize = 1 << 16;

/// Opcodes that ask for a global, or call.
const ASKS: [Opcode; 7] = [
    Opcode::Global,
    Opcode::Inst,
    Opcode::StackGlobal,
    Opcode::Ext1,
    Opcode::Ext2,
    Opcode::Ext4,
    Opcode::Reduce,
];

/// Whether a member of an archive is to be judged as a pickle: it declares a protocol, or reads
/// as opcodes to a STOP, or asks for a global on the way to a fault.
fn is_pickle(bytes: &[u8]) -> bool {
    if matches!(bytes, [0x80, 0..=5, ..]) {
        return true;
    }
    let mut reader = Reader::new(bytes);
    let mut opcodes = 0;
    let mut names = false;
    while opcodes < MAX_PROBE {
        match reader.read() {
            Ok(instruction) if instruction.opcode == Opcode::Stop => return opcodes > 0,
            Ok(instruction) => {
                names |= ASKS.contains(&instruction.opcode);
            }
            Err(_) => return names,
        }
        opcodes += 1;
    }
    true
}
