//! What is put into what: appending, setting items, hashing, and how deep that nests.
//!
//! Objects nested without bound exhaust the C stack of the interpreter that hashes or frees
//! them, and tuples shared without bound make it hash for ever.

use super::{Fault, Machine};
use crate::domain::{Alive, Value};
use crate::fact::Fact;
use crate::judge::MAX_WEIGHT;

/// Levels put into what something else holds by then: how deep that one is, is known no more.
const MAX_LATE: u32 = 10_000;

/// Values that hashing goes through at the cost of a step.
const HASHED: u64 = 8;

impl Machine<'_, '_> {
    /// Doubts that a value is kept which the policy allows to be called only.
    pub(super) fn keep(&mut self, items: &[Value]) {
        for item in items {
            // Most of what is kept is text and numbers.
            if !item.is_atom() {
                self.keep_object(*item);
            }
        }
    }

    fn keep_object(&mut self, object: Value) {
        match object {
            Value::Global(id) if !self.judge.globals.get(id).kept => {
                self.judge.fact(Fact::Keep(id));
            }
            object => self.judge.heap.hold_one(object),
        }
    }

    /// Doubts what is nested into what something else holds: picklers fill a container before they
    /// put it away, but where it holds itself in the end, which is seldom and shallow.
    pub(super) fn deepen(&mut self, target: Value, items: &[Value]) {
        if !self.judge.heap.is_held(target) {
            return;
        }
        let before = self.late;
        self.late = before.saturating_add(self.judge.heap.deepest(items));
        if before <= MAX_LATE && self.late > MAX_LATE {
            let message = "nests values from the outside in: hashing or freeing them may crash";
            self.judge.record.doubt("nesting", message, Alive::NONE);
        }
    }

    pub(super) fn append(&mut self, target: Value, items: &[Value]) {
        self.deepen(target, items);
        self.keep(items);
        self.change(target, items, "append");
        if let Value::List(list) = target {
            self.judge.pass_on(target, items);
            for item in items {
                if self.judge.policy.minds_entries() {
                    self.judge.heap.note_element(list, *item);
                    if !self.judge.is_scalar_or_some(*item) {
                        self.judge.heap.add_no_scalar(list);
                    }
                }
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
        self.judge.heap.hold(instance, items);
        self.judge.check_depth(self.judge.heap.deepest(items));
        self.judge.pass_on(target, items);
    }

    pub(super) fn set_items(&mut self, target: Value, items: &[Value]) -> Result<(), Fault> {
        let odd = !items.len().is_multiple_of(2);
        if odd {
            // `pickle.py` sets all whole pairs before it misses a value.
            self.judge.record.may_stop(Alive::PY);
        }
        self.deepen(target, items);
        self.keep(items);
        self.change(target, items, "setitem");
        if let Value::Dict(dict) = target {
            for pair in items.chunks_exact(2) {
                if self.judge.policy.minds_entries() {
                    self.judge.heap.note_entry(dict, pair[0], pair[1]);
                }
                self.judge.enter(dict, pair[0], pair[1]);
            }
        } else {
            let pairs = items[..items.len() - usize::from(odd)].to_vec();
            self.judge.fact(Fact::SetItem { target, items: pairs });
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

    /// ADDITEMS: to a set, or by the method `add` of anything else.
    pub(super) fn add_items(&mut self, target: Value, items: &[Value]) {
        self.deepen(target, items);
        self.keep(items);
        match target {
            Value::Set(set) => {
                self.judge.heap.add_to_set(set, items);
                self.judge.pass_on(target, items);
            }
            _ => {
                self.judge.fact(Fact::Add(target));
                self.hold(target, items);
            }
        }
        self.hash_all(items);
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

    /// Doubts what is nested too deeply, or holds too much, to be hashed and compared; whether so.
    fn doubt_cost(&mut self, value: Value) -> bool {
        let heap = &self.judge.heap;
        let costly = !self.judge.is_shallow(heap.depth(value)) || heap.weight(value) > MAX_WEIGHT;
        if costly {
            let message = "hashing values nested so may crash or hang the interpreter";
            self.judge.record.doubt("nesting", message, Alive::NONE);
        }
        costly
    }

    #[inline(never)]
    fn hash_any(&mut self, value: Value) {
        // CPython hashes a tuple anew each time.
        self.judge.spend(u64::from(self.judge.heap.weight(value)) / HASHED);
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
            | Value::Global(_) => {}
            Value::Tuple(_) if self.doubt_cost(value) => {}
            Value::Tuple(id) if self.judge.heap.mark_hashed(id) => {}
            Value::Tuple(id) => {
                // Members may be unhashable: then every engine raises.
                self.judge.record.may_stop(Alive::NONE);
                for member in self.judge.heap.tuple(id).to_vec() {
                    self.hash(member);
                }
            }
            Value::List(_) | Value::Dict(_) | Value::Set(_) | Value::ByteArray(_) => {
                self.judge.record.may_stop(Alive::NONE);
            }
            Value::FrozenSet(_) => {
                self.doubt_cost(value);
            }
            Value::Unknown | Value::Allowed(_) | Value::Buffer | Value::Instance(_) => {
                self.doubt_cost(value);
                self.judge.fact(Fact::Hash(value));
            }
        }
    }
}
