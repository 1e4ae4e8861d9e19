//! The allowlist of the base: a few data types of the standard library, and the arguments with
//! which each may be called.

use crate::value::Value;

/// A global that may be resolved, and what may be done with it.
#[derive(Debug)]
pub struct Allowed {
    /// The module, as Python 3 spells it.
    pub module: &'static str,
    /// The name in it.
    pub name: &'static str,
    /// Whether it may be called with these arguments.
    pub call: fn(&[Value]) -> bool,
    /// Whether `__new__` may be called, without arguments.
    pub new: bool,
    /// Whether its instances may be appended to.
    pub append: bool,
    /// Whether items of its instances may be set.
    pub set_item: bool,
}

const ONLY_CALL: Allowed =
    Allowed { module: "", name: "", call: never, new: false, append: false, set_item: false };

/// All of them. What CPython's picklers write for data, and nothing that calls what it is given.
pub static ALLOWLIST: [Allowed; 12] = [
    Allowed {
        module: "collections",
        name: "OrderedDict",
        call: nothing,
        new: true,
        set_item: true,
        ..ONLY_CALL
    },
    Allowed {
        module: "collections",
        name: "deque",
        call: nothing,
        new: true,
        append: true,
        ..ONLY_CALL
    },
    Allowed { module: "datetime", name: "date", call: atoms, ..ONLY_CALL },
    Allowed { module: "datetime", name: "timedelta", call: atoms, ..ONLY_CALL },
    Allowed { module: "decimal", name: "Decimal", call: one_text, ..ONLY_CALL },
    Allowed { module: "fractions", name: "Fraction", call: one_text, ..ONLY_CALL },
    Allowed { module: "uuid", name: "UUID", new: true, ..ONLY_CALL },
    Allowed { module: "pathlib", name: "PurePosixPath", call: texts, ..ONLY_CALL },
    Allowed { module: "builtins", name: "bytearray", call: one_bytes, ..ONLY_CALL },
    Allowed { module: "builtins", name: "complex", call: atoms, ..ONLY_CALL },
    Allowed { module: "builtins", name: "range", call: atoms, ..ONLY_CALL },
    Allowed { module: "_codecs", name: "encode", call: text_and_latin1, ..ONLY_CALL },
];

/// The entry of that name, if it has one.
pub fn allowed(module: &[u8], name: &[u8]) -> Option<&'static Allowed> {
    ALLOWLIST
        .iter()
        .find(|entry| entry.module.as_bytes() == module && entry.name.as_bytes() == name)
}

fn never(_: &[Value]) -> bool {
    false
}

fn nothing(arguments: &[Value]) -> bool {
    arguments.is_empty()
}

fn atoms(arguments: &[Value]) -> bool {
    (1..=3).contains(&arguments.len()) && arguments.iter().all(|a| matches!(a, Value::Atom))
}

fn one_text(arguments: &[Value]) -> bool {
    matches!(arguments, [Value::Text(_)])
}

fn texts(arguments: &[Value]) -> bool {
    arguments.iter().all(|argument| matches!(argument, Value::Text(_)))
}

fn one_bytes(arguments: &[Value]) -> bool {
    matches!(arguments, [Value::Bytes])
}

/// As protocol 2 writes bytes. Other encodings run code that their names look up.
fn text_and_latin1(arguments: &[Value]) -> bool {
    matches!(arguments, [Value::Text(_), Value::Text(encoding)] if **encoding == *b"latin1")
}
