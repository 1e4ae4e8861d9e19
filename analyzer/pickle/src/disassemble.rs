//! Disassembly: one line an opcode, for people.

use std::fmt::Write as _;

use crate::{Argument, Instruction};

/// `bytes` as a Python literal without its `b`, escaped where not printable ASCII, cut at `max`
/// bytes of input.
pub fn quote_bytes(bytes: &[u8], max: usize) -> String {
    let mut out = String::from("'");
    let shown = &bytes[..bytes.len().min(max)];
    match std::str::from_utf8(shown) {
        Ok(text) => {
            for c in text.chars() {
                match c {
                    '\'' | '\\' => out.extend(['\\', c]),
                    c if c.is_control() => out.extend(c.escape_default()),
                    c => out.push(c),
                }
            }
        }
        Err(_) => out.extend(shown.iter().map(|byte| byte.escape_ascii().to_string())),
    }
    out.push('\'');
    if bytes.len() > max {
        let _ = write!(out, "… ({} bytes)", bytes.len());
    }
    out
}

/// Bytes of an argument that are shown.
const SHOWN: usize = 60;

/// The argument as people read it; empty if there is none.
fn argument(argument: &Argument<'_>) -> String {
    match *argument {
        Argument::None => String::new(),
        Argument::UInt(value) => value.to_string(),
        Argument::Int(value) => value.to_string(),
        Argument::Float(value) => format!("{value:?}"),
        Argument::Numeral(numeral) => numeral.text.escape_ascii().to_string(),
        Argument::FloatText(text) => text.escape_ascii().to_string(),
        Argument::Long(data) => match data.len() {
            0..=8 => {
                let fill = if data.last().is_some_and(|byte| byte & 0x80 != 0) { 0xff } else { 0 };
                let mut bytes = [fill; 8];
                bytes[..data.len()].copy_from_slice(data);
                i64::from_le_bytes(bytes).to_string()
            }
            len => format!("({len} bytes)"),
        },
        Argument::Quoted { text, .. } => format!("'{}'", text.escape_ascii()),
        Argument::String8(data) | Argument::Str(data) => quote_bytes(data, SHOWN),
        Argument::Bytes(data) => format!("b{}", quote_bytes(data, SHOWN)),
        Argument::RawUnicode(text) | Argument::PersId(text) => quote_bytes(text, SHOWN),
        Argument::Name { module, name } => {
            format!("{} {}", quote_bytes(module, SHOWN), quote_bytes(name, SHOWN))
        }
    }
}

/// The line of one opcode: name, argument, and the doubt about it.
pub fn disassemble(instruction: &Instruction<'_>) -> String {
    let mut line = instruction.opcode.name().to_owned();
    let argument = argument(&instruction.argument);
    if !argument.is_empty() {
        let _ = write!(line, " {argument}");
    }
    if let Some(ambiguity) = instruction.ambiguity {
        let _ = write!(line, "  (ambiguous: {})", ambiguity.message());
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Reader;

    #[test]
    fn lines_for_people() {
        let shown: Vec<String> =
            Reader::new(b"\x80\x02cos\nsystem\nI010\n\x8a\x01\xffX\x02\0\0\0\xc3\xa9.")
                .map(|read| disassemble(&read.unwrap()))
                .collect();
        assert_eq!(
            shown,
            [
                "PROTO 2",
                "GLOBAL 'os' 'system'",
                "INT 010  (ambiguous: this spelling of an integer is read differently by C and Python)",
                "LONG1 -1",
                "BINUNICODE 'é'",
                "STOP",
            ]
        );
    }
}
