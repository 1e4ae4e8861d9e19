//! Boundary values for every form of argument, text numerals above all.
//!
//! What is here is bounded so that loading it is: memo indices that are stored at stay small,
//! counts that are declared and not given may be as large as they like.

use assay_pickle::{ArgumentForm, Opcode};

use crate::emitter::{Emitter, MAX_MEMO};

/// Integers in text for INT and LONG. Which readers take which, and as what, differs.
const NUMERALS: [&[u8]; 57] = [
    b"0",
    b"-0",
    b"00",
    b"01",
    b"02",
    b"000",
    b"001",
    b"1",
    b"+1",
    b" 1",
    b"1 ",
    b"\t1",
    b"1\r",
    b"1\0",
    b"\x0b1",
    b"010",
    b"08",
    b"0x10",
    b"0X1f",
    b"0x",
    b"0b1",
    b"0o7",
    b"0O17",
    b"1_000",
    b"1__0",
    b"_1",
    b"1L",
    b"1l",
    b"0L",
    b"01L",
    b"1LL",
    b"L",
    b"",
    b"-",
    b"--1",
    b"-1",
    b"- 1",
    b"1.0",
    b"1e3",
    b"2147483647",
    b"2147483648",
    b"-2147483648",
    b"-2147483649",
    b"4294967295",
    b"4294967296",
    b"65535",
    b"65536",
    b"-128",
    b"9223372036854775807",
    b"9223372036854775808",
    b"-9223372036854775808",
    b"-9223372036854775809",
    b"18446744073709551615",
    b"18446744073709551616",
    b"True",
    b"\xd9\xa1",
    b"1\x1f",
];

/// Memo indices in text for GET and PUT.
const INDICES: [&[u8]; 29] = [
    b"0",
    b"1",
    b"00",
    b"01",
    b"+1",
    b"-1",
    b"-0",
    b" 0",
    b"0 ",
    b"0\r",
    b"0\0",
    b"1_0",
    b"0x0",
    b"0b0",
    b"255",
    b"256",
    b"599",
    b"",
    b"a",
    b"1.0",
    b"1L",
    b"9223372036854775807",
    b"9223372036854775808",
    b"-9223372036854775809",
    b"18446744073709551616",
    b"-9223372036854775808",
    b"\xd9\xa0",
    b"0_0",
    b"\t0",
];

/// Floats in text.
const FLOATS: [&[u8]; 32] = [
    b"0",
    b"1",
    b"1.5",
    b"-0.0",
    b"+1.5",
    b" 1.5",
    b"1.5 ",
    b"1.5\r",
    b"1.5\0",
    b".5",
    b"5.",
    b".",
    b"1e5",
    b"1E5",
    b"1e",
    b"1e+308",
    b"1e309",
    b"-1e400",
    b"1e-400",
    b"inf",
    b"-inf",
    b"Infinity",
    b"INF",
    b"nan",
    b"-nan",
    b"NaN",
    b"1_0.0",
    b"0x1p3",
    b"1,5",
    b"",
    b"1.7976931348623159e308",
    b"4.9406564584124654e-324",
];

/// What stands behind STRING, quotes and all.
const QUOTED: [&[u8]; 30] = [
    b"''",
    b"\"\"",
    b"'a'",
    b"\"a\"",
    b"'a\"",
    b"a",
    b"'",
    b"'a",
    b"a'",
    b"'a'b'",
    b"''a''",
    b"'\\''",
    b"'\\x41'",
    b"'\\x4'",
    b"'\\101'",
    b"'\\400'",
    b"'\\777'",
    b"'\\d'",
    b"'\\N{DIGIT}'",
    b"'\\u0041'",
    b"'\\",
    b"'\\'",
    b"'a' ",
    b" 'a'",
    b"'a'\r",
    b"'\xe9'",
    b"'\\xe9'",
    b"'\0'",
    b"",
    b"'\\\\'",
];

/// What stands behind UNICODE.
const RAW: [&[u8]; 22] = [
    b"",
    b"a",
    b"\\u0041",
    b"\\u004",
    b"\\U00000041",
    b"\\U00110000",
    b"\\U0010ffff",
    b"\\ud800",
    b"\\ud83d\\ude00",
    b"\\\\u0041",
    b"\\",
    b"\\x41",
    b"\\n",
    b"\xe9",
    b"\xff\xfe",
    b"\r",
    b"\0",
    b"\x1a",
    b"\\u000a",
    b"\\u00",
    b"\\uzzzz",
    b"\x85",
];

