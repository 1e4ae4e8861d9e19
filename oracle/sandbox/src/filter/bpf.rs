//! A small assembler of classic BPF, the language of seccomp filters.
//!
//! Only what a filter needs: load a word of the call's description, compare, return. Jumps go
//! to labels, forward only, and are checked when the program is finished. It knows nothing of
//! any system call.

use libc::{BPF_ABS, BPF_JEQ, BPF_JMP, BPF_JSET, BPF_K, BPF_LD, BPF_RET, BPF_W, sock_filter};

/// Offsets in `struct seccomp_data`: number, architecture, instruction pointer, arguments.
pub(crate) const NUMBER: u32 = 0;
/// See [`NUMBER`].
pub(crate) const ARCHITECTURE: u32 = 4;
/// See [`NUMBER`].
const ARGUMENTS: u32 = 16;

/// The low half of argument `n`; both supported architectures are little-endian.
pub(crate) const fn low(n: u8) -> u32 {
    ARGUMENTS + 8 * n as u32
}

/// The high half of argument `n`.
pub(crate) const fn high(n: u8) -> u32 {
    low(n) + 4
}

/// What becomes of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// It is made.
    Allow,
    /// It fails with this error.
    Errno(i32),
    /// The listener is told, and answers for the kernel.
    Notify,
    /// The process is killed.
    Kill,
}

impl Action {
    pub(crate) const fn value(self) -> u32 {
        match self {
            Self::Allow => libc::SECCOMP_RET_ALLOW,
            Self::Errno(number) => libc::SECCOMP_RET_ERRNO | number as u32,
            Self::Notify => libc::SECCOMP_RET_USER_NOTIF,
            Self::Kill => libc::SECCOMP_RET_KILL_PROCESS,
        }
    }
}

/// A place in the program that is not known yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Label(usize);

/// Where a comparison goes on.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Target {
    /// With the next instruction.
    Next,
    /// At the label.
    To(Label),
}

/// A finished program.
#[derive(Clone, Debug)]
pub(crate) struct Program(pub(crate) Vec<sock_filter>);

/// Why a program can't be finished.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AssembleError {
    /// A label was used but never bound.
    #[error("instruction {at} jumps to a label that is bound nowhere")]
    Unbound {
        /// The jump.
        at: usize,
    },
    /// A jump goes backwards or over more than 255 instructions.
    #[error("instruction {at} jumps to {to}: only 0 to 255 instructions forward are possible")]
    Distance {
        /// The jump.
        at: usize,
        /// Its target.
        to: usize,
    },
    /// The program has no instruction, or more than the kernel takes.
    #[error("the program has {0} instructions; the kernel takes 1 to 4096")]
    Length(usize),
    /// The program does not end with a return.
    #[error("the program runs off its end")]
    NoReturn,
}

/// A program in the making.
#[derive(Default)]
pub(crate) struct Assembler {
    code: Vec<sock_filter>,
    /// Of each jump: where it is, and its targets if true and if false.
    jumps: Vec<(usize, Target, Target)>,
    /// Where each label is bound.
    labels: Vec<Option<usize>>,
}

impl Assembler {
    /// A new label, to be bound once.
    pub(crate) fn label(&mut self) -> Label {
        self.labels.push(None);
        Label(self.labels.len() - 1)
    }

    /// Binds `label` to the next instruction.
    pub(crate) fn bind(&mut self, label: Label) {
        self.labels[label.0] = Some(self.code.len());
    }

    /// Where the next instruction will be.
    pub(crate) fn position(&self) -> usize {
        self.code.len()
    }

    /// Loads the word at `offset` of the call's description.
    pub(crate) fn load(&mut self, offset: u32) {
        self.emit(BPF_LD | BPF_W | BPF_ABS, offset);
    }

    /// Compares the loaded word with `value`.
    pub(crate) fn if_equal(&mut self, value: u32, yes: Target, no: Target) {
        self.jump(BPF_JEQ, value, yes, no);
    }

    /// Tests whether the loaded word has any bit of `mask`.
    pub(crate) fn if_any_bit(&mut self, mask: u32, yes: Target, no: Target) {
        self.jump(BPF_JSET, mask, yes, no);
    }

    /// Ends with `action`.
    pub(crate) fn finish_with(&mut self, action: Action) {
        self.emit(BPF_RET | BPF_K, action.value());
    }

    /// Resolves the labels and checks what the kernel would check.
    pub(crate) fn finish(mut self) -> Result<Program, AssembleError> {
        for &(at, yes, no) in &self.jumps {
            self.code[at].jt = self.distance(at, yes)?;
            self.code[at].jf = self.distance(at, no)?;
        }
        if self.code.is_empty() || self.code.len() > 4096 {
            return Err(AssembleError::Length(self.code.len()));
        }
        match self.code.last() {
            Some(last) if u32::from(last.code) == BPF_RET | BPF_K => Ok(Program(self.code)),
            _ => Err(AssembleError::NoReturn),
        }
    }

    fn distance(&self, at: usize, target: Target) -> Result<u8, AssembleError> {
        let to = match target {
            Target::Next => at + 1,
            Target::To(label) => self.labels[label.0].ok_or(AssembleError::Unbound { at })?,
        };
        to.checked_sub(at + 1)
            .filter(|_| to < self.code.len())
            .and_then(|distance| u8::try_from(distance).ok())
            .ok_or(AssembleError::Distance { at, to })
    }

    fn jump(&mut self, comparison: u32, value: u32, yes: Target, no: Target) {
        self.jumps.push((self.code.len(), yes, no));
        self.emit(BPF_JMP | comparison | BPF_K, value);
    }

    fn emit(&mut self, code: u32, k: u32) {
        self.code.push(sock_filter { code: code as u16, jt: 0, jf: 0, k });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_must_be_bound() {
        let mut asm = Assembler::default();
        let label = asm.label();
        asm.if_equal(1, Target::To(label), Target::Next);
        asm.finish_with(Action::Allow);
        assert_eq!(asm.finish().unwrap_err(), AssembleError::Unbound { at: 0 });
    }

    #[test]
    fn a_jump_spans_at_most_255_instructions() {
        for (between, fits) in [(255, true), (256, false)] {
            let mut asm = Assembler::default();
            let label = asm.label();
            asm.if_equal(1, Target::To(label), Target::Next);
            for _ in 0..between {
                asm.load(NUMBER);
            }
            asm.bind(label);
            asm.finish_with(Action::Allow);
            assert_eq!(asm.finish().is_ok(), fits);
        }
    }

    #[test]
    fn a_jump_never_goes_back_nor_past_the_end() {
        let mut asm = Assembler::default();
        let label = asm.label();
        asm.bind(label);
        asm.if_equal(1, Target::To(label), Target::Next);
        asm.finish_with(Action::Allow);
        assert_eq!(asm.finish().unwrap_err(), AssembleError::Distance { at: 0, to: 0 });

        let mut asm = Assembler::default();
        asm.if_equal(1, Target::Next, Target::Next);
        assert_eq!(asm.finish().unwrap_err(), AssembleError::Distance { at: 0, to: 1 });
    }

    #[test]
    fn a_program_ends_with_a_return() {
        let mut asm = Assembler::default();
        asm.load(NUMBER);
        assert_eq!(asm.finish().unwrap_err(), AssembleError::NoReturn);
        assert_eq!(Assembler::default().finish().unwrap_err(), AssembleError::Length(0));
    }
}
