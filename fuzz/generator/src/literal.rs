//! Literals: every way to spell a number, a string or a constant that all unpicklers read alike.

use std::io::Write as _;

use assay_pickle::Opcode;

use crate::emitter::Emitter;
use crate::features::Features;
use crate::machine::{Kind, Slot};

/// The two's complement of a number, little-endian, as short as `encode_long` makes it.
fn long_bytes(value: i64) -> ([u8; 9], usize) {
    let mut bytes = [0; 9];
    bytes[..8].copy_from_slice(&value.to_le_bytes());
    bytes[8] = if value < 0 { 0xff } else { 0 };
    let mut len = 9;
    let filler = bytes[8];
    while len > 0 && bytes[len - 1] == filler {
        len -= 1;
    }
    let needs_sign = match len {
        0 => value < 0,
        _ => (bytes[len - 1] ^ filler) & 0x80 != 0,
    };
    (bytes, len + usize::from(needs_sign))
}

/// The two's complement of a decimal numeral of any length.
pub(crate) fn decimal_bytes(text: &str) -> Vec<u8> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text),
    };
    let mut bytes: Vec<u8> = Vec::new();
    for digit in digits.bytes() {
        let mut carry = u32::from(digit - b'0');
        for byte in &mut bytes {
            carry += u32::from(*byte) * 10;
            *byte = carry as u8;
            carry >>= 8;
        }
        if carry > 0 {
            bytes.push(carry as u8);
        }
    }
    bytes.push(0);
    if negative {
        let mut carry = true;
        for byte in &mut bytes {
            let (value, overflow) = (!*byte).overflowing_add(u8::from(carry));
            *byte = value;
            carry = overflow;
        }
    }
    bytes
}

impl Emitter<'_, '_> {
    /// Pushes an `int`.
    pub(crate) fn int(&mut self, value: i64) {
        let word = i32::try_from(value).ok();
        if self.protocol == 0 || self.sometimes(Features::OLD, 4) {
            match word {
                Some(_) if !self.sometimes(Features::WIDE, 3) => {
                    self.op_decimal(Opcode::Int, value, b"");
                }
                _ => self.op_decimal(Opcode::Long, value, b"L"),
            }
            return;
        }
        let wide = if self.features.has(Features::WIDE) { self.choices.below(6) } else { 0 };
        let longs = self.speaks(Opcode::Long1);
        match (word, wide) {
            (_, 4) if longs => self.long1(value),
            (_, 5) if longs => {
                let (bytes, len) = long_bytes(value);
                self.op_counted(Opcode::Long4, 4, &bytes[..len]);
            }
            (Some(word @ 0..=0xff), 0..=1) => self.op_with(Opcode::BinInt1, &[word as u8]),
            (Some(word @ 0..=0xffff), 0..=2) => {
                self.op_with(Opcode::BinInt2, &(word as u16).to_le_bytes());
            }
            (Some(word), _) => self.op_with(Opcode::BinInt, &word.to_le_bytes()),
            (None, _) if longs => self.long1(value),
            (None, _) => self.op_decimal(Opcode::Long, value, b"L"),
        }
    }

    fn long1(&mut self, value: i64) {
        let (bytes, len) = long_bytes(value);
        self.op_counted(Opcode::Long1, 1, &bytes[..len]);
    }

    /// Pushes an `int` given in decimal.
    pub(crate) fn big_int(&mut self, digits: &str) {
        if self.speaks(Opcode::Long1) {
            let bytes = decimal_bytes(digits);
            if bytes.len() < 256 {
                self.op_counted(Opcode::Long1, 1, &bytes);
            } else {
                self.op_counted(Opcode::Long4, 4, &bytes);
            }
        } else {
            self.op_with(Opcode::Long, digits.as_bytes());
            self.raw(b"L\n");
        }
    }

    /// Pushes a `bool`.
    pub(crate) fn bool(&mut self, value: bool) {
        if self.speaks(Opcode::NewTrue) && !self.sometimes(Features::OLD, 4) {
            self.op(if value { Opcode::NewTrue } else { Opcode::NewFalse });
        } else {
            self.op_line(Opcode::Int, if value { b"01" } else { b"00" });
            self.machine.retype_top(Slot::new(Kind::Bool));
        }
    }