/// Persistent ids in text.
const PERSISTENT: [&[u8]; 6] = [b"0", b"", b"id", b"\xe9", b"a b", b"\0"];

/// Modules and names, as lines.
const NAMES: [(&[u8], &[u8]); 22] = [
    (b"os", b"system"),
    (b"builtins", b"list"),
    (b"collections", b"OrderedDict"),
    (b"", b""),
    (b"os", b""),
    (b"", b"system"),
    (b"os\r", b"system\r"),
    (b" os", b"system"),
    (b"os", b"path.join"),
    (b"os.path", b"join"),
    (b"os", b"path..join"),
    (b"os", b"."),
    (b".os", b"system"),
    (b"os\0", b"system"),
    (b"\xc3\xa9", b"x"),
    (b"\xe9", b"x"),
    (b"__main__", b"x"),
    (b"copy_reg", b"_reconstructor"),
    (b"__builtin__", b"xrange"),
    (b"builtins", b"<locals>.x"),
    (b"builtins", b"None"),
    (b"builtins", b"__name__"),
];

/// Counted text: UTF-8, and what is not quite.
const TEXTS: [&[u8]; 14] = [
    b"",
    b"a",
    b"\xc3\xa9",
    b"\xf0\x9f\x98\x80",
    b"\xed\xa0\x80",
    b"\xed\xa0\xbd\xed\xb8\x80",
    b"\xc0\x80",
    b"\xff",
    b"\xc3",
    b"\0",
    b"\n",
    b"os",
    b"\xef\xbb\xbfx",
    b"\xf4\x90\x80\x80",
];

/// Two's complements for LONG1 and LONG4.
const LONGS: [&[u8]; 12] = [
    b"",
    b"\0",
    b"\0\0",
    b"\x80",
    b"\xff",
    b"\xff\xff",
    b"\xff\0",
    b"\0\x80",
    b"\x01\0\0\0\0",
    b"\xff\xff\xff\xff\xff\xff\xff\x7f",
    b"\0\0\0\0\0\0\0\x80",
    b"\0\0\0\0\0\0\0\x80\0",
];

/// Doubles by their bits: signalling and quiet NaN, infinities, subnormals, zeros.
const DOUBLES: [u64; 9] = [
    0,
    1 << 63,
    0x7ff0_0000_0000_0000,
    0xfff0_0000_0000_0000,
    0x7ff8_0000_0000_0000,
    0x7ff0_0000_0000_0001,
    0xfff8_dead_beef_0001,
    1,
    0x000f_ffff_ffff_ffff,
];

/// Four-byte integers.
const WORDS: [u32; 10] =
    [0, 1, 0xff, 0x100, 0xffff, 0x1_0000, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff, 0xe1];

/// Counts that are not given: negative, beyond the input, beyond memory.
const LENGTHS: [u64; 8] = [1, 2, 0xff, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff, 1 << 63, u64::MAX];

