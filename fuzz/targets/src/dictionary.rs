//! libFuzzer's dictionary of the pickle format, derived from the table of opcodes.

use std::fmt::Write as _;

use assay_pickle::{ArgumentForm as Form, Opcode, StackItem};

/// The least argument of a form.
fn least(form: Form) -> &'static [u8] {
    match form {
        Form::None => b"",
        Form::UInt1 => b"\0",
        Form::UInt2 => b"\0\0",
        Form::Int4 | Form::UInt4 => b"\0\0\0\0",
        Form::UInt8 => b"\0\0\0\0\0\0\0\0",
        Form::Float8 => b"\x3f\xf8\0\0\0\0\0\0",
        Form::DecimalLine => b"0\n",
        Form::LongLine => b"0L\n",
        Form::FloatLine => b"0.5\n",
        Form::QuotedLine => b"''\n",
        Form::RawUnicodeLine => b"\n",
        Form::PersIdLine => b"0\n",
        Form::NamePair => b"builtins\nlist\n",
        Form::Long1 | Form::String1 | Form::Bytes1 | Form::Str1 => b"\x01\0",
        Form::Long4 | Form::String4 | Form::Bytes4 | Form::Str4 => b"\x01\0\0\0\0",
        Form::Bytes8 | Form::ByteArray8 | Form::Str8 => b"\x01\0\0\0\0\0\0\0\0",
    }
}

fn entry(out: &mut String, name: &str, bytes: &[u8]) {
    let _ = write!(out, "{name}=\"");
    for byte in bytes {
        let _ = match byte {
            b'"' | b'\\' => write!(out, "\\{}", char::from(*byte)),
            b' '..=b'~' => write!(out, "{}", char::from(*byte)),
            _ => write!(out, "\\x{byte:02x}"),
        };
    }
    out.push_str("\"\n");
}

/// The dictionary, as libFuzzer reads it: each opcode with its least argument, and each that
/// takes everything above a mark with that mark.
pub fn dictionary() -> String {
    let mut out = String::from("# Opcodes, from Assay's table; a test keeps it so.\n");
    for opcode in Opcode::ALL {
        let info = opcode.info();
        let mut bytes = vec![opcode.byte()];
        bytes.extend_from_slice(least(info.form));
        entry(&mut out, info.name, &bytes);
        if info.before.contains(&StackItem::Mark) {
            bytes.insert(0, Opcode::Mark.byte());
            entry(&mut out, &format!("MARK_{}", info.name), &bytes);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use assay_pickle::Code;

    use super::*;

    #[test]
    fn every_argument_is_one_of_its_form() {
        for opcode in Opcode::ALL {
            let mut bytes = vec![opcode.byte()];
            bytes.extend_from_slice(least(opcode.info().form));
            assert!(Code::from_bytes(bytes).is_some(), "{}", opcode.name());
        }
    }

    #[test]
    fn the_file_is_that_of_this_table() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../pickle.dict");
        let again = "cargo run -p assay-targets --example dictionary > fuzz/pickle.dict";
        assert_eq!(std::fs::read_to_string(path).unwrap(), dictionary(), "stale: {again}");
    }
}
