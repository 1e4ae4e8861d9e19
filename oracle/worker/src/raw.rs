//! CPython beneath its stable ABI: a few functions it exports without promising them, and the
//! few structures whose layout did not change from 3.9 on. [`crate::find_class::calibrate`] and
//! the self-check prove at start that the assumptions hold.

use std::ffi::{CStr, c_char};

use pyo3::ffi;

/// Any object.
pub type P = *mut ffi::PyObject;

/// `METH_FASTCALL`, unchanged since 3.7, in the limited API only since 3.10.
pub const METH_FASTCALL: i32 = 0x0080;

/// `PyMethodDef`, whose `ml_meth` is seen as a plain pointer.
#[repr(C)]
pub struct MethodDef {
    pub name: *const c_char,
    pub meth: FastCall,
    pub flags: i32,
    pub doc: *const c_char,
}

// SAFETY: the pointers are to static strings.
unsafe impl Sync for MethodDef {}

/// A function under `METH_FASTCALL`.
pub type FastCall = unsafe extern "C" fn(P, *const P, isize) -> P;

unsafe extern "C" {
    pub fn PyDescr_NewMethod(class: *mut ffi::PyTypeObject, def: *const MethodDef) -> P;
    pub fn PyCFunction_NewEx(def: *const MethodDef, slf: P, module: P) -> P;
    pub fn PyErr_Fetch(class: *mut P, value: *mut P, traceback: *mut P);
    pub fn PyUnicode_AsUTF8AndSize(object: P, len: *mut isize) -> *const c_char;
    pub fn PyErr_Restore(class: P, value: P, traceback: P);
}

/// Reads a field.
///
/// # Safety
/// `object` is an object whose structure has a `T` at this offset.
#[inline]
pub unsafe fn field<T: Copy>(object: P, offset: usize) -> T {
    // SAFETY: the caller's promise.
    unsafe { object.cast::<u8>().add(offset).cast::<T>().read() }
}

/// The text of a `str`, or `None`; lone surrogates come out as `\udcxx`.
///
/// # Safety
/// `object` is a live object; the GIL is held and no exception is set.
pub unsafe fn text(object: P) -> Option<String> {
    // SAFETY: the type is checked before its functions are called; a failure leaves an exception,
    // which is cleared.
    unsafe {
        if ffi::PyUnicode_Check(object) == 0 {
            return None;
        }
        let mut len = 0;
        let data = PyUnicode_AsUTF8AndSize(object, &mut len);
        if !data.is_null() {
            let bytes = std::slice::from_raw_parts(data.cast::<u8>(), len as usize);
            return Some(String::from_utf8_lossy(bytes).into_owned());
        }
        ffi::PyErr_Clear();
        let bytes =
            ffi::PyUnicode_AsEncodedString(object, c"utf-8".as_ptr(), c"backslashreplace".as_ptr());
        if bytes.is_null() {
            ffi::PyErr_Clear();
            return None;
        }
        let data = ffi::PyBytes_AsString(bytes).cast::<u8>();
        let len = ffi::PyBytes_Size(bytes) as usize;
        let out = String::from_utf8_lossy(std::slice::from_raw_parts(data, len)).into_owned();
        ffi::Py_DecRef(bytes);
        Some(out)
    }
}

/// The text of a C string.
///
/// # Safety
/// Null, or a pointer to a string that ends in NUL.
pub unsafe fn c_text(text: *const c_char) -> String {
    if text.is_null() {
        return "?".to_owned();
    }
    // SAFETY: the caller's promise.
    unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned()
}

/// The dictionary behind a type's `__dict__`: a mapping proxy holds it right after its header.
///
/// # Safety
/// `class` is a type; the GIL is held.
pub unsafe fn type_dict(class: P) -> P {
    // SAFETY: `__dict__` of a type is a mapping proxy, which the type keeps no longer than the
    // call needs; the dictionary itself belongs to the type.
    unsafe {
        let proxy = ffi::PyObject_GetAttrString(class, c"__dict__".as_ptr());
        if proxy.is_null() {
            ffi::PyErr_Clear();
            return std::ptr::null_mut();
        }
        let dict: P = field(proxy, 16);
        ffi::Py_DecRef(proxy);
        if ffi::PyDict_CheckExact(dict) == 0 { std::ptr::null_mut() } else { dict }
    }
}
