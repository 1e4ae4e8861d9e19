//! The *provenance* of a value: which opcode made it, and of what.
//!
//! A run of the pickle machine on labels instead of values, over a whole stream of pickles. It
//! tells which opcode asked for which name, how that name was spelled, who called what, and
//! which opcodes built each value. It serves to explain and to reduce; it must not judge, and
//! it deliberately shares nothing with the analyser that it helps to find wrong.

use std::collections::HashMap;

use assay_pickle::{Argument, Code, Opcode, StackItem, text};

/// Index of a value in [`Run::values`].
pub type ValueId = usize;

/// What a value is known to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A text literal, decoded.
    Text(String),
    /// A global, as asked for: `module.name`.
    Global(String),
    /// What a call returned.
    Result,
    /// Anything else.
    Other,
}

/// A value on the stack of labels.
#[derive(Clone, Debug)]
pub struct Value {
    /// Index of the opcode that made it.
    pub made_by: usize,
    /// Index of the opcode that first made it, before memo or DUP handed it on.
    pub origin: usize,
    /// Index of the first opcode of those that built it.
    pub first: usize,
    /// What it is.
    pub kind: Kind,
    /// Whether it came here by GET.
    pub through_memo: bool,
    /// Whether it came here by DUP.
    pub through_dup: bool,
}

/// One opcode that was executed.
#[derive(Clone, Debug)]
pub struct Step {
    /// Index in the program.
    pub index: usize,
    /// Offset in bytes.
    pub offset: usize,
    /// The opcode.
    pub opcode: Opcode,
    /// Which pickle of the stream.
    pub pickle: usize,
    /// What it took, topmost last, marks left out.
    pub took: Vec<ValueId>,
    /// What it left.
    pub gave: Option<ValueId>,
}

/// Why a run ended before the end of the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    /// The stack held too little, or a mark where a value was needed.
    Stack,
    /// A memo entry that was never stored.
    Memo,
}

/// What became of a program.
#[derive(Clone, Debug, Default)]
pub struct Run {
    /// Every value made.
    pub values: Vec<Value>,
    /// Every opcode executed, in order.
    pub steps: Vec<Step>,
    /// The opcode that could not be executed, and why.
    pub fault: Option<(usize, Fault)>,
    /// Whether the last opcode executed was STOP.
    pub stopped: bool,
    /// How many pickles were begun.
    pub pickles: usize,
    /// Whether a STOP left more on the stack than what it took.
    pub left_over: bool,
    /// Whether a memo entry was stored twice.
    pub stored_again: bool,
}

impl Run {
    /// The step of the opcode at this index, if it was executed.
    pub fn step(&self, index: usize) -> Option<&Step> {
        // Steps are executed in program order, so each index is its own position.
        self.steps.get(index).filter(|step| step.index == index)
    }

    /// What the opcode is known to have pushed.
    pub fn kind(&self, step: &Step) -> Option<&Kind> {
        step.gave.map(|id| &self.values[id].kind)
    }
}

#[derive(Clone, Copy)]
enum Item {
    Value(ValueId),
    Mark(usize),
}

/// Runs a stream of pickles. The stack is new in each pickle; the memo is kept, as one
/// `Unpickler` used again keeps it.
pub fn run(codes: &[Code]) -> Run {
    let mut machine = Machine { out: Run::default(), stack: Vec::new(), memo: HashMap::new() };
    let mut offset = 0;
    let mut pickle = 0;
    machine.out.pickles = usize::from(!codes.is_empty());
    for (index, code) in codes.iter().enumerate() {
        machine.out.stopped = false;
        match machine.execute(index, code) {
            Ok((took, gave)) => {
                let opcode = code.opcode();
                machine.out.steps.push(Step { index, offset, opcode, pickle, took, gave });
                if opcode == Opcode::Stop {
                    machine.out.stopped = true;
                    machine.out.left_over |= !machine.stack.is_empty();
                    machine.stack.clear();
                    if index + 1 < codes.len() {
                        pickle += 1;
                        machine.out.pickles += 1;
                    }
                }
            }
            Err(fault) => {
                machine.out.fault = Some((index, fault));
                break;
            }
        }
        offset += code.bytes().len();
    }
    machine.out
}

