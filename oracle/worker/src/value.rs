//! A description of a value that is the same for equal values of equal types, and that runs no
//! code of the value's own: only exact built-in types are opened, and what a C structure of a
//! subclass holds. No addresses. Bounded in depth and size.

use std::fmt::Write;

use pyo3::ffi;

use crate::names::{Names, type_name};
use crate::raw::{self, P};

/// Describes values, up to a length.
pub struct Describer<'a> {
    names: &'a mut Names,
    out: String,
    limit: usize,
    depth: usize,
    /// Containers being described, for cycles.
    open: Vec<P>,
}

/// Longest piece of text or bytes shown.
const MAX_TEXT: usize = 200;

/// Describes an object in at most about `limit` bytes, opening containers `depth` deep.
///
/// # Safety
/// `object` is live, the GIL is held, tracing is off or paused, no exception is set.
pub unsafe fn describe(names: &mut Names, object: P, limit: usize, depth: usize) -> String {
    let mut d = Describer { names, out: String::new(), limit, depth, open: Vec::new() };
    // SAFETY: the caller's promise.
    unsafe { d.value(object) };
    d.out
}

/// Describes call arguments, `(1, 'a', k=2)`.
///
/// # Safety
/// As [`describe`]; `args` is null or a tuple, `kwargs` null or a dictionary.
pub unsafe fn arguments(names: &mut Names, args: P, kwargs: P, limit: usize) -> String {
    let mut d = Describer { names, out: String::new(), limit, depth: 3, open: Vec::new() };
    d.out.push('(');
    // SAFETY: the caller's promise.
    unsafe {
        let mut first = true;
        if !args.is_null() && ffi::PyTuple_Check(args) != 0 {
            for i in 0..ffi::PyTuple_Size(args) {
                d.comma(&mut first);
                d.value(ffi::PyTuple_GetItem(args, i));
                if d.full() {
                    break;
                }
            }
        }
        if !kwargs.is_null() && ffi::PyDict_Check(kwargs) != 0 {
            let (mut at, mut key, mut value) = (0, std::ptr::null_mut(), std::ptr::null_mut());
            while ffi::PyDict_Next(kwargs, &mut at, &mut key, &mut value) != 0 && !d.full() {
                d.comma(&mut first);
                let _ = write!(d.out, "{}=", raw::text(key).unwrap_or_default());
                d.value(value);
            }
        }
    }
    d.out.push(')');
    d.out
}

/// Describes the objects that are not null, as arguments; `None` if all are.
///
/// # Safety
/// As [`describe`].
pub unsafe fn list(names: &mut Names, objects: &[P], limit: usize) -> Option<String> {
    let mut d = Describer { names, out: String::new(), limit, depth: 3, open: Vec::new() };
    d.out.push('(');
    let mut first = true;
    for &object in objects.iter().filter(|object| !object.is_null()) {
        d.comma(&mut first);
        // SAFETY: the caller's promise.
        unsafe { d.value(object) };
    }
    d.out.push(')');
    (!first).then_some(d.out)
}

