//! The transfer functions: one arm an opcode.

use assay_pickle::{Ambiguity, Argument, Instruction, Opcode};

use super::{Alive, Behind, Fault, Flow, Machine, Value};
use crate::fact::Fact;

impl Machine<'_, '_> {
    /// Runs one opcode.
    pub(crate) fn step(&mut self, instruction: &Instruction<'_>) -> Result<Flow, Fault> {
        self.judge.at(instruction.offset, instruction.opcode);
        self.check_frame(instruction);
        if let Some(ambiguity) = instruction.ambiguity {
            self.doubt_argument(ambiguity);
        }
        let here = u32::try_from(instruction.offset)
            .map_err(|_| Fault::from("pickles beyond 4 GiB are not analysed"))?;
        match instruction.opcode {
            Opcode::Proto => self.protocol = small(instruction) as u8,
            Opcode::Frame => self.begin_frame(instruction),
            Opcode::Stop => {
                let result = self.pop()?;
                self.keep(&[result]);
                if self.frame_end.is_some_and(|end| end > instruction.end()) {
                    self.judge.doubt(
                        "frame",
                        "STOP stands before the end of its frame: readers of a stream go on at different bytes",
                        Alive::BOTH,
                    );
                }
                return Ok(Flow::Stop);
            }

            Opcode::None => self.stack.push(Value::None),
            Opcode::NewTrue => self.stack.push(Value::Bool(true)),
            Opcode::NewFalse => self.stack.push(Value::Bool(false)),
            Opcode::BinInt1 | Opcode::BinInt2 => {
                self.stack.push(Value::Int(small(instruction) as i32))
            }
            Opcode::BinInt | Opcode::Int | Opcode::Long | Opcode::Long1 | Opcode::Long4 => {
                self.stack.push(integer(&instruction.argument));
            }
            Opcode::Float | Opcode::BinFloat => self.stack.push(Value::Float),
            Opcode::Unicode
            | Opcode::ShortBinUnicode
            | Opcode::BinUnicode
            | Opcode::BinUnicode8 => self.stack.push(Value::Str(here)),
            Opcode::String | Opcode::BinString | Opcode::ShortBinString => {
                self.stack.push(Value::Str8(here));
                if self.text_of(Value::Str8(here)).is_none() {
                    // The default encoding is ASCII, which raises; Latin-1 and bytes do not.
                    self.judge.may_stop(Alive::NONE);
                }
            }
            Opcode::ShortBinBytes | Opcode::BinBytes | Opcode::BinBytes8 => {
                self.stack.push(Value::Bytes(here));
            }
            Opcode::ByteArray8 => self.stack.push(Value::ByteArray),
            Opcode::NextBuffer => {
                // Without buffers it raises; with them it is the caller's own object.
                self.judge.may_stop(Alive::NONE);
                self.stack.push(Value::Buffer);
            }
            Opcode::ReadonlyBuffer => {
                let value = self.top()?;
                if value != Value::Buffer {
                    self.fact(Fact::View(value));
                }
            }

            Opcode::EmptyTuple => self.push_tuple(&[]),
            Opcode::Tuple1 => self.fixed_tuple(1)?,
            Opcode::Tuple2 => self.fixed_tuple(2)?,
            Opcode::Tuple3 => self.fixed_tuple(3)?,
            Opcode::Tuple => {
                let items = self.pop_slice()?;
                self.push_tuple(&items);
                self.recycle(items);
            }
            Opcode::EmptyList => {
                let list = self.heap.new_list();
                self.stack.push(list);
            }
            Opcode::List => {
                let items = self.pop_slice()?;
                let list = self.heap.new_list();
                self.append(list, &items);
                self.recycle(items);
                self.stack.push(list);
            }
            Opcode::EmptySet => self.stack.push(Value::Set),
            Opcode::FrozenSet => {
                let items = self.pop_slice()?;
                self.keep(&items);
                self.hash_all(&items);
                self.recycle(items);
                self.stack.push(Value::FrozenSet);
            }
            Opcode::EmptyDict => {
                let dict = self.heap.new_dict();
                self.stack.push(dict);
            }
            Opcode::Dict => {
                let items = self.pop_slice()?;
                let dict = self.heap.new_dict();
                self.set_items(dict, &items)?;
                self.recycle(items);
                self.stack.push(dict);
            }

            Opcode::Append => {
                let item = self.pop()?;
                let target = self.top()?;
                self.append(target, &[item]);
            }
            Opcode::Appends => {
                let items = self.pop_slice()?;
                let target = self.top()?;
                self.append(target, &items);
                self.recycle(items);
            }
            Opcode::SetItem => {
                let value = self.pop()?;
                let key = self.pop()?;
                let target = self.top()?;
                self.set_items(target, &[key, value])?;
            }
            Opcode::SetItems => {
                let items = self.pop_slice()?;
                let target = self.top()?;
                self.set_items(target, &items)?;
                self.recycle(items);
            }
            Opcode::AddItems => {
                let items = self.pop_slice()?;
                let target = self.top()?;
                if target != Value::Set {
                    self.fact(Fact::Add(target));
                }
                self.keep(&items);
                self.hash_all(&items);
                self.recycle(items);
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

            Opcode::Get | Opcode::BinGet | Opcode::LongBinGet => self.get(&instruction.argument)?,
            Opcode::Put | Opcode::BinPut | Opcode::LongBinPut => self.put(&instruction.argument)?,
            Opcode::Memoize => {
                let value = self.top()?;
                if self.memo.is_lost() {
                    self.judge.may_stop(Alive::NONE);
                }
                self.memo.memoize(value);
                if let Some(kept) = &mut self.kept {
                    kept.memoize(value);
                }
            }

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
                let value = self.fact(Fact::Persistent(Value::Unknown));
                self.stack.push(value);
            }
            Opcode::BinPersId => {
                let id = self.pop()?;
                let value = self.fact(Fact::Persistent(id));
                self.stack.push(value);
            }

            Opcode::Reduce => {
                let (args, callee) = (self.pop()?, self.pop()?);
                let args = self.elements(args);
                let kept = if self.wrapped.is_some() { args.clone() } else { None };
                let value = self.fact(Fact::Call { callee, args });
                self.keep_size(value, kept.as_deref());
                self.stack.push(value);
            }
            Opcode::Inst => {
                let args = self.pop_slice()?;
                let class = self.named(instruction);
                self.instantiate(class, args);
            }
            Opcode::Obj => {
                let mut args = self.pop_slice()?;
                if args.is_empty() {
                    return Err("OBJ has no class above the mark".into());
                }
                let class = args.remove(0);
                self.instantiate(class, args);
            }
            Opcode::NewObj => {
                let (args, class) = (self.pop()?, self.pop()?);
                let args = self.elements(args);
                let value = self.fact(Fact::New { class, args, keywords: false });
                self.stack.push(value);
            }
            Opcode::NewObjEx => {
                let (keywords, args, class) = (self.pop()?, self.pop()?, self.pop()?);
                let args = self.elements(args);
                let empty = matches!(keywords, Value::Dict(_)) && self.is_fresh_dict();
                let value = self.fact(Fact::New { class, args, keywords: !empty });
                self.stack.push(value);
            }
            Opcode::Build => {
                let state = self.pop()?;
                self.keep(&[state]);
                let target = self.top()?;
                self.fact(Fact::Build { target, state });
                match self.behind_build(instruction.end(), state)? {
                    Behind::Opcode => {}
                    behind => return Ok(Flow::Skip(behind)),
                }
            }
        }
        Ok(Flow::Continue)
    }

