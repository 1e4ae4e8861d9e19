//! Endings: faults after the fact, further pickles, and what no reader should reach.

use assay_pickle::Opcode;

use crate::emitter::Emitter;

/// Bytes that no unpickler gets past, but for the first, which is where some stop looking.
const FAULTS: [&[u8]; 14] = [
    b"",
    b"\xff",
    b"\0",
    b"0000000000",
    b"R",
    b"g99\n",
    b"Inot a number\n.",
    b"S'unclosed\n.",
    b"\x80\x7f.",
    b"\x8b\xff\xff\xff\xff.",
    b"X\xff\xff\xff\x7f.",
    b"cno_such_module_\nx\n.",
    b"1.",
    b"\x95\xff\xff\xff\xff\xff\xff\xff\xff.",
];

impl Emitter<'_, '_> {
    /// Ends the pickle in a fault: what was called before it was called all the same.
    pub(crate) fn end_in_fault(&mut self) {
        let fault = *self.choices.pick(&FAULTS);
        self.raw(fault);
        self.end_frame();
    }

    /// Ends the pickle properly, then cuts off its last bytes.
    pub(crate) fn end_cut_short(&mut self, from: usize) {
        self.finish();
        let room = self.len() - from;
        let cut = 1 + self.choices.below(room.clamp(1, 12));
        self.truncate(self.len() - cut.min(room));
    }

    /// Bytes after STOP that are no pickle.
    pub(crate) fn trail(&mut self) {
        match self.choices.below(4) {
            0 => self.raw(b"\n"),
            1 => self.raw(b"trailing"),
            2 => self.raw(&[0; 16]),
            _ => {
                for _ in 0..self.choices.below(24) {
                    let opcode = *self.choices.pick(&Opcode::ALL);
                    self.boundary(opcode);
                }
            }
        }
    }
}
