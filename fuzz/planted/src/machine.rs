//! The abstract pickle machine: a stack with marks and a memo, of abstract values.
//!
//! Moves values as CPython does and asks the [`Rules`] wherever something may be decided. What no
//! CPython gets past, or on what CPythons disagree, ends the reading with a [`Fault`].

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use assay_pickle::{Argument, Instruction, Opcode, Reader, text};

use crate::report::{Fault, Finding, Report};
use crate::rules::Rules;
use crate::value::Value;

/// The highest memo index that is followed. C's memo is an array, so a high index alone takes
/// gigabytes.
const HIGHEST_INDEX: u64 = 1 << 20;

/// The machine.
#[derive(Default)]
pub struct Machine {
    stack: Vec<Value>,
    /// The stacks below the marks, as `pickle.py` keeps them.
    below: Vec<Vec<Value>>,
    /// The memo.
    pub memo: HashMap<u64, Value>,
    /// The opcodes of this pickle, up to the one before.
    pub trail: Vec<Opcode>,
    /// The texts that this pickle spelled out, in order.
    pub literals: Vec<Rc<[u8]>>,
    /// The names in this pickle of which a scanner made up its mind: only for those that do.
    pub noted: HashSet<Rc<str>>,
    /// How often MEMOIZE came in this pickle.
    pub memoized: u64,
    /// Where the current frame ends.
    frame_end: Option<usize>,
    pickle: usize,
    findings: Vec<Finding>,
}

/// Reads an input pickle by pickle, as one unpickler does if `memo_survives`, and as a new one
/// for each otherwise.
pub fn read<R: Rules + ?Sized>(rules: &R, input: &[u8], memo_survives: bool) -> Report {
    let mut machine = Machine::default();
    let mut fault = None;
    let mut offset = 0;
    loop {
        match machine.run(rules, input, offset) {
            Ok(end) => offset = end,
            Err(found) => {
                fault = Some(found);
                break;
            }
        }
        machine.pickle += 1;
        if offset == input.len() || !rules.reads_on() {
            break;
        }
        let memo = if memo_survives { std::mem::take(&mut machine.memo) } else { HashMap::new() };
        machine = Machine {
            memo,
            pickle: machine.pickle,
            findings: machine.findings,
            ..Machine::default()
        };
    }
    Report { findings: machine.findings, fault, pickles: machine.pickle }
}

impl Machine {
    /// Runs the pickle at `offset`; gives the offset of what follows it.
    fn run<R: Rules + ?Sized>(
        &mut self,
        rules: &R,
        input: &[u8],
        offset: usize,
    ) -> Result<usize, Fault> {
        let mut reader = Reader::at(input, offset);
        loop {
            let instruction = reader.read().map_err(|error| Fault::Unreadable(error.kind))?;
            self.keep_within_frame(&instruction, input.len())?;
            if let Some(ambiguity) = instruction.ambiguity {
                rules.ambiguous(&instruction, ambiguity)?;
            }
            if instruction.opcode == Opcode::Stop {
                self.pop()?;
                let end = instruction.end();
                return if self.frame_end.is_none_or(|frame| frame == end) {
                    Ok(end)
                } else {
                    Err(Fault::Frame)
                };
            }
            rules.step(self, &instruction)?;
            self.trail.push(instruction.opcode);
        }
    }

    /// Frames bound what the pure Python unpickler reads, and nearly nothing for C: only where
    /// they bound whole opcodes do both do the same.
    fn keep_within_frame(
        &mut self,
        instruction: &Instruction<'_>,
        end_of_input: usize,
    ) -> Result<(), Fault> {
        if self.frame_end == Some(instruction.offset) {
            self.frame_end = None;
        }
        if self.frame_end.is_some_and(|end| instruction.end() > end) {
            return Err(Fault::Frame);
        }
        if let (Opcode::Frame, Argument::UInt(length)) = (instruction.opcode, instruction.argument)
        {
            let end = usize::try_from(length).ok().and_then(|n| n.checked_add(instruction.end()));
            match end {
                Some(end) if self.frame_end.is_none() && end <= end_of_input => {
                    self.frame_end = Some(end);
                }
                _ => return Err(Fault::Frame),
            }
        }
        Ok(())
    }

    /// Reports something that is not allowed; what it gives is unknown from here on.
    pub fn flag(&mut self, message: String) -> Value {
        self.findings.push(Finding { pickle: self.pickle, message });
        Value::Unknown
    }

    /// Forgets the last thing reported.
    pub fn forget(&mut self) {
        self.findings.pop();
    }

    /// Pushes a value.
    pub fn push(&mut self, value: Value) {
        self.stack.push(value);
    }

    /// Takes the top of the stack.
    pub fn pop(&mut self) -> Result<Value, Fault> {
        self.stack.pop().ok_or(Fault::Underflow)
    }

    /// The top of the stack.
    pub fn top(&self) -> Result<&Value, Fault> {
        self.stack.last().ok_or(Fault::Underflow)
    }

    /// Takes everything above the topmost mark, and the mark.
    pub fn pop_mark(&mut self) -> Result<Vec<Value>, Fault> {
        let below = self.below.pop().ok_or(Fault::Underflow)?;
        Ok(std::mem::replace(&mut self.stack, below))
    }

