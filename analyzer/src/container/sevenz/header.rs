//! The header of a 7z archive: where packed streams lie, how they are packed, and what is in them.

/// What the header says, as far as it matters here.
#[derive(Debug, Default)]
pub(super) struct Header {
    pub streams: Streams,
    /// Names of the files that have data, in order.
    pub names: Vec<String>,
}

/// A header, or where one is packed.
#[derive(Debug)]
pub(super) enum Parsed {
    Plain(Header),
    Packed(Streams),
}

/// Packed streams, and the folders that unpack them: one each.
#[derive(Debug, Default)]
pub(super) struct Streams {
    /// Offset and size of each.
    pub packed: Vec<(u64, u64)>,
    pub folders: Vec<Folder>,
}

/// A chain of coders, and the files that its output holds one after the other.
#[derive(Debug, Default)]
pub(super) struct Folder {
    /// From the coder whose output is the data to the one that takes the packed stream.
    pub chain: Vec<Coder>,
    /// Bytes that it unpacks to.
    pub unpacked: u64,
    /// Size and sum of each file.
    pub streams: Vec<(u64, Option<u32>)>,
    /// The sum of all of it.
    sum: Option<u32>,
    /// The sizes that coders give, each in its place.
    coders: usize,
    last: usize,
}

/// A method and its properties.
#[derive(Clone, Debug, Default)]
pub(super) struct Coder {
    /// The method's bytes as one number.
    pub id: u64,
    pub properties: Vec<u8>,
}

/// Identifiers of the parts of a header.
mod part {
    pub(super) const END: u8 = 0x00;
    pub(super) const HEADER: u8 = 0x01;
    pub(super) const PROPERTIES: u8 = 0x02;
    pub(super) const STREAMS: u8 = 0x04;
    pub(super) const FILES: u8 = 0x05;
    pub(super) const PACKED: u8 = 0x06;
    pub(super) const FOLDERS: u8 = 0x07;
    pub(super) const WITHIN: u8 = 0x08;
    pub(super) const SIZES: u8 = 0x09;
    pub(super) const SUMS: u8 = 0x0a;
    pub(super) const FOLDER: u8 = 0x0b;
    pub(super) const UNPACKED: u8 = 0x0c;
    pub(super) const COUNTS: u8 = 0x0d;
    pub(super) const EMPTY: u8 = 0x0e;
    pub(super) const NAMES: u8 = 0x11;
    pub(super) const PACKED_HEADER: u8 = 0x17;
}

type Result<T> = std::result::Result<T, String>;

/// Reads a header, or what says where one is packed.
pub(super) fn parse(bytes: &[u8]) -> Result<Parsed> {
    let mut input = Input(bytes);
    match input.byte()? {
        part::PACKED_HEADER => Ok(Parsed::Packed(input.streams()?)),
        part::HEADER => Ok(Parsed::Plain(input.header()?)),
        other => Err(format!("a 7z header does not begin with byte {other:#04x}")),
    }
}

