//! The pickle format: one table of opcodes, a reader, a writer and a disassembler.
//!
//! A pickle is a program for the *pickle machine*, a stack machine with a memo, written as a
//! run of opcodes, each with at most one argument. This crate knows how programs are spelled in
//! bytes, as CPython's `_pickle.c` reads them, and where CPython's unpicklers disagree about the
//! spelling. It must not know what a program does: that is the analyser's to judge.
//!
//! ```
//! use assay_pickle::{Opcode, Reader};
//!
//! let mut reader = Reader::new(b"\x80\x04K\x07.");
//! let opcodes: Vec<Opcode> = reader.by_ref().map(|read| read.unwrap().opcode).collect();
//! assert_eq!(opcodes, [Opcode::Proto, Opcode::BinInt1, Opcode::Stop]);
//! assert_eq!(reader.offset(), 5);
//! ```

mod argument;
mod disassemble;
mod error;
mod opcode;
mod program;
mod reader;
pub mod text;
mod writer;

pub use argument::{Ambiguity, Argument, ArgumentForm, Numeral};
pub use disassemble::{disassemble, quote_bytes};
pub use error::{Error, ErrorKind, Result};
pub use opcode::{Opcode, OpcodeInfo, StackItem};
pub use program::{Code, Program};
pub use reader::{Instruction, Reader, text_at};
pub use writer::Writer;

/// The highest protocol that supported CPythons read (`pickle.HIGHEST_PROTOCOL`, PEP 574).
pub const HIGHEST_PROTOCOL: u8 = 5;
