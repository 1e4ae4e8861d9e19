//! `roundtrip`: what was read, written again and read again is the same.

use std::hash::{DefaultHasher, Hash, Hasher};

use assay_pickle::{Opcode, Program, Reader, Writer, disassemble};

use crate::{Features, Target};

/// See the module.
pub struct Roundtrip;

/// Reads and writes every opcode; gives the opcodes, their disassembly and what was written.
fn rewritten(bytes: &[u8]) -> (Vec<Opcode>, String, Vec<u8>) {
    let (mut opcodes, mut text, mut writer) = (Vec::new(), String::new(), Writer::new());
    for read in Reader::new(bytes).map_while(Result::ok) {
        opcodes.push(read.opcode);
        writer.instruction(read.opcode, &read.argument);
        text.push_str(disassemble(&read).split_once(':').map_or("", |(_, line)| line));
        text.push('\n');
    }
    (opcodes, text, writer.take())
}

impl Target for Roundtrip {
    const NAME: &'static str = "roundtrip";
    const PROGRAMS: u32 = 2;

    fn new() -> Self {
        Self
    }

    fn run(&mut self, input: &[u8]) -> Result<Features, String> {
        if Program::parse(input).to_bytes() != input {
            return Err("a parsed program gives other bytes".to_owned());
        }
        let (opcodes, text, bytes) = rewritten(input);
        let (again, text_again, bytes_again) = rewritten(&bytes);
        if bytes_again != bytes || again != opcodes || text_again != text {
            return Err(format!("what was written reads otherwise: {}", bytes.escape_ascii()));
        }
        let mut behaviour = DefaultHasher::new();
        (opcodes.last().map(|opcode| opcode.byte()), bytes.len() == input.len())
            .hash(&mut behaviour);
        Ok(vec![behaviour.finish()])
    }
}
