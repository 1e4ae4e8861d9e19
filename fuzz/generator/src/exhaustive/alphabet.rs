//! The alphabet: opcodes with representative arguments, from `data/alphabet.toml`.

use std::collections::HashMap;
use std::sync::LazyLock;

use assay_pickle::{Code, Opcode};
use serde::Deserialize;

use crate::{Error, Result};

/// An opcode with one argument.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Symbol {
    /// The opcode.
    pub opcode: Opcode,
    /// Its bytes, the opcode's own first.
    pub bytes: Vec<u8>,
    /// Whether it claims more bytes than it holds, so that what follows is read as its argument
    /// and the symbols after it need not be read as they are written.
    pub open: bool,
}

/// The symbols, in the order of the opcode table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alphabet {
    symbols: Vec<Symbol>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Data {
    symbols: HashMap<String, Vec<String>>,
}

impl Alphabet {
    /// The documented one.
    pub fn standard() -> &'static Self {
        static STANDARD: LazyLock<Alphabet> = LazyLock::new(|| {
            Alphabet::parse(include_str!("../../data/alphabet.toml")).expect("a test reads it")
        });
        &STANDARD
    }

    /// Reads an alphabet.
    ///
    /// # Errors
    /// If it is not of the right shape, or names no opcode.
    pub fn parse(text: &str) -> Result<Self> {
        let fail = |message: String| Error::Data { file: "alphabet.toml".into(), message };
        let mut data: Data = toml::from_str(text).map_err(|error| fail(error.to_string()))?;
        let mut symbols = Vec::new();
        for opcode in Opcode::ALL {
            for argument in data.symbols.remove(opcode.name()).unwrap_or_default() {
                let mut bytes = vec![opcode.byte()];
                for char in argument.chars() {
                    let byte = u8::try_from(u32::from(char));
                    bytes.push(byte.map_err(|_| fail(format!("{char:?} is not a byte")))?);
                }
                let open = Code::from_bytes(bytes.clone()).is_none();
                symbols.push(Symbol { opcode, bytes, open });
            }
        }
        match data.symbols.keys().next() {
            Some(name) => Err(fail(format!("expected the name of an opcode, found {name:?}"))),
            None => Ok(Self { symbols }),
        }
    }

    /// The symbols.
    pub fn symbols(&self) -> &[Symbol] {
        &self.symbols
    }

    /// How many there are, STOP included.
    pub fn len(&self) -> usize {
        self.symbols.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.symbols.is_empty()
    }

    /// Their bytes in one, each after its length: what a hash of the alphabet is taken of.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        for symbol in &self.symbols {
            out.extend((symbol.bytes.len() as u32).to_le_bytes());
            out.extend(&symbol.bytes);
        }
        out
    }

    /// Appends the bytes of the symbols, without STOP.
    pub fn write(&self, program: &[usize], out: &mut Vec<u8>) {
        for &symbol in program {
            out.extend_from_slice(&self.symbols[symbol].bytes);
        }
    }

    /// The pickle of a program: its symbols, then STOP.
    pub fn pickle(&self, program: &[usize]) -> Vec<u8> {
        let mut out = Vec::with_capacity(16 * (program.len() + 1));
        self.write(program, &mut out);
        out.push(Opcode::Stop.byte());
        out
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_standard_alphabet_is_what_it_says() {
        let alphabet = Alphabet::standard();
        let opcodes: BTreeSet<Opcode> = alphabet.symbols().iter().map(|s| s.opcode).collect();
        assert_eq!(opcodes.len(), 68);
        let counted = alphabet.symbols().iter().filter(|s| s.opcode != Opcode::Stop).count();
        assert!(counted >= 150, "{counted}");
        let bytes: BTreeSet<&[u8]> = alphabet.symbols().iter().map(|s| &s.bytes[..]).collect();
        assert_eq!(bytes.len(), alphabet.len(), "a symbol is there twice");
    }

    #[test]
    fn open_symbols_want_two_bytes_or_more_than_there_are() {
        let with = |symbol: &Symbol, more: usize| {
            let mut bytes = symbol.bytes.clone();
            bytes.extend(vec![0; more]);
            Code::from_bytes(bytes).is_some()
        };
        for symbol in Alphabet::standard().symbols().iter().filter(|symbol| symbol.open) {
            let wants: Vec<usize> = (1..256).filter(|&more| with(symbol, more)).collect();
            assert!(wants.is_empty() || wants == [2], "{symbol:?} wants {wants:?}");
        }
    }

    #[test]
    fn faults_of_the_data_are_named() {
        for (text, part) in [
            ("[symbols]\nPUSH = [\"\"]", "PUSH"),
            ("[symbols]\nNONE = [\"\u{20ac}\"]", "not a byte"),
            ("symbols = 1", "invalid type"),
        ] {
            let error = Alphabet::parse(text).unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        }
    }
}