impl Describer<'_> {
    fn full(&self) -> bool {
        self.out.len() >= self.limit
    }

    fn comma(&mut self, first: &mut bool) {
        if !*first {
            self.out.push_str(", ");
        }
        *first = false;
    }

    unsafe fn value(&mut self, o: P) {
        if o.is_null() {
            self.out.push_str("<null>");
            return;
        }
        if self.full() {
            self.out.push('…');
            return;
        }
        // SAFETY: types are checked before their functions are called.
        unsafe {
            if o == ffi::Py_None() {
                self.out.push_str("None");
            } else if ffi::PyBool_Check(o) != 0 {
                self.out.push_str(if o == ffi::Py_True() { "True" } else { "False" });
            } else if o == ffi::Py_Ellipsis() {
                self.out.push_str("Ellipsis");
            } else if ffi::PyLong_CheckExact(o) != 0 {
                self.integer(o);
            } else if ffi::PyFloat_CheckExact(o) != 0 || ffi::PyComplex_CheckExact(o) != 0 {
                let text = repr(o);
                self.out.push_str(&text);
            } else if ffi::PyUnicode_CheckExact(o) != 0 {
                let text = raw::text(o).unwrap_or_default();
                self.text("", &text);
            } else if ffi::PyBytes_CheckExact(o) != 0 {
                let data = ffi::PyBytes_AsString(o).cast::<u8>();
                self.bytes("b", std::slice::from_raw_parts(data, ffi::PyBytes_Size(o) as usize));
            } else if ffi::PyByteArray_CheckExact(o) != 0 {
                let data = ffi::PyByteArray_AsString(o).cast::<u8>();
                let len = ffi::PyByteArray_Size(o) as usize;
                self.bytes("bytearray b", std::slice::from_raw_parts(data, len));
            } else {
                self.compound(o);
            }
        }
    }

    unsafe fn integer(&mut self, o: P) {
        // SAFETY: an exact int. Base 16, since decimal is quadratic and limited.
        unsafe {
            let mut overflow = 0;
            let small = ffi::PyLong_AsLongLongAndOverflow(o, &mut overflow);
            if overflow == 0 {
                let _ = write!(self.out, "{small}");
                return;
            }
            let text = ffi::PyNumber_ToBase(o, 16);
            if text.is_null() {
                ffi::PyErr_Clear();
                self.out.push_str("<int>");
                return;
            }
            let digits = raw::text(text).unwrap_or_default();
            ffi::Py_DecRef(text);
            self.cut(&digits);
        }
    }

    fn cut(&mut self, text: &str) {
        match text.char_indices().nth(MAX_TEXT) {
            None => self.out.push_str(text),
            Some((at, _)) => {
                // Unequal values that begin alike must not look alike.
                let _ = write!(self.out, "{}…#{:016x}", &text[..at], digest(text.as_bytes()));
            }
        }
    }

    fn text(&mut self, prefix: &str, text: &str) {
        self.out.push_str(prefix);
        self.out.push('\'');
        let escaped: String = text.chars().take(MAX_TEXT).flat_map(char::escape_debug).collect();
        self.out.push_str(&escaped);
        if text.chars().nth(MAX_TEXT).is_some() {
            let _ = write!(self.out, "…#{:016x}", digest(text.as_bytes()));
        }
        self.out.push('\'');
    }

    fn bytes(&mut self, prefix: &str, bytes: &[u8]) {
        let _ = write!(self.out, "{prefix}'{}", bytes[..bytes.len().min(MAX_TEXT)].escape_ascii());
        if bytes.len() > MAX_TEXT {
            let _ = write!(self.out, "…#{:016x}", digest(bytes));
        }
        self.out.push('\'');
    }

    /// Containers, and everything that is only named.
    unsafe fn compound(&mut self, o: P) {
        // SAFETY: as `value`.
        unsafe {
            if let Some(index) = self.open.iter().position(|&seen| seen == o) {
                let _ = write!(self.out, "<cycle {index}>");
                return;
            }
            if self.open.len() >= self.depth {
                self.out.push('…');
                return;
            }
            self.open.push(o);
            let class = ffi::Py_TYPE(o);
            if ffi::PyTuple_Check(o) != 0 {
                self.subclass(o, ffi::PyTuple_CheckExact(o));
                let item = |i| ffi::PyTuple_GetItem(o, i);
                self.sequence('(', ')', ffi::PyTuple_Size(o), item);
            } else if ffi::PyList_Check(o) != 0 {
                self.subclass(o, ffi::PyList_CheckExact(o));
                self.sequence('[', ']', ffi::PyList_Size(o), |i| ffi::PyList_GetItem(o, i));
            } else if ffi::PyDict_Check(o) != 0 {
                self.subclass(o, ffi::PyDict_CheckExact(o));
                self.dictionary(o);
            } else if class == &raw mut ffi::PySet_Type {
                self.set("set", o);
            } else if class == &raw mut ffi::PyFrozenSet_Type {
                self.set("frozenset", o);
            } else if ffi::PyModule_CheckExact(o) != 0 {
                let name = ffi::PyModule_GetNameObject(o);
                let text = if name.is_null() { None } else { raw::text(name) };
                ffi::PyErr_Clear();
                let _ = write!(self.out, "<module {}>", text.unwrap_or_else(|| "?".to_owned()));
            } else if ffi::PyType_Check(o) != 0 {
                let name = type_name(o.cast());
                let _ = write!(self.out, "<class {name}>");
            } else if class == raw::function_type()
                || raw::is_c_function(class)
                || class == raw::method_type()
                || raw::is_descriptor(class)
            {
                let name = self.names.of(o);
                let _ = write!(self.out, "<{} {name}>", type_name(class));
            } else {
                self.instance(o);
            }
            self.open.pop();
        }
    }

    unsafe fn subclass(&mut self, o: P, exact: i32) {
        if exact == 0 {
            // SAFETY: a live object.
            let name = unsafe { type_name(ffi::Py_TYPE(o)) };
            let _ = write!(self.out, "<{name}>");
        }
    }

    unsafe fn sequence(&mut self, open: char, close: char, len: isize, item: impl Fn(isize) -> P) {
        self.out.push(open);
        let mut first = true;
        for i in 0..len {
            self.comma(&mut first);
            // SAFETY: the index is within the length, and nothing shrinks it meanwhile.
            unsafe { self.value(item(i)) };
            if self.full() {
                break;
            }
        }
        if open == '(' && len == 1 {
            self.out.push(',');
        }
        self.out.push(close);
    }

    unsafe fn dictionary(&mut self, o: P) {
        self.out.push('{');
        let (mut at, mut key, mut value) = (0, std::ptr::null_mut(), std::ptr::null_mut());
        let mut first = true;
        // SAFETY: a dictionary, which nothing changes meanwhile.
        unsafe {
            while ffi::PyDict_Next(o, &mut at, &mut key, &mut value) != 0 && !self.full() {
                self.comma(&mut first);
                self.value(key);
                self.out.push_str(": ");
                self.value(value);
            }
        }
        self.out.push('}');
    }

    /// Sets have no order: their items are described one by one and sorted.
    unsafe fn set(&mut self, kind: &str, o: P) {
        let before = std::mem::take(&mut self.out);
        let mut items = Vec::new();
        // SAFETY: an exact set; its iterator runs no other code.
        unsafe {
            let iterator = ffi::PyObject_GetIter(o);
            while !iterator.is_null() && items.iter().map(String::len).sum::<usize>() < self.limit {
                let item = ffi::PyIter_Next(iterator);
                if item.is_null() {
                    break;
                }
                self.value(item);
                ffi::Py_DecRef(item);
                items.push(std::mem::take(&mut self.out));
            }
            ffi::PyErr_Clear();
            if !iterator.is_null() {
                ffi::Py_DecRef(iterator);
            }
        }
        items.sort();
        self.out = before;
        let _ = write!(self.out, "{kind}{{{}}}", items.join(", "));
    }

    /// Anything else: its type, and its attributes where it keeps them in a dictionary.
    unsafe fn instance(&mut self, o: P) {
        // SAFETY: a live object; the generic getter looks at its memory only.
        unsafe {
            let name = type_name(ffi::Py_TYPE(o));
            let _ = write!(self.out, "<{name}");
            let dict = raw::PyObject_GenericGetDict(o, std::ptr::null_mut());
            if dict.is_null() {
                ffi::PyErr_Clear();
            } else {
                let member = ffi::PyDict_GetItemString(dict, c"_name_".as_ptr());
                ffi::PyErr_Clear();
                if !member.is_null() {
                    // A member of an enumeration: what else it holds differs between versions.
                    self.out.push(' ');
                    self.value(member);
                } else if ffi::PyDict_CheckExact(dict) != 0 && ffi::PyDict_Size(dict) > 0 {
                    self.out.push(' ');
                    self.dictionary(dict);
                }
                ffi::Py_DecRef(dict);
            }
            self.out.push('>');
        }
    }
}

