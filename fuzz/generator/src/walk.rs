//! The walk: opcode after opcode, each drawn by weight and tried against the abstract machine.
//!
//! A row is an opcode with a predicate (whether it can follow) and an emitter (how to write it);
//! its weight is data. In a strict walk the predicate is asked, so that the program loads; in a
//! rogue one it is not.

use assay_pickle::{ArgumentForm, Opcode};

use crate::emitter::Emitter;
use crate::features::Features;
use crate::machine::{Kind, Machine};
use crate::near_miss::Tweak;

/// Draws before a walk gives up on finding an opcode that can follow and pushes a scalar.
const TRIES: usize = 10;

/// How strictly a walk keeps to what loads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Walk {
    /// Only opcodes that can follow, with arguments that all unpicklers read alike.
    Strict,
    /// Mostly opcodes that can follow, with boundary values.
    Boundary,
    /// Any opcode.
    Rogue,
}

fn is(machine: &Machine, below: usize, kind: Kind) -> bool {
    machine.peek(below).is_some_and(|slot| slot.kind == kind)
}

fn pairs(machine: &Machine) -> bool {
    machine.slice().is_some_and(|items| {
        items.len().is_multiple_of(2) && items.iter().step_by(2).all(|key| key.hashable)
    })
}

fn keys(machine: &Machine) -> bool {
    machine.slice().is_some_and(|items| items.iter().all(|item| item.hashable))
}

fn below_mark(machine: &Machine, kind: Kind) -> bool {
    machine.below_mark().is_some_and(|slot| slot.kind == kind)
}

/// The predicate of a row: whether the opcode can follow.
fn can_follow(opcode: Opcode, machine: &Machine) -> bool {
    use Opcode as O;
    match opcode {
        O::Append => machine.depth() >= 2 && is(machine, 1, Kind::List),
        O::SetItem => {
            machine.depth() >= 3
                && is(machine, 2, Kind::Dict)
                && machine.peek(1).is_some_and(|key| key.hashable)
        }
        O::Appends => below_mark(machine, Kind::List),
        O::SetItems => below_mark(machine, Kind::Dict) && pairs(machine),
        O::AddItems => below_mark(machine, Kind::Set) && keys(machine),
        O::Dict => pairs(machine),
        O::FrozenSet => keys(machine),
        O::List | O::Tuple | O::PopMark => machine.marks() > 0,
        O::Tuple1 | O::Dup | O::Put | O::BinPut | O::LongBinPut | O::Memoize => {
            machine.depth() >= 1
        }
        O::Tuple2 => machine.depth() >= 2,
        O::Tuple3 => machine.depth() >= 3,
        O::Pop => machine.depth() >= 1 || machine.marks() > 0,
        O::Get | O::BinGet | O::LongBinGet => machine.memoised() > 0,
        // State of None leaves any object without `__setstate__` as it is.
        O::Build => is(machine, 0, Kind::None) && is(machine, 1, Kind::Tuple),
        O::ReadonlyBuffer => {
            let top = machine.peek(0).map(|slot| slot.kind);
            matches!(top, Some(Kind::Bytes | Kind::ByteArray | Kind::Buffer))
        }
        O::Stop => false,
        _ => true,
    }
}

impl Emitter<'_, '_> {
    /// Writes opcodes until `steps` are done, or there is no room or no entropy.
    pub(crate) fn walk(&mut self, walk: Walk, steps: usize) {
        for _ in 0..steps {
            if self.choices.is_dry() || self.room() < 4 {
                return;
            }
            self.walk_once(walk);
        }
    }

    fn walk_once(&mut self, walk: Walk) {
        let newest = if self.features.has(Features::NEW) { 5 } else { self.protocol };
        let grammar = self.grammar;
        if walk == Walk::Rogue {
            let opcode = *self.choices.pick(&Opcode::ALL);
            let bare = opcode.info().form == ArgumentForm::None;
            if bare {
                self.op(opcode);
            } else if self.choices.one_in(6) {
                self.boundary(opcode);
            } else {
                self.row_bare(opcode);
            }
            return;
        }
        let rows = grammar.rows_of(newest);
        for _ in 0..TRIES {
            let opcode = *self.choices.pick(rows);
            let loose = walk == Walk::Boundary && self.choices.one_in(12);
            if !loose && !can_follow(opcode, &self.machine) {
                continue;
            }
            if walk == Walk::Boundary && self.choices.one_in(2) {
                self.boundary(opcode);
            } else {
                self.row(opcode);
            }
            return;
        }
        self.scalar();
    }