    /// Pushes a `float`.
    pub(crate) fn float(&mut self, value: f64) {
        if self.protocol >= 1 && !self.sometimes(Features::OLD, 4) {
            self.op_with(Opcode::BinFloat, &value.to_be_bytes());
            return;
        }
        let mut text = [0; 40];
        let mut rest = &mut text[..];
        // The longest shortest form of a double has 24 characters.
        let written =
            if value.is_nan() { rest.write_all(b"nan") } else { write!(rest, "{value:?}") };
        let left = rest.len();
        let len = if written.is_ok() { 40 - left } else { 0 };
        self.op_line(Opcode::Float, if len == 0 { b"0.0" } else { &text[..len] });
    }

    /// Pushes a `str`.
    pub(crate) fn str(&mut self, text: &str) {
        if self.protocol == 0 || self.sometimes(Features::OLD, 4) {
            self.raw_unicode(text);
            return;
        }
        let wide = self.sometimes(Features::WIDE, 4);
        let data = text.as_bytes();
        if wide && self.speaks(Opcode::BinUnicode8) {
            self.op_counted(Opcode::BinUnicode8, 8, data);
        } else if !wide && data.len() < 256 && self.protocol >= 4 {
            self.op_counted(Opcode::ShortBinUnicode, 1, data);
        } else {
            self.op_counted(Opcode::BinUnicode, 4, data);
        }
    }

    /// UNICODE, escaping what `save_str` escapes.
    pub(crate) fn raw_unicode(&mut self, text: &str) {
        let plain =
            |c: char| u32::from(c) < 0x80 && !matches!(c, '\\' | '\0' | '\n' | '\r' | '\x1a');
        if text.chars().all(plain) {
            self.op_line(Opcode::Unicode, text.as_bytes());
            return;
        }
        let mut line = Vec::with_capacity(text.len() + 8);
        for c in text.chars() {
            let code = u32::from(c);
            if plain(c) || (0x80..0x100).contains(&code) {
                line.push(code as u8);
            } else if code < 0x1_0000 {
                line.extend(format!("\\u{code:04x}").bytes());
            } else {
                line.extend(format!("\\U{code:08x}").bytes());
            }
        }
        self.op_line(Opcode::Unicode, &line);
    }

    /// Pushes an 8-bit string, which loads as `str` by default; `text` must be ASCII without
    /// quotes, backslashes or control characters.
    pub(crate) fn str8(&mut self, text: &str) {
        let data = text.as_bytes();
        match self.choices.below(if self.speaks(Opcode::BinString) { 3 } else { 1 }) {
            0 => {
                let quote: &[u8] = if self.choices.one_in(3) { b"\"" } else { b"'" };
                self.op_with(Opcode::String, quote);
                self.raw(data);
                self.raw(quote);
                self.raw(b"\n");
            }
            1 if data.len() < 256 => self.op_counted(Opcode::ShortBinString, 1, data),
            _ => self.op_counted(Opcode::BinString, 4, data),
        }
    }

    /// Pushes a `bytes` by an opcode; only from protocol 3 on.
    pub(crate) fn bytes_literal(&mut self, data: &[u8]) {
        let wide = if self.features.has(Features::WIDE) { self.choices.below(4) } else { 0 };
        match wide {
            3 if self.speaks(Opcode::BinBytes8) => self.op_counted(Opcode::BinBytes8, 8, data),
            0 | 1 if data.len() < 256 => self.op_counted(Opcode::ShortBinBytes, 1, data),
            _ => self.op_counted(Opcode::BinBytes, 4, data),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn longs_are_as_short_as_picklers_make_them() {
        let bytes = |value: i64| {
            let (bytes, len) = long_bytes(value);
            bytes[..len].to_vec()
        };
        assert_eq!(bytes(0), []);
        assert_eq!(bytes(255), [0xff, 0]);
        assert_eq!(bytes(127), [0x7f]);
        assert_eq!(bytes(-1), [0xff]);
        assert_eq!(bytes(-256), [0, 0xff]);
        assert_eq!(bytes(-128), [0x80]);
        assert_eq!(bytes(i64::MIN), i64::MIN.to_le_bytes());
    }

    #[test]
    fn decimals_of_any_length() {
        assert_eq!(decimal_bytes("256"), [0, 1, 0]);
        assert_eq!(decimal_bytes("-1"), [0xff, 0xff]);
        assert_eq!(decimal_bytes("18446744073709551616").len(), 10);
    }
}
