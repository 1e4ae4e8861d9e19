//! Arguments: the forms in which they are spelled, and what was read.

/// How an opcode's argument is spelled (`pickletools.ArgumentDescriptor`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ArgumentForm {
    /// No argument.
    None,
    /// One unsigned byte.
    UInt1,
    /// Two bytes, little-endian, unsigned.
    UInt2,
    /// Four bytes, little-endian, signed.
    Int4,
    /// Four bytes, little-endian, unsigned.
    UInt4,
    /// Eight bytes, little-endian, unsigned.
    UInt8,
    /// A decimal integer and a newline (`decimalnl_short`).
    DecimalLine,
    /// A decimal integer, an optional `L` and a newline (`decimalnl_long`).
    LongLine,
    /// A decimal float and a newline (`floatnl`).
    FloatLine,
    /// A big-endian double (`float8`).
    Float8,
    /// One byte of length, then a little-endian two's complement integer (`long1`).
    Long1,
    /// Four bytes of length, signed, then such an integer (`long4`).
    Long4,
    /// A quoted string with backslash escapes and a newline (`stringnl`).
    QuotedLine,
    /// An ASCII line (`stringnl_noescape`).
    PersIdLine,
    /// Two lines, module and name (`stringnl_noescape_pair`).
    NamePair,
    /// A raw-unicode-escaped line (`unicodestringnl`).
    RawUnicodeLine,
    /// One byte of length, then an 8-bit string (`string1`).
    String1,
    /// Four bytes of length, then an 8-bit string (`string4`).
    String4,
    /// One byte of length, then bytes (`bytes1`).
    Bytes1,
    /// Four bytes of length, then bytes (`bytes4`).
    Bytes4,
    /// Eight bytes of length, then bytes (`bytes8`).
    Bytes8,
    /// Eight bytes of length, then bytes (`bytearray8`).
    ByteArray8,
    /// One byte of length, then UTF-8 (`unicodestring1`).
    Str1,
    /// Four bytes of length, then UTF-8 (`unicodestring4`).
    Str4,
    /// Eight bytes of length, then UTF-8 (`unicodestring8`).
    Str8,
}

impl ArgumentForm {
    /// The name `pickletools` gives it; `None` for no argument.
    pub fn name(self) -> Option<&'static str> {
        Some(match self {
            Self::None => return None,
            Self::UInt1 => "uint1",
            Self::UInt2 => "uint2",
            Self::Int4 => "int4",
            Self::UInt4 => "uint4",
            Self::UInt8 => "uint8",
            Self::DecimalLine => "decimalnl_short",
            Self::LongLine => "decimalnl_long",
            Self::FloatLine => "floatnl",
            Self::Float8 => "float8",
            Self::Long1 => "long1",
            Self::Long4 => "long4",
            Self::QuotedLine => "stringnl",
            Self::PersIdLine => "stringnl_noescape",
            Self::NamePair => "stringnl_noescape_pair",
            Self::RawUnicodeLine => "unicodestringnl",
            Self::String1 => "string1",
            Self::String4 => "string4",
            Self::Bytes1 => "bytes1",
            Self::Bytes4 => "bytes4",
            Self::Bytes8 => "bytes8",
            Self::ByteArray8 => "bytearray8",
            Self::Str1 => "unicodestring1",
            Self::Str4 => "unicodestring4",
            Self::Str8 => "unicodestring8",
        })
    }

    /// Whether the argument is text that ends at a newline.
    pub fn is_line(self) -> bool {
        matches!(
            self,
            Self::DecimalLine
                | Self::LongLine
                | Self::FloatLine
                | Self::QuotedLine
                | Self::PersIdLine
                | Self::NamePair
                | Self::RawUnicodeLine
        )
    }
}

/// An integer spelled in text, kept as it is spelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Numeral<'a> {
    /// The line without its newline.
    pub text: &'a [u8],
    /// The value, if every CPython reads this spelling alike and it fits.
    pub value: Option<i64>,
}

impl Numeral<'_> {
    /// Whether it is below zero however it is read: a memo index of any length that is, is refused.
    pub fn is_negative(&self) -> bool {
        // C reads up to a NUL, and nobody minds spaces.
        let text = self.text.split(|&byte| byte == 0).next().unwrap_or_default();
        let sign = text.iter().find(|byte| !matches!(byte, b' ' | b'\t'..=b'\r'));
        sign == Some(&b'-') && text.iter().any(|byte| matches!(byte, b'1'..=b'9'))
    }
}

/// An argument as it was read. Text and counted data are borrowed from the input.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Argument<'a> {
    /// There is none.
    None,
    /// An unsigned integer of one to eight bytes.
    UInt(u64),
    /// A signed integer of four bytes.
    Int(i32),
    /// INT, LONG, GET, PUT: an integer in text.
    Numeral(Numeral<'a>),
    /// LONG1, LONG4: two's complement, little-endian; empty is zero.
    Long(&'a [u8]),
    /// BINFLOAT.
    Float(f64),
    /// FLOAT: the line without its newline.
    FloatText(&'a [u8]),
    /// STRING: what stands between the quotes, escapes unread; see [`crate::text`].
    Quoted {
        /// `'` or `"`.
        quote: u8,
        /// The escaped text.
        text: &'a [u8],
    },
    /// BINSTRING, SHORT_BINSTRING: an 8-bit string.
    String8(&'a [u8]),
    /// BINBYTES and its kin, BYTEARRAY8.
    Bytes(&'a [u8]),
    /// BINUNICODE and its kin: valid UTF-8 but for surrogates (`surrogatepass`).
    Str(&'a [u8]),
    /// UNICODE: the line, escapes unread; see [`crate::text`].
    RawUnicode(&'a [u8]),
    /// PERSID: an ASCII line.
    PersId(&'a [u8]),
    /// GLOBAL, INST: two lines; valid UTF-8 (GLOBAL) or ASCII (INST).
    Name {
        /// The first line.
        module: &'a [u8],
        /// The second line.
        name: &'a [u8],
    },
}

/// Why CPythons, or the unpicklers of one CPython, read an argument differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Ambiguity {
    /// An integer not spelled as picklers do: `_pickle.c` reads INT by `strtol` with base 0
    /// (octal, hex, spaces), `pickle.py` by `int(text, 0)`, pickletools by `int(text)`.
    Numeral,
    /// So many digits that CPythons since 3.10.7 refuse (`sys.set_int_max_str_digits`).
    Digits,
    /// A float that overflows or is spelled loosely: `_pickle.c` raises where `float()` takes it.
    Float,
    /// A backslash escape that is not one: kept, with a warning that runs Python code.
    Escape,
    /// A four-byte count above 2^31: negative for `pickle.py`.
    Length,
    /// An empty module or name: an error to `_pickle.c`, not to `pickle.py`.
    EmptyName,
    /// A carriage return or NUL within a line: not every reader ends the text at the same place.
    ControlCharacter,
}

impl Ambiguity {
    /// One clause for people.
    pub fn message(self) -> &'static str {
        match self {
            Self::Numeral => "this spelling of an integer is read differently by C and Python",
            Self::Digits => "CPythons since 3.10.7 refuse an integer of so many digits",
            Self::Float => "this spelling of a float is read differently by C and Python",
            Self::Escape => "an unknown escape, kept with a warning that runs Python code",
            Self::Length => "a count above 2^31 is negative to the pure Python unpickler",
            Self::EmptyName => "an empty name is an error to C but not to Python",
            Self::ControlCharacter => "a control character in a line is read differently",
        }
    }
}
