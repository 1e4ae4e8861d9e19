//! Writes opcodes and their arguments, the reader's inverse.

use crate::{Argument, ArgumentForm, Opcode};

/// Appends opcodes to a buffer.
#[derive(Clone, Debug, Default)]
pub struct Writer {
    out: Vec<u8>,
}

impl Writer {
    /// An empty writer.
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends an opcode that has no argument.
    pub fn op(&mut self, opcode: Opcode) -> &mut Self {
        self.out.push(opcode.byte());
        self
    }

    /// Appends an opcode with its argument. A count too large for its field, or an argument of
    /// another form than the opcode's, is cut to what the form holds: the bytes are then not
    /// the same program, so callers choose the opcode by the argument.
    pub fn instruction(&mut self, opcode: Opcode, argument: &Argument<'_>) -> &mut Self {
        self.out.push(opcode.byte());
        let form = opcode.info().form;
        match *argument {
            Argument::None => {}
            Argument::UInt(value) => self.little_endian(value, width_of(form)),
            Argument::Int(value) => self.out.extend(value.to_le_bytes()),
            Argument::Float(value) => self.out.extend(value.to_be_bytes()),
            Argument::Numeral(numeral) => self.line(numeral.text),
            Argument::FloatText(text) | Argument::RawUnicode(text) | Argument::PersId(text) => {
                self.line(text)
            }
            Argument::Quoted { quote, text } => {
                self.out.push(quote);
                self.out.extend_from_slice(text);
                self.out.push(quote);
                self.out.push(b'\n');
            }
            Argument::Name { module, name } => {
                self.line(module);
                self.line(name);
            }
            Argument::Long(data)
            | Argument::String8(data)
            | Argument::Bytes(data)
            | Argument::Str(data) => {
                self.little_endian(data.len() as u64, width_of(form));
                self.out.extend_from_slice(data);
            }
        }
        self
    }

    /// Appends bytes as they are.
    pub fn raw(&mut self, bytes: &[u8]) -> &mut Self {
        self.out.extend_from_slice(bytes);
        self
    }

    /// PROTO.
    pub fn proto(&mut self, protocol: u8) -> &mut Self {
        self.instruction(Opcode::Proto, &Argument::UInt(u64::from(protocol)))
    }

    /// A `str` in the shortest counted form from `protocol` on; BINUNICODE below protocol 4.
    pub fn str(&mut self, text: &str, protocol: u8) -> &mut Self {
        let opcode = match u8::try_from(text.len()) {
            Ok(_) if protocol >= 4 => Opcode::ShortBinUnicode,
            _ => Opcode::BinUnicode,
        };
        self.instruction(opcode, &Argument::Str(text.as_bytes()))
    }

    /// GLOBAL.
    pub fn global(&mut self, module: &str, name: &str) -> &mut Self {
        let argument = Argument::Name { module: module.as_bytes(), name: name.as_bytes() };
        self.instruction(Opcode::Global, &argument)
    }

    /// How many bytes were written.
    pub fn len(&self) -> usize {
        self.out.len()
    }

    /// Whether nothing was written.
    pub fn is_empty(&self) -> bool {
        self.out.is_empty()
    }

    /// The bytes written, leaving the writer empty.
    pub fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.out)
    }

    fn little_endian(&mut self, value: u64, width: usize) {
        self.out.extend_from_slice(&value.to_le_bytes()[..width]);
    }

    fn line(&mut self, text: &[u8]) {
        self.out.extend_from_slice(text);
        self.out.push(b'\n');
    }
}

/// The width in bytes of a form's number or count.
fn width_of(form: ArgumentForm) -> usize {
    match form {
        ArgumentForm::UInt1
        | ArgumentForm::Long1
        | ArgumentForm::String1
        | ArgumentForm::Bytes1
        | ArgumentForm::Str1 => 1,
        ArgumentForm::UInt2 => 2,
        ArgumentForm::UInt8
        | ArgumentForm::Bytes8
        | ArgumentForm::ByteArray8
        | ArgumentForm::Str8 => 8,
        _ => 4,
    }
}