    /// Whether the opcode before this one is EMPTY_DICT: the dict on top is then empty.
    fn is_fresh_dict(&self) -> bool {
        self.judge.previous() == Some(Opcode::EmptyDict)
    }

    fn doubt_argument(&mut self, ambiguity: Ambiguity) {
        let alive = match ambiguity {
            Ambiguity::Numeral | Ambiguity::Length => Alive::C,
            Ambiguity::EmptyName => Alive::PY,
            Ambiguity::Escape | Ambiguity::ControlCharacter => Alive::BOTH,
            Ambiguity::Digits | Ambiguity::Float => Alive::NONE,
        };
        self.judge.doubt("ambiguous-argument", ambiguity.message(), alive);
    }

    /// Frames must hold whole opcodes: C loads past their ends, Python does not.
    fn check_frame(&mut self, instruction: &Instruction<'_>) {
        let Some(end) = self.frame_end else { return };
        if instruction.offset >= end {
            self.frame_end = None;
        } else if instruction.end() > end {
            self.frame_end = None;
            self.judge.doubt(
                "frame",
                "an opcode straddles the end of its frame: C reads on, Python raises",
                Alive::C,
            );
        }
    }

    fn begin_frame(&mut self, instruction: &Instruction<'_>) {
        if self.frame_end.is_some_and(|end| instruction.end() < end) {
            self.judge.doubt("frame", "a frame begins within another: Python raises", Alive::C);
        }
        let left = (self.input.len() - instruction.end()) as u64;
        let Argument::UInt(length) = instruction.argument else { return };
        if length > i64::MAX as u64 {
            self.judge.doubt("frame", "the frame's length is beyond any input", Alive::NONE);
        } else if length > left {
            self.judge.doubt("frame", "the frame is longer than the input: C raises", Alive::PY);
        }
        self.frame_end = Some(instruction.end() + length.min(left) as usize);
    }

    fn push_tuple(&mut self, items: &[Value]) {
        self.keep(items);
        let tuple = self.heap.new_tuple(items);
        self.stack.push(tuple);
    }

    fn fixed_tuple(&mut self, len: usize) -> Result<(), Fault> {
        let start = self.stack.len().checked_sub(len).filter(|start| *start >= self.fence());
        let start = start.ok_or("the stack is too short for the tuple")?;
        for at in start..self.stack.len() {
            self.keep(&[self.stack[at]]);
        }
        let tuple = self.heap.new_tuple(&self.stack[start..]);
        self.stack.truncate(start);
        self.stack.push(tuple);
        Ok(())
    }

