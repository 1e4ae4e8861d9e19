//! The pickle format: opcode table, reader, writer, disassembler.
