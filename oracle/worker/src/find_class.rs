//! `find_class` in Rust, put in the place of the original, so that the real `_pickle.loads` and
//! every other way to load asks it.
//!
//! The C unpickler looks its own `find_class` up on its type for each global. Replacing it there
//! changes neither how input is read nor what is accepted, as a subclass over a file would. It
//! gets the names as they stand in the pickle, so it must redo the renaming of Python 2's names:
//! the protocol that this depends on is a field of the unpickler, found by [`calibrate`].

use std::collections::HashMap;
use std::ffi::c_char;

use pyo3::exceptions::PyRuntimeError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyTuple};

use crate::global::Global;
use crate::raw::{self, FastCall, METH_FASTCALL, MethodDef, P};

/// Offsets of fields of the C unpickler, in bytes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Layout {
    /// `int proto`, followed by `int fix_imports`.
    pub proto: usize,
    /// `Py_ssize_t next_read_idx`.
    pub position: usize,
}

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

const fn def(meth: FastCall) -> MethodDef {
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

fn method<'py>(class: &Bound<'py, PyAny>, def: &'static MethodDef) -> PyResult<Bound<'py, PyAny>> {
    // SAFETY: `class` is a type, `def` lives for ever; the result is a new reference or null.
    unsafe {
        let descr = raw::PyDescr_NewMethod(class.as_ptr().cast(), def);
        Bound::from_owned_ptr_or_err(class.py(), descr)
    }
}

/// Sets an attribute of a type that refuses to be changed.
fn set_in_type(class: &Bound<'_, PyAny>, value: &Bound<'_, PyAny>) -> PyResult<()> {
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

/// Offsets at which all samples agreed so far: for the protocol and for the position.
struct Candidates {
    size: usize,
    expected: (i32, i32, isize),
    proto: Vec<usize>,
    position: Vec<usize>,
}

static CANDIDATES: Global<Option<Candidates>> = Global::new(None);

/// Finds the fields by loading pickles whose protocol and length are known, and comparing every
/// word of the unpickler with them. Fails unless exactly one place agrees with all of them.
pub fn calibrate(py: Python<'_>) -> PyResult<Layout> {
    let c_type = py.import("_pickle")?.getattr("Unpickler")?;
    let size: usize = c_type.getattr("__basicsize__")?.extract()?;
    let original = c_type.getattr("find_class")?;
    let def: &'static MethodDef = Box::leak(Box::new(def(sample)));
    set_in_type(&c_type, &method(&c_type, def)?)?;
    // SAFETY: the GIL is held and `sample` does not run yet.
    unsafe {
        *CANDIDATES.get() = Some(Candidates {
            size,
            expected: (0, 0, 0),
            proto: (16..=size - 8).step_by(4).collect(),
            position: (16..=size - 8).step_by(8).collect(),
        });
    }
    let loads = py.import("_pickle")?.getattr("loads")?;
    for (proto, fix_imports, padding) in
        [(0, 1, 0), (2, 0, 9), (3, 1, 17), (4, 0, 3), (5, 1, 30), (1, 1, 64), (4, 1, 41), (2, 1, 1)]
    {
        let mut pickle = if proto > 0 { vec![0x80, proto as u8] } else { Vec::new() };
        pickle.extend(b"N0".repeat(padding));
        pickle.extend(b"cbuiltins\nlen\n");
        let position = pickle.len() as isize;
        pickle.push(b'.');
        // SAFETY: as above.
        unsafe {
            let candidates = CANDIDATES.get().as_mut().expect("set above");
            candidates.expected = (proto, fix_imports, position);
        }
        let kwargs = PyDict::new(py);
        kwargs.set_item("fix_imports", fix_imports == 1)?;
        loads.call(PyTuple::new(py, [PyBytes::new(py, &pickle)])?, Some(&kwargs))?;
    }
    set_in_type(&c_type, &original)?;
    // SAFETY: as above.
    let found = unsafe { CANDIDATES.get().take() }.expect("set above");
    match (found.proto.as_slice(), found.position.as_slice()) {
        (&[proto], &[position]) => Ok(Layout { proto, position }),
        (protos, positions) => Err(PyRuntimeError::new_err(format!(
            "this CPython's unpickler looks unlike those known: expected its protocol and read \
             position at one place each, found {} and {}",
            protos.len(),
            positions.len()
        ))),
    }
}

unsafe extern "C" fn sample(slf: P, _args: *const P, _count: isize) -> P {
    // SAFETY: the offsets lie within the type's `__basicsize__`; nothing else borrows meanwhile.
    unsafe {
        if let Some(candidates) = CANDIDATES.get() {
            debug_assert!(candidates.size > 16);
            let (proto, fix_imports, position) = candidates.expected;
            candidates.proto.retain(|&at| {
                raw::field::<i32>(slf, at) == proto && raw::field::<i32>(slf, at + 4) == fix_imports
            });
            candidates.position.retain(|&at| raw::field::<isize>(slf, at) == position);
        }
        let none = ffi::Py_None();
        ffi::Py_IncRef(none);
        none
    }
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
