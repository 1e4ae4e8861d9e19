//! Reads a pickle, opcode by opcode, as `_pickle.c` does.
//!
//! The reader borrows from its input, copies nothing, and stops after STOP or at the first
//! byte that the C unpickler cannot get past. Spellings on which CPython's unpicklers disagree
//! are read and marked. It does not check the stack, the memo or frames: those belong to
//! whoever runs the machine.

use crate::{
    Ambiguity, Argument, ArgumentForm, Error, ErrorKind, HIGHEST_PROTOCOL, Opcode, Result, text,
};

/// An opcode with its argument and place.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Instruction<'a> {
    /// Offset in bytes of the opcode from the start of the input.
    pub offset: usize,
    /// Length in bytes, opcode and argument.
    pub len: usize,
    /// The opcode.
    pub opcode: Opcode,
    /// Its argument.
    pub argument: Argument<'a>,
    /// Why readers disagree about the argument, if they do.
    pub ambiguity: Option<Ambiguity>,
}

impl Instruction<'_> {
    /// Offset in bytes of what follows.
    pub fn end(&self) -> usize {
        self.offset + self.len
    }
}

/// An iterator over the opcodes of one pickle.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    input: &'a [u8],
    offset: usize,
    done: bool,
}

/// An argument, how many bytes it takes, and the doubt about it.
type Parsed<'a> = (Argument<'a>, usize, Option<Ambiguity>);

impl<'a> Reader<'a> {
    /// A reader of the pickle at the start of `input`.
    pub fn new(input: &'a [u8]) -> Self {
        Self::at(input, 0)
    }

    /// A reader of the pickle at `offset` of `input`; offsets count from the start of `input`.
    pub fn at(input: &'a [u8], offset: usize) -> Self {
        Self { input, offset, done: false }
    }

    /// Offset in bytes of what will be read next: after STOP, of what follows the pickle.
    pub fn offset(&self) -> usize {
        self.offset
    }

    /// Reads one opcode.
    ///
    /// # Errors
    /// If the C unpickler can't read it; the error carries the opcode's offset.
    #[inline(always)]
    pub fn read(&mut self) -> Result<Instruction<'a>> {
        let opcode = self.opcode()?;
        self.read_rest(opcode)
    }

    /// The opcode that will be read next.
    ///
    /// # Errors
    /// If there is none; the error carries the offset.
    #[inline(always)]
    pub fn opcode(&self) -> Result<Opcode> {
        let fail = |kind| Error { offset: self.offset, kind };
        let &byte = self.input.get(self.offset).ok_or(fail(ErrorKind::NoStop))?;
        Opcode::from_byte(byte).ok_or(fail(ErrorKind::UnknownOpcode(byte)))
    }

    /// The byte of the opcode that will be read next, if there is one.
    #[inline(always)]
    pub fn next_byte(&self) -> Option<u8> {
        self.input.get(self.offset).copied()
    }

    /// Passes an opcode that has no argument.
    #[inline(always)]
    pub fn pass(&mut self) {
        debug_assert!(self.opcode().is_ok_and(|opcode| opcode.form() == ArgumentForm::None));
        self.offset += 1;
    }

    /// Reads the argument of the opcode that [`opcode`](Self::opcode) gave. Where the compiler knows
    /// which that is, it leaves out the forms of all others.
    ///
    /// # Errors
    /// If the C unpickler can't read it; the error carries the opcode's offset.
    // Inlined, what is read stays in registers: handing it over by way of memory costs as much as
    // all the rest.
    #[inline(always)]
    pub fn read_rest(&mut self, opcode: Opcode) -> Result<Instruction<'a>> {
        debug_assert_eq!(self.opcode(), Ok(opcode));
        let offset = self.offset;
        let parsed = parse(opcode, &self.input[offset + 1..]);
        let (argument, used, ambiguity) = parsed.map_err(|kind| Error { offset, kind })?;
        self.offset = offset + 1 + used;
        Ok(Instruction { offset, len: 1 + used, opcode, argument, ambiguity })
    }
}

/// The text of the binary `str` whose opcode is at `offset`, if one is: of an opcode that was read
/// before, whose text is not checked again.
#[inline]
pub fn text_at(input: &[u8], offset: usize) -> Option<&[u8]> {
    let (&opcode, rest) = input.get(offset..)?.split_first()?;
    let (width, length) = match Opcode::from_byte(opcode)? {
        Opcode::ShortBinUnicode => (1, u64::from(*rest.first()?)),
        Opcode::BinUnicode => (4, u32::from_le_bytes(*rest.first_chunk()?).into()),
        Opcode::BinUnicode8 => (8, u64::from_le_bytes(*rest.first_chunk()?)),
        _ => return None,
    };
    rest[width..].get(..usize::try_from(length).ok()?)
}

impl<'a> Iterator for Reader<'a> {
    type Item = Result<Instruction<'a>>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        let read = self.read();
        self.done = !matches!(&read, Ok(instruction) if instruction.opcode != Opcode::Stop);
        Some(read)
    }
}

