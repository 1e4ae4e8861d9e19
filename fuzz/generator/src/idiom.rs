//! Idioms: whole objects as picklers rebuild them, and the values that gadgets are given.

use assay_corpus::{GlobalName, Value};
use assay_pickle::Opcode;

use crate::config::SafeGlobal;
use crate::emitter::Emitter;
use crate::features::Features;
use crate::grammar::python2_names;
use crate::machine::{Kind, Slot};
use crate::near_miss::Tweak;
use crate::template::Template;

/// Of how many keys one is taken: all, few, or a single one.
const STEPS: [usize; 6] = [1, 2, 5, 20, 100, usize::MAX];

impl Emitter<'_, '_> {
    /// Pushes a value; globals and calls within are `hidden` if asked for.
    pub(crate) fn value(&mut self, value: &Value, hidden: bool) {
        match value {
            Value::None => self.op(Opcode::None),
            Value::Bool(value) => self.bool(*value),
            Value::Int(value) => self.int(*value),
            Value::BigInt(digits) => self.big_int(digits),
            Value::Float(value) => self.float(*value),
            Value::Complex(real, imaginary) => {
                self.global_named("builtins", "complex");
                self.tuple_of(2, |e, index| e.float(if index == 0 { *real } else { *imaginary }));
                self.op(Opcode::Reduce);
            }
            Value::Str(text) if hidden => self.string_hidden(text),
            Value::Str(text) => {
                self.str(text);
                self.memo();
            }
            Value::Bytes(data) => self.bytes(data),
            Value::ByteArray(data) => self.byte_array(data),
            Value::List(items) => {
                self.empty_list();
                let mut items = items.iter();
                self.append_items(items.len(), |e| {
                    if let Some(item) = items.next() {
                        e.value(item, hidden);
                    }
                });
            }
            Value::Tuple(items) => {
                self.tuple_of(items.len(), |e, index| e.value(&items[index], hidden));
            }
            Value::Set(items) if self.protocol >= 4 => {
                self.op(Opcode::EmptySet);
                let mut items = items.iter();
                self.add_items(items.len(), |e| {
                    if let Some(item) = items.next() {
                        e.value(item, hidden);
                    }
                });
            }
            Value::FrozenSet(items) if self.protocol >= 4 => {
                self.op(Opcode::Mark);
                items.iter().for_each(|item| self.value(item, hidden));
                self.op(Opcode::FrozenSet);
            }
            Value::Set(items) | Value::FrozenSet(items) => {
                let is_set = matches!(value, Value::Set(_));
                self.global_named("builtins", if is_set { "set" } else { "frozenset" });
                self.tuple_of(1, |e, _| {
                    e.empty_list();
                    let mut items = items.iter();
                    e.append_items(items.len(), |e| {
                        if let Some(item) = items.next() {
                            e.value(item, hidden);
                        }
                    });
                });
                self.op(Opcode::Reduce);
                let kind = if is_set { Kind::Set } else { Kind::FrozenSet };
                self.machine.retype_top(Slot::new(kind));
            }
            Value::Dict(pairs) => {
                self.empty_dict();
                let mut pairs = pairs.iter();
                self.set_items(pairs.len(), |e| {
                    if let Some((key, value)) = pairs.next() {
                        e.value(key, hidden);
                        e.value(value, hidden);
                    }
                });
            }
            Value::Global(name) if hidden => self.global_hidden(name),
            Value::Global(name) => self.global(name),
            Value::Call(name, args) => {
                if hidden {
                    self.global_hidden(name);
                } else {
                    self.global(name);
                }
                self.tuple_of(args.len(), |e, index| e.value(&args[index], hidden));
                self.op(Opcode::Reduce);
                self.memo();
            }
        }
    }

    fn global_named(&mut self, module: &str, name: &str) {
        self.global(&GlobalName { module: module.to_owned(), name: name.to_owned() });
    }

    fn byte_array(&mut self, data: &[u8]) {
        if self.protocol >= 5 {
            self.op_counted(Opcode::ByteArray8, 8, data);
        } else {
            self.global_named("builtins", "bytearray");
            self.tuple_of(1, |e, _| e.bytes(data));
            self.op(Opcode::Reduce);
            self.machine.retype_top(Slot::new(Kind::ByteArray));
        }
        self.memo();
    }

    /// Pushes a template with its holes filled.
    pub(crate) fn template(&mut self, template: &Template) {
        match template {
            Template::Fixed(value) => self.value(value, false),
            Template::Any(hole) => self.fill(*hole),
            Template::One(templates) => {
                let index = self.choices.below(templates.len());
                self.template(&templates[index]);
            }
            Template::ListOf(item) => {
                self.empty_list();
                let count = self.choices.below(4);
                self.append_items(count, |e| e.template(item));
            }
            Template::TupleOf(items) => {
                self.tuple_of(items.len(), |e, index| e.template(&items[index]));
            }
            Template::DictOf(pair) => {
                self.empty_dict();
                let fixed = matches!(pair.0, Template::Fixed(_));
                let count = if fixed { 1 } else { self.choices.below(3) };
                self.set_items(count, |e| {
                    e.template(&pair.0);
                    e.template(&pair.1);
                });
            }
            Template::Items(items) => {
                self.empty_dict();
                let mut each = items.iter();
                self.set_items(items.len(), |e| {
                    if let Some((key, value)) = each.next() {
                        e.value(key, false);
                        e.template(value);
                    }
                });
            }
            Template::DictOver(keys, values) => {
                self.empty_dict();
                self.items_over(keys, values);
            }
            Template::Made(idiom) => self.idiom(idiom, Tweak::Faithful),
            Template::Shared(template) => self.template(template),
        }
    }

