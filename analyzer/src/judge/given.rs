//! What becomes of lists and dicts that were given to a contract.

use super::Judge;
use crate::domain::{Alive, Value};
use crate::policy::Contract;

/// Levels of dicts within dicts that a contract may change.
const LEVELS: u32 = 3;

impl Judge<'_, '_> {
    /// What was relied upon must not change any more, neither by opcodes nor by a contract that changes
    /// what it is given. Of what that one was given nothing is known afterwards.
    pub(super) fn give_what_was_checked(&mut self, to: Option<&Contract>, given: &[Value]) {
        let mut changed = Vec::new();
        if to.is_some_and(|contract| contract.consumes) {
            for value in given {
                self.dicts_within(*value, LEVELS, &mut changed);
            }
        }
        if changed.iter().any(|dict| self.heap.is_given(Value::Dict(*dict))) {
            let message = "lets a dict be changed that was checked before, and may be in use";
            self.record.doubt("state", message, Alive::NONE);
        }
        if self.took_data.get() {
            self.heap.take_for_data();
        }
        for value in self.relied.get_mut().drain(..) {
            self.heap.give(value);
        }
        for dict in changed {
            self.heap.forget_dict(dict);
        }
    }

    /// The value, and what it directly holds, as far as these are dicts.
    fn dicts_within(&self, value: Value, levels: u32, out: &mut Vec<u32>) {
        let Some(levels) = levels.checked_sub(1) else { return };
        match value {
            Value::Dict(id) => {
                out.push(id);
                let entries = self.heap.entries(id).unwrap_or_default();
                self.spend(entries.len() as u64);
                for (_, value) in entries {
                    self.dicts_within(*value, levels, out);
                }
            }
            Value::Tuple(id) => {
                let elements = self.heap.tuple(id);
                self.spend(elements.len() as u64);
                for value in elements {
                    self.dicts_within(*value, levels, out);
                }
            }
            Value::List(id) => {
                let elements = self.heap.elements(id).unwrap_or_default();
                self.spend(elements.len() as u64);
                for value in elements {
                    self.dicts_within(*value, levels, out);
                }
            }
            _ => {}
        }
    }
}
