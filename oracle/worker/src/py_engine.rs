//! What the pure Python unpickler tells about itself that the C one does not: where it reads,
//! and which attributes BUILD sets.

use std::rc::Rc;

use pyo3::ffi;

use crate::names::type_name;
use crate::protocol::touch;
use crate::raw::{self, P};
use crate::trace::{Pause, Trace};

/// Most attributes noted for one BUILD.
const MAX_ATTRIBUTES: usize = 64;

/// The start of the opcode whose handler begins: the handler has read nothing but the opcode's
/// byte. Within a frame the file is already at the frame's end.
pub fn opcode_offset(trace: &mut Trace) -> Option<u64> {
    let pause = Pause::begin();
    // SAFETY: the unpickler is alive while it loads; its attributes are plain, and the files are
    // exact `BytesIO`s.
    let offset = unsafe {
        let unframer = Owned::attribute(trace.py_unpickler, c"_unframer");
        let frame = Owned::attribute(unframer.0, c"current_frame");
        let file = trace.own.first().copied().unwrap_or(std::ptr::null_mut());
        let end = tell(file);
        if frame.0.is_null() || frame.0 == ffi::Py_None() {
            end.map(|end| end - 1)
        } else {
            let left = Owned::method(frame.0, c"getbuffer");
            let len = if left.0.is_null() { -1 } else { ffi::PyObject_Size(left.0) };
            drop(left);
            match (end, tell(frame.0)) {
                (Some(end), Some(at)) if len >= 0 => Some(end - (len as i64 - at) - 1),
                _ => None,
            }
        }
    };
    // SAFETY: the GIL is held.
    unsafe { ffi::PyErr_Clear() };
    drop(pause);
    offset.and_then(|offset| u64::try_from(offset).ok())
}

unsafe fn tell(file: P) -> Option<i64> {
    if file.is_null() {
        return None;
    }
    // SAFETY: a live file object.
    unsafe {
        let position = Owned::method(file, c"tell");
        if position.0.is_null() {
            ffi::PyErr_Clear();
            return None;
        }
        Some(ffi::PyLong_AsLongLong(position.0))
    }
}

/// Records what BUILD is about to set, for objects without a `__setstate__`.
pub fn note_build(trace: &mut Trace) {
    let (state, object) = (trace.stack_item(0), trace.stack_item(1));
    if state.is_null() || object.is_null() {
        return;
    }
    let at = trace.opcode().map(|(at, _)| at);
    // SAFETY: both lie on the unpickler's stack, so they are alive; only exact dictionaries and
    // tuples are opened.
    unsafe {
        let class = ffi::Py_TYPE(object);
        if has_setstate(class) {
            return;
        }
        let name = if ffi::PyType_Check(object) != 0 {
            type_name(object.cast())
        } else {
            type_name(class)
        };
        let mut parts = vec![state];
        if ffi::PyTuple_CheckExact(state) != 0 && ffi::PyTuple_Size(state) == 2 {
            parts = vec![ffi::PyTuple_GetItem(state, 0), ffi::PyTuple_GetItem(state, 1)];
        }
        let mut left = MAX_ATTRIBUTES;
        for part in parts {
            if ffi::PyDict_CheckExact(part) == 0 {
                continue;
            }
            let (mut next, mut key, mut value) = (0, std::ptr::null_mut(), std::ptr::null_mut());
            while left > 0 && ffi::PyDict_Next(part, &mut next, &mut key, &mut value) != 0 {
                left -= 1;
                let Some(attribute) = raw::text(key) else { continue };
                let touched: Rc<str> = format!("{name}.{attribute}").into();
                let pause = Pause::begin();
                let shown = crate::value::describe(&mut trace.names, value, 120, 2);
                drop(pause);
                trace.touch(touch::SETATTR, &touched, at, Some(&shown));
            }
        }
    }
}

/// Whether the type or one of its bases defines `__setstate__`.
unsafe fn has_setstate(class: *mut ffi::PyTypeObject) -> bool {
    // SAFETY: a live type; `type` itself looks the attribute up.
    unsafe {
        let mut class: P = class.cast();
        while !class.is_null() {
            let dict: P = raw::field(class, raw::offset::TYPE_DICT);
            if !dict.is_null()
                && !ffi::PyDict_GetItemString(dict, c"__setstate__".as_ptr()).is_null()
            {
                return true;
            }
            class = raw::field(class, raw::offset::TYPE_BASE);
        }
        false
    }
}

/// A reference that is released.
struct Owned(P);

impl Owned {
    unsafe fn attribute(object: P, name: &std::ffi::CStr) -> Self {
        if object.is_null() {
            return Self(object);
        }
        // SAFETY: a live object.
        unsafe { Self(ffi::PyObject_GetAttrString(object, name.as_ptr())) }
    }

    unsafe fn method(object: P, name: &std::ffi::CStr) -> Self {
        // SAFETY: a live object.
        unsafe {
            let method = Self::attribute(object, name);
            if method.0.is_null() {
                return method;
            }
            Self(ffi::PyObject_CallObject(method.0, std::ptr::null_mut()))
        }
    }
}

impl Drop for Owned {
    fn drop(&mut self) {
        if !self.0.is_null() {
            // SAFETY: the reference is owned.
            unsafe { ffi::Py_DecRef(self.0) };
        }
    }
}
