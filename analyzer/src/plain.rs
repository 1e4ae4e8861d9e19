//! Plain data, told in one pass: nothing is pickled more often, and of nothing less has to be known.
//!
//! A pickle that asks for no global, persistent id or buffer is made by the unpickler alone. Then only
//! what keeps unpicklers apart is to be ruled out, and keys that cannot be hashed; for that the kinds of
//! values suffice, a byte each, where the machine keeps what contracts ask of them. Whatever is not plain
//! beyond doubt is left to the machine, which says why. What is plain here the machine calls safe as well,
//! and says the same of it.

use std::cell::Cell;

use assay_pickle::{Argument, Opcode, Reader};

use crate::domain::emptied;
use crate::machine::NO_FRAME;

/// What is known of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Hashed by itself, and never changed: `None`, numbers, text, bytes.
    Atom,
    Tuple,
    List,
    Dict,
}

/// Marks within marks beyond which nothing is plain: deeper than picklers, which recurse, go of themselves,
/// and so few that values are what takes memory.
const MAX_MARKS: usize = 1024;

/// Stack, marks and memo, as the machine has them.
#[derive(Default)]
struct Room {
    stack: Vec<Kind>,
    /// Lengths of the stack at each mark.
    marks: Vec<usize>,
    memo: Vec<Kind>,
}

thread_local! {
    /// What an analysis leaves to the next on its thread.
    static ROOM: Cell<Option<Room>> = const { Cell::new(None) };
}

/// The protocol of the pickle that the bytes are from first to last, if it is plain data and this shows
/// within so many bytes of memory.
pub(crate) fn protocol(bytes: &[u8], memory: u64) -> Option<u8> {
    let &[0x80, protocol @ 2..=5, ..] = bytes else { return None };
    // A value takes a byte of input at least, and a byte of memory; what holds them may be half empty.
    if bytes.len() as u64 > memory / 2 || u32::try_from(bytes.len()).is_err() {
        return None;
    }
    let mut room = ROOM.take().unwrap_or_default();
    let mut run =
        Run { reader: Reader::at(bytes, 2), frame_end: NO_FRAME, fence: 0, room: &mut room };
    let plain = run.read_to_stop(bytes.len()).is_some();
    let Room { stack, marks, memo } = &mut room;
    ROOM.set(Some(Room { stack: emptied(stack), marks: emptied(marks), memo: emptied(memo) }));
    plain.then_some(protocol)
}

/// A pickle being read. All that is no plain data gives `None`.
struct Run<'a, 'r> {
    reader: Reader<'a>,
    frame_end: usize,
    /// The length of the stack at the last mark.
    fence: usize,
    room: &'r mut Room,
}

