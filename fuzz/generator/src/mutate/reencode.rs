//! Spells a literal, a tuple or a constant in another way that means the same.

use arbitrary::Unstructured;
use assay_pickle::{Argument, Code, Opcode, Program};

use super::{Mutator, code, counted, place_where};
use crate::choices::Choices;
use crate::{Error, Result};

/// See the module.
pub(super) struct Reencode;

/// The other spellings of a code that every unpickler reads as the same.
fn spellings(old: &Code) -> Vec<Vec<Code>> {
    let instruction = old.view();
    let one = |code: Option<Code>| code.map(|code| vec![code]);
    let int = |value: i64| -> Vec<Vec<Code>> {
        let line = |opcode: Opcode, suffix: &str| {
            code(format!("{}{value}{suffix}\n", char::from(opcode.byte())).as_bytes())
        };
        let mut all = vec![line(Opcode::Long, "L"), line(Opcode::Long, "")];
        if let Ok(word) = i32::try_from(value) {
            let mut bytes = vec![Opcode::BinInt.byte()];
            bytes.extend(word.to_le_bytes());
            all.push(code(&bytes));
            all.push(line(Opcode::Int, ""));
        }
        let mut sign_extended = value.to_le_bytes().to_vec();
        all.push(counted(Opcode::Long1, 1, &sign_extended));
        sign_extended.push(if value < 0 { 0xff } else { 0 });
        all.push(counted(Opcode::Long4, 4, &sign_extended));
        if let Ok(short) = u16::try_from(value) {
            let mut bytes = vec![Opcode::BinInt2.byte()];
            bytes.extend(short.to_le_bytes());
            all.push(code(&bytes));
        }
        all.into_iter().filter_map(one).collect()
    };
    let data = |data: &[u8], opcodes: &[(Opcode, usize)]| -> Vec<Vec<Code>> {
        let fits = |(_, width): &&(Opcode, usize)| *width > 1 || data.len() < 256;
        let all = opcodes.iter().filter(fits);
        all.filter_map(|&(opcode, width)| one(counted(opcode, width, data))).collect()
    };
    match (instruction.opcode, instruction.argument) {
        (Opcode::BinInt1 | Opcode::BinInt2, Argument::UInt(value)) => int(value as i64),
        (Opcode::BinInt, Argument::Int(value)) => int(i64::from(value)),
        (Opcode::Int | Opcode::Long, Argument::Numeral(numeral)) => {
            numeral.value.map(int).unwrap_or_default()
        }
        (
            Opcode::ShortBinUnicode | Opcode::BinUnicode | Opcode::BinUnicode8,
            Argument::Str(text),
        ) => {
            let mut all = data(
                text,
                &[(Opcode::ShortBinUnicode, 1), (Opcode::BinUnicode, 4), (Opcode::BinUnicode8, 8)],
            );
            if let Ok(text) = std::str::from_utf8(text) {
                let mut line = vec![Opcode::Unicode.byte()];
                for c in text.chars() {
                    line.extend(format!("\\U{:08x}", u32::from(c)).bytes());
                }
                line.push(b'\n');
                all.extend(one(code(&line)));
            }
            all
        }
        (Opcode::ShortBinBytes | Opcode::BinBytes | Opcode::BinBytes8, Argument::Bytes(bytes)) => {
            data(
                bytes,
                &[(Opcode::ShortBinBytes, 1), (Opcode::BinBytes, 4), (Opcode::BinBytes8, 8)],
            )
        }
        (Opcode::ShortBinString | Opcode::BinString, Argument::String8(bytes)) => {
            let mut all = data(bytes, &[(Opcode::ShortBinString, 1), (Opcode::BinString, 4)]);
            let mut line = b"S'".to_vec();
            for byte in bytes {
                line.extend(format!("\\x{byte:02x}").bytes());
            }
            line.extend(b"'\n");
            all.extend(one(code(&line)));
            all
        }
        (Opcode::NewTrue, _) => one(code(b"I01\n")).into_iter().collect(),
        (Opcode::NewFalse, _) => one(code(b"I00\n")).into_iter().collect(),
        (Opcode::EmptyList, _) => vec![vec![Code::op(Opcode::Mark), Code::op(Opcode::List)]],
        (Opcode::EmptyTuple, _) => vec![vec![Code::op(Opcode::Mark), Code::op(Opcode::Tuple)]],
        (Opcode::EmptyDict, _) => vec![vec![Code::op(Opcode::Mark), Code::op(Opcode::Dict)]],
        (Opcode::BinPut | Opcode::LongBinPut, Argument::UInt(index)) => {
            one(code(format!("p{index}\n").as_bytes())).into_iter().collect()
        }
        (Opcode::BinGet | Opcode::LongBinGet, Argument::UInt(index)) => {
            one(code(format!("g{index}\n").as_bytes())).into_iter().collect()
        }
        (Opcode::Global, Argument::Name { module, name }) => {
            // STACK_GLOBAL takes a dotted name apart whatever the protocol; both look it up alike
            // otherwise.
            match (counted(Opcode::BinUnicode, 4, module), counted(Opcode::BinUnicode, 4, name)) {
                (Some(module), Some(name)) if instruction.ambiguity.is_none() => {
                    vec![vec![module, name, Code::op(Opcode::StackGlobal)]]
                }
                _ => Vec::new(),
            }
        }
        _ => Vec::new(),
    }
}

impl Mutator for Reencode {
    fn name(&self) -> &'static str {
        "reencode"
    }

    fn keeps_meaning(&self) -> bool {
        true
    }

    fn can_mutate(&self, program: &Program) -> bool {
        program.codes.iter().any(|code| !spellings(code).is_empty())
    }

    fn change(&self, program: &mut Program, entropy: &mut Unstructured<'_>) -> Result<()> {
        let mut choices = Choices::new(entropy);
        let fits = |code: &Code| !spellings(code).is_empty();
        let place = place_where(program, &mut choices, fits).ok_or(Error::NotApplicable)?;
        let mut all = spellings(&program.codes[place]);
        let chosen = all.swap_remove(choices.below(all.len()));
        program.codes.splice(place..=place, chosen);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(bytes: &[u8]) -> Vec<Vec<u8>> {
        let flat = |codes: Vec<Code>| codes.iter().flat_map(|code| code.bytes().to_vec()).collect();
        spellings(&code(bytes).unwrap()).into_iter().map(flat).collect()
    }

    #[test]
    fn integers_and_names() {
        let spelled = all(b"K\x07");
        for expected in [&b"I7\n"[..], b"L7L\n", b"J\x07\0\0\0", b"M\x07\0"] {
            assert!(spelled.contains(&expected.to_vec()), "{}", expected.escape_ascii());
        }
        assert_eq!(all(b"cos\nsystem\n"), [b"X\x02\0\0\0osX\x06\0\0\0system\x93"]);
        assert_eq!(all(b"I0x10\n"), Vec::<Vec<u8>>::new());
    }
}
