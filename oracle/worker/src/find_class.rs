//! `find_class` in Rust, put in the place of the original, so that the real `_pickle.loads` and
//! every other way to load asks it.
//!
//! The C unpickler looks its own `find_class` up on its type for each global. Replacing it there
//! changes neither how input is read nor what is accepted, as a subclass over a file would. It
//! gets the names as they stand in the pickle, so it must redo the renaming of Python 2's names:
//! the protocol that this depends on is a field of the unpickler, found by [`crate::layout`].

use std::collections::HashMap;
use std::ffi::c_char;

use pyo3::exceptions::PyRuntimeError;
use pyo3::ffi;
use pyo3::prelude::*;

use crate::raw::{self, FastCall, METH_FASTCALL, MethodDef, P};

/// What `_compat_pickle` says about names that moved between Python 2 and 3.
#[derive(Default)]
pub struct Renames {
    names: HashMap<(String, String), (String, String)>,
    modules: HashMap<String, String>,
}

impl Renames {
    /// Reads the tables of this interpreter.
    pub fn load(py: Python<'_>) -> PyResult<Self> {
        let compat = py.import("_compat_pickle")?;
        Ok(Self {
            names: compat.getattr("NAME_MAPPING")?.extract()?,
            modules: compat.getattr("IMPORT_MAPPING")?.extract()?,
        })
    }

    /// The names as they are looked up.
    pub fn apply(&self, module: String, name: String) -> (String, String) {
        let key = (module, name);
        if let Some(new) = self.names.get(&key) {
            return new.clone();
        }
        let (module, name) = key;
        (self.modules.get(&module).cloned().unwrap_or(module), name)
    }
}

/// The original methods, by the type they were taken from.
pub struct Originals {
    /// `_pickle.Unpickler.find_class`.
    pub c: Py<PyAny>,
    /// `pickle._Unpickler.find_class`.
    pub py: Py<PyAny>,
}

/// `find_class` as this function.
pub const fn def(meth: FastCall) -> MethodDef {
    MethodDef { name: c"find_class".as_ptr(), meth, flags: METH_FASTCALL, doc: std::ptr::null() }
}

/// Puts `meth` in the place of both unpicklers' `find_class`. It is called with the unpickler,
/// and the module and name as arguments.
pub fn replace(py: Python<'_>, meth: FastCall) -> PyResult<Originals> {
    let c_type = py.import("_pickle")?.getattr("Unpickler")?;
    let py_type = py.import("pickle")?.getattr("_Unpickler")?;
    let originals = Originals {
        c: c_type.getattr("find_class")?.unbind(),
        py: py_type.getattr("find_class")?.unbind(),
    };
    let def: &'static MethodDef = Box::leak(Box::new(def(meth)));
    py_type.setattr("find_class", method(&py_type, def)?)?;
    set_in_type(&c_type, &method(&c_type, def)?)?;
    Ok(originals)
}

/// The method of that class.
pub fn method<'py>(
    class: &Bound<'py, PyAny>,
    def: &'static MethodDef,
) -> PyResult<Bound<'py, PyAny>> {
    // SAFETY: `class` is a type, `def` lives for ever; the result is a new reference or null.
    unsafe {
        let descr = raw::PyDescr_NewMethod(class.as_ptr().cast(), def);
        Bound::from_owned_ptr_or_err(class.py(), descr)
    }
}

/// Sets `find_class` of a type that refuses to be changed.
pub fn set_in_type(class: &Bound<'_, PyAny>, value: &Bound<'_, PyAny>) -> PyResult<()> {
    // SAFETY: the dictionary is checked to be one; the type is told that it changed.
    unsafe {
        let dict = raw::type_dict(class.as_ptr());
        if dict.is_null() {
            return Err(PyRuntimeError::new_err("a type's dictionary is not where it was"));
        }
        let name = c"find_class".as_ptr() as *const c_char;
        if ffi::PyDict_SetItemString(dict, name, value.as_ptr()) != 0 {
            return Err(PyErr::fetch(class.py()));
        }
        ffi::PyType_Modified(class.as_ptr().cast());
    }
    Ok(())
}

/// A number among an object's attributes; 0 if there is none.
///
/// # Safety
/// `object` is live and the GIL is held.
pub unsafe fn int(object: P, name: &std::ffi::CStr) -> i32 {
    // SAFETY: the caller's promise; failures leave an exception, which is cleared.
    unsafe {
        let value = ffi::PyObject_GetAttrString(object, name.as_ptr());
        if value.is_null() {
            ffi::PyErr_Clear();
            return 0;
        }
        let number = ffi::PyLong_AsLong(value);
        ffi::PyErr_Clear();
        ffi::Py_DecRef(value);
        number as i32
    }
}