impl Emitter<'_, '_> {
    /// Writes an opcode with an argument at some boundary of its form.
    pub(crate) fn boundary(&mut self, opcode: Opcode) {
        let form = opcode.info().form;
        match form {
            ArgumentForm::None => self.op(opcode),
            ArgumentForm::DecimalLine if opcode == Opcode::Int && self.choices.one_in(24) => {
                let digits = 4299 + self.choices.below(3);
                self.op_line(opcode, &vec![b'1'; digits]);
            }
            ArgumentForm::DecimalLine if opcode == Opcode::Int => self.pick_line(opcode, &NUMERALS),
            ArgumentForm::DecimalLine => self.pick_line(opcode, &INDICES),
            ArgumentForm::LongLine if self.choices.one_in(24) => {
                // CPythons since 3.10.7 refuse more than 4300 digits.
                let digits = 4299 + self.choices.below(3);
                self.op_with(opcode, &vec![b'9'; digits]);
                self.raw(b"L\n");
            }
            ArgumentForm::LongLine => self.pick_line(opcode, &NUMERALS),
            ArgumentForm::FloatLine => self.pick_line(opcode, &FLOATS),
            ArgumentForm::QuotedLine => self.pick_line(opcode, &QUOTED),
            ArgumentForm::RawUnicodeLine => self.pick_line(opcode, &RAW),
            ArgumentForm::PersIdLine => self.pick_line(opcode, &PERSISTENT),
            ArgumentForm::NamePair => {
                let (module, name) = *self.choices.pick(&NAMES);
                self.op_with(opcode, module);
                for part in [b"\n", name, b"\n"] {
                    self.raw(part);
                }
            }
            ArgumentForm::UInt1 if opcode == Opcode::Proto => {
                let protocol = *self.choices.pick(&[0, 1, 2, 3, 4, 5, 6, 0x80, 0xff]);
                self.op_with(opcode, &[protocol]);
            }
            ArgumentForm::UInt1 => {
                let index = *self.choices.pick(&[0_u8, 1, 2, 0x7f, 0xe1, 0xff]);
                self.op_indexed(opcode, u64::from(index), 1);
            }
            ArgumentForm::UInt2 => {
                let value = *self.choices.pick(&[0_u16, 1, 0xff, 0x100, 0x7fff, 0x8000, 0xffff]);
                self.op_with(opcode, &value.to_le_bytes());
            }
            ArgumentForm::Int4 => {
                let value = *self.choices.pick(&WORDS);
                self.op_with(opcode, &value.to_le_bytes());
            }
            ArgumentForm::UInt4 if opcode == Opcode::LongBinPut => {
                let index = *self.choices.pick(&[0, 1, 255, 256, MAX_MEMO as u64 - 1]);
                self.op_indexed(opcode, index, 4);
            }
            ArgumentForm::UInt4 => {
                let index = *self.choices.pick(&WORDS);
                self.op_indexed(opcode, u64::from(index), 4);
            }
            ArgumentForm::UInt8 => self.boundary_frame(),
            ArgumentForm::Float8 => {
                let bits = *self.choices.pick(&DOUBLES);
                self.op_with(opcode, &bits.to_be_bytes());
            }
            ArgumentForm::Long1 => self.boundary_counted(opcode, 1, &LONGS),
            ArgumentForm::Long4 => self.boundary_counted(opcode, 4, &LONGS),
            ArgumentForm::String1 | ArgumentForm::Bytes1 | ArgumentForm::Str1 => {
                self.boundary_counted(opcode, 1, &TEXTS);
            }
            ArgumentForm::String4 | ArgumentForm::Bytes4 | ArgumentForm::Str4 => {
                self.boundary_counted(opcode, 4, &TEXTS);
            }
            ArgumentForm::Bytes8 | ArgumentForm::ByteArray8 | ArgumentForm::Str8 => {
                self.boundary_counted(opcode, 8, &TEXTS);
            }
        }
    }

    fn pick_line(&mut self, opcode: Opcode, lines: &'static [&'static [u8]]) {
        let line = *self.choices.pick(lines);
        self.op_line(opcode, line);
    }

    fn op_indexed(&mut self, opcode: Opcode, index: u64, width: usize) {
        match opcode {
            Opcode::BinGet | Opcode::BinPut | Opcode::LongBinGet | Opcode::LongBinPut => {
                self.op_memo(opcode, index as usize);
            }
            _ => self.op_with(opcode, &index.to_le_bytes()[..width]),
        }
    }

    fn boundary_counted(&mut self, opcode: Opcode, width: usize, data: &'static [&'static [u8]]) {
        let data = *self.choices.pick(data);
        if self.choices.one_in(16) {
            // A count without the data: what follows is swallowed, or the pickle ends.
            let count = *self.choices.pick(&LENGTHS);
            self.op_with(opcode, &count.to_le_bytes()[..width]);
            self.raw(data);
        } else {
            self.op_counted(opcode, width, data);
        }
    }

    /// FRAME with a length that is right, wrong, or taken from what follows.
    fn boundary_frame(&mut self) {
        match self.choices.below(6) {
            0 => self.begin_frame(),
            1 => {
                // The frame before ends elsewhere than it says.
                let missing = *self.choices.pick(&[1, -1, 2, -2, 8, -100]);
                self.end_frame_wrongly(missing);
                self.begin_frame();
            }
            2 => {
                // Nested: the frame before is still open.
                self.op_with(Opcode::Frame, &[4, 0, 0, 0, 0, 0, 0, 0]);
            }
            _ => {
                let len = *self.choices.pick(&[0_u64, 1, 2, 3, 5, 1 << 31, 1 << 63, u64::MAX]);
                self.op_with(Opcode::Frame, &len.to_le_bytes());
            }
        }
    }
}