struct Machine {
    out: Run,
    stack: Vec<Item>,
    memo: HashMap<u64, ValueId>,
}

impl Machine {
    fn execute(
        &mut self,
        index: usize,
        code: &Code,
    ) -> Result<(Vec<ValueId>, Option<ValueId>), Fault> {
        let view = code.view();
        match view.opcode {
            Opcode::Mark => {
                self.stack.push(Item::Mark(index));
                return Ok((Vec::new(), None));
            }
            Opcode::Pop => {
                return match self.stack.pop() {
                    Some(Item::Value(id)) => Ok((vec![id], None)),
                    Some(Item::Mark(_)) => Ok((Vec::new(), None)),
                    None => Err(Fault::Stack),
                };
            }
            Opcode::Dup => {
                let top = self.top()?;
                let mut value = self.out.values[top].clone();
                value.through_dup = true;
                (value.made_by, value.first) = (index, index);
                let id = self.push(value);
                return Ok((Vec::new(), Some(id)));
            }
            Opcode::Put | Opcode::BinPut | Opcode::LongBinPut | Opcode::Memoize => {
                let top = self.top()?;
                let key = memo_key(&view.argument).unwrap_or(self.memo.len() as u64);
                self.out.stored_again |= self.memo.insert(key, top).is_some();
                return Ok((Vec::new(), None));
            }
            Opcode::Get | Opcode::BinGet | Opcode::LongBinGet => {
                let key = memo_key(&view.argument).ok_or(Fault::Memo)?;
                let &held = self.memo.get(&key).ok_or(Fault::Memo)?;
                let mut value = self.out.values[held].clone();
                value.through_memo = true;
                (value.made_by, value.first) = (index, index);
                let id = self.push(value);
                return Ok((Vec::new(), Some(id)));
            }
            _ => {}
        }
        let (took, first) = self.take(view.opcode, index)?;
        if view.opcode.info().after.is_empty() {
            return Ok((took, None));
        }
        let kind = self.kind_of(view.opcode, &view.argument, &took);
        let value = Value {
            made_by: index,
            origin: index,
            first,
            kind,
            through_memo: false,
            through_dup: false,
        };
        let id = self.push(value);
        Ok((took, Some(id)))
    }

    /// Takes what the table says the opcode takes. Gives the values and the index of the first
    /// opcode that had a part in them.
    fn take(&mut self, opcode: Opcode, index: usize) -> Result<(Vec<ValueId>, usize), Fault> {
        let before = opcode.info().before;
        let mut took = Vec::new();
        let mut first = index;
        let fixed = match before.iter().position(|&item| item == StackItem::Mark) {
            Some(below) => {
                loop {
                    match self.stack.pop() {
                        Some(Item::Value(id)) => took.push(id),
                        Some(Item::Mark(at)) => {
                            first = first.min(at);
                            break;
                        }
                        None => return Err(Fault::Stack),
                    }
                }
                below
            }
            None => before.len(),
        };
        for _ in 0..fixed {
            match self.stack.pop() {
                Some(Item::Value(id)) => took.push(id),
                _ => return Err(Fault::Stack),
            }
        }
        took.reverse();
        for &id in &took {
            first = first.min(self.out.values[id].first);
        }
        if opcode == Opcode::Obj && took.is_empty() {
            return Err(Fault::Stack);
        }
        Ok((took, first))
    }

