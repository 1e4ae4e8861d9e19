//! The objects of a program: which codes make each, and those codes by themselves.
//!
//! Follows the stack by the table of opcodes. An object begins where the first thing that it
//! is made of does, and ends with the last code that changes it while it stands on the stack.

use std::collections::{HashMap, HashSet};

use assay_pickle::{Code, Opcode, Program, StackItem};

use crate::check::memo_index;
use crate::machine::{Kind, Machine};

/// Codes of an object, and of all that it recalls, at most.
const LARGEST: usize = 1024;

/// A program whose memo has its indices written out and that has no frames, up to its first STOP.
#[derive(Debug)]
pub(super) struct Objects {
    pub codes: Vec<Code>,
    /// Every object, in the order in which they come to be.
    made: Vec<Extent>,
    /// After each code: the object on top of the stack, if one can be popped.
    tops: Vec<Option<usize>>,
    /// What the memo holds in the end, and where it was stored.
    memo: HashMap<u64, Stored>,
}

#[derive(Clone, Copy, Debug)]
struct Extent {
    /// Of its codes the first, and the last.
    first: usize,
    last: usize,
    kind: Kind,
    /// Whether BUILD takes it for a state.
    is_state: bool,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Stored {
    object: usize,
    pub kind: Kind,
    /// The code that stores it.
    pub at: usize,
}

/// What stands on the stack while a program is followed.
enum Slot {
    Object(usize),
    Mark(usize),
}

impl Objects {
    /// Follows a program up to its first STOP, or as far as it makes sense.
    pub fn of(program: &Program) -> Self {
        let mut objects =
            Self { codes: Vec::new(), made: Vec::new(), tops: Vec::new(), memo: HashMap::new() };
        let mut stack = Vec::new();
        let mut machine = Machine::new();
        for code in &program.codes {
            let opcode = code.opcode();
            if opcode == Opcode::Stop {
                break;
            }
            if opcode == Opcode::Frame {
                continue;
            }
            let made = objects.made.len();
            let fault = machine.step(opcode, memo_index(&code.view())).is_err();
            if fault || objects.step(code, &mut stack).is_none() {
                break;
            }
            let top = match stack.last() {
                Some(Slot::Object(object)) => Some(*object),
                _ => None,
            };
            if let (Some(slot), [.., last]) = (machine.peek(0), &mut objects.made[made..]) {
                last.kind = slot.kind;
            }
            objects.tops.push(top);
        }
        objects
    }

    fn step(&mut self, code: &Code, stack: &mut Vec<Slot>) -> Option<()> {
        let at = self.codes.len();
        let opcode = code.opcode();
        let mut code = code.clone();
        match opcode {
            Opcode::Put | Opcode::BinPut | Opcode::LongBinPut | Opcode::Memoize => {
                let Some(Slot::Object(object)) = stack.last() else { return None };
                let index = match opcode {
                    Opcode::Memoize => self.memo.len() as u64,
                    _ => memo_index(&code.view()),
                };
                code = indexed(Opcode::LongBinPut, index)?;
                self.memo
                    .insert(index, Stored { object: *object, kind: self.made[*object].kind, at });
                self.made[*object].last = at;
            }
            Opcode::Pop => {
                stack.pop()?;
            }
            Opcode::Dup => {
                stack.last()?;
                // A second name of the first is no object that can stand by itself.
                self.push(at, stack);
            }
            Opcode::Mark => stack.push(Slot::Mark(at)),
            _ => {
                if opcode.has_memo_index() {
                    code = indexed(Opcode::LongBinGet, memo_index(&code.view()))?;
                }
                self.other(opcode, at, stack)?;
            }
        }
        self.codes.push(code);
        Some(())
    }

    /// An opcode that takes objects and leaves one, or changes the one below what it takes.
    fn other(&mut self, opcode: Opcode, at: usize, stack: &mut Vec<Slot>) -> Option<()> {
        let info = opcode.info();
        let mut first = at;
        let mut changed = None;
        let from_mark = info.before.contains(&StackItem::Mark);
        if from_mark {
            loop {
                match stack.pop()? {
                    Slot::Object(_) => {}
                    Slot::Mark(mark) => break first = mark,
                }
            }
        }
        let loose = |item: &&StackItem| !matches!(item, StackItem::Mark | StackItem::Slice);
        let count = info.before.iter().filter(loose).count();
        // What OBJ calls stands above the mark.
        let count = if opcode == Opcode::Obj { 0 } else { count };
        for taken in 0..count {
            let Slot::Object(object) = stack.pop()? else { return None };
            if opcode == Opcode::Build && taken == 0 {
                self.made[object].is_state = true;
            }
            first = self.made[object].first;
            changed = Some(object);
        }
        match (info.after.is_empty(), changes_in_place(opcode), changed) {
            (false, true, Some(object)) => {
                self.made[object].last = at;
                stack.push(Slot::Object(object));
            }
            (false, ..) => {
                self.push(first, stack);
                self.made.last_mut()?.last = at;
            }
            (true, ..) => {}
        }
        Some(())
    }

    fn push(&mut self, first: usize, stack: &mut Vec<Slot>) {
        stack.push(Slot::Object(self.made.len()));
        self.made.push(Extent { first, last: first, kind: Kind::Object, is_state: false });
    }

    /// How many objects there are.
    pub fn count(&self) -> usize {
        self.made.len()
    }

