//! Frames: C loads past their ends, Python does not.

use assay_pickle::{Argument, Instruction};

use super::{Machine, NO_FRAME};
use crate::domain::Alive;

impl Machine<'_, '_> {
    /// Frames must hold whole opcodes: C loads past their ends, Python does not.
    #[inline(always)]
    pub(super) fn check_frame(&mut self, instruction: &Instruction<'_>) {
        if instruction.end() > self.frame_end {
            self.leave_frame(instruction.offset);
        }
    }

    #[inline(never)]
    fn leave_frame(&mut self, offset: usize) {
        let end = std::mem::replace(&mut self.frame_end, NO_FRAME);
        if offset < end {
            self.judge.record.doubt(
                "frame",
                "an opcode straddles the end of its frame: C reads on, Python raises",
                Alive::C,
            );
        }
    }

    pub(super) fn begin_frame(&mut self, instruction: &Instruction<'_>) {
        if self.frame_end != NO_FRAME && instruction.end() < self.frame_end {
            self.judge.record.doubt(
                "frame",
                "a frame begins within another: Python raises",
                Alive::C,
            );
        }
        let left = (self.input.len() - instruction.end()) as u64;
        let Argument::UInt(length) = instruction.argument else { return };
        if length > i64::MAX as u64 {
            self.judge.record.doubt("frame", "the frame's length is beyond any input", Alive::NONE);
        } else if length > left {
            self.judge.record.doubt(
                "frame",
                "the frame is longer than the input: C raises",
                Alive::PY,
            );
        }
        self.frame_end = instruction.end() + length.min(left) as usize;
    }

    /// STOP must end its frame.
    pub(super) fn check_stop(&mut self, instruction: &Instruction<'_>) {
        if self.frame_end != NO_FRAME && self.frame_end > instruction.end() {
            self.judge.record.doubt(
                "frame",
                "STOP stands before the end of its frame: readers of a stream go on at different bytes",
                Alive::BOTH,
            );
        }
    }
}
