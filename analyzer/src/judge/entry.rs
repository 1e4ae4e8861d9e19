//! What an entry of a dict takes away from what is known of the dict.

use super::Judge;
use crate::Policy;
use crate::domain::{Value, is_hook};

/// Arguments whose text pandas takes for what may name a time zone.
const ZONES: [&[u8]; 3] = [b"tz", b"dtype", b"freq"];

impl Judge<'_, '_> {
    /// Notes an entry: its key, the text of that if it is a constant, and its value.
    pub(crate) fn enter(&mut self, dict: u32, key: Value, text: Option<&[u8]>, value: Value) {
        self.heap.add_key(dict, key, text);
        self.heap.add_value(dict, value);
        if !self.is_field(value) {
            self.heap.add_no_field(dict);
        }
        if text.is_some_and(|text| ZONES.contains(&text)) && self.may_be_text(value) {
            self.heap.add_zone(dict);
        }
        if self.does_more_than_stand(text, value) {
            self.heap.add_callable(dict);
        }
    }

    /// Whether an item may be set as an attribute: under a name that nothing looks up, and nothing
    /// that can be called.
    pub(crate) fn may_be_attribute(&self, item: &[Value]) -> bool {
        let [key, value] = item else { return false };
        let name = self.text_of(*key);
        name.is_some_and(|name| {
            !is_hook(&name)
                && !self.may_be_called(*value)
                && (value.is_atom() || !self.policy.wants_atom(&name))
        })
    }

    /// Whether a value under that name may be called by whoever looks it up, or else be used.
    fn does_more_than_stand(&self, text: Option<&[u8]>, value: Value) -> bool {
        let is =
            |among: fn(&Policy, &[u8]) -> bool| text.is_some_and(|text| among(self.policy, text));
        if self.may_be_called(value) {
            return !is(Policy::keeps);
        }
        !value.is_atom() && is(Policy::wants_atom)
    }

    /// Whether the value is a tuple of a plain instance, an offset and perhaps a title.
    fn is_field(&self, value: Value) -> bool {
        let Value::Tuple(id) = value else { return false };
        match self.heap.tuple(id) {
            [of, Value::Int(0..)] => self.is_plain(*of),
            [of, Value::Int(0..), title] => self.is_plain(*of) && title.is_atom(),
            _ => false,
        }
    }
}