/// `repr` of an object of an exact built-in type.
unsafe fn repr(o: P) -> String {
    // SAFETY: a float or complex; their `repr` runs no other code.
    unsafe {
        let text = ffi::PyObject_Repr(o);
        if text.is_null() {
            ffi::PyErr_Clear();
            return "?".to_owned();
        }
        let out = raw::text(text).unwrap_or_default();
        ffi::Py_DecRef(text);
        out
    }
}

/// FNV-1a: tells cut values apart, nothing more.
fn digest(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// An exception as `Class: message`, at most 300 characters, without addresses. The message is
/// what the exception was made with: its `__str__` could run anything.
///
/// # Safety
/// As [`describe`]; `error` is an exception.
pub unsafe fn exception(names: &mut Names, error: P) -> String {
    // SAFETY: `args` is a member that `BaseException` itself gives.
    unsafe {
        let name = type_name(ffi::Py_TYPE(error));
        let class = name.rsplit('.').next().unwrap_or_default();
        let base = ffi::PyExc_BaseException;
        let getattro: unsafe extern "C" fn(P, P) -> P =
            raw::field(base, raw::offset::TYPE_GETATTRO);
        let key = ffi::PyUnicode_FromString(c"args".as_ptr());
        let args = getattro(error, key);
        ffi::Py_DecRef(key);
        ffi::PyErr_Clear();
        let message = if args.is_null() || ffi::PyTuple_Check(args) == 0 {
            String::new()
        } else if ffi::PyTuple_Size(args) == 1
            && ffi::PyUnicode_CheckExact(ffi::PyTuple_GetItem(args, 0)) != 0
        {
            raw::text(ffi::PyTuple_GetItem(args, 0)).unwrap_or_default()
        } else if ffi::PyTuple_Size(args) == 0 {
            String::new()
        } else {
            describe(names, args, 300, 3)
        };
        let text =
            if message.is_empty() { class.to_owned() } else { format!("{class}: {message}") };
        scrub(&text).chars().take(300).collect()
    }
}

/// Replaces what looks like an address.
fn scrub(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("0x") {
        let digits =
            rest[at + 2..].find(|c: char| !c.is_ascii_hexdigit()).unwrap_or(rest.len() - at - 2);
        out.push_str(&rest[..at]);
        out.push_str(if digits >= 6 { "0x…" } else { &rest[at..at + 2 + digits] });
        rest = &rest[at + 2 + digits..];
    }
    out + rest
}