#[inline]
fn take<const N: usize>(rest: &[u8]) -> Result<[u8; N], ErrorKind> {
    match rest.first_chunk::<N>() {
        Some(bytes) => Ok(*bytes),
        None => Err(ErrorKind::Truncated { needed: N as u64, available: rest.len() as u64 }),
    }
}

#[inline]
fn counted(rest: &[u8], width: usize, count: u64) -> Result<(&[u8], usize), ErrorKind> {
    let body = &rest[width..];
    match usize::try_from(count).ok().and_then(|count| body.get(..count)) {
        Some(data) => Ok((data, width + data.len())),
        None => Err(ErrorKind::Truncated { needed: count, available: body.len() as u64 }),
    }
}

#[inline]
fn counted_by<const N: usize>(rest: &[u8]) -> Result<(&[u8], usize), ErrorKind> {
    let width = take::<N>(rest)?;
    let mut count = [0; 8];
    count[..N].copy_from_slice(&width);
    counted(rest, N, u64::from_le_bytes(count))
}

fn line(rest: &[u8]) -> Result<(&[u8], usize), ErrorKind> {
    let end = rest.iter().position(|&byte| byte == b'\n').ok_or(ErrorKind::MissingNewline)?;
    Ok((&rest[..end], end + 1))
}

#[inline]
fn utf8((data, used): (&[u8], usize)) -> Result<Parsed<'_>, ErrorKind> {
    if text::is_utf8_surrogatepass(data) {
        return Ok((Argument::Str(data), used, None));
    }
    Err(ErrorKind::InvalidUtf8)
}

#[inline(always)]
fn parse(opcode: Opcode, rest: &[u8]) -> Result<Parsed<'_>, ErrorKind> {
    let form = opcode.form();
    Ok(match form {
        ArgumentForm::None => (Argument::None, 0, None),
        ArgumentForm::UInt1 => {
            let [byte] = take(rest)?;
            if opcode == Opcode::Proto && byte > HIGHEST_PROTOCOL {
                return Err(ErrorKind::UnsupportedProtocol(byte));
            }
            (Argument::UInt(u64::from(byte)), 1, None)
        }
        ArgumentForm::UInt2 => {
            (Argument::UInt(u64::from(u16::from_le_bytes(take(rest)?))), 2, None)
        }
        ArgumentForm::Int4 => (Argument::Int(i32::from_le_bytes(take(rest)?)), 4, None),
        ArgumentForm::UInt4 => {
            (Argument::UInt(u64::from(u32::from_le_bytes(take(rest)?))), 4, None)
        }
        ArgumentForm::UInt8 => (Argument::UInt(u64::from_le_bytes(take(rest)?)), 8, None),
        ArgumentForm::Float8 => (Argument::Float(f64::from_be_bytes(take(rest)?)), 8, None),
        ArgumentForm::Long1 => {
            let (data, used) = counted_by::<1>(rest)?;
            (Argument::Long(data), used, None)
        }
        ArgumentForm::Long4 => {
            let count = i32::from_le_bytes(take(rest)?);
            let size = u64::try_from(count).map_err(|_| ErrorKind::NegativeLength(count))?;
            let (data, used) = counted(rest, 4, size)?;
            (Argument::Long(data), used, None)
        }
        ArgumentForm::String1 => {
            let (data, used) = counted_by::<1>(rest)?;
            (Argument::String8(data), used, None)
        }
        ArgumentForm::String4 => {
            let (data, used) = counted_by::<4>(rest)?;
            let negative = i32::try_from(data.len()).is_err();
            (Argument::String8(data), used, negative.then_some(Ambiguity::Length))
        }
        ArgumentForm::Bytes1 => bytes(counted_by::<1>(rest)?),
        ArgumentForm::Bytes4 => bytes(counted_by::<4>(rest)?),
        ArgumentForm::Bytes8 | ArgumentForm::ByteArray8 => bytes(counted_by::<8>(rest)?),
        ArgumentForm::Str1 => utf8(counted_by::<1>(rest)?)?,
        ArgumentForm::Str4 => utf8(counted_by::<4>(rest)?)?,
        ArgumentForm::Str8 => utf8(counted_by::<8>(rest)?)?,
        ArgumentForm::DecimalLine
        | ArgumentForm::LongLine
        | ArgumentForm::FloatLine
        | ArgumentForm::QuotedLine
        | ArgumentForm::PersIdLine
        | ArgumentForm::NamePair
        | ArgumentForm::RawUnicodeLine => parse_line(opcode, form, rest)?,
    })
}

fn bytes((data, used): (&[u8], usize)) -> Parsed<'_> {
    (Argument::Bytes(data), used, None)
}