    /// Sets items of some of the keys, each to one of the values: from one key on, every so
    /// many.
    fn items_over(&mut self, keys: &[Value], values: &[Template]) {
        let mut shared = Vec::new();
        for value in values {
            self.template(value);
            shared.push(self.set_aside());
        }
        if keys.is_empty() || shared.is_empty() {
            return;
        }
        let step = *self.choices.pick(&STEPS);
        let first = self.choices.below(keys.len());
        let among = 1 + self.choices.below(keys.len());
        let from_first = keys[first..].iter().chain(&keys[..first]).take(among);
        let mut chosen = from_first.step_by(step).collect::<Vec<_>>().into_iter();
        self.set_items(chosen.len(), |e| {
            if let Some(key) = chosen.next() {
                e.value(key, false);
                let value = *e.choices.pick(&shared);
                e.recall(value);
            }
        });
    }

    /// Pushes an object as a pickler rebuilds it, but for `tweak`.
    pub(crate) fn idiom(&mut self, idiom: &SafeGlobal, tweak: Tweak) {
        let count = tweak.arity(idiom.args.len());
        match idiom.how {
            Opcode::Global => {
                self.global_tweaked(idiom, tweak);
                self.machine.retype_top(idiom.result);
                return;
            }
            Opcode::NewObj | Opcode::NewObjEx => {
                self.global_tweaked(idiom, tweak);
                self.tuple_of(count, |e, index| e.argument(idiom, index, tweak));
                if let (Opcode::NewObjEx, Some(kwargs)) = (idiom.how, &idiom.kwargs) {
                    self.keywords(kwargs, tweak);
                }
                self.op(idiom.how);
            }
            _ => self.call_idiom(idiom, count, tweak),
        }
        self.machine.retype_top(idiom.result);
        self.memo();
        self.noise();
        if !idiom.late {
            self.idiom_items(idiom);
        }
        if let Some(state) = &idiom.state {
            self.state(state, tweak);
            self.op(Opcode::Build);
        }
        if idiom.late {
            self.idiom_items(idiom);
        }
        if let Some(member) = &idiom.members {
            let count = self.choices.below(4);
            self.add_items(count, |e| e.template(member));
        }
        if let Some(args) = &idiom.applied {
            self.tuple_of(args.len(), |e, index| e.template(&args[index]));
            self.op(Opcode::Reduce);
        }
        self.afterwards(tweak);
    }

    fn idiom_items(&mut self, idiom: &SafeGlobal) {
        if let Some(item) = &idiom.items {
            let count = self.choices.below(4);
            self.append_items(count, |e| e.template(item));
        }
        if let Some((key, value)) = &idiom.pairs {
            let count = self.choices.below(4);
            self.set_items(count, |e| {
                e.template(key);
                e.template(value);
            });
        }
        if let Some((keys, values)) = &idiom.over {
            self.items_over(keys, values);
        }
    }

    /// The call by REDUCE, or by OBJ or INST, which call the same way if there are arguments.
    fn call_idiom(&mut self, idiom: &SafeGlobal, count: usize, tweak: Tweak) {
        // Without arguments OBJ and INST make an instance by `__new__` alone.
        let other = count > 0 && self.sometimes(Features::ALT_CALL, 3);
        if other && self.protocol >= 1 && self.choices.one_in(2) {
            self.op(Opcode::Mark);
            self.global_tweaked(idiom, tweak);
            (0..count).for_each(|index| self.argument(idiom, index, tweak));
            self.op(Opcode::Obj);
        } else if other && !tweak.renames() {
            self.op(Opcode::Mark);
            (0..count).for_each(|index| self.argument(idiom, index, tweak));
            match python2_names(&idiom.global).next().filter(|_| self.protocol < 3) {
                Some(old) => self.op_name(Opcode::Inst, old.module, old.name),
                None => self.op_name(Opcode::Inst, &idiom.global.module, &idiom.global.name),
            }
        } else {
            self.global_tweaked(idiom, tweak);
            self.noise();
            self.tuple_of(count, |e, index| e.argument(idiom, index, tweak));
            self.noise();
            self.op(Opcode::Reduce);
        }
    }

    /// An idiom that fits the protocol and the room that is left.
    pub(crate) fn any_idiom(&mut self, fits: impl Fn(&SafeGlobal) -> bool) -> Option<usize> {
        let grammar = self.grammar;
        let usable = grammar.idioms_of(self.protocol);
        for _ in 0..6 {
            if usable.is_empty() {
                return None;
            }
            let index = usize::from(*self.choices.pick(usable));
            let idiom = &grammar.idioms[index];
            if grammar.idiom_cost(index) <= self.room() && fits(idiom) {
                return Some(index);
            }
        }
        None
    }

    /// Pushes some benign object, if one fits.
    pub(crate) fn benign(&mut self) -> bool {
        let Some(index) = self.any_idiom(|_| true) else { return false };
        let idioms = &self.grammar.idioms;
        self.idiom(&idioms[index], Tweak::Faithful);
        true
    }
}
