//! Noise: opcodes after which the stack is as it was.

use assay_pickle::Opcode;

use crate::emitter::{Emitter, MAX_MEMO};
use crate::features::Features;

impl Emitter<'_, '_> {
    /// Writes opcodes that change nothing but the memo, if the program is noisy.
    pub(crate) fn noise(&mut self) {
        if self.sometimes(Features::NOISE, 4) && self.room() > 8 {
            self.make_noise();
        }
    }

    /// Writes opcodes that change nothing but the memo.
    pub(crate) fn make_noise(&mut self) {
        let has_top = self.machine.depth() > 0;
        match self.choices.below(10) {
            0 => {
                self.op(Opcode::None);
                self.op(Opcode::Pop);
            }
            1 => {
                self.op(Opcode::Mark);
                self.op(Opcode::Pop);
            }
            2 if self.protocol >= 1 => {
                self.op(Opcode::Mark);
                self.scalar();
                self.scalar();
                self.op(Opcode::PopMark);
            }
            3 if has_top => {
                self.op(Opcode::Dup);
                self.op(Opcode::Pop);
            }
            // As every scanner that looks back over literals must know: this is not the name.
            4 => {
                self.str("os");
                self.op(Opcode::Pop);
            }
            5 if has_top => {
                let index = self.choices.below(MAX_MEMO);
                let opcode = if index > 255 { Opcode::LongBinPut } else { Opcode::BinPut };
                self.op_memo(if self.protocol == 0 { Opcode::Put } else { opcode }, index);
            }
            6 if self.protocol >= 2 => self.op_with(Opcode::Proto, &[self.protocol]),
            7 if self.protocol >= 4 && self.features.has(Features::FRAMES) => self.begin_frame(),
            8 if has_top => self.memoise(),
            _ => {
                self.scalar();
                self.op(Opcode::Pop);
            }
        }
    }
}
