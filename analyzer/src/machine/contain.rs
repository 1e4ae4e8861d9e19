//! What is put into what: appending, setting items, hashing, and how deep that nests.
//!
//! Objects nested without bound exhaust the C stack of the interpreter that hashes or frees
//! them, and tuples shared without bound make it hash for ever.

use super::{Fault, Machine};
use crate::domain::{Alive, Value};
use crate::fact::Fact;
use crate::judge::MAX_WEIGHT;

/// Instances put into instances of the kind that CPython frees by recursion.
const MAX_NESTED: u32 = 10_000;

/// Attributes in which libraries keep a class, and which are no method of anything.
const KEEPS_CLASS: [&[u8]; 1] = [b"_spline_class"];

impl Machine<'_, '_> {
    /// Doubts that a value is kept which the policy allows to be called only.
    pub(super) fn keep(&mut self, items: &[Value]) {
        for item in items {
            if let Value::Global(id) = item
                && !self.judge.globals.get(*id).kept
            {
                self.judge.fact(Fact::Keep(*id));
            }
        }
    }

    pub(super) fn append(&mut self, target: Value, items: &[Value]) {
        self.keep(items);
        self.change(target, items, "append");
        if let Value::List(list) = target {
            for item in items {
                self.judge.heap.add_element(list, *item);
            }
            return;
        }
        // Of nothing C makes nothing, while Python still calls `extend`.
        let atoms = items.iter().all(|item| item.is_atom());
        self.judge.fact(Fact::Append { target, atoms });
        self.hold(target, items);
    }

    /// Doubts what is put into a list or dict after it was given away for what it held.
    #[inline]
    fn change(&mut self, target: Value, items: &[Value], rule: &'static str) {
        if !items.is_empty() && self.judge.heap.is_given(target) {
            let message = "changes what was checked before, and may be in use";
            self.judge.record.doubt(rule, message, Alive::NONE);
        }
    }

    /// Notes that an instance now holds these.
    fn hold(&mut self, target: Value, items: &[Value]) {
        let Value::Instance(instance) = target else { return };
        let depth = self.judge.heap.deepest(items);
        self.judge.heap.deepen(instance, depth);
        self.judge.check_depth(depth);
        if items.iter().any(|item| matches!(item, Value::Instance(_))) {
            self.nested += 1;
            if self.nested == MAX_NESTED {
                let message =
                    "instances within instances: freeing a long chain may crash the interpreter";
                self.judge.record.doubt("nesting", message, Alive::NONE);
            }
        }
    }

    pub(super) fn set_items(&mut self, target: Value, items: &[Value]) -> Result<(), Fault> {
        let odd = !items.len().is_multiple_of(2);
        if odd {
            // `pickle.py` sets all whole pairs before it misses a value.
            self.judge.record.may_stop(Alive::PY);
        }
        self.keep(items);
        self.change(target, items, "setitem");
        if let Value::Dict(dict) = target {
            for pair in items.chunks_exact(2) {
                let text = self.judge.text_of(pair[0]);
                self.judge.heap.add_key(dict, pair[0], text.as_deref());
                self.keep_entry(dict, text.as_deref(), pair[1]);
                self.judge.heap.add_value(dict, pair[1]);
                if !self.is_field(pair[1]) {
                    self.judge.heap.add_no_field(dict);
                }
                let keeps_class = text.is_some_and(|key| KEEPS_CLASS.contains(&&*key));
                if !keeps_class && self.judge.may_be_called(pair[1]) {
                    self.judge.heap.add_callable(dict);
                }
            }
        } else {
            self.judge.fact(Fact::SetItem(target));
            self.hold(target, items);
        }
        for pair in items.chunks_exact(2) {
            self.hash(pair[0]);
        }
        if odd {
            return Err("an odd number of items for a dict".into());
        }
        Ok(())
    }

    /// Whether the value is a tuple of a plain instance, an offset and perhaps a title.
    fn is_field(&self, value: Value) -> bool {
        let Value::Tuple(id) = value else { return false };
        match self.judge.heap.tuple(id) {
            [of, Value::Int(0..)] => self.judge.is_plain(*of),
            [of, Value::Int(0..), title] => self.judge.is_plain(*of) && title.is_atom(),
            _ => false,
        }
    }

    pub(super) fn hash_all(&mut self, items: &[Value]) {
        for item in items {
            self.hash(*item);
        }
    }

    #[inline]
    fn hash(&mut self, value: Value) {
        // Most keys are text.
        if !matches!(value, Value::Str(_) | Value::Int(_)) {
            self.hash_any(value);
        }
    }

    #[inline(never)]
    fn hash_any(&mut self, value: Value) {
        match value {
            Value::None
            | Value::Bool(_)
            | Value::Int(_)
            | Value::BigInt
            | Value::Float
            | Value::Str(_)
            | Value::Str8(_)
            | Value::Bytes(_)
            | Value::SomeBytes
            | Value::Encoded(_)
            | Value::FrozenSet
            | Value::Global(_) => {}
            Value::Tuple(id) if self.judge.heap.mark_hashed(id) => {}
            Value::Tuple(id)
                if !self.judge.is_shallow(self.judge.heap.depth(value))
                    || self.judge.heap.weight(id) > MAX_WEIGHT =>
            {
                let message = "hashing tuples nested so may crash or hang the interpreter";
                self.judge.record.doubt("nesting", message, Alive::NONE);
            }
            Value::Tuple(id) => {
                // Members may be unhashable: then every engine raises.
                self.judge.record.may_stop(Alive::NONE);
                for member in self.judge.heap.tuple(id).to_vec() {
                    self.hash(member);
                }
            }
            Value::List(_) | Value::Dict(_) | Value::Set | Value::ByteArray => {
                self.judge.record.may_stop(Alive::NONE);
            }
            Value::Unknown | Value::Allowed | Value::Buffer | Value::Instance(_) => {
                self.judge.fact(Fact::Hash(value));
            }
        }
    }
}
