//! The abstract pickle machine: what is on the stack, marked and memoised, by type only.
//!
//! It follows CPython's C unpickler: nothing below the topmost mark can be popped, POP at a mark
//! drops the mark, MEMOIZE stores at the number of entries. The generator asks it which opcodes
//! can follow; mutators and tests ask it whether a pickle holds together. It knows no values and
//! no policy, so it must not be used to judge a pickle.

use std::collections::BTreeMap;

use assay_pickle::Opcode;
use smallvec::SmallVec;

/// The type of an object on the stack, as far as it is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `None`.
    None,
    /// A `bool`.
    Bool,
    /// An `int`.
    Int,
    /// A `float`.
    Float,
    /// A `str`, or an 8-bit string that becomes one.
    Str,
    /// A `bytes`.
    Bytes,
    /// A `bytearray`.
    ByteArray,
    /// A `tuple`.
    Tuple,
    /// A `list`.
    List,
    /// A `dict`.
    Dict,
    /// A `set`.
    Set,
    /// A `frozenset`.
    FrozenSet,
    /// A buffer, or a view of one.
    Buffer,
    /// A global: presumably callable, perhaps a class.
    Global,
    /// The result of a call, or something a caller supplied.
    Object,
}

/// An object on the stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot {
    /// Its type.
    pub kind: Kind,
    /// Whether it can be a key; of an object not known, presumed.
    pub hashable: bool,
}

impl Slot {
    /// An object of this type; containers that can change are not hashable.
    pub const fn new(kind: Kind) -> Self {
        let hashable =
            !matches!(kind, Kind::List | Kind::Dict | Kind::Set | Kind::ByteArray | Kind::Buffer);
        Self { kind, hashable }
    }
}

/// Why the machine stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Too little on the stack, or a mark in the way.
    Underflow,
    /// No mark.
    NoMark,
    /// Nothing in the memo at that index.
    NoMemo,
    /// An object of a type that the opcode refuses.
    WrongType,
    /// An odd number of keys and values.
    OddItems,
    /// Something that only the caller can supply: extension, persistent id, buffer.
    NotSupplied,
}

/// Memo indices up to this many are kept in a vector; above, in a map.
const DENSE: u64 = 1 << 12;

/// By how many entries that vector grows.
const BLOCK: usize = 64;

/// The machine's state.
#[derive(Clone, Debug, Default)]
pub struct Machine {
    // As much as most pickles need stands here: nothing is allocated for those.
    stack: SmallVec<[Slot; 32]>,
    marks: SmallVec<[usize; 4]>,
    memo: SmallVec<[Option<Slot>; BLOCK]>,
    sparse: BTreeMap<u64, Slot>,
    memoised: u64,
    stopped: bool,
}

impl Machine {
    /// A machine at the start of a pickle.
    pub fn new() -> Self {
        Self::default()
    }

    /// Forgets everything, as a new unpickler has.
    pub fn reset(&mut self) {
        self.stack.clear();
        self.marks.clear();
        self.memo.clear();
        self.sparse.clear();
        self.memoised = 0;
        self.stopped = false;
    }

    /// Whether STOP was met.
    pub fn has_stopped(&self) -> bool {
        self.stopped
    }

    /// Objects above the topmost mark: those that can be popped.
    #[inline]
    pub fn depth(&self) -> usize {
        self.stack.len() - self.fence()
    }

    /// Objects on the stack, marks not counted.
    pub fn height(&self) -> usize {
        self.stack.len()
    }

    /// Objects at the bottom once every mark is closed: those below the lowest, and what it makes.
    #[inline]
    pub fn bottom(&self) -> usize {
        self.marks.first().map_or(self.stack.len(), |&mark| mark + 1)
    }

    /// Marks on the stack.
    #[inline]
    pub fn marks(&self) -> usize {
        self.marks.len()
    }

    /// Entries of the memo.
    #[inline]
    pub fn memoised(&self) -> u64 {
        self.memoised
    }