/// What is left of the header.
struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn byte(&mut self) -> Result<u8> {
        Ok(self.take(1)?[0])
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8]> {
        let (taken, rest) =
            self.0.split_at_checked(count).ok_or("the 7z archive's header is cut short")?;
        self.0 = rest;
        Ok(taken)
    }

    /// A number in one to nine bytes: as many high bits of the first are set as bytes follow.
    fn number(&mut self) -> Result<u64> {
        let first = self.byte()?;
        let more = first.leading_ones() as usize;
        let mut bytes = [0; 8];
        bytes[..more].copy_from_slice(self.take(more)?);
        let low = u64::from_le_bytes(bytes);
        let high = if more >= 7 { 0 } else { u64::from(first) & (0x7f >> more) };
        Ok(if more == 8 { low } else { low | high << (8 * more) })
    }

    /// A number of things, each of which takes a byte at least.
    fn count(&mut self) -> Result<usize> {
        let count = usize::try_from(self.number()?).unwrap_or(usize::MAX);
        if count > self.0.len() {
            return Err("the 7z archive's header declares more than it holds".to_owned());
        }
        Ok(count)
    }

    fn expect(&mut self, part: u8) -> Result<()> {
        match self.byte()? {
            found if found == part => Ok(()),
            found => Err(format!("a 7z header has {found:#04x} where {part:#04x} belongs")),
        }
    }

    fn bits(&mut self, count: usize) -> Result<Vec<bool>> {
        let bytes = self.take(count.div_ceil(8))?;
        Ok((0..count).map(|bit| bytes[bit / 8] & (0x80 >> (bit % 8)) != 0).collect())
    }

    fn sums(&mut self, count: usize) -> Result<Vec<Option<u32>>> {
        let defined = match self.byte()? {
            0 => self.bits(count)?,
            _ => vec![true; count],
        };
        let mut sum = |defined| {
            let bytes = if defined { self.take(4)?.first_chunk() } else { None };
            Ok(bytes.map(|bytes| u32::from_le_bytes(*bytes)))
        };
        defined.into_iter().map(&mut sum).collect()
    }

    fn header(&mut self) -> Result<Header> {
        let mut header = Header::default();
        loop {
            match self.byte()? {
                part::END => return Ok(header),
                part::PROPERTIES => {
                    while self.byte()? != part::END {
                        let size = self.count()?;
                        self.take(size)?;
                    }
                }
                part::STREAMS => header.streams = self.streams()?,
                part::FILES => header.names = self.files()?,
                other => return Err(format!("a 7z header has an unknown part {other:#04x}")),
            }
        }
    }

    fn streams(&mut self) -> Result<Streams> {
        let mut streams = Streams::default();
        loop {
            match self.byte()? {
                part::END => break,
                part::PACKED => streams.packed = self.packed()?,
                part::FOLDERS => streams.folders = self.folders()?,
                part::WITHIN => self.within(&mut streams.folders)?,
                other => return Err(format!("a 7z header has unknown streams {other:#04x}")),
            }
        }
        for folder in &mut streams.folders {
            if folder.streams.is_empty() && folder.unpacked > 0 {
                folder.streams.push((folder.unpacked, folder.sum));
            }
        }
        Ok(streams)
    }

    fn packed(&mut self) -> Result<Vec<(u64, u64)>> {
        let mut offset = self.number()?;
        let count = self.count()?;
        let mut packed = Vec::new();
        loop {
            match self.byte()? {
                part::END => return Ok(packed),
                part::SIZES => {
                    for _ in 0..count {
                        let size = self.number()?;
                        packed.push((offset, size));
                        offset = offset.saturating_add(size);
                    }
                }
                part::SUMS => drop(self.sums(count)?),
                other => return Err(format!("a 7z header has unknown packed {other:#04x}")),
            }
        }
    }

    fn folders(&mut self) -> Result<Vec<Folder>> {
        self.expect(part::FOLDER)?;
        let count = self.count()?;
        self.expect(0)?;
        let mut folders = (0..count).map(|_| self.folder()).collect::<Result<Vec<_>>>()?;
        self.expect(part::UNPACKED)?;
        for folder in &mut folders {
            for coder in 0..folder.coders {
                let size = self.number()?;
                if coder == folder.last {
                    folder.unpacked = size;
                }
            }
        }
        loop {
            match self.byte()? {
                part::END => return Ok(folders),
                part::SUMS => {
                    for (folder, sum) in folders.iter_mut().zip(self.sums(count)?) {
                        folder.sum = sum;
                    }
                }
                other => return Err(format!("a 7z header has unknown folders {other:#04x}")),
            }
        }
    }

    /// A folder: coders with one input and one output each, in a chain.
    fn folder(&mut self) -> Result<Folder> {
        let count = self.count()?;
        let coders = (0..count).map(|_| self.coder()).collect::<Result<Vec<_>>>()?;
        // Which coder's output each coder takes.
        let mut from = vec![None; count];
        let mut is_last = vec![true; count];
        for _ in 1..count {
            let (input, output) = (self.number()? as usize, self.number()? as usize);
            *from.get_mut(input).ok_or("a 7z header binds no coder")? = Some(output);
            *is_last.get_mut(output).ok_or("a 7z header binds no coder")? = false;
        }
        let last = is_last.iter().position(|last| *last).ok_or("a 7z folder has no output")?;
        let mut chain = Vec::new();
        let mut next = Some(last);
        while let Some(coder) = next {
            if chain.len() == count {
                return Err("a 7z folder's coders go in a circle".to_owned());
            }
            chain.push(coders[coder].clone());
            next = from[coder];
        }
        Ok(Folder { chain, coders: count, last, ..Folder::default() })
    }

    fn coder(&mut self) -> Result<Coder> {
        let flags = self.byte()?;
        let id = self.take(usize::from(flags & 0xf))?;
        if flags & 0x90 != 0 || id.len() > 8 {
            return Err("a 7z folder has coders of several streams".to_owned());
        }
        let id = id.iter().fold(0, |id, byte| id << 8 | u64::from(*byte));
        let properties = match flags & 0x20 {
            0 => Vec::new(),
            _ => {
                let size = self.count()?;
                self.take(size)?.to_vec()
            }
        };
        Ok(Coder { id, properties })
    }

    /// How the output of folders is divided into files.
    fn within(&mut self, folders: &mut [Folder]) -> Result<()> {
        let mut next = self.byte()?;
        let mut counts = vec![1; folders.len()];
        if next == part::COUNTS {
            for count in &mut counts {
                *count = self.count()?;
            }
            next = self.byte()?;
        }
        for (folder, count) in folders.iter_mut().zip(&counts) {
            let mut left = folder.unpacked;
            for _ in 1..*count {
                if next != part::SIZES {
                    return Err("a 7z header lacks the sizes of files".to_owned());
                }
                let size = self.number()?;
                folder.streams.push((size, None));
                left = left.saturating_sub(size);
            }
            if *count > 0 {
                folder.streams.push((left, None));
            }
        }
        if next == part::SIZES {
            next = self.byte()?;
        }
        if next == part::SUMS {
            // A folder of one file has its sum already, if it has one.
            let known = |folder: &Folder| folder.streams.len() == 1 && folder.sum.is_some();
            let open = folders.iter().filter(|folder| !known(folder));
            let sums = self.sums(open.map(|folder| folder.streams.len()).sum())?;
            let mut sums = sums.into_iter();
            for folder in folders.iter_mut() {
                if known(folder) {
                    folder.streams[0].1 = folder.sum;
                } else {
                    for stream in &mut folder.streams {
                        stream.1 = sums.next().flatten();
                    }
                }
            }
            next = self.byte()?;
        }
        match next {
            part::END => Ok(()),
            other => Err(format!("a 7z header has unknown files within {other:#04x}")),
        }
    }

    /// The names of the files that have data.
    fn files(&mut self) -> Result<Vec<String>> {
        let count = self.count()?;
        let mut empty = vec![false; count];
        let mut names = Vec::new();
        loop {
            let kind = self.byte()?;
            if kind == part::END {
                break;
            }
            let size = self.count()?;
            let mut property = Input(self.take(size)?);
            match kind {
                part::EMPTY => empty = property.bits(count)?,
                part::NAMES => {
                    property.expect(0)?;
                    let units: Vec<u16> = property
                        .0
                        .chunks_exact(2)
                        .map(|c| u16::from_le_bytes([c[0], c[1]]))
                        .collect();
                    names = units.split(|unit| *unit == 0).map(String::from_utf16_lossy).collect();
                }
                _ => {}
            }
        }
        let with_data = names.into_iter().zip(empty).filter(|(_, empty)| !empty);
        Ok(with_data.map(|(name, _)| name).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_every_length() {
        for (bytes, number) in [
            (&b"\x05"[..], 5),
            (b"\x80\x80", 0x80),
            (b"\x81\x02", 0x102),
            (b"\xc1\x02\x03", 0x1_0302),
            (b"\xfe\x01\x02\x03\x04\x05\x06\x07", 0x07_0605_0403_0201),
            (b"\xff\x01\x02\x03\x04\x05\x06\x07\x08", 0x0807_0605_0403_0201),
        ] {
            assert_eq!(Input(bytes).number(), Ok(number), "{bytes:?}");
        }
    }

    #[test]
    fn no_count_is_believed_beyond_the_bytes_that_are_left() {
        // So many packed streams, folders and files.
        for header in [
            &b"\x01\x04\x06\x00\xff\xff\xff\xff\xff\xff\xff\xff\x7f\x09\x01"[..],
            b"\x01\x04\x07\x0b\xff\xff\xff\xff\xff\xff\xff\xff\x7f\x00",
            b"\x01\x05\xff\xff\xff\xff\xff\xff\xff\xff\x7f\x0e",
        ] {
            assert!(parse(header).unwrap_err().contains("declares more"), "{header:?}");
        }
        assert!(parse(b"").is_err() && parse(b"\x01").is_err() && parse(b"\x02").is_err());
    }
}
