//! Plain data: values of built-in types, written as picklers write them and as they could.

use assay_pickle::Opcode;

use crate::emitter::Emitter;
use crate::features::Features;
use crate::machine::{Kind, Slot};
use crate::template::Type;

/// Integers at which a spelling or a width changes.
pub(crate) const INTS: [i64; 22] = [
    0,
    1,
    2,
    -1,
    7,
    127,
    128,
    255,
    256,
    -128,
    -129,
    65535,
    65536,
    2_147_483_647,
    2_147_483_648,
    -2_147_483_648,
    -2_147_483_649,
    4_294_967_295,
    4_294_967_296,
    i64::MAX,
    i64::MIN,
    1_000_000_007,
];

/// Floats that are read alike however they are spelled.
const FLOATS: [f64; 10] =
    [0.0, 1.0, -1.5, -0.0, 0.1, 1e300, 5e-324, f64::INFINITY, f64::NEG_INFINITY, f64::NAN];

/// Words that any object takes as the name of an attribute.
const WORDS: [&str; 12] =
    ["a", "b", "key", "name", "value", "x", "data", "os", "system", "id", "tags", "items"];

/// Keys, the ones that mean something to Python among them.
const KEYS: [&str; 20] = [
    "a",
    "b",
    "key",
    "name",
    "value",
    "x",
    "data",
    "args",
    "os",
    "system",
    "builtins",
    "latin1",
    "__class__",
    "__dict__",
    "__doc__",
    "items",
    "maxlen",
    "self",
    "id",
    "tags",
];

/// Texts, what needs escaping in UNICODE among them.
const TEXTS: [&str; 14] = [
    "",
    "text",
    "caf\u{e9}",
    "\u{20ac}",
    "\u{1f600}",
    "a\\b",
    "line\nbreak",
    "nul\0nul",
    "carriage\r",
    "\u{1a}",
    "cos\nsystem\n",
    "'quoted\"",
    "\\u0041",
    "0123456789012345678901234567890123456789012345678901234567890123456789",
];

/// Bytes, opcodes and payloads among them.
const BYTES: [&[u8]; 8] =
    [b"", b"bytes", b"\0", b"\xff\xfe", b".", b"cos\nsystem\n", b"\x80\x04.", b"0123456789abcdef"];

/// Decimal numerals beyond 64 bits.
const HUGE: [&str; 4] = [
    "18446744073709551616",
    "-18446744073709551617",
    "340282366920938463463374607431768211455",
    "-170141183460469231731687303715884105728",
];

impl Emitter<'_, '_> {
    fn any_int(&mut self) {
        match self.choices.below(8) {
            0..=3 => {
                let value = i64::from(self.choices.byte());
                self.int(value);
            }
            4 if self.choices.one_in(2) => {
                let digits = *self.choices.pick(&HUGE);
                self.big_int(digits);
            }
            _ => {
                let value = *self.choices.pick(&INTS);
                self.int(value);
            }
        }
    }

    fn any_str(&mut self) {
        if self.sometimes(Features::STR8, 3) {
            let key = *self.choices.pick(&KEYS);
            self.str8(key);
            return;
        }
        let text = if self.choices.one_in(2) {
            *self.choices.pick(&TEXTS)
        } else {
            *self.choices.pick(&KEYS)
        };
        self.str(text);
        self.memo();
    }

    fn any_word(&mut self) {
        let word = *self.choices.pick(&WORDS);
        self.str(word);
        self.memo();
    }

    fn any_bytes(&mut self) {
        let data = *self.choices.pick(&BYTES);
        self.bytes(data);
    }

    /// Pushes a scalar.
    pub(crate) fn scalar(&mut self) {
        match self.choices.below(16) {
            0 | 1 => self.op(Opcode::None),
            2 | 3 => {
                let value = self.choices.one_in(2);
                self.bool(value);
            }
            4..=7 => self.any_int(),
            8 | 9 => {
                let value = *self.choices.pick(&FLOATS);
                self.float(value);
            }
            // Below protocol 3 bytes are a call, which is an idiom's to write.
            10 | 11 if self.protocol >= 3 => self.any_bytes(),
            12 if self.protocol >= 5 => {
                let data = *self.choices.pick(&BYTES);
                self.op_counted(Opcode::ByteArray8, 8, data);
                self.memo();
            }
            _ => self.any_str(),
        }
    }

    /// Pushes something that can be a key.
    pub(crate) fn hashable(&mut self) {
        match self.choices.below(10) {
            0 => self.op(Opcode::None),
            1..=3 => self.any_int(),
            4 if self.room() > 12 => {
                self.tuple_of(2, |emitter, _| emitter.any_word());
                self.memo();
            }
            5 if self.protocol >= 3 => self.any_bytes(),
            6 if self.features.has(Features::SHARE)
                && self.recall_where(|kind, hashable| hashable && kind != Kind::Object) => {}
            _ => self.any_str(),
        }
    }

    /// Fills a hole.
    pub(crate) fn fill(&mut self, hole: Type) {
        match hole {
            Type::Int => self.any_int(),
            Type::Byte => {
                let value = i64::from(self.choices.byte());
                self.int(value);
            }
            Type::Small => {
                let value = self.choices.below(1000) as i64;
                self.int(value);
            }
            Type::Float => {
                let value = *self.choices.pick(&FLOATS);
                self.float(value);
            }
            Type::Str => {
                let text = *self.choices.pick(&TEXTS);
                self.str(text);
                self.memo();
            }
            Type::Ascii | Type::Word => self.any_word(),
            Type::Digits => {
                let digits = *self.choices.pick(&HUGE);
                self.str(digits);
                self.memo();
            }
            Type::Bytes => self.any_bytes(),
            Type::Bool => {
                let value = self.choices.one_in(2);
                self.bool(value);
            }
            Type::Hashable => self.hashable(),
            Type::Data => self.data(1),
        }
    }

