//! The heap: what must be remembered of containers and of what calls made.
//!
//! Entries are small and few: a value holds an index into one of these tables. They are shared
//! by every alias of an object, so that what is added through one is known through all.

use super::value::{GlobalId, Value};

/// What is known of the contents of a list or dict: bits that adding may take away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Traits(u8);

impl Traits {
    /// Elements (values, of a dict) are `None`, numbers, text or bytes.
    pub(crate) const ATOMS: Self = Self(1);
    /// Elements are tuples or lists.
    pub(crate) const PAIRS: Self = Self(2);
    /// Keys are `str`, and none is a name that unpickling or the interpreter looks up.
    pub(crate) const ATTRIBUTES: Self = Self(4);
    /// No key is `args`, whose setter on exceptions iterates over the value.
    pub(crate) const NO_ARGS: Self = Self(8);
    /// Values are tuples of a plain instance and an offset.
    pub(crate) const FIELDS: Self = Self(16);
    /// No key is `values`, which mappings are asked for.
    pub(crate) const NO_VALUES: Self = Self(32);
    const ALL: Self = Self(63);

    pub(crate) fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(crate) fn has(self, trait_: Self) -> bool {
        self.0 & trait_.0 == trait_.0
    }

    fn lose(&mut self, trait_: Self) {
        self.0 &= !trait_.0;
    }
}

#[derive(Clone, Copy, Debug)]
struct Tuple {
    start: u32,
    len: u32,
    depth: u32,
    /// Values within, with shared ones counted each time: what hashing looks at.
    weight: u32,
    hashed: bool,
}

#[derive(Clone, Copy, Debug)]
struct Container {
    traits: Traits,
    /// How many keys were set, at most 255.
    len: u8,
    /// How deeply objects are nested in it, at most `u16::MAX`: far beyond what is doubted.
    depth: u16,
    /// Offsets of the keys of a dict, as far as there is room.
    keys: [u32; 3],
}

#[derive(Clone, Copy, Debug)]
struct Made {
    class: GlobalId,
    depth: u32,
}

/// Tuples, lists, dicts and instances.
#[derive(Clone, Debug, Default)]
pub(crate) struct Heap {
    elements: Vec<Value>,
    tuples: Vec<Tuple>,
    containers: Vec<Container>,
    made: Vec<Made>,
}

impl Heap {
    pub(crate) fn new_tuple(&mut self, elements: &[Value]) -> Value {
        let depth = self.deepest(elements).saturating_add(1);
        let weight = elements.iter().fold(1_u32, |sum, value| {
            sum.saturating_add(match value {
                Value::Tuple(id) => self.tuples[*id as usize].weight,
                _ => 1,
            })
        });
        let (start, len) = (self.elements.len() as u32, elements.len() as u32);
        self.elements.extend_from_slice(elements);
        self.tuples.push(Tuple { start, len, depth, weight, hashed: false });
        Value::Tuple(self.tuples.len() as u32 - 1)
    }

    pub(crate) fn tuple(&self, id: u32) -> &[Value] {
        let Tuple { start, len, .. } = self.tuples[id as usize];
        &self.elements[start as usize..][..len as usize]
    }

    /// How many values hashing the tuple looks at.
    pub(crate) fn weight(&self, tuple: u32) -> u32 {
        self.tuples[tuple as usize].weight
    }

    /// Notes that the tuple is hashed; whether it was before.
    pub(crate) fn mark_hashed(&mut self, tuple: u32) -> bool {
        std::mem::replace(&mut self.tuples[tuple as usize].hashed, true)
    }

    /// How deeply objects are nested in the value: 0 for what holds nothing.
    pub(crate) fn depth(&self, value: Value) -> u32 {
        match value {
            Value::Tuple(id) => self.tuples[id as usize].depth,
            Value::List(id) | Value::Dict(id) => self.containers[id as usize].depth.into(),
            Value::Instance(id) => self.made[id as usize].depth,
            _ => 0,
        }
    }

