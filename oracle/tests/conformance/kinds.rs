//! Every kind of callable, through every mechanism that calls what a pickle supplies.

use crate::common::{g, pickle, s};
use crate::{Case, case};

/// A callable of `tm`, and the touch that its call is.
pub struct Kind {
    /// For people.
    pub name: &'static str,
    /// Its name in `tm`.
    global: &'static str,
    touch: &'static str,
    class: bool,
}

impl Kind {
    /// Whether it is a method that takes instances of its own type only.
    fn foreign(&self) -> bool {
        matches!(self.global, "k_descriptor" | "k_slot_wrapper")
    }
}

const fn kind(name: &'static str, global: &'static str, touch: &'static str) -> Kind {
    Kind { name, global, touch, class: false }
}

const fn class(name: &'static str, global: &'static str, touch: &'static str) -> Kind {
    Kind { name, global, touch, class: true }
}

/// All of them.
pub const KINDS: [Kind; 17] = [
    kind("C function", "k_c_function", "call posix.getppid"),
    kind("C method", "k_c_method", "call builtins.list.append"),
    kind("function", "k_function", "call tm.pyf"),
    class("C class", "k_c_class", "call collections.deque"),
    class("class", "k_class", "call tm.PyCls"),
    class("class, metaclass `__call__`", "k_metaclass", "call tm.MetaCall.__call__"),
    kind("bound method", "k_method", "call tm.Methods.method"),
    kind("class method", "k_class_method", "call tm.Methods.of_class"),
    kind("static method", "k_static_method", "call tm.Methods.static"),
    kind("instance with `__call__`", "k_instance", "call tm.Call.__call__"),
    kind("`functools.partial`", "k_partial", "call tm._wrapped"),
    kind("`functools.lru_cache`", "k_cached", "call functools._lru_cache_wrapper.__call__"),
    kind("method descriptor", "k_descriptor", "call builtins.str.upper"),
    kind("slot wrapper", "k_slot_wrapper", "call builtins.int.__add__"),
    kind("class method of a C type", "k_c_class_method", "call builtins.dict.fromkeys"),
    kind("generator function", "k_generator", "call tm.k_generator"),
    kind("coroutine function", "k_coroutine", "call tm.k_coroutine"),
];

/// An instance of `tm.Holder` that has this attribute.
fn holder(attribute: &str, value: &[u8]) -> Vec<u8> {
    [&g("tm", "Holder"), b")\x81}".as_slice(), &s(attribute), value, b"sb"].concat()
}

/// An instance of a new class whose dictionary has these entries.
fn instance(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let dict: Vec<u8> =
        entries.iter().flat_map(|(name, value)| [&s(name), *value].concat()).collect();
    [&g("builtins", "type"), b"(".as_slice(), &s("New"), b")}(", &dict, b"utR)R"].concat()
}

/// One case for each kind and mechanism that go together.
pub fn cases() -> Vec<Case> {
    KINDS.iter().flat_map(of_kind).collect()
}

