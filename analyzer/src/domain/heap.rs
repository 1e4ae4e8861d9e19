//! The heap: what must be remembered of containers and of what calls made.
//!
//! Entries are small and few: a value holds an index into one of these tables. They are shared
//! by every alias of an object, so that what is added through one is known through all.

use std::collections::HashMap;

use super::{GlobalId, Value};

/// What is known of the contents of a list or dict: bits that adding may take away, and how many
/// keys there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Traits(u16);

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
    /// No value can be called: as an attribute it would stand for a method.
    pub(crate) const UNCALLED: Self = Self(64);
    /// No text stands under `tz`, `dtype` or `freq`.
    pub(crate) const NO_ZONES: Self = Self(128);
    /// No key may be a name that unpickling or the interpreter looks up.
    pub(crate) const NO_HOOKS: Self = Self(256);
    /// No element of a list must not be hashed.
    pub(crate) const HASHED: Self = Self(1024);
    const ALL: Self = Self(511 | 1024);
    /// It was given to a call or a state because of what it holds, and must not change any more:
    /// who was given it may hold it still.
    const GIVEN: Self = Self(512);

    pub(crate) fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(crate) fn has(self, trait_: Self) -> bool {
        self.0 & trait_.0 == trait_.0
    }

    fn lose(&mut self, trait_: Self) {
        self.0 &= !trait_.0;
    }

    /// How many keys were set, at most seven: three bits of what else would be wider.
    fn keys(self) -> usize {
        usize::from(self.0 >> Self::KEYS)
    }

    fn count_key(&mut self) {
        if self.keys() < 7 {
            self.0 += 1 << Self::KEYS;
        }
    }

    /// Where the bits begin that count keys.
    const KEYS: u32 = 13;
}

/// Twelve bytes; its elements end where the next tuple's begin.
#[derive(Clone, Copy, Debug)]
struct Tuple {
    start: u32,
    /// Values within, with shared ones counted each time: what hashing looks at.
    weight: u32,
    depth: u16,
    hashed: bool,
    /// Whether it holds what must not be hashed.
    unhashed: bool,
}

/// What a list or dict holds, in four bytes.
#[derive(Clone, Copy, Debug)]
struct Contents {
    traits: Traits,
    /// How deeply objects are nested in it, at most `u16::MAX`: far beyond what is doubted.
    depth: u16,
}

#[derive(Clone, Copy, Debug)]
struct List {
    contents: Contents,
    len: u32,
}

#[derive(Clone, Copy, Debug)]
struct Dict {
    contents: Contents,
    /// Where the offsets of its keys are, while they are few.
    keys: u32,
}

/// Keys of a dict whose offsets are kept: those of dicts with more do not matter, and a table of
/// dicts may be long.
const FEW: usize = 3;

#[derive(Clone, Copy, Debug)]
struct Made {
    class: GlobalId,
    depth: u16,
    /// Whether something else holds it.
    held: bool,
    /// Bytes of an element, of a type of elements; `UNSIZED` if not known.
    size: u32,
    /// Values within, with shared ones counted each time.
    weight: u32,
}

/// The size of what is no type, or of one whose size is not known.
const UNSIZED: u32 = u32::MAX;

/// A frozenset.
#[derive(Clone, Copy, Debug)]
struct Frozen {
    weight: u32,
    depth: u16,
}

/// Tuples, lists, dicts and instances.
#[derive(Clone, Debug, Default)]
pub(crate) struct Heap {
    elements: Vec<Value>,
    tuples: Vec<Tuple>,
    lists: Vec<List>,
    dicts: Vec<Dict>,
    keys: Vec<[u32; FEW]>,
    /// Entries of `keys` that no dict needs any more.
    free: Vec<u32>,
    made: Vec<Made>,
    frozen: Vec<Frozen>,
    some_unhashed: bool,
    /// Where the last field of a dict of fields ends.
    fields: HashMap<u32, u64>,
    /// The greatest weight of a tuple.
    heaviest: u32,
    /// What the lists made last begin with, each where its number says.
    heads: [Head; LAST],
}