    pub(crate) fn deepest(&self, values: &[Value]) -> u32 {
        values.iter().map(|value| self.depth(*value)).max().unwrap_or(0)
    }

    pub(crate) fn new_list(&mut self) -> Value {
        Value::List(self.new_container())
    }

    pub(crate) fn new_dict(&mut self) -> Value {
        Value::Dict(self.new_container())
    }

    fn new_container(&mut self) -> u32 {
        self.containers.push(Container { traits: Traits::ALL, len: 0, depth: 1, keys: [0; 3] });
        self.containers.len() as u32 - 1
    }

    pub(crate) fn traits(&self, container: u32) -> Traits {
        self.containers[container as usize].traits
    }

    /// Notes an element of a list, or a value of a dict.
    pub(crate) fn add(&mut self, container: u32, value: Value) {
        let depth = self.depth(value).saturating_add(1).try_into().unwrap_or(u16::MAX);
        let entry = &mut self.containers[container as usize];
        entry.depth = entry.depth.max(depth);
        if !value.is_atom() {
            entry.traits.lose(Traits::ATOMS);
        }
        if !matches!(value, Value::Tuple(_) | Value::List(_)) {
            entry.traits.lose(Traits::PAIRS);
        }
    }

    /// Notes that a value of the dict describes no field.
    pub(crate) fn add_no_field(&mut self, dict: u32) {
        self.containers[dict as usize].traits.lose(Traits::FIELDS);
    }

    /// Notes a key of a dict, and its text if it is a constant.
    pub(crate) fn add_key(&mut self, dict: u32, key: Value, text: Option<&[u8]>) {
        let entry = &mut self.containers[dict as usize];
        match (key, text) {
            (Value::Str(offset) | Value::Str8(offset), Some(text)) => {
                if is_hook(text) {
                    entry.traits.lose(Traits::ATTRIBUTES);
                }
                if text == b"values" {
                    entry.traits.lose(Traits::NO_VALUES);
                }
                if text == b"args" {
                    entry.traits.lose(Traits::NO_ARGS);
                }
                if let Some(place) = entry.keys.get_mut(usize::from(entry.len)) {
                    *place = offset;
                }
            }
            _ => entry.traits.lose(Traits::ATTRIBUTES),
        }
        entry.len = entry.len.saturating_add(1);
    }

    /// Offsets of all keys of a dict, if there are at most three, all constants.
    pub(crate) fn keys(&self, dict: u32) -> Option<&[u32]> {
        let entry = &self.containers[dict as usize];
        let constant = entry.traits.has(Traits::ATTRIBUTES);
        if constant { entry.keys.get(..usize::from(entry.len)) } else { None }
    }

    /// Something that a call made of values.
    pub(crate) fn new_instance(&mut self, class: GlobalId, depth: u32) -> Value {
        self.made.push(Made { class, depth });
        Value::Instance(self.made.len() as u32 - 1)
    }

    pub(crate) fn class(&self, instance: u32) -> GlobalId {
        self.made[instance as usize].class
    }

    /// Notes that an instance holds something so deep.
    pub(crate) fn deepen(&mut self, instance: u32, depth: u32) {
        let made = &mut self.made[instance as usize];
        made.depth = made.depth.max(depth.saturating_add(1));
    }

    /// Bytes in use, for the budget.
    pub(crate) fn size(&self) -> usize {
        size_of_val(&self.elements[..])
            + size_of_val(&self.tuples[..])
            + size_of_val(&self.containers[..])
            + size_of_val(&self.made[..])
    }
}

/// A name that unpickling itself looks up on an instance, or that the interpreter does: an
/// attribute so called could bring control back to the pickle. PEP 678's notes are but a list.
fn is_hook(name: &[u8]) -> bool {
    matches!(name, b"append" | b"extend" | b"add" | b"items" | b"keys")
        || name.starts_with(b"__") && name != b"__notes__"
}