    /// Those that are states, or text.
    pub fn states(&self) -> Vec<usize> {
        (0..self.made.len()).filter(|&object| self.made[object].is_state).collect()
    }

    /// The text literals.
    pub fn texts(&self) -> Vec<usize> {
        let is_text =
            |extent: &Extent| self.codes[extent.first].opcode().info().after == [StackItem::Str];
        (0..self.made.len()).filter(|&object| is_text(&self.made[object])).collect()
    }

    /// The object that is left in the end.
    pub fn result(&self) -> Option<usize> {
        self.tops.last().copied().flatten()
    }

    /// The kind of object that can be popped after so many codes, if one can.
    pub fn top(&self, after: usize) -> Option<Kind> {
        let object = self.tops[after.checked_sub(1)?]?;
        Some(self.made[object].kind)
    }

    /// What the memo holds that can be changed, by index, in order.
    pub fn stored(&self) -> Vec<(u64, Stored)> {
        let stored = self.memo.iter().map(|(index, stored)| (*index, *stored));
        let mut stored: Vec<_> = stored.filter(|(_, stored)| can_change(stored.kind)).collect();
        stored.sort_unstable_by_key(|(index, _)| *index);
        stored
    }

    /// The first index above all that are used.
    pub fn unused(&self) -> u64 {
        self.memo.keys().max().map_or(0, |most| most + 1)
    }

    /// The codes of an object by itself: what it recalls of elsewhere is made within, and its memo
    /// begins at `from`. `None` if they are too many.
    pub fn alone(&self, object: usize, from: u64) -> Option<Vec<Code>> {
        let mut out = Vec::new();
        self.write(object, from, &mut HashSet::new(), &mut out)?;
        Some(out)
    }

    fn write(
        &self,
        object: usize,
        from: u64,
        there: &mut HashSet<u64>,
        out: &mut Vec<Code>,
    ) -> Option<()> {
        let Extent { first, last, .. } = self.made[object];
        for code in self.codes.get(first..=last)? {
            let index = memo_index(&code.view());
            match code.opcode() {
                Opcode::LongBinPut => {
                    there.insert(index);
                    out.push(indexed(Opcode::LongBinPut, from + index)?);
                }
                Opcode::LongBinGet if there.contains(&index) => {
                    out.push(indexed(Opcode::LongBinGet, from + index)?);
                }
                Opcode::LongBinGet => {
                    self.write(self.memo.get(&index)?.object, from, there, out)?;
                }
                Opcode::Proto => {}
                _ => out.push(code.clone()),
            }
            if out.len() > LARGEST {
                return None;
            }
        }
        Some(())
    }
}

/// Whether there is an opcode that changes an object of that kind.
pub(super) fn can_change(kind: Kind) -> bool {
    matches!(kind, Kind::List | Kind::Dict | Kind::Set | Kind::Global | Kind::Object)
}

/// Whether the opcode leaves the object below what it takes, changed.
fn changes_in_place(opcode: Opcode) -> bool {
    matches!(
        opcode,
        Opcode::Append
            | Opcode::Appends
            | Opcode::SetItem
            | Opcode::SetItems
            | Opcode::AddItems
            | Opcode::Build
    )
}

/// An opcode with an index of four bytes.
pub(super) fn indexed(opcode: Opcode, index: u64) -> Option<Code> {
    let mut bytes = vec![opcode.byte()];
    bytes.extend(u32::try_from(index).ok()?.to_le_bytes());
    Code::from_bytes(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alone(pickle: &[u8], object: usize) -> Vec<u8> {
        let objects = Objects::of(&Program::parse(pickle));
        let codes = objects.alone(object, 0).unwrap();
        codes.iter().flat_map(|code| code.bytes().to_vec()).collect()
    }

    #[test]
    fn objects_are_what_makes_and_changes_them() {
        // [1, (2, 3)] and what of it.
        let objects = Objects::of(&Program::parse(b"\x80\x04](K\x01K\x02K\x03\x86e."));
        assert_eq!(objects.count(), 5);
        assert_eq!(objects.result(), Some(0));
        assert_eq!(alone(b"\x80\x04](K\x01K\x02K\x03\x86e.", 4), b"K\x02K\x03\x86");
        assert_eq!(alone(b"\x80\x04](K\x01K\x02K\x03\x86e.", 0), b"](K\x01K\x02K\x03\x86e");
    }

    #[test]
    fn what_is_recalled_is_made_within() {
        // The first class is memoised, and recalled by the second object.
        let pickle = b"(cx\ny\nq\x00)Rh\x00)\x81t.";
        let put = b"r\x00\0\0\0".to_vec();
        let made = [b"cx\ny\n".to_vec(), put, b")\x81".to_vec()].concat();
        let objects = Objects::of(&Program::parse(pickle));
        let second = (0..objects.count()).find(|&object| alone(pickle, object) == made);
        assert!(second.is_some());
    }

    #[test]
    fn an_object_that_holds_itself_is_written_once() {
        // x = []; x.append(x)
        assert_eq!(alone(b"]q\x07h\x07a.", 0), b"]r\x07\0\0\0j\x07\0\0\0a");
        assert_eq!(alone(b"]\x94h\x00a.", 0), b"]r\0\0\0\0j\0\0\0\0a");
    }

    #[test]
    fn states_are_what_build_takes() {
        let objects = Objects::of(&Program::parse(b"cx\ny\n)R}b."));
        assert_eq!(objects.states().len(), 1);
    }
}