    /// The emitter of a row: writes the opcode with an argument that loads, if it has one.
    fn row(&mut self, opcode: Opcode) {
        use Opcode as O;
        match opcode {
            O::Int => {
                let value = i64::from(self.choices.u32() as i32 >> self.choices.below(32));
                self.op_decimal(opcode, value, b"");
            }
            O::Long => {
                let value = self.choices.u64() as i64 >> self.choices.below(64);
                self.op_decimal(opcode, value, b"L");
            }
            O::BinInt => {
                let value = self.choices.u32() as i32 >> self.choices.below(32);
                self.op_with(opcode, &value.to_le_bytes());
            }
            O::BinInt1 => {
                let value = self.choices.byte();
                self.op_with(opcode, &[value]);
            }
            O::BinInt2 => {
                let value = self.choices.u16();
                self.op_with(opcode, &value.to_le_bytes());
            }
            O::Long1 | O::Long4 => {
                let bytes = self.choices.u64().to_le_bytes();
                let len = self.choices.below(9);
                self.op_counted(opcode, if opcode == O::Long1 { 1 } else { 4 }, &bytes[..len]);
            }
            O::Float => {
                let value = f64::from(self.choices.u16() as i16) / 8.0;
                let text = format!("{value:?}");
                self.op_line(opcode, text.as_bytes());
            }
            O::BinFloat => {
                let value = f64::from(self.choices.u16() as i16) / 8.0;
                self.op_with(opcode, &value.to_be_bytes());
            }
            O::String => self.op_line(opcode, b"'text'"),
            O::BinString => self.op_counted(opcode, 4, b"text"),
            O::ShortBinString => self.op_counted(opcode, 1, b"text"),
            O::Unicode => self.raw_unicode("caf\u{e9}"),
            O::ShortBinUnicode => self.op_counted(opcode, 1, "\u{20ac}".as_bytes()),
            O::BinUnicode => self.op_counted(opcode, 4, b"key"),
            O::BinUnicode8 => self.op_counted(opcode, 8, b"wide"),
            O::ShortBinBytes => self.op_counted(opcode, 1, b"\0\xff"),
            O::BinBytes => self.op_counted(opcode, 4, b"bytes"),
            O::BinBytes8 | O::ByteArray8 => self.op_counted(opcode, 8, b"bytes"),
            O::Get | O::BinGet | O::LongBinGet => match self.stored() {
                Some(index) if index < 256 || opcode != O::BinGet => self.op_memo(opcode, index),
                Some(index) => self.op_memo(O::LongBinGet, index),
                None => self.scalar(),
            },
            O::Put | O::BinPut | O::LongBinPut => {
                let bound = if opcode == O::LongBinPut { 300 } else { 256 };
                let index = self.choices.below(bound);
                self.op_memo(opcode, index);
            }
            O::Proto => self.op_with(opcode, &[self.protocol]),
            O::Frame => self.begin_frame(),
            O::Ext1 | O::Ext2 | O::Ext4 | O::PersId | O::BinPersId | O::NextBuffer => {
                self.supplied(opcode);
            }
            O::Global | O::StackGlobal | O::Inst | O::Obj => self.row_call(opcode),
            O::Reduce | O::NewObj | O::NewObjEx => self.row_call(opcode),
            O::Build if can_follow(opcode, &self.machine) => self.op(opcode),
            O::Build => {
                // Any object takes no state.
                self.tuple_of(0, |_, _| {});
                self.op(O::None);
                self.op(opcode);
            }
            _ => self.op(opcode),
        }
    }

    /// The opcode with an argument that is read, whatever comes of it.
    fn row_bare(&mut self, opcode: Opcode) {
        match opcode {
            Opcode::Global | Opcode::Inst => self.op_name(opcode, "collections", "OrderedDict"),
            Opcode::PersId => self.op_with(opcode, b"1\n"),
            Opcode::Ext1 => self.op_with(opcode, &[0xe0]),
            Opcode::Ext2 => self.op_with(opcode, &[0xe0, 0]),
            Opcode::Ext4 => self.op_with(opcode, &[0xe0, 0, 0, 0]),
            Opcode::Get | Opcode::BinGet | Opcode::LongBinGet => self.op_memo(opcode, 0),
            _ => self.row(opcode),
        }
    }

    /// Opcodes that fail unless the unpickler's caller supplies something: rare in what loads.
    fn supplied(&mut self, opcode: Opcode) {
        if !self.features.has(Features::SUPPLIED) {
            self.scalar();
            return;
        }
        match opcode {
            Opcode::BinPersId => {
                self.scalar();
                self.op(Opcode::BinPersId);
                self.machine.push_supplied();
            }
            Opcode::PersId => self.op_supplied(opcode, b"1\n"),
            Opcode::NextBuffer => self.op_supplied(opcode, b""),
            Opcode::Ext1 => self.op_supplied(opcode, &[0xe0]),
            Opcode::Ext2 => self.op_supplied(opcode, &[0xe0, 0]),
            _ => self.op_supplied(opcode, &[0xe0, 0, 0, 0]),
        }
    }

    /// Opcodes that name or call: a whole idiom that ends in one.
    fn row_call(&mut self, opcode: Opcode) {
        let how = match opcode {
            Opcode::NewObj | Opcode::NewObjEx => Some(opcode),
            Opcode::Reduce | Opcode::Obj | Opcode::Inst => Some(Opcode::Reduce),
            _ => None,
        };
        let found = self.any_idiom(|idiom| how.is_none_or(|how| idiom.how == how));
        let Some(index) = found else {
            self.scalar();
            return;
        };
        let idiom = &self.grammar.idioms[index];
        match opcode {
            Opcode::Global => self.global_old(&idiom.global.module, &idiom.global.name),
            Opcode::StackGlobal => {
                let hidden = self.features.has(Features::NOISE);
                if hidden {
                    self.global_hidden(&idiom.global);
                } else {
                    self.global(&idiom.global);
                }
            }
            Opcode::Obj | Opcode::Inst => {
                let features = self.features;
                self.features = features.with(Features::ALT_CALL);
                self.idiom(idiom, Tweak::Faithful);
                self.features = features;
            }
            _ => self.idiom(idiom, Tweak::Faithful),
        }
    }
}
