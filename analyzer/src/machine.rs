//! The abstract pickle machine: stack, marks, memo and frames over abstract values.
//!
//! One transfer function an opcode, after `_pickle.c`; where the pure Python unpickler does
//! otherwise, the machine says so as a doubt, and goes on with what either could do. It reports
//! facts to the judge and must not itself know what is allowed.

mod contain;
mod cut;
mod frame;
mod memo;
mod recall;
mod spare;
mod step;
mod wrapped;

pub(crate) use memo::Memo;
pub(crate) use wrapped::Behind;

use assay_pickle::ErrorKind;

use crate::domain::{Alive, Value};
use crate::judge::Judge;
use crate::limits::Limits;
use crate::loader::Loader;
use crate::policy::Policy;

/// Why a run ends: mostly a fault (`malformed`) at which every unpickler raises, so that nothing
/// after it is loaded.
pub(crate) struct Fault {
    /// The rule for its reason.
    pub rule: &'static str,
    pub message: String,
    /// Whether it is plain that every unpickler raises: where that hangs on how text is read, a
    /// reading that fails is not taken for harmless.
    pub plain: bool,
}

impl<S: Into<String>> From<S> for Fault {
    fn from(message: S) -> Self {
        Self { rule: "malformed", message: message.into(), plain: true }
    }
}

impl Fault {
    /// A fault of the bytes.
    pub(crate) fn of_bytes(kind: ErrorKind) -> Self {
        let plain = match kind {
            ErrorKind::UnknownOpcode(_)
            | ErrorKind::NoStop
            | ErrorKind::Truncated { .. }
            | ErrorKind::MissingNewline
            | ErrorKind::NegativeLength(_)
            | ErrorKind::InvalidUtf8
            | ErrorKind::UnsupportedProtocol(_) => true,
            ErrorKind::EmptyLine
            | ErrorKind::NotANumber
            | ErrorKind::Unquoted
            | ErrorKind::InvalidEscape
            | ErrorKind::NotAscii => false,
        };
        Self { plain, ..kind.to_string().into() }
    }

    /// No fault of the input: the analysis went as far as it may.
    pub(crate) fn budget(message: impl Into<String>) -> Self {
        Self { rule: "budget", ..message.into().into() }
    }

    /// No fault of the input: the loader goes on where it can't be followed.
    pub(crate) fn lost(message: impl Into<String>) -> Self {
        Self { rule: "unknown-extent", ..message.into().into() }
    }
}

/// Whether the machine goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flow {
    Continue,
    Stop,
    /// The loader reads something that is no opcode.
    Skip(Behind),
}

/// The end of no frame: beyond all input.
pub(crate) const NO_FRAME: usize = usize::MAX;

/// The machine, in the middle of a pickle.
pub(crate) struct Machine<'p, 'a> {
    input: &'a [u8],
    pub(crate) stack: Vec<Value>,
    /// Lengths of the stack at each mark.
    marks: Vec<usize>,
    memo: Memo,
    /// The memo that an `Unpickler` used for the pickles before would still hold (`c-reuse`).
    kept: Option<Memo>,
    protocol: u8,
    /// Where the frame at hand ends; `NO_FRAME` outside of one.
    frame_end: usize,
    /// Levels that were put into what something held by then.
    late: u32,
    /// What the last STOP left.
    result: Option<Value>,
    /// What `joblib.load` needs to know of arrays, while it is followed.
    wrapped: Option<wrapped::Wrapped>,
    pub(crate) judge: Judge<'p, 'a>,
}

/// A pickle put aside while one within it is run.
pub(crate) struct Outer {
    stack: Vec<Value>,
    marks: Vec<usize>,
    memo: Memo,
    protocol: u8,
    wrapped: Option<wrapped::Wrapped>,
}

impl<'p, 'a> Machine<'p, 'a> {
    /// A machine at the start of a stream that the loader reads.
    #[inline(always)]
    pub(crate) fn new(
        policy: &'p Policy,
        input: &'a [u8],
        loader: Loader,
        limits: &Limits,
    ) -> Self {
        let spare::Spare { stack, marks, memo, heap } = spare::Spare::take();
        Self {
            input,
            stack,
            marks,
            memo,
            kept: None,
            protocol: 0,
            frame_end: NO_FRAME,
            late: 0,
            result: None,
            wrapped: match loader {
                Loader::Pickle => None,
                Loader::Joblib => Some(wrapped::Wrapped::new(true)),
                Loader::JoblibUnpadded => Some(wrapped::Wrapped::new(false)),
            },
            judge: Judge::new(policy, input, heap, limits),
        }
    }

