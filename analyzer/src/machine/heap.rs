//! The heap: what must be remembered of containers.

use super::value::Value;

/// What is known of a dict's keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keys {
    /// All are `str` and none is a name that unpickling or the interpreter looks up.
    Attributes,
    /// Some are not.
    Other,
}

#[derive(Clone, Copy, Debug)]
struct Tuple {
    start: u32,
    len: u32,
    depth: u32,
}

/// Elements of tuples and keys of dicts.
#[derive(Clone, Debug, Default)]
pub(crate) struct Heap {
    elements: Vec<Value>,
    tuples: Vec<Tuple>,
    dicts: Vec<Keys>,
}

impl Heap {
    pub(crate) fn new_tuple(&mut self, elements: &[Value]) -> Value {
        let depth = elements.iter().map(|value| self.depth(*value)).max().unwrap_or(0) + 1;
        let (start, len) = (self.elements.len() as u32, elements.len() as u32);
        self.elements.extend_from_slice(elements);
        self.tuples.push(Tuple { start, len, depth });
        Value::Tuple(self.tuples.len() as u32 - 1)
    }

    pub(crate) fn tuple(&self, id: u32) -> &[Value] {
        let Tuple { start, len, .. } = self.tuples[id as usize];
        &self.elements[start as usize..][..len as usize]
    }

    /// How deeply tuples are nested in the value: 0 for what is not a tuple.
    pub(crate) fn depth(&self, value: Value) -> u32 {
        match value {
            Value::Tuple(id) => self.tuples[id as usize].depth,
            _ => 0,
        }
    }

    pub(crate) fn new_dict(&mut self) -> Value {
        self.dicts.push(Keys::Attributes);
        Value::Dict(self.dicts.len() as u32 - 1)
    }

    pub(crate) fn keys(&self, dict: u32) -> Keys {
        self.dicts[dict as usize]
    }

    /// Notes a key that is not a plain attribute name.
    pub(crate) fn taint_keys(&mut self, dict: u32) {
        self.dicts[dict as usize] = Keys::Other;
    }

    /// Bytes in use, for the budget.
    pub(crate) fn size(&self) -> usize {
        self.elements.len() * size_of::<Value>()
            + self.tuples.len() * size_of::<Tuple>()
            + self.dicts.len()
    }
}
