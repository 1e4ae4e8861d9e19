//! Notes uses that the policy does not allow, in the words of policies.

use super::Judge;
use crate::domain::{Traits, Value};
use crate::policy::How;

/// How deeply tuples are spelled out.
const SPELLED: u32 = 2;

impl Judge<'_, '_> {
    /// Notes a use of a global or of an instance of it.
    pub(super) fn note(&self, target: Value, how: impl FnOnce(&Self) -> How) {
        if !self.policy.is_watched() {
            return;
        }
        let global = match target {
            Value::Global(id) => self.globals.get(id),
            Value::Instance(id) => self.globals.get(self.heap.class(id)),
            _ => return,
        };
        if global.denied.is_none() {
            self.policy.note(&global.key, how(self));
        }
    }

    /// Notes that a global, or an instance of it, is given objects in what has no kind of its own.
    pub(super) fn note_objects(&self, target: Value, given: &[Value]) {
        if self.policy.is_watched() && given.iter().any(|value| self.is_of_objects(*value)) {
            self.note(target, |_| How::Stored);
        }
    }

    /// Whether a pattern that takes the value (`kind_of`) leaves open which objects it holds.
    fn is_of_objects(&self, value: Value) -> bool {
        match value {
            Value::Global(_) | Value::Instance(_) | Value::Buffer => false,
            Value::Tuple(id) if self.heap.depth(value) <= SPELLED => {
                self.heap.tuple(id).iter().any(|value| self.is_of_objects(*value))
            }
            value => !self.is_data(value),
        }
    }

    /// The kinds of arguments, as a signature that takes them.
    pub(super) fn signature_of(&self, args: &[Value]) -> String {
        let kinds: Vec<_> = args.iter().map(|arg| self.kind_of(*arg)).collect();
        kinds.join(", ")
    }

    /// The kind of a value, as a pattern that takes it.
    pub(super) fn kind_of(&self, value: Value) -> String {
        let kind = match value {
            Value::None => "none",
            Value::Bool(_) => "bool",
            Value::Int(_) | Value::BigInt => "int",
            Value::Float => "float",
            Value::Str(_) => "str",
            Value::Str8(_) => "str8",
            Value::Bytes(_) | Value::SomeBytes | Value::Encoded(_) => "bytes",
            Value::ByteArray(_) => "bytearray",
            Value::Buffer => "buffer",
            Value::List(_) => "list",
            Value::Dict(id)
                if self.heap.dict(id).has(Traits::ATTRIBUTES.and(Traits::NO_VALUES)) =>
            {
                match self.heap.dict(id).has(Traits::UNCALLED) {
                    true => "attributes",
                    false => "attributes#callables",
                }
            }
            Value::Dict(_) => "dict",
            Value::Set(_) => "set",
            Value::FrozenSet(_) => "frozenset",
            Value::Tuple(id) if self.heap.depth(value) <= SPELLED => {
                return format!("({})", self.signature_of(self.heap.tuple(id)));
            }
            Value::Tuple(_) => "tuple",
            Value::Global(id) => return format!("={}", self.globals.get(id).key),
            Value::Instance(id) => {
                return format!("<{}>", self.globals.get(self.heap.class(id)).key);
            }
            Value::Unknown | Value::Allowed(_) => "any",
        };
        kind.to_owned()
    }
}
