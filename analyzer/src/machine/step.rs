//! The transfer functions: one arm an opcode.

use assay_pickle::{Ambiguity, Argument, Instruction, Opcode};

use super::{Behind, Fault, Flow, Machine};
use crate::domain::{Alive, Value};
use crate::fact::Fact;
use crate::probe;

impl Machine<'_, '_> {
    /// Runs one opcode.
    // Inlined where opcodes are read, as reading is: an instruction then never goes by memory.
    #[inline(always)]
    pub(crate) fn step(&mut self, instruction: &Instruction<'_>) -> Result<Flow, Fault> {
        self.judge.record.at(instruction.offset, instruction.opcode);
        self.check_frame(instruction);
        if let Some(ambiguity) = instruction.ambiguity {
            self.doubt_argument(ambiguity);
        }
        let here = u32::try_from(instruction.offset)
            .map_err(|_| Fault::budget("gave up: pickles beyond 4 GiB are not analysed"))?;
        match instruction.opcode {
            Opcode::Proto => self.protocol = small(instruction) as u8,
            Opcode::Frame => self.begin_frame(instruction),
            Opcode::Stop => {
                let result = self.pop()?;
                self.keep(&[result]);
                self.result = Some(result);
                self.check_stop(instruction);
                return Ok(Flow::Stop);
            }

            Opcode::None => self.stack.push(Value::None),
            Opcode::NewTrue => self.stack.push(Value::Bool(true)),
            Opcode::NewFalse => self.stack.push(Value::Bool(false)),
            Opcode::BinInt1 | Opcode::BinInt2 => {
                self.stack.push(Value::Int(small(instruction) as i32))
            }
            Opcode::BinInt | Opcode::Int | Opcode::Long | Opcode::Long1 | Opcode::Long4 => {
                self.stack.push(match instruction.argument {
                    Argument::Int(value) => Value::Int(value),
                    argument => integer(argument),
                });
            }
            Opcode::Float | Opcode::BinFloat => self.stack.push(Value::Float),
            Opcode::Unicode
            | Opcode::ShortBinUnicode
            | Opcode::BinUnicode
            | Opcode::BinUnicode8 => self.stack.push(Value::Str(here)),
            Opcode::String | Opcode::BinString | Opcode::ShortBinString => {
                self.stack.push(Value::Str8(here));
                self.note_held(instruction);
                if self.judge.text_of(Value::Str8(here)).is_none() {
                    // The default encoding is ASCII, which raises; Latin-1 and bytes do not.
                    self.judge.record.may_stop(Alive::NONE);
                }
            }
            Opcode::ShortBinBytes | Opcode::BinBytes | Opcode::BinBytes8 => {
                self.stack.push(Value::Bytes(here));
                self.note_held(instruction);
            }
            Opcode::ByteArray8 => {
                self.stack.push(Value::ByteArray(here));
                self.note_held(instruction);
            }
            Opcode::NextBuffer => {
                // Without buffers it raises; with them it is the caller's own object.
                self.judge.record.may_stop(Alive::NONE);
                self.stack.push(Value::Buffer);
            }
            Opcode::ReadonlyBuffer => {
                let value = self.top()?;
                if value != Value::Buffer {
                    self.judge.fact(Fact::View(value));
                }
            }

            Opcode::EmptyTuple => {
                let tuple = self.new_tuple(&[]);
                self.stack.push(tuple);
            }
            Opcode::Tuple1 => self.fixed_tuple(1)?,
            Opcode::Tuple2 => self.fixed_tuple(2)?,
            Opcode::Tuple3 => self.fixed_tuple(3)?,
            Opcode::Tuple => {
                let tuple = self.take_slice(Self::new_tuple)?;
                self.stack.push(tuple);
            }
            Opcode::EmptyList => {
                let list = self.judge.heap.new_list();
                self.stack.push(list);
            }
            Opcode::List => {
                let list = self.take_slice(|machine, items| {
                    let list = machine.judge.heap.new_list();
                    machine.append(list, items);
                    list
                })?;
                self.stack.push(list);
            }
            Opcode::EmptySet => {
                let set = self.judge.heap.new_set(&[]);
                self.stack.push(set);
            }
            Opcode::FrozenSet => {
                let set = self.take_slice(|machine, items| {
                    machine.keep(items);
                    machine.hash_all(items);
                    let set = machine.judge.heap.new_frozenset(items);
                    machine.judge.pass_on(set, items);
                    set
                })?;
                self.stack.push(set);
            }
            Opcode::EmptyDict => {
                let dict = self.judge.heap.new_dict();
                self.stack.push(dict);
            }
            Opcode::Dict => {
                let dict = self.take_slice(|machine, items| {
                    let dict = machine.judge.heap.new_dict();
                    machine.set_items(dict, items).map(|()| dict)
                })??;
                self.stack.push(dict);
            }

            Opcode::Append => {
                let item = self.pop()?;
                let target = self.top()?;
                self.append(target, &[item]);
            }
            Opcode::Appends => {
                let target = self.below_mark()?;
                self.take_slice(|machine, items| machine.append(target, items))?;
            }
            Opcode::SetItem => {
                let value = self.pop()?;
                let key = self.pop()?;
                let target = self.top()?;
                self.set_items(target, &[key, value])?;
            }
            Opcode::SetItems => {
                let target = self.below_mark()?;
                self.take_slice(|machine, items| machine.set_items(target, items))??;
            }
            Opcode::AddItems => {
                let target = self.below_mark()?;
                self.take_slice(|machine, items| machine.add_items(target, items))?;
            }

            Opcode::Pop => {
                if self.marks.last() == Some(&self.stack.len()) {
                    self.marks.pop();
                } else {
                    self.pop()?;
                }
            }
            Opcode::PopMark => {
                let start = self.pop_mark()?;
                self.stack.truncate(start);
            }
            Opcode::Dup => self.stack.push(self.top()?),
            Opcode::Mark => self.marks.push(self.stack.len()),

            Opcode::Get | Opcode::BinGet | Opcode::LongBinGet => self.get(instruction.argument)?,
            Opcode::Put | Opcode::BinPut | Opcode::LongBinPut => self.put(instruction.argument)?,
            Opcode::Memoize => self.memoize()?,

            Opcode::Global => {
                let value = self.named(instruction);
                self.stack.push(value);
            }
            Opcode::StackGlobal => {
                let (name, module) = (self.pop()?, self.pop()?);
                let value = self.stack_global(module, name)?;
                self.stack.push(value);
            }
            Opcode::Ext1 | Opcode::Ext2 => self.extension(i64::from(small(instruction)))?,
            Opcode::Ext4 => match instruction.argument {
                Argument::Int(code) => self.extension(i64::from(code))?,
                _ => self.extension(0)?,
            },
            Opcode::PersId => {
                let value = self.judge.fact(Fact::Persistent(Value::Unknown));
                self.stack.push(value);
            }
            Opcode::BinPersId => {
                let id = self.pop()?;
                let value = self.judge.fact(Fact::Persistent(id));
                self.stack.push(value);
            }

            Opcode::Reduce => {
                let (args, callee) = (self.pop()?, self.pop()?);
                let args = self.elements(args);
                let value = self.judge.fact(Fact::Call { callee, args });
                self.stack.push(value);
            }
            Opcode::Inst => {
                if self.marks.is_empty() {
                    // `pickle.py` misses the mark only after it has asked for the class.
                    self.judge.record.may_stop(Alive::PY);
                }
                let class = self.named(instruction);
                let args = self.take_slice(|_, args| args.to_vec())?;
                self.instantiate(class, args);
            }
            Opcode::Obj => {
                let taken = self.take_slice(|_, items| {
                    items.split_first().map(|(class, args)| (*class, args.to_vec()))
                })?;
                let (class, args) = taken.ok_or("OBJ has no class above the mark")?;
                self.instantiate(class, args);
            }
            Opcode::NewObj => {
                let (args, class) = (self.pop()?, self.pop()?);
                let args = self.elements(args);
                let value = self.judge.fact(Fact::New { class, args, keywords: false });
                self.stack.push(value);
            }
            Opcode::NewObjEx => {
                let (keywords, args, class) = (self.pop()?, self.pop()?, self.pop()?);
                let args = self.elements(args);
                let empty = matches!(keywords, Value::Dict(_)) && self.is_fresh_dict();
                let value = self.judge.fact(Fact::New { class, args, keywords: !empty });
                self.stack.push(value);
            }
            Opcode::Build => {
                let state = self.pop()?;
                self.keep(&[state]);
                let target = self.top()?;
                self.deepen(target, &[state]);
                self.judge.fact(Fact::Build { target, state });
                match self.behind_build(instruction.end(), state)? {
                    Behind::Opcode => {}
                    behind => return Ok(Flow::Skip(behind)),
                }
            }
        }
        Ok(Flow::Continue)
    }