impl<'a> Run<'a, '_> {
    /// Reads to a STOP that ends the input, and with it any frame, and that leaves one value.
    fn read_to_stop(&mut self, end: usize) -> Option<()> {
        loop {
            match self.reader.opcode().ok()? {
                Opcode::ShortBinUnicode => self.made(Opcode::ShortBinUnicode, Kind::Atom)?,
                Opcode::BinUnicode => self.made(Opcode::BinUnicode, Kind::Atom)?,
                Opcode::BinInt1 => self.atom(Opcode::BinInt1)?,
                Opcode::BinInt2 => self.atom(Opcode::BinInt2)?,
                Opcode::BinInt => self.atom(Opcode::BinInt)?,
                Opcode::BinFloat => self.atom(Opcode::BinFloat)?,
                Opcode::None => self.atom(Opcode::None)?,
                Opcode::NewTrue => self.atom(Opcode::NewTrue)?,
                Opcode::NewFalse => self.atom(Opcode::NewFalse)?,
                opcode @ (Opcode::BinUnicode8 | Opcode::Long1 | Opcode::Long4) => {
                    self.atom(opcode)?
                }
                opcode @ (Opcode::ShortBinBytes | Opcode::BinBytes | Opcode::BinBytes8) => {
                    let Argument::Bytes(data) = self.argument(opcode)? else { return None };
                    // It may be a pickle itself, which is to be noted.
                    if data.last() == Some(&b'.') {
                        return None;
                    }
                    self.push(Kind::Atom);
                }

                Opcode::EmptyList => self.made(Opcode::EmptyList, Kind::List)?,
                Opcode::EmptyDict => self.made(Opcode::EmptyDict, Kind::Dict)?,
                Opcode::EmptyTuple => self.made(Opcode::EmptyTuple, Kind::Tuple)?,
                Opcode::Tuple1 => self.tuple(Opcode::Tuple1, 1)?,
                Opcode::Tuple2 => self.tuple(Opcode::Tuple2, 2)?,
                Opcode::Tuple3 => self.tuple(Opcode::Tuple3, 3)?,
                Opcode::Tuple => {
                    let start = self.end_mark(Opcode::Tuple)?;
                    self.room.stack.truncate(start);
                    self.push(Kind::Tuple);
                }

                Opcode::Mark => {
                    self.argument(Opcode::Mark)?;
                    if self.room.marks.len() == MAX_MARKS {
                        return None;
                    }
                    self.fence = self.room.stack.len();
                    self.room.marks.push(self.fence);
                }
                Opcode::Append => {
                    self.argument(Opcode::Append)?;
                    self.fill(self.room.stack.len().checked_sub(1)?, Kind::List)?;
                }
                Opcode::Appends => {
                    let start = self.end_mark(Opcode::Appends)?;
                    self.fill(start, Kind::List)?;
                }
                Opcode::SetItem => {
                    self.argument(Opcode::SetItem)?;
                    self.set_items(self.room.stack.len().checked_sub(2)?)?;
                }
                Opcode::SetItems => {
                    let start = self.end_mark(Opcode::SetItems)?;
                    self.set_items(start)?;
                }

                Opcode::Memoize => {
                    self.argument(Opcode::Memoize)?;
                    self.memoize()?;
                }
                opcode @ (Opcode::BinPut | Opcode::LongBinPut) => {
                    let Argument::UInt(index) = self.argument(opcode)? else { return None };
                    // As picklers count; elsewhere it would do more than MEMOIZE.
                    if index != self.room.memo.len() as u64 {
                        return None;
                    }
                    self.memoize()?;
                }
                Opcode::BinGet => self.get(Opcode::BinGet)?,
                Opcode::LongBinGet => self.get(Opcode::LongBinGet)?,

                Opcode::Frame => {
                    let Argument::UInt(length) = self.argument(Opcode::Frame)? else { return None };
                    // One frame after the other, each within the input.
                    if self.frame_end != NO_FRAME {
                        return None;
                    }
                    let left = end - self.reader.offset();
                    let length = usize::try_from(length).ok().filter(|length| *length <= left)?;
                    self.frame_end = self.reader.offset() + length;
                }
                Opcode::Stop => {
                    self.argument(Opcode::Stop)?;
                    let one = self.room.stack.len() == 1 && self.room.marks.is_empty();
                    return (one && self.reader.offset() == end).then_some(());
                }
                _ => return None,
            }
        }
    }

    /// Reads the rest of an instruction, which its frame must hold as a whole.
    #[inline(always)]
    fn argument(&mut self, opcode: Opcode) -> Option<Argument<'a>> {
        let begun = self.reader.offset();
        let instruction = self.reader.read_rest(opcode).ok()?;
        if self.reader.offset() > self.frame_end {
            if begun < self.frame_end {
                return None;
            }
            self.frame_end = NO_FRAME;
        }
        instruction.ambiguity.is_none().then_some(instruction.argument)
    }

    /// Pushes a value, and stores it if MEMOIZE comes next, as it mostly does.
    #[inline(always)]
    fn push(&mut self, kind: Kind) {
        self.room.stack.push(kind);
        // No frame can end within it, and that one ended before it is seen behind it.
        if self.reader.next_byte() == Some(Opcode::Memoize as u8) {
            self.reader.pass();
            self.room.memo.push(kind);
        }
    }

    /// What picklers do not store.
    #[inline(always)]
    fn atom(&mut self, opcode: Opcode) -> Option<()> {
        self.argument(opcode)?;
        self.room.stack.push(Kind::Atom);
        Some(())
    }

    /// What picklers mostly store, by itself.
    #[inline(always)]
    fn made(&mut self, opcode: Opcode, kind: Kind) -> Option<()> {
        self.argument(opcode)?;
        self.push(kind);
        Some(())
    }

    #[inline(always)]
    fn tuple(&mut self, opcode: Opcode, len: usize) -> Option<()> {
        self.argument(opcode)?;
        let start = self.room.stack.len().checked_sub(len).filter(|start| *start >= self.fence)?;
        self.room.stack.truncate(start);
        self.push(Kind::Tuple);
        Some(())
    }

    /// Takes the last mark; where the values above it begin.
    #[inline(always)]
    fn end_mark(&mut self, opcode: Opcode) -> Option<usize> {
        self.argument(opcode)?;
        let start = self.room.marks.pop()?;
        self.fence = self.room.marks.last().copied().unwrap_or(0);
        Some(start)
    }

    /// Puts all from a place on into what is below that, which is of this kind.
    #[inline(always)]
    fn fill(&mut self, start: usize, kind: Kind) -> Option<()> {
        let target = start.checked_sub(1).filter(|target| *target >= self.fence)?;
        let is = self.room.stack[target] == kind;
        self.room.stack.truncate(start);
        is.then_some(())
    }

    /// Puts pairs into a dict; their keys are atoms.
    #[inline(always)]
    fn set_items(&mut self, start: usize) -> Option<()> {
        let mut pairs = self.room.stack.get(start..)?.chunks_exact(2);
        let hashed = pairs.all(|pair| pair[0] == Kind::Atom) && pairs.remainder().is_empty();
        if !hashed {
            return None;
        }
        self.fill(start, Kind::Dict)
    }

    #[inline(always)]
    fn memoize(&mut self) -> Option<()> {
        let kind = *self.room.stack.get(self.fence..)?.last()?;
        self.room.memo.push(kind);
        Some(())
    }

    /// Fetches what nobody can change any more.
    #[inline(always)]
    fn get(&mut self, opcode: Opcode) -> Option<()> {
        let Argument::UInt(index) = self.argument(opcode)? else { return None };
        let kind = *self.room.memo.get(usize::try_from(index).ok()?)?;
        if matches!(kind, Kind::List | Kind::Dict) {
            return None;
        }
        self.push(kind);
        Some(())
    }
}

#[cfg(test)]
mod tests;