    /// The object `below` the top, if no mark is in the way.
    #[inline]
    pub fn peek(&self, below: usize) -> Option<Slot> {
        (below < self.depth()).then(|| self.stack[self.stack.len() - 1 - below])
    }

    /// The objects above the topmost mark, if there is a mark.
    #[inline]
    pub fn slice(&self) -> Option<&[Slot]> {
        self.marks.last().map(|&mark| &self.stack[mark..])
    }

    /// The object right below the topmost mark, if it could be reached without it.
    #[inline]
    pub fn below_mark(&self) -> Option<Slot> {
        let (&mark, outer) = self.marks.split_last()?;
        let fence = outer.last().copied().unwrap_or(0);
        (mark > fence).then(|| self.stack[mark - 1])
    }

    /// What the memo holds at `index`.
    pub fn recall(&self, index: u64) -> Option<Slot> {
        if index < DENSE {
            return self.memo.get(index as usize).copied().flatten();
        }
        self.sparse.get(&index).copied()
    }

    /// Declares what the top is, when the caller knows better.
    pub fn retype_top(&mut self, slot: Slot) {
        if let Some(top) = self.stack.last_mut() {
            *top = slot;
        }
    }

    /// Pushes an object that the unpickler's caller supplies.
    pub fn push_supplied(&mut self) {
        self.push(Kind::Object);
    }

    #[inline]
    fn fence(&self) -> usize {
        self.marks.last().copied().unwrap_or(0)
    }

    #[inline]
    fn push(&mut self, kind: Kind) {
        self.stack.push(Slot::new(kind));
    }

    #[inline]
    fn pop(&mut self) -> Result<Slot, Fault> {
        if self.stack.len() <= self.fence() {
            return Err(Fault::Underflow);
        }
        self.stack.pop().ok_or(Fault::Underflow)
    }

    fn need(&self, count: usize) -> Result<(), Fault> {
        if self.depth() < count { Err(Fault::Underflow) } else { Ok(()) }
    }

    fn pop_mark(&mut self) -> Result<usize, Fault> {
        self.marks.pop().ok_or(Fault::NoMark)
    }

    /// Drops `count` objects and pushes a tuple of them.
    fn tuple(&mut self, from: usize) {
        let hashable = self.stack[from..].iter().all(|slot| slot.hashable);
        self.stack.truncate(from);
        self.stack.push(Slot { kind: Kind::Tuple, hashable });
    }

    fn keys_hash(items: &[Slot]) -> Result<(), Fault> {
        if !items.len().is_multiple_of(2) {
            return Err(Fault::OddItems);
        }
        if items.iter().step_by(2).all(|key| key.hashable) { Ok(()) } else { Err(Fault::WrongType) }
    }

    fn memoise(&mut self, index: u64) -> Result<(), Fault> {
        let top = self.peek(0).ok_or(Fault::Underflow)?;
        let old = if index < DENSE {
            let index = index as usize;
            while self.memo.len() <= index {
                self.memo.extend_from_slice(&[None; BLOCK]);
            }
            self.memo[index].replace(top)
        } else {
            self.sparse.insert(index, top)
        };
        self.memoised += u64::from(old.is_none());
        Ok(())
    }

    /// What is filled with items must be of `kind`, or unknown.
    fn fillable(slot: Option<Slot>, kind: Kind) -> Result<(), Fault> {
        match slot {
            None => Err(Fault::Underflow),
            Some(slot) if slot.kind == kind => Ok(()),
            Some(Slot { kind: Kind::Object | Kind::Global, .. }) => Ok(()),
            Some(_) => Err(Fault::WrongType),
        }
    }

    fn callable(slot: Slot) -> Result<(), Fault> {
        match slot.kind {
            Kind::Global | Kind::Object => Ok(()),
            _ => Err(Fault::WrongType),
        }
    }

    fn of_kind(slot: Slot, kind: Kind) -> Result<(), Fault> {
        if slot.kind == kind || slot.kind == Kind::Object { Ok(()) } else { Err(Fault::WrongType) }
    }