    /// Notes a constant whose bytes are a pickle themselves.
    fn note_held(&mut self, instruction: &Instruction<'_>) {
        if let Argument::Bytes(data) | Argument::String8(data) = instruction.argument
            && data.last() == Some(&b'.')
            && probe::is_whole_pickle(data)
        {
            self.judge.record.held(instruction.end() - data.len(), data.len());
        }
    }

    /// Whether the opcode before this one is EMPTY_DICT: the dict on top is then empty.
    fn is_fresh_dict(&self) -> bool {
        self.judge.record.previous() == Some(Opcode::EmptyDict)
    }

    fn doubt_argument(&mut self, ambiguity: Ambiguity) {
        let alive = match ambiguity {
            Ambiguity::Numeral | Ambiguity::Length => Alive::C,
            Ambiguity::EmptyName => Alive::PY,
            Ambiguity::Escape | Ambiguity::ControlCharacter => Alive::BOTH,
            Ambiguity::Digits | Ambiguity::Float => Alive::NONE,
        };
        self.judge.record.doubt("ambiguous-argument", ambiguity.message(), alive);
    }

    fn new_tuple(&mut self, items: &[Value]) -> Value {
        if items.iter().all(|item| item.is_atom()) {
            return self.judge.heap.new_tuple_of_atoms(items);
        }
        self.keep(items);
        let tuple = self.judge.heap.new_tuple(items);
        self.judge.pass_on(tuple, items);
        tuple
    }