/// Lists of which is kept what they begin with, for people: whoever runs a command makes the list
/// of its words just before.
const LAST: usize = 4;

/// What a list begins with.
#[derive(Clone, Copy, Debug)]
struct Head {
    list: u32,
    /// Elements of the list, also beyond those kept.
    len: u32,
    elements: [Value; Self::KEPT],
}

impl Head {
    const KEPT: usize = 8;
}

impl Default for Head {
    fn default() -> Self {
        Self { list: 0, len: 0, elements: [Value::None; Self::KEPT] }
    }
}

impl Heap {
    pub(crate) fn new_tuple(&mut self, elements: &[Value], unhashed: bool) -> Value {
        let depth = shallow(self.deepest(elements).saturating_add(1));
        let weight = self.weigh(elements);
        let start = self.elements.len() as u32;
        self.elements.extend_from_slice(elements);
        self.tuples.push(Tuple { start, weight, depth, hashed: false, unhashed });
        self.heaviest = self.heaviest.max(weight);
        Value::Tuple(self.tuples.len() as u32 - 1)
    }

    pub(crate) fn tuple(&self, id: u32) -> &[Value] {
        let start = self.tuples[id as usize].start as usize;
        let next = self.tuples.get(id as usize + 1);
        let end = next.map_or(self.elements.len(), |next| next.start as usize);
        &self.elements[start..end]
    }

    /// Whether the tuple holds what must not be hashed.
    pub(crate) fn is_unhashed(&self, tuple: u32) -> bool {
        self.tuples[tuple as usize].unhashed
    }

    /// How many values hashing the value, or comparing it, looks at.
    pub(crate) fn weight(&self, value: Value) -> u32 {
        match value {
            Value::Tuple(id) => self.tuples[id as usize].weight,
            Value::Instance(id) => self.made[id as usize].weight,
            Value::FrozenSet(id) => self.frozen[id as usize].weight,
            _ => 1,
        }
    }

    /// The weight of what holds these.
    pub(crate) fn weigh(&self, values: &[Value]) -> u32 {
        values.iter().fold(1, |sum, value| sum.saturating_add(self.weight(*value)))
    }

    pub(crate) fn new_frozenset(&mut self, items: &[Value]) -> Value {
        let depth = shallow(self.deepest(items).saturating_add(1));
        self.frozen.push(Frozen { weight: self.weigh(items), depth });
        Value::FrozenSet(self.frozen.len() as u32 - 1)
    }

    /// How many values hashing any tuple made so far looks at, at most.
    pub(crate) fn heaviest(&self) -> u32 {
        self.heaviest
    }

    /// Notes that the tuple is hashed; whether it was before.
    pub(crate) fn mark_hashed(&mut self, tuple: u32) -> bool {
        std::mem::replace(&mut self.tuples[tuple as usize].hashed, true)
    }

    /// How deeply objects are nested in the value: 0 for what holds nothing.
    pub(crate) fn depth(&self, value: Value) -> u32 {
        match value {
            Value::Tuple(id) => self.tuples[id as usize].depth.into(),
            Value::List(id) => self.lists[id as usize].contents.depth.into(),
            Value::Dict(id) => self.dicts[id as usize].contents.depth.into(),
            Value::Instance(id) => self.made[id as usize].depth.into(),
            Value::FrozenSet(id) => self.frozen[id as usize].depth.into(),
            _ => 0,
        }
    }

    pub(crate) fn deepest(&self, values: &[Value]) -> u32 {
        values.iter().map(|value| self.depth(*value)).max().unwrap_or(0)
    }

    pub(crate) fn new_list(&mut self) -> Value {
        let list = self.lists.len() as u32;
        self.lists.push(List { contents: Contents::EMPTY, len: 0 });
        let head = &mut self.heads[list as usize % LAST];
        (head.list, head.len) = (list, 0);
        Value::List(list)
    }

    pub(crate) fn new_dict(&mut self) -> Value {
        self.dicts.push(Dict { contents: Contents::EMPTY, keys: 0 });
        Value::Dict(self.dicts.len() as u32 - 1)
    }