    /// Puts aside what belongs to the pickle at hand, for one within it.
    pub(crate) fn begin_inner(&mut self) -> Outer {
        Outer {
            stack: std::mem::take(&mut self.stack),
            marks: std::mem::take(&mut self.marks),
            memo: std::mem::take(&mut self.memo),
            protocol: std::mem::take(&mut self.protocol),
            wrapped: self.wrapped.take(),
        }
    }

    /// Takes up again what was put aside; gives what the pickle within left.
    pub(crate) fn end_inner(&mut self, outer: Outer) -> Option<Value> {
        self.stack = outer.stack;
        self.marks = outer.marks;
        self.memo = outer.memo;
        self.protocol = outer.protocol;
        self.wrapped = outer.wrapped;
        self.frame_end = NO_FRAME;
        self.result.take()
    }

    /// Makes ready for the next pickle of the stream: an empty stack and a new memo, while one
    /// `Unpickler` used again keeps its memo.
    pub(crate) fn begin_next(&mut self) {
        self.stack.clear();
        self.marks.clear();
        let memo = std::mem::take(&mut self.memo);
        self.kept.get_or_insert(memo);
        self.protocol = 0;
        self.frame_end = NO_FRAME;
        // Only engines of C read streams on.
        self.judge.record.may_stop(Alive::C);
    }

    /// The length of the stack below which nothing may be taken: the topmost mark.
    fn fence(&self) -> usize {
        self.marks.last().copied().unwrap_or(0)
    }

    #[inline(always)]
    fn pop(&mut self) -> Result<Value, Fault> {
        if self.stack.len() <= self.fence() {
            return Err(empty());
        }
        Ok(self.stack.pop().expect("the stack is longer than its fence"))
    }

    #[inline(always)]
    fn top(&self) -> Result<Value, Fault> {
        match self.stack.last() {
            Some(value) if self.stack.len() > self.fence() => Ok(*value),
            _ => Err(empty()),
        }
    }

    /// What is below the topmost mark, and above the one below that.
    fn below_mark(&self) -> Result<Value, Fault> {
        let (start, below) = self.marks.split_last().ok_or_else(no_mark)?;
        if *start <= below.last().copied().unwrap_or(0) {
            return Err(empty());
        }
        Ok(self.stack[start - 1])
    }

    /// Takes the topmost mark off and gives the length of the stack at it.
    fn pop_mark(&mut self) -> Result<usize, Fault> {
        self.marks.pop().ok_or_else(no_mark)
    }

    /// Takes off everything above the topmost mark, and the mark, once it is used. Meanwhile the
    /// stack is nowhere.
    fn take_slice<R>(&mut self, used: impl FnOnce(&mut Self, &[Value]) -> R) -> Result<R, Fault> {
        let start = self.pop_mark()?;
        Ok(self.take_from(start, used))
    }

    /// Takes off everything from there on, once it is used. Meanwhile the stack is nowhere.
    fn take_from<R>(&mut self, start: usize, used: impl FnOnce(&mut Self, &[Value]) -> R) -> R {
        let mut stack = std::mem::take(&mut self.stack);
        let result = used(self, &stack[start..]);
        stack.truncate(start);
        self.stack = stack;
        result
    }

    /// The marks, as lengths of the stack.
    pub(crate) fn marks(&self) -> &[usize] {
        &self.marks
    }

    /// Bytes of memory that the machine's state takes, for the budget.
    pub(crate) fn size(&self) -> usize {
        (self.stack.len() + self.memo.len() * 2) * size_of::<Value>()
            + self.judge.heap.size()
            + self.judge.globals.size()
    }
}

#[cold]
#[inline(never)]
fn empty() -> Fault {
    "the stack is empty where an object is needed".into()
}

#[cold]
#[inline(never)]
fn no_mark() -> Fault {
    "there is no mark".into()
}