    fn kind_of(&self, opcode: Opcode, argument: &Argument<'_>, took: &[ValueId]) -> Kind {
        match opcode {
            Opcode::Global => match *argument {
                Argument::Name { module, name } => Kind::Global(dotted(
                    &String::from_utf8_lossy(module),
                    &String::from_utf8_lossy(name),
                )),
                _ => Kind::Other,
            },
            Opcode::StackGlobal => {
                let text = |id: ValueId| match &self.out.values[id].kind {
                    Kind::Text(text) => Some(text.as_str()),
                    _ => None,
                };
                match (text(took[0]), text(took[1])) {
                    (Some(module), Some(name)) => Kind::Global(dotted(module, name)),
                    _ => Kind::Global(String::new()),
                }
            }
            Opcode::Ext1 | Opcode::Ext2 | Opcode::Ext4 => Kind::Global(String::new()),
            Opcode::Reduce | Opcode::Inst | Opcode::Obj | Opcode::NewObj | Opcode::NewObjEx => {
                Kind::Result
            }
            // These give back the object they worked on.
            Opcode::Build
            | Opcode::Append
            | Opcode::Appends
            | Opcode::SetItem
            | Opcode::SetItems
            | Opcode::AddItems => self.out.values[took[0]].kind.clone(),
            _ => literal_text(argument).map_or(Kind::Other, Kind::Text),
        }
    }

    fn top(&self) -> Result<ValueId, Fault> {
        match self.stack.last() {
            Some(Item::Value(id)) => Ok(*id),
            _ => Err(Fault::Stack),
        }
    }

    fn push(&mut self, value: Value) -> ValueId {
        let id = self.out.values.len();
        self.out.values.push(value);
        self.stack.push(Item::Value(id));
        id
    }
}

fn dotted(module: &str, name: &str) -> String {
    format!("{module}.{name}")
}

fn memo_key(argument: &Argument<'_>) -> Option<u64> {
    match *argument {
        Argument::UInt(key) => Some(key),
        Argument::Numeral(numeral) => numeral.value.and_then(|value| u64::try_from(value).ok()),
        _ => None,
    }
}

/// The text that a literal pushes, if it is one of text.
pub fn literal_text(argument: &Argument<'_>) -> Option<String> {
    match *argument {
        Argument::Str(bytes) | Argument::String8(bytes) => {
            Some(String::from_utf8_lossy(bytes).into_owned())
        }
        Argument::RawUnicode(line) => {
            let bytes = text::decode_raw_unicode(line).ok()?;
            Some(String::from_utf8_lossy(&bytes).into_owned())
        }
        Argument::Quoted { text: quoted, .. } => {
            let (bytes, _) = text::unescape(quoted).ok()?;
            Some(String::from_utf8_lossy(&bytes).into_owned())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use assay_pickle::Program;

    use super::*;

    fn ran(bytes: &[u8]) -> Run {
        run(&Program::parse(bytes).codes)
    }

    #[test]
    fn names_are_followed_through_memo_dup_and_escapes() {
        for bytes in [
            b"cos\nsystem\n.".as_slice(),
            b"\x8c\x02os\x8c\x06system\x93.",
            b"\x8c\x02os\x94\x8c\x06system\x94N0h\x00h\x01\x93.",
            b"Vo\\u0073\nS's\\x79stem'\n\x93.",
        ] {
            let run = ran(bytes);
            let last = run.steps[run.steps.len() - 2].clone();
            assert_eq!(run.kind(&last), Some(&Kind::Global("os.system".into())), "{bytes:?}");
        }
        let run = ran(b"\x8c\x01a2\x93.");
        assert_eq!(run.kind(&run.steps[2]), Some(&Kind::Global("a.a".into())));
        assert!(run.values[run.steps[2].took[1]].through_dup);
    }

    #[test]
    fn a_value_knows_the_first_of_the_opcodes_that_built_it() {
        let run = ran(b"N(K\x01(K\x02ttcos\nf\n.");
        let outer = run.steps[6].gave.unwrap();
        assert_eq!(run.values[outer].first, 1);
        let inner = run.steps[5].gave.unwrap();
        assert_eq!(run.values[inner].first, 3);
    }

    #[test]
    fn a_stream_has_a_new_stack_and_the_old_memo() {
        let run = ran(b"K\x01\x94.h\x00.");
        assert_eq!((run.pickles, run.fault, run.stopped), (2, None, true));
        assert_eq!(ran(b"N.0").fault, Some((2, Fault::Stack)));
        assert_eq!(ran(b"h\x05.").fault, Some((0, Fault::Memo)));
        assert_eq!(ran(b"(N\x93.").fault, Some((2, Fault::Stack)));
    }
}
