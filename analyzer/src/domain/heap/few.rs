//! What small lists and dicts hold, entry by entry, where a policy asks for that.

use foldhash::HashMap;

use super::{Heap, Value};

/// Entries that are kept: what picklers write into keywords and states has fewer.
const FEW: usize = 64;

/// The entries of small lists and dicts, by their numbers. What is not there holds nothing, or too
/// much.
#[derive(Clone, Debug, Default)]
pub(super) struct Few {
    lists: HashMap<u32, Vec<Value>>,
    dicts: HashMap<u32, Vec<(Value, Value)>>,
}

impl Few {
    /// Gives up the entries of a dict.
    pub(super) fn forget_dict(&mut self, dict: u32) {
        self.dicts.remove(&dict);
    }

    /// Bytes in use, about.
    pub(super) fn size(&self) -> usize {
        let each = size_of::<(u32, Vec<Value>)>() + 8 * size_of::<Value>();
        (self.lists.len() + self.dicts.len()) * each
    }
}

impl Heap {
    /// Notes an element of a list, for [`elements`](Self::elements).
    pub(crate) fn note_element(&mut self, list: u32, value: Value) {
        if self.len(list) == 0 {
            self.few.lists.insert(list, Vec::new());
        }
        note(&mut self.few.lists, list, value);
    }

    /// Notes an entry of a dict, for [`entries`](Self::entries).
    pub(crate) fn note_entry(&mut self, dict: u32, key: Value, value: Value) {
        if self.dict(dict).keys() == 0 {
            self.few.dicts.insert(dict, Vec::new());
        }
        note(&mut self.few.dicts, dict, (key, value));
    }

    /// The elements of a list, if they are few.
    pub(crate) fn elements(&self, list: u32) -> Option<&[Value]> {
        match self.len(list) {
            0 => Some(&[]),
            _ => self.few.lists.get(&list).map(Vec::as_slice),
        }
    }

    /// The entries of a dict, if they are few: each as it was set, a key twice if it was set twice.
    pub(crate) fn entries(&self, dict: u32) -> Option<&[(Value, Value)]> {
        match self.dict(dict).keys() {
            0 => Some(&[]),
            _ => self.few.dicts.get(&dict).map(Vec::as_slice),
        }
    }
}

/// Adds to what is kept, or gives it up where it is too much.
fn note<T>(kept: &mut HashMap<u32, Vec<T>>, of: u32, entry: T) {
    if let Some(entries) = kept.get_mut(&of) {
        if entries.len() < FEW {
            entries.push(entry);
        } else {
            kept.remove(&of);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_are_kept_and_many_are_not() {
        let mut heap = Heap::default();
        let (Value::List(few), Value::List(many)) = (heap.new_list(), heap.new_list()) else {
            panic!("lists")
        };
        for number in 0..=FEW as i32 {
            for list in [few, many].into_iter().take(if number < 2 { 2 } else { 1 }) {
                let list = if number < 2 { list } else { many };
                heap.note_element(list, Value::Int(number));
                heap.add_element(list, Value::Int(number));
            }
        }
        assert_eq!(heap.elements(few), Some(&[Value::Int(0), Value::Int(1)][..]));
        assert_eq!(heap.elements(many), None);
        heap.note_element(many, Value::None);
        heap.add_element(many, Value::None);
        assert_eq!(heap.elements(many), None);
        let Value::List(empty) = heap.new_list() else { panic!("a list") };
        assert_eq!(heap.elements(empty), Some(&[][..]));
    }
}
