//! What an entry of a dict takes away from what is known of the dict.

use super::Judge;
use crate::Policy;
use crate::domain::{Value, is_hook, is_noted};

/// Keys whose text means nothing to anyone, by their offsets: records have the same keys over and
/// over, so most are found here.
pub(crate) struct Ordinary([u32; Self::SLOTS]);

impl Default for Ordinary {
    fn default() -> Self {
        Self([u32::MAX; Self::SLOTS])
    }
}

impl Ordinary {
    const SLOTS: usize = 128;

    #[inline]
    fn has(&self, offset: u32) -> bool {
        self.0[offset as usize % Self::SLOTS] == offset
    }

    fn add(&mut self, offset: u32) {
        self.0[offset as usize % Self::SLOTS] = offset;
    }
}

impl Judge<'_, '_> {
    /// Notes an entry: its key and its value.
    #[inline]
    pub(crate) fn enter(&mut self, dict: u32, key: Value, value: Value) {
        match key {
            // As most of a table are.
            Value::Str(offset) if value.is_atom() && self.is_ordinary(offset) => {
                self.heap.add_ordinary_entry(dict, offset);
            }
            _ => self.enter_any(dict, key, value),
        }
    }

    #[inline(never)]
    fn enter_any(&mut self, dict: u32, key: Value, value: Value) {
        let atom = value.is_atom();
        if atom {
            self.heap.add_atom(dict);
        } else {
            self.heap.add_value(dict, value);
            self.pass_on(Value::Dict(dict), &[value]);
            match self.field_end(value) {
                Some(end) => self.heap.add_field(dict, end),
                None => self.heap.add_no_field(dict),
            }
        }
        if let Value::Str(offset) = key
            && self.is_ordinary(offset)
        {
            self.heap.add_ordinary_key(dict, offset);
            if !atom && self.may_be_called(value) {
                self.heap.add_callable(dict);
            }
            return;
        }
        let text = self.text_of(key);
        let text = text.as_deref();
        self.heap.add_key(dict, key, text);
        if !key.is_atom() {
            self.pass_on(Value::Dict(dict), &[key]);
        }
        if self.does_more_than_stand(text, value) {
            self.heap.add_callable(dict);
        }
    }

    /// Whether the key at the offset says no more than that it is one.
    #[inline]
    fn is_ordinary(&mut self, offset: u32) -> bool {
        self.ordinary.has(offset) || self.learn(offset)
    }

    /// Reads the key at the offset, once.
    #[inline(never)]
    fn learn(&mut self, offset: u32) -> bool {
        let text = self.text_of(Value::Str(offset));
        let ordinary = text.is_some_and(|text| self.means_nothing(&text));
        if ordinary {
            self.ordinary.add(offset);
        }
        ordinary
    }

    /// Whether a key of that text says no more than that it is one.
    fn means_nothing(&self, text: &[u8]) -> bool {
        !is_noted(text) && !self.policy.keeps(text) && !self.policy.wants_atom(text)
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

    /// Where a field ends: a tuple of a plain type, an offset and perhaps a title.
    fn field_end(&self, value: Value) -> Option<u64> {
        let Value::Tuple(id) = value else { return None };
        let (of, offset) = match self.heap.tuple(id) {
            [of, Value::Int(offset)] => (*of, *offset),
            [of, Value::Int(offset), title] if title.is_atom() => (*of, *offset),
            _ => return None,
        };
        let size = self.heap.element_size(of).filter(|_| self.is_plain(of))?;
        u64::try_from(offset).ok()?.checked_add(size)
    }
}

#[cfg(test)]
mod tests {
    use crate::{Policy, Verdict, analyze};

    /// The key is read once, and found by its offset then: what stands under it counts each time.
    #[test]
    fn a_key_met_before_is_judged_by_its_value() {
        let policy = Policy::load(&["sklearn"]).unwrap();
        let verdict = |first: &str, key: &str, second: &str| {
            let pickle =
                format!("(}}(V{key}\np1\n{first}uctypes\nSimpleNamespace\n)R}}(g1\n{second}ubt.");
            analyze(pickle.as_bytes(), &policy).verdict
        };
        let called = "c_codecs\nencode\n";
        assert_eq!(verdict("N", "x", "N"), Verdict::Safe);
        assert_eq!(verdict(called, "x", "N"), Verdict::Safe);
        assert_eq!(verdict("N", "x", called), Verdict::Unproven);
        assert_eq!(verdict("N", "func", called), Verdict::Safe);
        assert_eq!(verdict("N", "values", "N"), Verdict::Unproven);
        assert_eq!(verdict("N", "_sklearn_version", "N"), Verdict::Safe);
        assert_eq!(verdict("N", "_sklearn_version", "]"), Verdict::Unproven);
    }
}