    /// Stores the top in the memo.
    pub fn store(&mut self, index: u64) -> Result<(), Fault> {
        if index > HIGHEST_INDEX {
            return Err(Fault::TooMuch);
        }
        let top = self.top()?.clone();
        self.memo.insert(index, top);
        Ok(())
    }

    /// Pushes a memo entry.
    pub fn fetch(&mut self, index: u64) -> Result<(), Fault> {
        let value = self.memo.get(&index).ok_or(Fault::MemoMiss)?.clone();
        self.push(value);
        Ok(())
    }

    /// Does to the stack what the opcode's row says, with everything unknown: for who does not
    /// look at the opcode.
    pub fn skip(&mut self, opcode: Opcode) -> Result<(), Fault> {
        use assay_pickle::StackItem;
        let row = opcode.info();
        for item in row.before.iter().rev() {
            match item {
                StackItem::Slice => {}
                StackItem::Mark => drop(self.pop_mark()?),
                _ => drop(self.pop()?),
            }
        }
        for _ in row.after {
            self.push(Value::Unknown);
        }
        Ok(())
    }

    fn push_text(&mut self, text: &[u8]) {
        let text: Rc<[u8]> = text.into();
        self.literals.push(text.clone());
        self.push(Value::Text(text));
    }

    fn push_tuple(&mut self, items: Vec<Value>) -> Result<(), Fault> {
        self.push(Value::tuple(items).ok_or(Fault::TooMuch)?);
        Ok(())
    }

    /// Does what an opcode other than STOP does.
    pub fn step<R: Rules + ?Sized>(
        &mut self,
        rules: &R,
        instruction: &Instruction<'_>,
    ) -> Result<(), Fault> {
        use Opcode as O;
        match instruction.opcode {
            O::Int
            | O::BinInt
            | O::BinInt1
            | O::BinInt2
            | O::Long
            | O::Long1
            | O::Long4
            | O::None
            | O::NewTrue
            | O::NewFalse
            | O::Float
            | O::BinFloat => self.push(Value::Atom),
            O::BinBytes | O::ShortBinBytes | O::BinBytes8 => self.push(Value::Bytes),
            O::ByteArray8 => self.push(Value::ByteArray),
            O::String | O::BinString | O::ShortBinString => self.eight_bit(instruction)?,
            O::Unicode | O::ShortBinUnicode | O::BinUnicode | O::BinUnicode8 => {
                self.text(instruction)?;
            }
            O::EmptyList => self.push(Value::List),
            O::EmptyTuple => self.push_tuple(Vec::new())?,
            O::EmptyDict => self.push(Value::Dict),
            O::EmptySet => self.push(Value::Set),
            O::List => {
                self.pop_mark()?;
                self.push(Value::List);
            }
            O::Tuple => {
                let items = self.pop_mark()?;
                self.push_tuple(items)?;
            }
            O::Tuple1 => self.gather(1)?,
            O::Tuple2 => self.gather(2)?,
            O::Tuple3 => self.gather(3)?,
            O::Dict => {
                let items = self.pop_mark()?;
                check_items(&items)?;
                self.push(Value::Dict);
            }
            O::FrozenSet => {
                let items = self.pop_mark()?;
                check_hashes(items.iter())?;
                self.push(Value::FrozenSet);
            }
            O::Append => {
                self.pop()?;
                self.appendable()?;
            }
            O::Appends => {
                self.pop_mark()?;
                self.appendable()?;
            }
            O::SetItem => {
                let value = self.pop()?;
                let key = self.pop()?;
                check_items(&[key, value])?;
                self.takes_items(rules)?;
            }
            O::SetItems => {
                let items = self.pop_mark()?;
                check_items(&items)?;
                self.takes_items(rules)?;
            }
            O::AddItems => {
                let items = self.pop_mark()?;
                check_hashes(items.iter())?;
                if !matches!(self.top()?, Value::Set | Value::Unknown) {
                    return Err(Fault::Operand);
                }
            }
            O::Mark => {
                let below = std::mem::take(&mut self.stack);
                self.below.push(below);
            }
            O::Pop => {
                if self.stack.pop().is_none() {
                    self.pop_mark()?;
                }
            }
            O::PopMark => drop(self.pop_mark()?),
            O::Dup => {
                let top = self.top()?.clone();
                self.push(top);
            }
            O::Get | O::BinGet | O::LongBinGet => self.fetch(index(instruction)?)?,
            O::Put | O::BinPut | O::LongBinPut => self.store(index(instruction)?)?,
            O::Memoize => {
                self.memoized += 1;
                self.store(self.memo.len() as u64)?;
            }
            O::Proto | O::Frame => {}
            O::Ext1 | O::Ext2 | O::Ext4 => {
                let unknown = self.flag("an extension code may stand for anything".into());
                self.push(unknown);
            }
            O::PersId | O::BinPersId => {
                if instruction.opcode == O::BinPersId {
                    self.pop()?;
                }
                let unknown = self.flag("a persistent id".into());
                self.push(unknown);
            }
            O::NextBuffer | O::ReadonlyBuffer => return Err(Fault::Operand),
            O::Global => {
                let (module, name) = names(instruction)?;
                let global = rules.global(self, module, name);
                self.push(global);
            }
            O::StackGlobal => {
                let name = self.pop()?;
                let module = self.pop()?;
                let global = rules.stack_global(self, module, name)?;
                self.push(global);
            }
            O::Inst => {
                let arguments = self.pop_mark()?;
                let (module, name) = names(instruction)?;
                let callable = rules.global(self, module, name);
                self.called(rules, O::Inst, &callable, &arguments)?;
            }
            O::Obj => {
                let mut arguments = self.pop_mark()?;
                if arguments.is_empty() {
                    return Err(Fault::Underflow);
                }
                let callable = arguments.remove(0);
                self.called(rules, O::Obj, &callable, &arguments)?;
            }
            O::Reduce | O::NewObj => {
                let arguments = self.pop()?;
                let callable = self.pop()?;
                self.apply(rules, instruction.opcode, &callable, &arguments)?;
            }
            O::NewObjEx => {
                let keywords = self.pop()?;
                if !matches!(keywords, Value::Dict | Value::Unknown) {
                    return Err(Fault::Operand);
                }
                let arguments = self.pop()?;
                let callable = self.pop()?;
                self.apply(rules, O::NewObjEx, &callable, &arguments)?;
            }
            O::Build => {
                self.pop()?;
                let object = self.top()?.clone();
                rules.build(self, &object);
            }
            O::Stop => self.pop().map(drop)?,
        }
        Ok(())
    }

