//! What is data, and what may be hashed.
//!
//! Whatever is done with data runs code of built-in types only. An object may compare, print, or fetch
//! what it holds, and compiled code of libraries trusts what nobody checked; so who looks into what it is
//! given is given data, and what holds objects is not hashed, since what is hashed may be compared.

use super::Judge;
use crate::domain::{Alive, Traits, Value};
use crate::policy::Contract;

impl Judge<'_, '_> {
    /// Whether the value is data: `None`, numbers, text, bytes and other scalars, and tuples, lists,
    /// dicts and sets of data.
    pub(crate) fn is_data(&self, value: Value) -> bool {
        match value {
            Value::Instance(_) => self.class_of(value).is_some_and(|class| {
                class.scalar || class.holds_data && self.heap.holds_data(value)
            }),
            Value::ByteArray(_) => true,
            value => value.is_atom() || self.heap.holds_data(value),
        }
    }

    pub(crate) fn are_data(&self, values: &[Value]) -> bool {
        values.iter().all(|value| value.is_atom() || self.is_data(*value))
    }

    /// Whether one of the values is, or holds, an instance that must not be hashed.
    pub(crate) fn holds_unhashed(&self, values: &[Value]) -> bool {
        let unhashed = |value: &Value| match value {
            // Of what can't be hashed, nobody hashes what it holds.
            Value::Instance(id) => self.class_of(*value).is_some_and(|class| {
                let holds = self.heap.holds_unhashed(*id) || self.heap.holds_foreign(*id);
                class.hash && (class.unhashed || holds && !class.scalar)
            }),
            Value::Tuple(id) => self.heap.is_unhashed(*id),
            Value::List(id) => !self.heap.list(*id).has(Traits::HASHED),
            Value::Dict(id) => !self.heap.dict(*id).has(Traits::HASHED),
            _ => false,
        };
        values.iter().any(unhashed)
    }

    /// What holds something else than data is no data, and what holds what must not be hashed must not
    /// be hashed itself. What holds that one by then is not told of it.
    #[inline]
    pub(crate) fn pass_on(&mut self, container: Value, values: &[Value]) {
        if !self.are_data(values) {
            self.pass_on_objects(container, values);
        }
    }

    fn pass_on_objects(&mut self, container: Value, values: &[Value]) {
        if self.holds_unhashed(values) {
            self.heap.add_unhashed(container);
        }
        if self.heap.add_foreign(container) {
            let message = "puts an object into what may have been taken for data before";
            self.record.doubt("data", message, Alive::NONE);
        }
    }

    /// Whether a contract may be given the value that asks for no kind of object: data, unless it does
    /// but store what it is given.
    pub(super) fn may_be_given(&self, value: Value) -> bool {
        if value.is_atom() || self.stored.get() {
            return true;
        }
        self.took_data.set(true);
        self.is_data(value)
    }

    /// Says, if so, that what a contract refused holds objects, of which it takes none.
    pub(super) fn hint_at_objects(&self, contract: &Contract, given: &[Value]) -> &'static str {
        let wanted = !contract.stores && contract.takes_objects();
        if wanted && !self.are_data(given) {
            ", nor with objects in it but those named"
        } else {
            ""
        }
    }

    /// Whether it is known of all that is hashed with the value what that holds.
    pub(super) fn is_known_within(&self, value: Value) -> bool {
        if value.is_atom() {
            return true;
        }
        self.took_data.set(true);
        !self.heap.got_foreign_late()
    }

    pub(super) fn judge_hash(&mut self, value: Value) {
        let harmless = match value {
            // Where instances can't be hashed (`hash = false`), every engine raises.
            Value::Instance(_) => self.class_of(value).is_some() && !self.holds_unhashed(&[value]),
            Value::Allowed(_) => true,
            _ => false,
        };
        self.record.may_stop(Alive::NONE);
        if !harmless {
            let message = format!("hashes {}", self.describe(value));
            self.warn("hash", None, &message);
        } else if !self.class_of(value).is_some_and(|class| class.scalar) {
            self.heap.take_for_data();
        }
    }
}
