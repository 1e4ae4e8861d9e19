//! What BUILD sets: attributes, by an assignment each, or entries of the dictionary in which an
//! instance keeps them. The C unpickler is met as it sets them; the pure Python one is asked
//! when its handler begins, since bytecode that is warm stores without asking any slot.

use std::rc::Rc;

use pyo3::ffi;

use crate::names::type_name;
use crate::protocol::touch;
use crate::raw::{self, P};
use crate::trace::{Pause, Trace};
use crate::value;

/// Most attributes noted for one BUILD of the pure Python unpickler.
const MAX_ATTRIBUTES: usize = 64;

/// Records that an attribute is about to be set by the C unpickler.
///
/// # Safety
/// Live objects, `value` null if the attribute is deleted; the GIL is held.
pub unsafe fn note_attribute(trace: &mut Trace, object: P, name: P, value: P) {
    // SAFETY: the caller's promise.
    unsafe {
        // Others set attributes too: C code that raises an `AttributeError`, a file that is freed.
        if trace.opcode().is_some_and(|(_, opcode)| opcode != b'b') {
            return;
        }
        let built = trace.c_stack(0);
        if !built.is_null() && built != object {
            return;
        }
        let Some(attribute) = raw::text(name) else { return };
        note(trace, &owner(object), &attribute, value);
    }
}

/// Records that the C unpickler is about to fill the dictionary of what lies on its stack.
///
/// # Safety
/// As [`note_attribute`].
pub unsafe fn note_entry(trace: &mut Trace, key: P, value: P) {
    // SAFETY: the caller's promise; what lies on the stack is alive.
    unsafe {
        let Some(attribute) = raw::text(key) else { return };
        // Some versions fill the pickle's own dictionaries by the slot as well.
        if trace.opcode().is_some_and(|(_, opcode)| opcode != b'b') {
            return;
        }
        let object = trace.c_stack(0);
        if !object.is_null() {
            note(trace, &owner(object), &attribute, value);
        }
    }
}

unsafe fn note(trace: &mut Trace, owner: &str, attribute: &str, value: P) {
    let touched: Rc<str> = format!("{owner}.{attribute}").into();
    let pause = Pause::begin();
    // SAFETY: a live object or null.
    let shown = unsafe { value::describe(&mut trace.names, value, 120, 2) };
    drop(pause);
    let at = trace.opcode().map(|(at, _)| at);
    trace.touch(touch::SETATTR, &touched, at, Some(&shown));
}

/// What an attribute belongs to: the class or module itself, else the class of the instance.
unsafe fn owner(object: P) -> String {
    // SAFETY: a live object whose type is checked before it is used as one.
    unsafe {
        if ffi::PyType_Check(object) != 0 {
            return type_name(object.cast());
        }
        if ffi::PyModule_CheckExact(object) != 0 {
            let dict = ffi::PyModule_GetDict(object);
            let name = ffi::PyDict_GetItemString(dict, c"__name__".as_ptr());
            if let Some(name) = (!name.is_null()).then(|| raw::text(name)).flatten() {
                return name;
            }
        }
        type_name(ffi::Py_TYPE(object))
    }
}

/// Records what the pure Python unpickler's BUILD is about to set, for objects without a
/// `__setstate__`.
pub fn note_all(trace: &mut Trace) {
    let (state, object) = (trace.stack_item(0), trace.stack_item(1));
    if state.is_null() || object.is_null() || !set_state(object).is_null() {
        return;
    }
    // SAFETY: both lie on the unpickler's stack, so they are alive; only dictionaries and tuples
    // are opened.
    unsafe {
        let owner = owner(object);
        let mut parts = vec![state];
        if ffi::PyTuple_Check(state) != 0 && ffi::PyTuple_Size(state) == 2 {
            parts = vec![ffi::PyTuple_GetItem(state, 0), ffi::PyTuple_GetItem(state, 1)];
        }
        let mut left = MAX_ATTRIBUTES;
        for part in parts {
            if ffi::PyDict_Check(part) == 0 {
                continue;
            }
            let (mut next, mut key, mut value) = (0, std::ptr::null_mut(), std::ptr::null_mut());
            while left > 0 && ffi::PyDict_Next(part, &mut next, &mut key, &mut value) != 0 {
                left -= 1;
                let Some(attribute) = raw::text(key) else { continue };
                note(trace, &owner, &attribute, value);
            }
            if left == 0 {
                trace.log.incomplete("BUILD sets more attributes than are noted");
            }
        }
    }
}

/// The `__setstate__` that an object has by its class or among its own attributes, borrowed;
/// null if there is none that can be found without running code.
pub fn set_state(object: P) -> P {
    attribute(object, c"__setstate__")
}

/// As [`set_state`], for any name.
pub fn attribute(object: P, name: &std::ffi::CStr) -> P {
    if object.is_null() {
        return object;
    }
    // SAFETY: a live object; the generic getter of its dictionary looks at its memory only.
    unsafe {
        let found = raw::in_type(ffi::Py_TYPE(object).cast(), name);
        if !found.is_null() {
            return found;
        }
        if ffi::PyType_Check(object) != 0 {
            return raw::in_type(object, name);
        }
        let dict = raw::PyObject_GenericGetDict(object, std::ptr::null_mut());
        if dict.is_null() {
            ffi::PyErr_Clear();
            return dict;
        }
        let exact = ffi::PyDict_CheckExact(dict) != 0;
        let found = if exact {
            ffi::PyDict_GetItemString(dict, name.as_ptr())
        } else {
            std::ptr::null_mut()
        };
        ffi::Py_DecRef(dict);
        found
    }
}