    fn eight_bit(&mut self, instruction: &Instruction<'_>) -> Result<(), Fault> {
        let bytes = match instruction.argument {
            Argument::String8(bytes) => bytes.into(),
            Argument::Quoted { text, .. } => text::unescape(text).map_err(Fault::Unreadable)?.0,
            _ => return Err(Fault::Operand),
        };
        // Others are decoded, or not, as the encoding says.
        if !bytes.is_ascii() {
            return Err(Fault::Operand);
        }
        self.push(Value::EightBit);
        Ok(())
    }

    fn text(&mut self, instruction: &Instruction<'_>) -> Result<(), Fault> {
        match instruction.argument {
            Argument::Str(text) => self.push_text(text),
            Argument::RawUnicode(line) => {
                let text = text::decode_raw_unicode(line).map_err(Fault::Unreadable)?;
                self.push_text(&text);
            }
            _ => return Err(Fault::Operand),
        }
        Ok(())
    }

    fn gather(&mut self, count: usize) -> Result<(), Fault> {
        let at = self.stack.len().checked_sub(count).ok_or(Fault::Underflow)?;
        let items = self.stack.split_off(at);
        self.push_tuple(items)
    }

    fn appendable(&self) -> Result<(), Fault> {
        match self.top()? {
            Value::List | Value::Unknown => Ok(()),
            Value::Instance(entry) if entry.append => Ok(()),
            _ => Err(Fault::Operand),
        }
    }

    fn takes_items<R: Rules + ?Sized>(&self, rules: &R) -> Result<(), Fault> {
        if rules.takes_items(self.top()?) { Ok(()) } else { Err(Fault::Operand) }
    }

    fn apply<R: Rules + ?Sized>(
        &mut self,
        rules: &R,
        how: Opcode,
        callable: &Value,
        arguments: &Value,
    ) -> Result<(), Fault> {
        match arguments {
            Value::Tuple(items, _) => self.called(rules, how, callable, items),
            Value::Unknown => self.called(rules, how, callable, &[Value::Unknown]),
            // C wants a tuple, pickle.py takes whatever can be unpacked.
            _ => Err(Fault::Operand),
        }
    }

    fn called<R: Rules + ?Sized>(
        &mut self,
        rules: &R,
        how: Opcode,
        callable: &Value,
        arguments: &[Value],
    ) -> Result<(), Fault> {
        let result = rules.call(self, how, callable, arguments)?;
        self.push(result);
        Ok(())
    }
}

/// The memo index that an opcode names.
pub fn index(instruction: &Instruction<'_>) -> Result<u64, Fault> {
    match instruction.argument {
        Argument::UInt(index) => Ok(index),
        Argument::Numeral(numeral) => {
            numeral.value.and_then(|value| u64::try_from(value).ok()).ok_or(Fault::Operand)
        }
        _ => Err(Fault::Operand),
    }
}

fn names<'a>(instruction: &Instruction<'a>) -> Result<(&'a [u8], &'a [u8]), Fault> {
    match instruction.argument {
        Argument::Name { module, name } => Ok((module, name)),
        _ => Err(Fault::Operand),
    }
}

fn check_hashes<'v>(mut values: impl Iterator<Item = &'v Value>) -> Result<(), Fault> {
    if values.all(Value::hashes_plainly) { Ok(()) } else { Err(Fault::Operand) }
}

fn check_items(items: &[Value]) -> Result<(), Fault> {
    if !items.len().is_multiple_of(2) {
        return Err(Fault::Operand);
    }
    check_hashes(items.iter().step_by(2))
}
