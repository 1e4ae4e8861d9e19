//! Where the pure Python unpickler reads: it keeps no count, but its file does.

use pyo3::ffi;

use crate::raw::P;
use crate::trace::{Pause, Trace};

/// The start of the opcode whose handler begins: the handler has read nothing but the opcode's
/// byte. Within a frame the file is already at the frame's end.
pub fn opcode_offset(trace: &mut Trace) -> Option<u64> {
    let pause = Pause::begin();
    // SAFETY: the unpickler is alive while it loads; its attributes are plain, and the files are
    // exact `BytesIO`s.
    let offset = unsafe {
        let unframer = Owned::attribute(trace.py_unpickler, c"_unframer");
        let frame = Owned::attribute(unframer.0, c"current_frame");
        let file = trace.own_files.first().copied().unwrap_or(std::ptr::null_mut());
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

/// Where a file stands.
///
/// # Safety
/// A live file object or null; the GIL is held, no exception is set, tracing is paused.
pub unsafe fn tell(file: P) -> Option<i64> {
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