    fn fixed_tuple(&mut self, len: usize) -> Result<(), Fault> {
        let start = self.stack.len().checked_sub(len).filter(|start| *start >= self.fence());
        let start = start.ok_or("the stack is too short for the tuple")?;
        let tuple = self.take_from(start, Self::new_tuple);
        self.stack.push(tuple);
        Ok(())
    }

    /// The elements, if the value is a tuple.
    fn elements(&self, value: Value) -> Option<Vec<Value>> {
        match value {
            Value::Tuple(id) => {
                let elements = self.judge.heap.tuple(id);
                self.judge.spend(elements.len() as u64);
                Some(elements.to_vec())
            }
            _ => None,
        }
    }

    /// The global of GLOBAL's or INST's two lines.
    fn named(&mut self, instruction: &Instruction<'_>) -> Value {
        let Argument::Name { module, name } = instruction.argument else { return Value::Unknown };
        let id = self.judge.globals.resolve(self.judge.policy, module, name, self.protocol);
        self.judge.fact(Fact::Resolve(id))
    }

    fn stack_global(&mut self, module: Value, name: Value) -> Result<Value, Fault> {
        if !self.judge.may_be_str(module) || !self.judge.may_be_str(name) {
            return Err("STACK_GLOBAL needs two str".into());
        }
        let (Some(module_text), Some(name_text)) =
            (self.judge.text_of(module), self.judge.text_of(name))
        else {
            return Ok(self.judge.fact(Fact::ResolveComputed));
        };
        self.judge.spend_on(&module_text);
        self.judge.spend_on(&name_text);
        let policy = self.judge.policy;
        let id = self.judge.globals.resolve(policy, &module_text, &name_text, self.protocol);
        if matches!(module, Value::Str8(_)) || matches!(name, Value::Str8(_)) {
            let message = "the name is an 8-bit string: with encoding='bytes' it is refused";
            self.judge.record.doubt("name-encoding", message, Alive::BOTH);
        }
        Ok(self.judge.fact(Fact::Resolve(id)))
    }

    fn extension(&mut self, code: i64) -> Result<(), Fault> {
        if code <= 0 {
            return Err("an extension code must be positive".into());
        }
        let value = self.judge.fact(Fact::Extension(code));
        self.stack.push(value);
        Ok(())
    }

    /// INST and OBJ: without arguments a class is made by `__new__`, else it is called.
    fn instantiate(&mut self, class: Value, args: Vec<Value>) {
        self.keep(&args);
        let value = if args.is_empty() && !self.judge.is_function(class) {
            self.judge.fact(Fact::New { class, args: Some(args), keywords: false })
        } else {
            self.judge.fact(Fact::Call { callee: class, args: Some(args) })
        };
        self.stack.push(value);
    }
}

/// The number of an opcode whose argument is an unsigned number of at most four bytes.
#[inline(always)]
fn small(instruction: &Instruction<'_>) -> u32 {
    match instruction.argument {
        Argument::UInt(value) => value as u32,
        _ => 0,
    }
}

/// The number that a line of text or a counted number says.
fn integer(argument: Argument<'_>) -> Value {
    let fitting = |value: i64| i32::try_from(value).map_or(Value::BigInt, Value::Int);
    match argument {
        Argument::Numeral(numeral) => match (numeral.text, numeral.value) {
            (b"00", _) => Value::Bool(false),
            (b"01", _) => Value::Bool(true),
            (_, Some(value)) => fitting(value),
            (_, None) => Value::BigInt,
        },
        Argument::Long(data) if data.len() <= 8 => {
            let fill = if data.last().is_some_and(|byte| byte & 0x80 != 0) { 0xff } else { 0 };
            let mut bytes = [fill; 8];
            bytes[..data.len()].copy_from_slice(data);
            fitting(i64::from_le_bytes(bytes))
        }
        _ => Value::BigInt,
    }
}
