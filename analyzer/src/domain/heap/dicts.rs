//! Dicts: what their keys and values take away from what is known of them.

use super::traits::{Traits, is_hook};
use super::{Dict, FEW, Heap, Value};

impl Heap {
    /// Notes a value of a dict.
    pub(crate) fn add_value(&mut self, dict: u32, value: Value) {
        let depth = self.depth(value);
        self.dicts[dict as usize].contents.add(value, depth);
    }

    /// Notes a value of a dict that holds nothing.
    pub(crate) fn add_atom(&mut self, dict: u32) {
        self.dicts[dict as usize].contents.traits.lose(Self::NO_ATOM);
    }

    /// What a dict loses by a value that holds nothing.
    const NO_ATOM: Traits = Traits::PAIRS.and(Traits::FIELDS);

    /// Notes a key of a dict whose text is not noted, with a value that holds nothing.
    #[inline]
    pub(crate) fn add_ordinary_entry(&mut self, dict: u32, offset: u32) {
        let traits = &mut self.dicts[dict as usize].contents.traits;
        traits.lose(Self::NO_ATOM);
        if traits.keys() > FEW {
            traits.count_key();
        } else {
            self.add_ordinary_key(dict, offset);
        }
    }

    /// Notes that a value of the dict can be called.
    pub(crate) fn add_callable(&mut self, dict: u32) {
        self.dicts[dict as usize].contents.traits.lose(Traits::UNCALLED);
    }

    /// Notes that a value of the dict describes no field.
    pub(crate) fn add_no_field(&mut self, dict: u32) {
        self.dicts[dict as usize].contents.traits.lose(Traits::FIELDS);
    }

    /// Notes that nothing is known any more of what the dict holds.
    pub(crate) fn forget_dict(&mut self, dict: u32) {
        let traits = &mut self.dicts[dict as usize].contents.traits;
        traits.lose(Traits::ALL);
        traits.count_key();
        self.few.forget_dict(dict);
    }

    /// Notes a key of a dict, and its text if it is a constant.
    pub(crate) fn add_key(&mut self, dict: u32, key: Value, text: Option<&[u8]>) {
        let depth = self.depth(key);
        let entry = &mut self.dicts[dict as usize];
        match (key, text) {
            (Value::Str(offset) | Value::Str8(offset), Some(text)) => {
                if is_hook(text) {
                    entry.contents.traits.lose(Traits::ATTRIBUTES.and(Traits::NO_HOOKS));
                }
                if text == b"values" {
                    entry.contents.traits.lose(Traits::NO_VALUES);
                }
                if text == b"args" {
                    entry.contents.traits.lose(Traits::NO_ARGS);
                }
                self.keep_key(dict, offset);
            }
            (Value::Tuple(_), _) => entry.contents.traits.lose(Traits::ATTRIBUTES),
            _ if key.is_atom() && !matches!(key, Value::Str(_) | Value::Str8(_)) => {
                entry.contents.traits.lose(Traits::ATTRIBUTES);
            }
            _ => entry.contents.traits.lose(Traits::ATTRIBUTES.and(Traits::NO_HOOKS)),
        }
        let contents = &mut self.dicts[dict as usize].contents;
        contents.deepen(depth);
        contents.traits.count_key();
    }

    /// Notes a key of a dict whose text is not noted.
    pub(crate) fn add_ordinary_key(&mut self, dict: u32, offset: u32) {
        self.keep_key(dict, offset);
        self.dicts[dict as usize].contents.traits.count_key();
    }

    /// Keeps the offset of a key while there are few.
    fn keep_key(&mut self, dict: u32, offset: u32) {
        let entry = &mut self.dicts[dict as usize];
        if !entry.contents.traits.has(Traits::ATTRIBUTES) {
            return;
        }
        let count = entry.contents.traits.keys();
        if count == 0 {
            entry.keys = self.free.pop().unwrap_or_else(|| {
                self.keys.push([0; FEW]);
                self.keys.len() as u32 - 1
            });
        }
        if count < FEW {
            self.keys[entry.keys as usize][count] = offset;
        } else if count == FEW {
            self.free.push(entry.keys);
        }
    }

    /// Offsets of all keys of a dict, if there are at most three, all constants.
    pub(crate) fn keys(&self, dict: u32) -> Option<&[u32]> {
        let Dict { contents, keys } = self.dicts[dict as usize];
        match contents.traits.keys() {
            _ if !contents.traits.has(Traits::ATTRIBUTES) => None,
            0 => Some(&[]),
            count => self.keys[keys as usize].get(..count),
        }
    }

    /// Notes where a field ends.
    pub(crate) fn add_field(&mut self, dict: u32, end: u64) {
        let last = self.fields.entry(dict).or_default();
        *last = end.max(*last);
    }

    /// Where the last field ends.
    pub(crate) fn fields_end(&self, dict: u32) -> u64 {
        self.fields.get(&dict).copied().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(heap: &mut Heap, dict: Value, offset: Option<u32>) {
        let Value::Dict(id) = dict else { panic!("a dict") };
        match offset {
            Some(offset) => heap.add_key(id, Value::Str(offset), Some(b"key")),
            None => heap.add_key(id, Value::Int(1), None),
        }
    }

    fn keys(heap: &Heap, dict: Value) -> Option<Vec<u32>> {
        let Value::Dict(id) = dict else { panic!("a dict") };
        heap.keys(id).map(<[u32]>::to_vec)
    }

    /// No dict ever shows the keys of another, whichever entries were given back between.
    #[test]
    fn few_keys_are_kept_and_many_are_not() {
        let mut heap = Heap::default();
        let (few, many, mixed) = (heap.new_dict(), heap.new_dict(), heap.new_dict());
        set(&mut heap, few, Some(10));
        set(&mut heap, mixed, None);
        for offset in 20..24 {
            set(&mut heap, many, Some(offset));
            set(&mut heap, mixed, Some(offset));
        }
        let later = heap.new_dict();
        set(&mut heap, later, Some(30));
        set(&mut heap, many, Some(24));
        set(&mut heap, few, Some(11));
        assert_eq!(keys(&heap, few), Some(vec![10, 11]));
        assert_eq!(keys(&heap, later), Some(vec![30]));
        assert_eq!((keys(&heap, many), keys(&heap, mixed)), (None, None));
        let fresh = heap.new_dict();
        assert_eq!(keys(&heap, fresh), Some(vec![]));
    }
}
