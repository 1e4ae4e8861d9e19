//! What constants say: their data stay in the input, and are read again when asked for.

use std::borrow::Cow;

use assay_pickle::{Argument, Instruction, Reader, text, text_at};

use super::Judge;
use crate::domain::{NOWHERE, Value};

/// Bytes that are looked at in one step, as long as text is short.
const A_STEP: usize = 8;

/// Bytes of text beyond which each takes a step: it is decoded, not only compared.
const SHORT: usize = 256;

impl<'a> Judge<'_, 'a> {
    /// The instruction that pushed the constant at `offset`. A memo can bring it back any number
    /// of times, so what it takes to read it again is counted; with no steps left nothing is read,
    /// and the run ends at the next opcode.
    fn constant(&self, offset: u32) -> Option<Instruction<'a>> {
        if !self.has_steps() {
            return None;
        }
        let instruction = Reader::at(self.input, offset as usize).read().ok()?;
        match instruction.argument {
            Argument::RawUnicode(text) | Argument::Quoted { text, .. } => self.spend_on(text),
            _ => self.spend((instruction.len / A_STEP) as u64),
        }
        Some(instruction)
    }

    /// The text of a constant `str`, or of a constant ASCII 8-bit string.
    pub(crate) fn text_of(&self, value: Value) -> Option<Cow<'a, [u8]>> {
        let (Value::Str(offset) | Value::Str8(offset)) = value else { return None };
        if let Some(text) = text_at(self.input, offset as usize) {
            return Some(Cow::Borrowed(text));
        }
        match self.constant(offset)?.argument {
            Argument::RawUnicode(line) => text::decode_raw_unicode(line).ok(),
            Argument::String8(data) => data.is_ascii().then_some(Cow::Borrowed(data)),
            Argument::Quoted { text, .. } => {
                let (data, _) = text::unescape(text).ok()?;
                data.is_ascii().then_some(data)
            }
            _ => None,
        }
    }

    /// The bytes of a constant `bytes`, `bytearray` or 8-bit string, or of a `str` encoded as Latin-1.
    pub(crate) fn bytes_of(&self, value: Value) -> Option<Cow<'a, [u8]>> {
        if let Value::Encoded(offset) = value {
            return self.encoded(offset);
        }
        let (Value::Bytes(offset) | Value::Str8(offset) | Value::ByteArray(offset)) = value else {
            return None;
        };
        if offset == NOWHERE {
            return None;
        }
        match self.constant(offset)?.argument {
            Argument::Bytes(data) | Argument::String8(data) => Some(Cow::Borrowed(data)),
            Argument::Quoted { text, .. } => text::unescape(text).ok().map(|(data, _)| data),
            // Of which a call made the `bytearray`.
            Argument::RawUnicode(_) | Argument::Str(_) => self.encoded(offset),
            _ => None,
        }
    }

    /// The bytes of the `str` at that offset, as Latin-1.
    fn encoded(&self, offset: u32) -> Option<Cow<'a, [u8]>> {
        let text = self.text_of(Value::Str(offset))?;
        self.spend((text.len() / A_STEP) as u64);
        if text.is_ascii() {
            return Some(text);
        }
        let chars = std::str::from_utf8(&text).ok()?.chars();
        let bytes: Result<Vec<u8>, _> = chars.map(u8::try_from).collect();
        bytes.ok().map(Cow::Owned)
    }

    /// Takes steps for text that is hashed, decoded or parsed as a whole.
    pub(crate) fn spend_on(&self, text: &[u8]) {
        let each = if text.len() > SHORT { 1 } else { A_STEP };
        self.spend((text.len() / each) as u64);
    }
}