#[inline(never)]
fn parse_line(opcode: Opcode, form: ArgumentForm, rest: &[u8]) -> Result<Parsed<'_>, ErrorKind> {
    let (text, used) = line(rest)?;
    let numeral = |(numeral, ambiguity)| (Argument::Numeral(numeral), used, ambiguity);
    Ok(match form {
        ArgumentForm::DecimalLine if opcode == Opcode::Int => numeral(text::int_line(text)?),
        ArgumentForm::DecimalLine => numeral(text::memo_line(text)?),
        ArgumentForm::LongLine => numeral(text::long_line(text)?),
        ArgumentForm::FloatLine => (Argument::FloatText(text), used, text::float_line(text)?),
        ArgumentForm::QuotedLine => {
            let [quote @ (b'\'' | b'"'), inner @ .., last] = text else {
                return Err(ErrorKind::Unquoted);
            };
            if quote != last {
                return Err(ErrorKind::Unquoted);
            }
            let (_, unknown) = text::unescape(inner)?;
            let argument = Argument::Quoted { quote: *quote, text: inner };
            (argument, used, unknown.then_some(Ambiguity::Escape))
        }
        ArgumentForm::PersIdLine => {
            if !text.is_ascii() {
                return Err(ErrorKind::NotAscii);
            }
            (Argument::PersId(text), used, None)
        }
        ArgumentForm::RawUnicodeLine => {
            text::decode_raw_unicode(text)?;
            (Argument::RawUnicode(text), used, None)
        }
        _ => {
            let (name, name_used) = line(&rest[used..])?;
            for part in [text, name] {
                if opcode == Opcode::Inst && !part.is_ascii() {
                    return Err(ErrorKind::NotAscii);
                }
                std::str::from_utf8(part).map_err(|_| ErrorKind::InvalidUtf8)?;
            }
            let odd = |byte: &u8| matches!(byte, 0 | b'\r');
            let ambiguity = if text.is_empty() || name.is_empty() {
                Some(Ambiguity::EmptyName)
            } else if text.iter().chain(name).any(odd) {
                Some(Ambiguity::ControlCharacter)
            } else {
                None
            };
            (Argument::Name { module: text, name }, used + name_used, ambiguity)
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn only(input: &[u8]) -> Result<Argument<'_>> {
        Reader::new(input).read().map(|instruction| instruction.argument)
    }

    fn fault(input: &[u8]) -> ErrorKind {
        Reader::new(input).find_map(Result::err).expect("a fault").kind
    }

    #[test]
    fn reads_every_form() {
        assert_eq!(only(b"J\xff\xff\xff\xff"), Ok(Argument::Int(-1)));
        assert_eq!(only(b"M\x01\x02"), Ok(Argument::UInt(0x201)));
        assert_eq!(only(b"\x8a\x01\x80"), Ok(Argument::Long(b"\x80")));
        assert_eq!(only(b"U\x02hi"), Ok(Argument::String8(b"hi")));
        assert_eq!(only(b"X\x02\0\0\0hi"), Ok(Argument::Str(b"hi")));
        assert_eq!(only(b"S'hi'\n"), Ok(Argument::Quoted { quote: b'\'', text: b"hi" }));
        assert_eq!(only(b"cos\nsystem\n"), Ok(Argument::Name { module: b"os", name: b"system" }));
        assert_eq!(only(b"G\x3f\xf0\0\0\0\0\0\0"), Ok(Argument::Float(1.0)));
    }

    #[test]
    fn names_the_fault() {
        assert_eq!(fault(b""), ErrorKind::NoStop);
        assert_eq!(fault(b"N"), ErrorKind::NoStop);
        assert_eq!(fault(b"\xff."), ErrorKind::UnknownOpcode(0xff));
        assert_eq!(fault(b"cos\nsystem"), ErrorKind::MissingNewline);
        assert_eq!(fault(b"S'hi\n."), ErrorKind::Unquoted);
        assert_eq!(fault(b"\x80\x06."), ErrorKind::UnsupportedProtocol(6));
        assert_eq!(fault(b"\x8b\xff\xff\xff\xff."), ErrorKind::NegativeLength(-1));
        let declared = b"\x8e\0\0\0\0\x01\0\0\0abc";
        assert_eq!(fault(declared), ErrorKind::Truncated { needed: 1 << 32, available: 3 });
    }

    #[test]
    fn the_text_of_what_was_read_is_found_again() {
        for input in [&b"\x8c\x02hi."[..], b"X\x02\0\0\0hi.", b"\x8d\x02\0\0\0\0\0\0\0hi."] {
            assert_eq!(text_at(input, 0), Some(&b"hi"[..]));
        }
        for input in [&b"U\x02hi"[..], b"X\x03\0\0\0hi", b"X\x02", b"\x8c", b"", b"\xff"] {
            assert_eq!(text_at(input, 0), None);
        }
    }

    #[test]
    fn what_is_passed_is_not_read() {
        let mut reader = Reader::new(b"]\x94.");
        assert_eq!(reader.next_byte(), Some(b']'));
        reader.pass();
        assert_eq!(reader.next_byte(), Some(Opcode::Memoize.byte()));
        reader.pass();
        assert_eq!(reader.read().map(|read| (read.offset, read.opcode)), Ok((2, Opcode::Stop)));
        assert_eq!(reader.next_byte(), None);
    }

    #[test]
    fn stops_after_stop() {
        let mut reader = Reader::new(b"N.N.");
        assert_eq!(reader.by_ref().count(), 2);
        assert_eq!(reader.offset(), 2);
    }
}