fn of_kind(kind: &Kind) -> Vec<Case> {
    let f = g("tm", kind.global);
    let property = s(&format!("p_{}.p", kind.global));
    let module = s(&format!("tm_{}", kind.global));
    let inst = format!("(K\x01itm\n{}\n", kind.global);
    let with = |name: &str| instance(&[(name, &f)]);
    let equal = instance(&[("__hash__", &hash_of_same()), ("__eq__", &f)]);
    let set = [&g("builtins", "property"), b"N".as_slice(), &f, b"\x86R"].concat();
    let mut rows: Vec<(&'static str, Vec<&[u8]>)> = Vec::new();
    rows.push(("REDUCE", vec![&f, b"K\x01\x85R"]));
    rows.push(("INST", vec![inst.as_bytes()]));
    rows.push(("OBJ", vec![b"(", &f, b"K\x01o"]));
    let state = holder("__setstate__", &f);
    rows.push(("BUILD, `__setstate__`", vec![&state, b"K\x01b"]));
    let append = holder("append", &f);
    rows.push(("APPEND, `append`", vec![&append, b"K\x01a"]));
    rows.push(("APPENDS, `append`", vec![&append, b"(K\x01e"]));
    let extend = holder("extend", &f);
    rows.push(("APPENDS, `extend`", vec![&extend, b"(K\x01e"]));
    let add = holder("add", &f);
    rows.push(("ADDITEMS, `add`", vec![&add, b"(K\x01\x90"]));
    let again = [&g("functools", "partial"), f.as_slice(), b"\x85R"].concat();
    rows.push(("REDUCE of what a call returned", vec![&again, b"K\x01\x85R"]));
    let hash = with("__hash__");
    rows.push(("SETITEM, `__hash__` of the key", vec![b"}", &hash, b"K\x01s"]));
    rows.push(("DICT, `__hash__` of the key", vec![b"(", &hash, b"K\x01d"]));
    rows.push(("ADDITEMS, `__hash__` of the item", vec![b"\x8f(", &hash, b"\x90"]));
    rows.push(("FROZENSET, `__hash__` of the item", vec![b"(", &hash, b"\x91"]));
    rows.push((
        "SETITEMS, `__eq__` of the key",
        vec![b"}(", &equal, b"\x94K\x01", &equal, b"K\x01u"],
    ));
    let setitem = with("__setitem__");
    rows.push(("SETITEM, `__setitem__`", vec![&setitem, b"K\x01K\x02s"]));
    rows.push(("SETITEMS, `__setitem__`", vec![&setitem, b"(K\x01K\x02u"]));
    let setattr = with("__setattr__");
    rows.push(("BUILD, `__setattr__`", vec![&setattr, b"N}X\x01\0\0\0qK\x01s\x86b"]));
    let descriptor = instance(&[("q", &set)]);
    rows.push(("BUILD, `__set__` of a property", vec![&descriptor, b"N}X\x01\0\0\0qK\x01s\x86b"]));
    let getattr = with("__getattr__");
    let del = with("__del__");
    let new = new_class(&f);
    // Those that are bound to another type are not called at all.
    if !kind.foreign() {
        rows.push(("BUILD, `__getattr__`", vec![&getattr, b"}b"]));
        rows.push(("APPENDS, `__getattr__`", vec![&getattr, b"(K\x01e"]));
    }
    rows.push(("POP, `__del__`", vec![&del, b"0N"]));
    rows.push(("NEWOBJ, `__new__`", vec![&new, b")\x81"]));
    rows.push(("NEWOBJ_EX, `__new__`", vec![&new, b")}\x92"]));
    let init =
        [&g("builtins", "type"), b"(".as_slice(), &s("New"), b")}", &s("__init__"), &f, b"stR)R"]
            .concat();
    rows.push(("REDUCE, `__init__`", vec![&init]));
    let tm = [g("tm", "pyf"), b"0".to_vec(), s("tm")].concat();
    rows.push(("STACK_GLOBAL, property on the way", vec![&tm, &property, b"\x93"]));
    let imported = [g("tm", "pyf"), b"0".to_vec(), module].concat();
    rows.push(("STACK_GLOBAL, `__getattr__` of a module", vec![&imported, b"X\x01\0\0\0q\x93"]));
    let mut cases: Vec<Case> = rows
        .into_iter()
        .map(|(mechanism, pieces)| case(mechanism, kind.name, pickle(&pieces), kind.touch))
        .collect();
    if kind.class {
        // These make an instance by the class alone, whatever its metaclass.
        let touch = if kind.global == "k_metaclass" { "call tm.k_metaclass" } else { kind.touch };
        cases.push(case("NEWOBJ", kind.name, pickle(&[&f, b")\x81"]), touch));
        cases.push(case("NEWOBJ_EX", kind.name, pickle(&[&f, b")}\x92"]), touch));
    }
    cases
}

/// A class whose `__new__` is the callable.
fn new_class(f: &[u8]) -> Vec<u8> {
    [&g("builtins", "type"), b"(".as_slice(), &s("New"), b")}", &s("__new__"), f, b"stR"].concat()
}

/// The function `tm.Same.__hash__`, which makes all keys collide.
fn hash_of_same() -> Vec<u8> {
    [s("tm"), s("Same.__hash__"), b"\x93".to_vec()].concat()
}