    /// The elements, if the value is a tuple.
    fn elements(&self, value: Value) -> Option<Vec<Value>> {
        match value {
            Value::Tuple(id) => Some(self.heap.tuple(id).to_vec()),
            _ => None,
        }
    }

    fn memo_index(&mut self, argument: &Argument<'_>) -> Result<Option<u64>, Fault> {
        Ok(match argument {
            Argument::UInt(index) => Some(*index),
            Argument::Numeral(numeral) => match numeral.value {
                Some(index) => {
                    Some(u64::try_from(index).map_err(|_| Fault::from("a negative memo index"))?)
                }
                None => None,
            },
            _ => None,
        })
    }

    fn get(&mut self, argument: &Argument<'_>) -> Result<(), Fault> {
        let index = self.memo_index(argument)?.filter(|_| !self.memo.is_lost());
        let Some(index) = index else {
            let message = "which memo entry is fetched is not known";
            self.judge.doubt("memo-index", message, Alive::NONE);
            self.stack.push(Value::Unknown);
            return Ok(());
        };
        let fresh = self.memo.get(index);
        let kept = self.kept.as_ref().map_or(fresh, |kept| kept.get(index));
        if fresh != kept {
            self.judge.doubt(
                "stream-memo",
                "one Unpickler used again still holds the memo of the pickles before, and fetches another object here",
                Alive::BOTH,
            );
        }
        match (fresh, kept) {
            (Some(value), Some(other)) if value == other => self.stack.push(value),
            (None, None) => return Err(format!("memo entry {index} was never stored").into()),
            (None, Some(_)) => {
                self.judge.may_stop(Alive::NONE);
                self.stack.push(Value::Unknown);
            }
            (Some(value), _) => self.stack.push(value),
        }
        Ok(())
    }

    fn put(&mut self, argument: &Argument<'_>) -> Result<(), Fault> {
        let value = self.top()?;
        let Some(index) = self.memo_index(argument)? else {
            // Only Python stores that far, and MEMOIZE then counts one more.
            self.memo.lose();
            let message = "a memo index out of proportion, or not read alike by all";
            self.judge.doubt("memo-index", message, Alive::PY);
            return Ok(());
        };
        let fits = self.memo.put(index, value);
        if let Some(kept) = &mut self.kept {
            kept.put(index, value);
        }
        if !fits {
            self.memo.lose();
            let message = format!("memo index {index} is out of proportion: C allocates up to it");
            self.judge.doubt("memo-index", message, Alive::PY);
        }
        Ok(())
    }

    /// The global of GLOBAL's or INST's two lines.
    fn named(&mut self, instruction: &Instruction<'_>) -> Value {
        let Argument::Name { module, name } = instruction.argument else { return Value::Unknown };
        let id = self.globals.resolve(self.policy, module, name, self.protocol);
        self.fact(Fact::Resolve(id))
    }

    fn stack_global(&mut self, module: Value, name: Value) -> Result<Value, Fault> {
        let is_text = |value| {
            matches!(value, Value::Str(_) | Value::Str8(_) | Value::Unknown | Value::Allowed)
        };
        if !is_text(module) || !is_text(name) {
            return Err("STACK_GLOBAL needs two str".into());
        }
        let (Some(module_text), Some(name_text)) = (self.text_of(module), self.text_of(name))
        else {
            return Ok(self.fact(Fact::ResolveComputed));
        };
        let id = self.globals.resolve(self.policy, &module_text, &name_text, self.protocol);
        if matches!(module, Value::Str8(_)) || matches!(name, Value::Str8(_)) {
            let message = "the name is an 8-bit string: with encoding='bytes' it is refused";
            self.judge.doubt("name-encoding", message, Alive::BOTH);
        }
        Ok(self.fact(Fact::Resolve(id)))
    }

    fn extension(&mut self, code: i64) -> Result<(), Fault> {
        if code <= 0 {
            return Err("an extension code must be positive".into());
        }
        let value = self.fact(Fact::Extension(code));
        self.stack.push(value);
        Ok(())
    }

    /// INST and OBJ: without arguments a class is made by `__new__`, else it is called.
    fn instantiate(&mut self, class: Value, args: Vec<Value>) {
        let value = if args.is_empty() && !self.is_function(class) {
            self.fact(Fact::New { class, args: Some(args), keywords: false })
        } else {
            self.fact(Fact::Call { callee: class, args: Some(args) })
        };
        self.stack.push(value);
    }
}

/// The number of an opcode whose argument is an unsigned number of at most four bytes.
fn small(instruction: &Instruction<'_>) -> u32 {
    match instruction.argument {
        Argument::UInt(value) => value as u32,
        _ => 0,
    }
}

fn integer(argument: &Argument<'_>) -> Value {
    let fitting = |value: i64| i32::try_from(value).map_or(Value::BigInt, Value::Int);
    match *argument {
        Argument::Int(value) => Value::Int(value),
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