    /// Pushes plain data nested at most `depth` deep.
    pub(crate) fn data(&mut self, depth: usize) {
        if depth == 0 || self.room() < 24 {
            self.scalar();
            return;
        }
        match self.choices.below(12) {
            0..=5 => self.scalar(),
            6 | 7 => self.list(depth),
            8 => {
                let count = self.choices.below(5);
                self.tuple_of(count, |emitter, _| emitter.data(depth - 1));
                self.memo();
            }
            9 | 10 => self.dict(depth),
            11 if self.features.has(Features::SHARE) && self.recall_where(|_, _| true) => {}
            _ if self.protocol >= 4 => self.set(),
            _ => self.scalar(),
        }
    }

    /// Pushes a tuple of `count` objects.
    pub(crate) fn tuple_of(&mut self, count: usize, mut item: impl FnMut(&mut Self, usize)) {
        let short = self.protocol >= 2 && !self.sometimes(Features::OLD, 4);
        match count {
            0 if self.protocol >= 1 => self.op(Opcode::EmptyTuple),
            1..=3 if short => {
                (0..count).for_each(|index| item(self, index));
                self.op([Opcode::Tuple1, Opcode::Tuple2, Opcode::Tuple3][count - 1]);
            }
            _ => {
                self.op(Opcode::Mark);
                (0..count).for_each(|index| item(self, index));
                self.op(Opcode::Tuple);
            }
        }
    }

    /// Appends objects to the list, or what takes items as one, at the top.
    pub(crate) fn append_items(&mut self, count: usize, mut item: impl FnMut(&mut Self)) {
        if self.protocol == 0 || count == 1 {
            for _ in 0..count {
                item(self);
                self.op(Opcode::Append);
            }
        } else if count > 1 {
            self.op(Opcode::Mark);
            (0..count).for_each(|_| item(self));
            self.op(Opcode::Appends);
        }
    }

    /// Sets items of the dict, or what takes items as one, at the top.
    pub(crate) fn set_items(&mut self, count: usize, mut pair: impl FnMut(&mut Self)) {
        if self.protocol == 0 || count == 1 {
            for _ in 0..count {
                pair(self);
                self.op(Opcode::SetItem);
            }
        } else if count > 1 {
            self.op(Opcode::Mark);
            (0..count).for_each(|_| pair(self));
            self.op(Opcode::SetItems);
        }
    }

    /// Pushes an empty list.
    pub(crate) fn empty_list(&mut self) {
        if self.protocol >= 1 {
            self.op(Opcode::EmptyList);
        } else {
            self.op(Opcode::Mark);
            self.op(Opcode::List);
        }
        self.memo();
    }

    /// Pushes an empty dict.
    pub(crate) fn empty_dict(&mut self) {
        if self.protocol >= 1 {
            self.op(Opcode::EmptyDict);
        } else {
            self.op(Opcode::Mark);
            self.op(Opcode::Dict);
        }
        self.memo();
    }

    fn list(&mut self, depth: usize) {
        if self.sometimes(Features::OLD, 4) {
            self.op(Opcode::Mark);
            for _ in 0..self.choices.below(4) {
                self.data(depth - 1);
            }
            self.op(Opcode::List);
            self.memo();
            return;
        }
        self.empty_list();
        let own = self.last_stored().filter(|_| self.features.has(Features::MEMO));
        let count = self.choices.below(4);
        self.append_items(count, |emitter| match own {
            // A list that contains itself.
            Some(index) if emitter.sometimes(Features::SHARE, 16) => emitter.recall(index),
            _ => emitter.data(depth - 1),
        });
    }

    fn dict(&mut self, depth: usize) {
        if self.sometimes(Features::OLD, 4) {
            self.op(Opcode::Mark);
            for _ in 0..self.choices.below(3) {
                self.hashable();
                self.data(depth - 1);
            }
            self.op(Opcode::Dict);
            self.memo();
            return;
        }
        self.empty_dict();
        let own = self.last_stored().filter(|_| self.features.has(Features::MEMO));
        let count = self.choices.below(4);
        self.set_items(count, |emitter| {
            emitter.hashable();
            match own {
                // A dict that contains itself.
                Some(index) if emitter.sometimes(Features::SHARE, 16) => emitter.recall(index),
                _ => emitter.data(depth - 1),
            }
        });
    }

    fn set(&mut self) {
        let count = self.choices.below(4);
        if self.choices.one_in(2) {
            self.op(Opcode::Mark);
            (0..count).for_each(|_| self.hashable());
            self.op(Opcode::FrozenSet);
            self.memo();
        } else {
            self.op(Opcode::EmptySet);
            self.memo();
            self.add_items(count, Self::hashable);
        }
    }

    /// Adds objects to the set at the top.
    pub(crate) fn add_items(&mut self, count: usize, mut item: impl FnMut(&mut Self)) {
        if count > 0 {
            self.op(Opcode::Mark);
            (0..count).for_each(|_| item(self));
            self.op(Opcode::AddItems);
        }
    }

    /// Pushes a `bytes`, below protocol 3 by the call that picklers write.
    pub(crate) fn bytes(&mut self, data: &[u8]) {
        if self.protocol >= 3 {
            self.bytes_literal(data);
        } else {
            self.global_old("_codecs", "encode");
            let text: String = data.iter().map(|&byte| char::from(byte)).collect();
            self.tuple_of(2, |emitter, index| match index {
                0 => emitter.str(&text),
                _ => emitter.str("latin1"),
            });
            self.op(Opcode::Reduce);
            self.machine.retype_top(Slot::new(Kind::Bytes));
        }
        self.memo();
    }
}