    /// What is known of the contents of a list.
    pub(crate) fn list(&self, list: u32) -> Traits {
        self.lists[list as usize].contents.traits
    }

    /// How many elements a list has.
    pub(crate) fn len(&self, list: u32) -> u64 {
        self.lists[list as usize].len.into()
    }

    /// What is known of the contents of a dict.
    pub(crate) fn dict(&self, dict: u32) -> Traits {
        self.dicts[dict as usize].contents.traits
    }

    /// Notes an element of a list.
    pub(crate) fn add_element(&mut self, list: u32, value: Value) {
        let depth = self.depth(value);
        let entry = &mut self.lists[list as usize];
        entry.contents.add(value, depth);
        entry.len = entry.len.saturating_add(1);
        let head = &mut self.heads[list as usize % LAST];
        if head.list == list {
            if let Some(place) = head.elements.get_mut(head.len as usize) {
                *place = value;
            }
            head.len = head.len.saturating_add(1);
        }
    }

    /// Notes that a list holds what must not be hashed.
    pub(crate) fn add_unhashed(&mut self, list: u32) {
        self.some_unhashed = true;
        self.lists[list as usize].contents.traits.lose(Traits::HASHED);
    }

    /// Whether any list holds what must not be hashed: within which others it is, is not known.
    pub(crate) fn has_unhashed(&self) -> bool {
        self.some_unhashed
    }

    /// What the list begins with and how many elements it has, if it is one of the last made.
    pub(crate) fn head(&self, list: u32) -> Option<(&[Value], usize)> {
        let head = &self.heads[list as usize % LAST];
        let len = head.len as usize;
        (head.list == list).then(|| (&head.elements[..len.min(Head::KEPT)], len))
    }

    /// Notes a value of a dict.
    pub(crate) fn add_value(&mut self, dict: u32, value: Value) {
        let depth = self.depth(value);
        self.dicts[dict as usize].contents.add(value, depth);
    }

    /// Notes that what is known of the value's contents was relied upon.
    pub(crate) fn give(&mut self, value: Value) {
        let traits = match value {
            Value::List(list) => &mut self.lists[list as usize].contents.traits,
            Value::Dict(dict) => &mut self.dicts[dict as usize].contents.traits,
            _ => return,
        };
        *traits = traits.and(Traits::GIVEN);
    }

    /// Whether what is known of the value's contents was relied upon.
    pub(crate) fn is_given(&self, value: Value) -> bool {
        match value {
            Value::List(list) => self.list(list).has(Traits::GIVEN),
            Value::Dict(dict) => self.dict(dict).has(Traits::GIVEN),
            _ => false,
        }
    }

    /// Notes that a value of the dict is text that may name a time zone.
    pub(crate) fn add_zone(&mut self, dict: u32) {
        self.dicts[dict as usize].contents.traits.lose(Traits::NO_ZONES);
    }

    /// Notes that a value of the dict can be called.
    pub(crate) fn add_callable(&mut self, dict: u32) {
        self.dicts[dict as usize].contents.traits.lose(Traits::UNCALLED);
    }

    /// Notes that a value of the dict describes no field.
    pub(crate) fn add_no_field(&mut self, dict: u32) {
        self.dicts[dict as usize].contents.traits.lose(Traits::FIELDS);
    }

    /// Notes a key of a dict, and its text if it is a constant.
    pub(crate) fn add_key(&mut self, dict: u32, key: Value, text: Option<&[u8]>) {
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
        self.dicts[dict as usize].contents.traits.count_key();
    }

    /// Notes a key of a dict whose text is not noted.
    #[inline]
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

    /// Something that a call made of values.
    pub(crate) fn new_instance(&mut self, class: GlobalId, depth: u32, weight: u32) -> Value {
        let depth = shallow(depth);
        self.made.push(Made { class, depth, held: false, size: UNSIZED, weight });
        Value::Instance(self.made.len() as u32 - 1)
    }