    /// Runs one opcode; `index` is the memo index of GET and PUT and their kin.
    ///
    /// # Errors
    /// If the C unpickler would raise; the state is then of no more use.
    #[inline]
    pub fn step(&mut self, opcode: Opcode, index: u64) -> Result<(), Fault> {
        use Opcode as O;
        match opcode {
            O::Int | O::BinInt | O::BinInt1 | O::BinInt2 | O::Long | O::Long1 | O::Long4 => {
                self.push(Kind::Int);
            }
            O::String | O::BinString | O::ShortBinString => self.push(Kind::Str),
            O::Unicode | O::ShortBinUnicode | O::BinUnicode | O::BinUnicode8 => {
                self.push(Kind::Str);
            }
            O::BinBytes | O::ShortBinBytes | O::BinBytes8 => self.push(Kind::Bytes),
            O::ByteArray8 => self.push(Kind::ByteArray),
            O::None => self.push(Kind::None),
            O::NewTrue | O::NewFalse => self.push(Kind::Bool),
            O::Float | O::BinFloat => self.push(Kind::Float),
            O::EmptyList => self.push(Kind::List),
            O::EmptyTuple => self.push(Kind::Tuple),
            O::EmptyDict => self.push(Kind::Dict),
            O::EmptySet => self.push(Kind::Set),
            O::Global => self.push(Kind::Global),
            O::Mark => self.marks.push(self.stack.len()),
            O::Proto | O::Frame => {}
            O::Stop => {
                self.pop()?;
                self.stopped = true;
            }
            O::Tuple1 | O::Tuple2 | O::Tuple3 => {
                let count = usize::from(opcode.byte() - O::Tuple1.byte()) + 1;
                self.need(count)?;
                self.tuple(self.stack.len() - count);
            }
            O::Dup => {
                let top = self.peek(0).ok_or(Fault::Underflow)?;
                self.stack.push(top);
            }
            O::Pop => {
                if self.marks.last() == Some(&self.stack.len()) {
                    self.marks.pop();
                } else {
                    self.pop()?;
                }
            }
            O::Get | O::BinGet | O::LongBinGet => {
                let slot = self.recall(index).ok_or(Fault::NoMemo)?;
                self.stack.push(slot);
            }
            O::Put | O::BinPut | O::LongBinPut => self.memoise(index)?,
            O::Memoize => self.memoise(self.memoised)?,
            O::Append => {
                self.need(2)?;
                Self::fillable(self.peek(1), Kind::List)?;
                self.stack.pop();
            }
            O::SetItem => {
                self.need(3)?;
                Self::fillable(self.peek(2), Kind::Dict)?;
                let items = self.stack.len() - 2;
                Self::keys_hash(&self.stack[items..])?;
                self.stack.truncate(items);
            }
            O::List
            | O::Tuple
            | O::Dict
            | O::FrozenSet
            | O::PopMark
            | O::Appends
            | O::SetItems
            | O::AddItems
            | O::Inst
            | O::Obj => self.step_slice(opcode)?,
            O::NextBuffer | O::PersId | O::Ext1 | O::Ext2 | O::Ext4 => {
                return Err(Fault::NotSupplied);
            }
            O::BinPersId => {
                self.pop()?;
                return Err(Fault::NotSupplied);
            }
            O::ReadonlyBuffer => {
                let top = self.pop()?;
                match top.kind {
                    Kind::Bytes | Kind::ByteArray | Kind::Buffer | Kind::Object => {
                        self.push(Kind::Buffer);
                    }
                    _ => return Err(Fault::WrongType),
                }
            }
            O::StackGlobal => {
                let (name, module) = (self.pop()?, self.pop()?);
                Self::of_kind(name, Kind::Str)?;
                Self::of_kind(module, Kind::Str)?;
                self.push(Kind::Global);
            }
            O::Reduce | O::NewObj => {
                let (args, callable) = (self.pop()?, self.pop()?);
                Self::of_kind(args, Kind::Tuple)?;
                Self::callable(callable)?;
                self.push(Kind::Object);
            }
            O::NewObjEx => {
                let (kwargs, args, class) = (self.pop()?, self.pop()?, self.pop()?);
                Self::of_kind(kwargs, Kind::Dict)?;
                Self::of_kind(args, Kind::Tuple)?;
                Self::callable(class)?;
                self.push(Kind::Object);
            }
            O::Build => {
                self.need(2)?;
                let state = self.pop()?;
                let object = self.peek(0).ok_or(Fault::Underflow)?;
                let takes_state = matches!(object.kind, Kind::Object | Kind::Global);
                if !takes_state && state.kind != Kind::None {
                    return Err(Fault::WrongType);
                }
            }
        }
        Ok(())
    }

