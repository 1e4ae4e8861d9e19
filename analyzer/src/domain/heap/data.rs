//! Which containers hold nothing but data, or what must not be hashed.

use super::{Heap, Marks, Traits, Value};

impl Heap {
    /// Whether a container of a built-in type, or an instance, holds nothing but data; what is put into
    /// what something else holds is not known to that one, so then none does.
    pub(crate) fn holds_data(&self, container: Value) -> bool {
        let marked = |marks: Marks| !marks.has(Marks::FOREIGN);
        !self.late_foreign
            && match container {
                Value::Tuple(id) => marked(self.tuples[id as usize].marks),
                Value::List(id) => self.list(id).has(Traits::DATA),
                Value::Dict(id) => self.dict(id).has(Traits::DATA),
                Value::Set(id) | Value::FrozenSet(id) => marked(self.bags[id as usize].marks),
                Value::Instance(id) => marked(self.made[id as usize].marks),
                _ => false,
            }
    }

    /// Whether the instance holds something else than data.
    pub(crate) fn holds_foreign(&self, instance: u32) -> bool {
        self.late_foreign || self.made[instance as usize].marks.has(Marks::FOREIGN)
    }

    /// Notes that the container holds something else than data; whether something was taken for data
    /// that may hold the container.
    pub(crate) fn add_foreign(&mut self, container: Value) -> bool {
        match container {
            Value::Tuple(id) => self.tuples[id as usize].marks.set(Marks::FOREIGN),
            Value::List(id) => self.lists[id as usize].contents.traits.lose(Traits::DATA),
            Value::Dict(id) => self.dicts[id as usize].contents.traits.lose(Traits::DATA),
            Value::Set(id) | Value::FrozenSet(id) => {
                self.bags[id as usize].marks.set(Marks::FOREIGN);
            }
            Value::Instance(id) => self.made[id as usize].marks.set(Marks::FOREIGN),
            _ => {}
        }
        let late = self.is_held(container);
        self.late_foreign |= late;
        late && self.data_taken
    }

    /// Notes that the container holds what must not be hashed.
    pub(crate) fn add_unhashed(&mut self, container: Value) {
        match container {
            Value::List(id) => {
                self.some_unhashed = true;
                self.lists[id as usize].contents.traits.lose(Traits::HASHED);
            }
            Value::Dict(id) => self.dicts[id as usize].contents.traits.lose(Traits::HASHED),
            Value::Tuple(id) => self.tuples[id as usize].marks.set(Marks::UNHASHED),
            Value::Instance(id) => self.made[id as usize].marks.set(Marks::UNHASHED),
            _ => {}
        }
    }

    /// Whether something else than data was put into what something held.
    pub(crate) fn got_foreign_late(&self) -> bool {
        self.late_foreign
    }

    /// Notes that something was taken for data, with all that it holds.
    pub(crate) fn take_for_data(&mut self) {
        self.data_taken = true;
    }
}