    /// Notes that something holds these, or was given them.
    #[inline]
    pub(crate) fn hold_all(&mut self, values: &[Value]) {
        for value in values {
            if let Value::Instance(id) = value {
                self.made[*id as usize].held = true;
            }
        }
    }

    /// Whether something holds the instance, or was given it.
    pub(crate) fn is_held(&self, instance: u32) -> bool {
        self.made[instance as usize].held
    }

    /// Notes how many bytes an element has.
    pub(crate) fn set_size(&mut self, instance: u32, size: u32) {
        self.made[instance as usize].size = size;
    }

    /// How many bytes an element has, if the value is a type of which that is known.
    pub(crate) fn element_size(&self, value: Value) -> Option<u64> {
        let Value::Instance(id) = value else { return None };
        let size = self.made[id as usize].size;
        (size != UNSIZED).then_some(size.into())
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

    /// Notes that the instance is one of that class from now on.
    pub(crate) fn become_one_of(&mut self, instance: u32, class: GlobalId) {
        self.made[instance as usize].class = class;
    }

    pub(crate) fn class(&self, instance: u32) -> GlobalId {
        self.made[instance as usize].class
    }

    /// Notes that an instance holds something so deep.
    pub(crate) fn deepen(&mut self, instance: u32, depth: u32) {
        let made = &mut self.made[instance as usize];
        made.depth = made.depth.max(shallow(depth.saturating_add(1)));
    }

    /// Notes that an instance now holds these.
    pub(crate) fn hold(&mut self, instance: u32, values: &[Value]) {
        self.deepen(instance, self.deepest(values));
        let weight = self.weigh(values);
        let made = &mut self.made[instance as usize];
        made.weight = made.weight.saturating_add(weight);
    }

    /// Bytes in use, for the budget.
    pub(crate) fn size(&self) -> usize {
        size_of_val(&self.elements[..])
            + size_of_val(&self.tuples[..])
            + size_of_val(&self.lists[..])
            + size_of_val(&self.dicts[..])
            + size_of_val(&self.keys[..])
            + size_of_val(&self.made[..])
            + size_of_val(&self.frozen[..])
    }
}

impl Contents {
    const EMPTY: Self = Self { traits: Traits::ALL, depth: 1 };

    /// Notes a value, nested so deep.
    fn add(&mut self, value: Value, depth: u32) {
        self.depth = self.depth.max(shallow(depth.saturating_add(1)));
        if !value.is_atom() {
            self.traits.lose(Traits::ATOMS);
        }
        if !matches!(value, Value::Tuple(_) | Value::List(_)) {
            self.traits.lose(Traits::PAIRS);
        }
    }
}

/// A depth, as far as it fits: what is deeper is doubted just as well.
fn shallow(depth: u32) -> u16 {
    depth.try_into().unwrap_or(u16::MAX)
}

/// A name that unpickling itself looks up on an instance, or that the interpreter does: an
/// attribute so called could bring control back to the pickle. PEP 678's notes are but a list.
pub(crate) fn is_hook(name: &[u8]) -> bool {
    matches!(name, b"append" | b"extend" | b"add" | b"items" | b"keys")
        || name.starts_with(b"__") && name != b"__notes__"
}

/// A name that a dict is asked about: a hook, or one of which libraries make more than of others.
pub(crate) fn is_noted(name: &[u8]) -> bool {
    is_hook(name) || matches!(name, b"values" | b"args")
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

    #[test]
    fn a_tuple_ends_where_the_next_begins() {
        let mut heap = Heap::default();
        let inner = heap.new_tuple(&[Value::None, Value::Float], false);
        let empty = heap.new_tuple(&[], false);
        let outer = heap.new_tuple(&[inner, empty], false);
        let (Value::Tuple(first), Value::Tuple(second), Value::Tuple(third)) =
            (inner, empty, outer)
        else {
            panic!("tuples")
        };
        assert_eq!(heap.tuple(first), [Value::None, Value::Float]);
        assert_eq!(heap.tuple(second), []);
        assert_eq!(heap.tuple(third), [inner, empty]);
        assert_eq!((heap.depth(outer), heap.weight(outer)), (2, 5));
    }
}
