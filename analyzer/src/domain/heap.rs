//! The heap: what must be remembered of containers and of what calls made.
//!
//! Entries are small and few: a value holds an index into one of these tables. They are shared
//! by every alias of an object, so that what is added through one is known through all.

mod data;
mod dicts;
mod few;
mod marks;
mod traits;

use std::collections::HashMap;

use super::{GlobalId, Value, emptied};
use marks::Marks;
use traits::Contents;
pub(crate) use traits::{Traits, is_hook, is_noted};

/// Twelve bytes; its elements end where the next tuple's begin.
#[derive(Clone, Copy, Debug)]
struct Tuple {
    start: u32,
    /// Values within, with shared ones counted each time: what hashing looks at.
    weight: u32,
    depth: u16,
    marks: Marks,
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
    marks: Marks,
    /// Bytes of an element, of a type of elements; `UNSIZED` if not known.
    size: u32,
    /// Values within, with shared ones counted each time.
    weight: u32,
}

/// The size of what is no type, or of one whose size is not known.
const UNSIZED: u32 = u32::MAX;

/// A set, a frozenset, or something of unknown type: what is known is how much it holds.
#[derive(Clone, Copy, Debug)]
struct Bag {
    weight: u32,
    depth: u16,
    marks: Marks,
}

/// Tuples, lists, dicts, instances, and all else that holds something.
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
    bags: Vec<Bag>,
    some_unhashed: bool,
    /// Whether something was taken for data with all that it holds.
    data_taken: bool,
    /// Whether something else than data was put into what something held: within which others it is, is
    /// not known.
    late_foreign: bool,
    /// Where the last field of a dict of fields ends.
    fields: HashMap<u32, u64>,
    few: few::Few,
    /// The greatest weight of what is hashed or gone through with what it holds.
    heaviest: u32,
    /// What the lists made last begin with, each where its number says.
    heads: [Head; LAST],
}

/// Memory for what most pickles have.
#[derive(Debug, Default)]
pub(crate) struct Room {
    elements: Vec<Value>,
    tuples: Vec<Tuple>,
    lists: Vec<List>,
    dicts: Vec<Dict>,
    keys: Vec<[u32; FEW]>,
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
    /// An empty heap in that memory.
    #[inline(always)]
    pub(crate) fn within(room: Room) -> Self {
        let Room { elements, tuples, lists, dicts, keys } = room;
        Self { elements, tuples, lists, dicts, keys, ..Self::default() }
    }

    /// Gives back the memory, with nothing in it; the heap is empty then.
    pub(crate) fn room(&mut self) -> Room {
        Room {
            elements: emptied(&mut self.elements),
            tuples: emptied(&mut self.tuples),
            lists: emptied(&mut self.lists),
            dicts: emptied(&mut self.dicts),
            keys: emptied(&mut self.keys),
        }
    }

    /// A tuple of what holds nothing.
    pub(crate) fn new_tuple_of_atoms(&mut self, elements: &[Value]) -> Value {
        debug_assert!(elements.iter().all(|element| element.is_atom()), "they are atoms");
        self.add_tuple(elements, 1, (elements.len() as u32).saturating_add(1))
    }

    pub(crate) fn new_tuple(&mut self, elements: &[Value]) -> Value {
        let depth = shallow(self.deepest(elements).saturating_add(1));
        self.add_tuple(elements, depth, self.weigh(elements))
    }

    #[inline]
    fn add_tuple(&mut self, elements: &[Value], depth: u16, weight: u32) -> Value {
        let start = self.elements.len() as u32;
        self.elements.extend_from_slice(elements);
        self.tuples.push(Tuple { start, weight, depth, marks: Marks::NONE });
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
        self.tuples[tuple as usize].marks.has(Marks::UNHASHED)
    }

    /// How many values hashing the value, or comparing it, looks at.
    pub(crate) fn weight(&self, value: Value) -> u32 {
        match value {
            Value::Tuple(id) => self.tuples[id as usize].weight,
            Value::Instance(id) => self.made[id as usize].weight,
            Value::Set(id) | Value::FrozenSet(id) | Value::Allowed(id) => {
                self.bags[id as usize].weight
            }
            _ => 1,
        }
    }

    /// The weight of what holds these.
    pub(crate) fn weigh(&self, values: &[Value]) -> u32 {
        values.iter().fold(1, |sum, value| sum.saturating_add(self.weight(*value)))
    }

    pub(crate) fn new_set(&mut self, items: &[Value]) -> Value {
        Value::Set(self.new_bag(items))
    }

    pub(crate) fn new_frozenset(&mut self, items: &[Value]) -> Value {
        Value::FrozenSet(self.new_bag(items))
    }

    /// Something of unknown type that was made of these.
    pub(crate) fn new_allowed(&mut self, of: &[Value]) -> Value {
        Value::Allowed(self.new_bag(of))
    }

    fn new_bag(&mut self, items: &[Value]) -> u32 {
        let depth = shallow(self.deepest(items).saturating_add(1));
        let weight = self.weigh(items);
        self.heaviest = self.heaviest.max(weight);
        self.bags.push(Bag { weight, depth, marks: Marks::NONE });
        self.bags.len() as u32 - 1
    }

