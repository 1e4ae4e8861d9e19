//! Containers as mutation sees them: what they hold, and how to put it back.

use std::io::{self, Cursor, Read, Write};

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

/// The longest content that is unpacked: mutants of longer ones would be too long.
const LONGEST: u64 = 1 << 16;

/// Bytes of a tar's header, and of what the lengths of its members are multiples of.
const BLOCK: usize = 512;

/// Where a tar's header has its magic.
const MAGIC: usize = 257;

/// Bytes of BINBYTES and its length, with which the name of a tar's member begins.
const CONSTANT: usize = 5;

/// A container, opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Container {
    Gzip(Vec<u8>),
    Zlib(Vec<u8>),
    Bz2(Vec<u8>),
    Xz(Vec<u8>),
    /// Magic and header, and what follows.
    Npy(Vec<u8>, Vec<u8>),
    /// What a tar of one member holds, for a pickle: its header is a constant, and so is what the
    /// member begins with.
    Tar(Vec<u8>),
    /// Members, each with its name.
    Zip(Vec<(String, Vec<u8>)>),
}

impl Container {
    /// Opens a file, if it is a container of a kind that can be put together again.
    pub(super) fn open(file: &[u8]) -> Option<Self> {
        let read = |reader: &mut dyn Read| {
            let mut out = Vec::new();
            reader.take(LONGEST).read_to_end(&mut out).ok().map(|_| out)
        };
        match file {
            [0x1f, 0x8b, ..] => read(&mut flate2::read::MultiGzDecoder::new(file)).map(Self::Gzip),
            [0x78, ..] => read(&mut flate2::read::ZlibDecoder::new(file)).map(Self::Zlib),
            [b'B', b'Z', b'h', ..] => {
                read(&mut bzip2::read::MultiBzDecoder::new(file)).map(Self::Bz2)
            }
            [0xfd, b'7', b'z', ..] => {
                read(&mut liblzma::read::XzDecoder::new_multi_decoder(file)).map(Self::Xz)
            }
            [0x93, b'N', b'U', b'M', b'P', b'Y', 1, _, low, high, rest @ ..] => {
                let length = usize::from(u16::from_le_bytes([*low, *high]));
                let (header, data) = rest.split_at_checked(length)?;
                Some(Self::Npy([&file[..10], header].concat(), data.to_vec()))
            }
            [b'P', b'K', ..] => {
                let mut archive = ZipArchive::new(Cursor::new(file)).ok()?;
                let members = (0..archive.len().min(8)).filter_map(|index| {
                    let mut member = archive.by_index(index).ok()?;
                    let name = member.name().ok()?.into_owned();
                    Some((name, read(&mut member)?))
                });
                Some(Self::Zip(members.collect()))
            }
            _ if file.get(MAGIC..MAGIC + 5) == Some(b"ustar") => {
                let length = u32::from_le_bytes(*file.get(1..)?.first_chunk()?);
                let begin = CONSTANT + usize::try_from(length).ok()?;
                file.get(begin..).map(|content| Self::Tar(content.to_vec()))
            }
            _ => None,
        }
    }

    /// How many kinds [`of`](Self::of) makes.
    pub(super) const KINDS: u8 = 8;

    /// Puts content into a container of the kind of that number.
    pub(super) fn of(kind: u8, content: Vec<u8>) -> Self {
        match kind % Self::KINDS {
            0 => Self::Gzip(content),
            1 => Self::Zlib(content),
            2 => Self::Bz2(content),
            3 => Self::Xz(content),
            4 => {
                let text = "{'descr': '|O', 'fortran_order': False, 'shape': (1,), }\n";
                let length = (text.len() as u16).to_le_bytes();
                Self::Npy([b"\x93NUMPY\x01\0", &length[..], text.as_bytes()].concat(), content)
            }
            5 => Self::Zip(vec![("a.npy".to_owned(), Self::of(4, content).pack())]),
            6 => Self::Tar(content),
            _ => Self::Zip(vec![
                ("m/data.pkl".to_owned(), content),
                ("m/version".to_owned(), b"3\n".to_vec()),
            ]),
        }
    }

    /// The contents, one after the other.
    pub(super) fn parts(&mut self) -> Vec<&mut Vec<u8>> {
        match self {
            Self::Gzip(part) | Self::Zlib(part) | Self::Bz2(part) | Self::Xz(part) => vec![part],
            Self::Npy(_, part) | Self::Tar(part) => vec![part],
            Self::Zip(members) => members.iter_mut().map(|(_, part)| part).collect(),
        }
    }

    /// The file.
    pub(super) fn pack(&self) -> Vec<u8> {
        self.try_pack().unwrap_or_default()
    }

    fn try_pack(&self) -> io::Result<Vec<u8>> {
        let fast = flate2::Compression::fast();
        Ok(match self {
            Self::Gzip(part) => {
                let mut writer = flate2::write::GzEncoder::new(Vec::new(), fast);
                writer.write_all(part)?;
                writer.finish()?
            }
            Self::Zlib(part) => {
                let mut writer = flate2::write::ZlibEncoder::new(Vec::new(), fast);
                writer.write_all(part)?;
                writer.finish()?
            }
            Self::Bz2(part) => {
                let mut writer =
                    bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
                writer.write_all(part)?;
                writer.finish()?
            }
            Self::Xz(part) => {
                let mut writer = liblzma::write::XzEncoder::new(Vec::new(), 0);
                writer.write_all(part)?;
                writer.finish()?
            }
            Self::Npy(header, part) => [&header[..], part].concat(),
            Self::Tar(part) => {
                // The last block is full: an archive need not end with empty ones.
                let filler = part.len().next_multiple_of(BLOCK) - part.len();
                let length = (BLOCK - CONSTANT + filler) as u32;
                let name = [&b"B"[..], &length.to_le_bytes()].concat();
                let mut header = tar::Header::new_ustar();
                header.as_mut_bytes()[..name.len()].copy_from_slice(&name);
                header.set_size((filler + part.len()) as u64);
                header.set_cksum();
                [&header.as_bytes()[..], &vec![b'x'; filler], part].concat()
            }
            Self::Zip(members) => {
                let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
                let stored =
                    SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
                for (name, part) in members {
                    // Two of one name are refused.
                    if writer.start_file(name.as_str(), stored).is_ok() {
                        writer.write_all(part)?;
                    }
                }
                writer.finish()?.into_inner()
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_packed_is_opened_as_it_was() {
        for kind in 0..Container::KINDS {
            let container = Container::of(kind, b"N.".to_vec());
            assert_eq!(Container::open(&container.pack()), Some(container), "{kind}");
        }
        assert_eq!(Container::open(b"N."), None);
        assert_eq!(Container::open(b"\x1f\x8b\x08"), None);
    }
}