    /// Opcodes that consume everything above the topmost mark.
    fn step_slice(&mut self, opcode: Opcode) -> Result<(), Fault> {
        let target = self.below_mark();
        let mark = self.pop_mark()?;
        let items = &self.stack[mark..];
        let all_hash = items.iter().all(|item| item.hashable);
        let kind = match opcode {
            Opcode::Tuple => {
                self.tuple(mark);
                return Ok(());
            }
            Opcode::List => Kind::List,
            Opcode::Dict => {
                Self::keys_hash(items)?;
                Kind::Dict
            }
            Opcode::FrozenSet if !all_hash => return Err(Fault::WrongType),
            Opcode::FrozenSet => Kind::FrozenSet,
            Opcode::Inst => Kind::Object,
            Opcode::Obj => {
                Self::callable(*items.first().ok_or(Fault::Underflow)?)?;
                Kind::Object
            }
            Opcode::Appends => {
                Self::fillable(target, Kind::List)?;
                self.stack.truncate(mark);
                return Ok(());
            }
            Opcode::SetItems => {
                Self::fillable(target, Kind::Dict)?;
                Self::keys_hash(items)?;
                self.stack.truncate(mark);
                return Ok(());
            }
            Opcode::AddItems => {
                Self::fillable(target, Kind::Set)?;
                if !all_hash {
                    return Err(Fault::WrongType);
                }
                self.stack.truncate(mark);
                return Ok(());
            }
            _ => {
                self.stack.truncate(mark);
                return Ok(());
            }
        };
        self.stack.truncate(mark);
        self.push(kind);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(opcodes: &[Opcode]) -> Result<Machine, Fault> {
        let mut machine = Machine::new();
        opcodes.iter().try_for_each(|&opcode| machine.step(opcode, 0))?;
        Ok(machine)
    }

    #[test]
    fn a_mark_is_a_fence() {
        use Opcode as O;
        assert_eq!(run(&[O::None, O::Mark, O::Dup]).unwrap_err(), Fault::Underflow);
        assert_eq!(run(&[O::None, O::Mark, O::Pop, O::Dup]).unwrap().depth(), 2);
        assert_eq!(run(&[O::EmptyList, O::Mark, O::None, O::Appends]).unwrap().depth(), 1);
        assert_eq!(run(&[O::Mark, O::Mark, O::None, O::Appends]).unwrap_err(), Fault::Underflow);
    }

    #[test]
    fn keys_must_hash() {
        use Opcode as O;
        assert_eq!(run(&[O::Mark, O::EmptyList, O::None, O::Dict]).unwrap_err(), Fault::WrongType);
        assert_eq!(run(&[O::Mark, O::None, O::Dict]).unwrap_err(), Fault::OddItems);
        let nested = [O::Mark, O::EmptyList, O::Tuple1, O::None, O::Dict];
        assert_eq!(run(&nested).unwrap_err(), Fault::WrongType);
    }

    #[test]
    fn memoize_counts_entries() {
        let mut machine = run(&[Opcode::None]).unwrap();
        machine.step(Opcode::Put, 7).unwrap();
        machine.step(Opcode::Memoize, 0).unwrap();
        assert!(machine.recall(1).is_some() && machine.recall(0).is_none());
        assert_eq!(machine.step(Opcode::BinGet, 9), Err(Fault::NoMemo));
    }
}