    /// Notes that a set holds these, too.
    pub(crate) fn add_to_set(&mut self, set: u32, items: &[Value]) {
        let depth = shallow(self.deepest(items).saturating_add(1));
        let weight = self.weigh(items);
        let bag = &mut self.bags[set as usize];
        bag.depth = bag.depth.max(depth);
        bag.weight = bag.weight.saturating_add(weight);
        self.heaviest = self.heaviest.max(bag.weight);
    }

    /// How many values hashing anything made so far looks at, at most.
    pub(crate) fn heaviest(&self) -> u32 {
        self.heaviest
    }

    /// Notes that the tuple is hashed; whether it was before.
    pub(crate) fn mark_hashed(&mut self, tuple: u32) -> bool {
        let marks = &mut self.tuples[tuple as usize].marks;
        let before = marks.has(Marks::HASHED);
        marks.set(Marks::HASHED);
        before
    }

    /// How deeply objects are nested in the value: 0 for what holds nothing.
    pub(crate) fn depth(&self, value: Value) -> u32 {
        match value {
            Value::Tuple(id) => self.tuples[id as usize].depth.into(),
            Value::List(id) => self.lists[id as usize].contents.depth.into(),
            Value::Dict(id) => self.dicts[id as usize].contents.depth.into(),
            Value::Instance(id) => self.made[id as usize].depth.into(),
            Value::Set(id) | Value::FrozenSet(id) | Value::Allowed(id) => {
                self.bags[id as usize].depth.into()
            }
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
        let depth = if value.is_atom() { 0 } else { self.depth(value) };
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

    /// Notes that a list holds something else than scalars.
    pub(crate) fn add_no_scalar(&mut self, list: u32) {
        self.lists[list as usize].contents.traits.lose(Traits::SCALARS);
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

    /// Something that a call made of values.
    pub(crate) fn new_instance(&mut self, class: GlobalId, depth: u32, weight: u32) -> Value {
        let depth = shallow(depth);
        self.heaviest = self.heaviest.max(weight);
        self.made.push(Made { class, depth, marks: Marks::NONE, size: UNSIZED, weight });
        Value::Instance(self.made.len() as u32 - 1)
    }

    /// Notes that something holds these, or was given them.
    #[inline]
    pub(crate) fn hold_all(&mut self, values: &[Value]) {
        for value in values {
            self.hold_one(*value);
        }
    }

    /// Notes that something holds the value, or was given it.
    #[inline]
    pub(crate) fn hold_one(&mut self, value: Value) {
        let traits = match value {
            Value::List(list) => &mut self.lists[list as usize].contents.traits,
            Value::Dict(dict) => &mut self.dicts[dict as usize].contents.traits,
            Value::Instance(id) => {
                self.made[id as usize].marks.set(Marks::HELD);
                return;
            }
            Value::Set(id) => {
                self.bags[id as usize].marks.set(Marks::HELD);
                return;
            }
            _ => return,
        };
        *traits = traits.and(Traits::HELD);
    }

    /// Whether something holds the value, or was given it, that can be changed.
    #[inline]
    pub(crate) fn is_held(&self, value: Value) -> bool {
        match value {
            Value::List(list) => self.list(list).has(Traits::HELD),
            Value::Dict(dict) => self.dict(dict).has(Traits::HELD),
            Value::Instance(id) => self.made[id as usize].marks.has(Marks::HELD),
            Value::Set(id) => self.bags[id as usize].marks.has(Marks::HELD),
            _ => false,
        }
    }

    /// Whether the instance holds what must not be hashed.
    pub(crate) fn holds_unhashed(&self, instance: u32) -> bool {
        self.made[instance as usize].marks.has(Marks::UNHASHED)
    }

    /// Notes how many bytes an element has.
    pub(crate) fn set_size(&mut self, instance: u32, size: u32) {
        self.made[instance as usize].size = size;
    }

    /// Notes that it is not known how many bytes an element has.
    pub(crate) fn forget_size(&mut self, instance: u32) {
        self.made[instance as usize].size = UNSIZED;
    }

    /// How many bytes an element has, if the value is a type of which that is known.
    pub(crate) fn element_size(&self, value: Value) -> Option<u64> {
        let Value::Instance(id) = value else { return None };
        let size = self.made[id as usize].size;
        (size != UNSIZED).then_some(size.into())
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
        self.heaviest = self.heaviest.max(made.weight);
    }

    /// Bytes in use, for the budget.
    pub(crate) fn size(&self) -> usize {
        size_of_val(&self.elements[..])
            + size_of_val(&self.tuples[..])
            + size_of_val(&self.lists[..])
            + size_of_val(&self.dicts[..])
            + size_of_val(&self.keys[..])
            + size_of_val(&self.made[..])
            + size_of_val(&self.bags[..])
            + self.fields.capacity() * size_of::<(u32, u64)>()
            + self.few.size()
    }
}

/// A depth, as far as it fits: what is deeper is doubted just as well.
fn shallow(depth: u32) -> u16 {
    depth.try_into().unwrap_or(u16::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tuple_ends_where_the_next_begins() {
        let mut heap = Heap::default();
        let inner = heap.new_tuple(&[Value::None, Value::Float]);
        let empty = heap.new_tuple(&[]);
        let outer = heap.new_tuple(&[inner, empty]);
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
