//! Code objects: what they are called and whose they are.

use std::rc::Rc;

use pyo3::ffi;

use crate::raw::{self, P};
use crate::trace::{Pause, Trace};

/// What is known of a code object.
#[derive(Clone)]
pub struct Code {
    pub name: Rc<str>,
    pub short: Rc<str>,
    pub file: File,
    /// The file, as the code object says.
    pub path: Rc<str>,
    pub module_body: bool,
}

/// Where code comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum File {
    /// `importlib._bootstrap` and `_bootstrap_external`.
    Importlib,
    /// `pickle.py`.
    Pickle,
    /// The interpreter's own directories.
    Trusted,
    /// Text that was compiled, `<string>`.
    Text,
    /// Anywhere else.
    Other,
}

impl Trace {
    /// What is known of a code object. `frame`, where there is one, tells the module.
    pub fn code(&mut self, code: P, frame: P) -> Code {
        if let Some(known) = self.codes.get(&(code as usize)) {
            return known.clone();
        }
        let pause = Pause::begin();
        // SAFETY: an exact code object and frame; their getters run no other code. The code
        // object is pinned so that its address stays its own.
        let known = unsafe {
            ffi::Py_IncRef(code);
            let get = |name: &std::ffi::CStr| text_attribute(code, name);
            let short = get(c"co_name").unwrap_or_default();
            let qualname = get(c"co_qualname").unwrap_or_else(|| short.clone());
            let file = get(c"co_filename").unwrap_or_default();
            let module = module_of(frame).unwrap_or_else(|| "?".to_owned());
            Code {
                name: format!("{module}.{qualname}").into(),
                module_body: short == "<module>",
                short: short.into(),
                file: self.file(&file),
                path: file.into(),
            }
        };
        drop(pause);
        if !frame.is_null() {
            self.codes.insert(code as usize, known.clone());
        }
        known
    }

    fn file(&self, path: &str) -> File {
        if path.starts_with("<frozen importlib._bootstrap") {
            File::Importlib
        } else if path.starts_with("<frozen ") {
            File::Trusted
        } else if path.starts_with('<') {
            File::Text
        } else if !self.is_trusted(path) {
            File::Other
        } else if path.ends_with("/pickle.py") {
            File::Pickle
        } else {
            File::Trusted
        }
    }

    /// Whether a file belongs to the interpreter.
    pub fn is_trusted(&self, path: &str) -> bool {
        path.starts_with('/')
            && !path.contains("/../")
            && self.trusted.iter().any(|dir| path.starts_with(dir.as_str()))
    }
}

/// The module whose globals a frame has.
unsafe fn module_of(frame: P) -> Option<String> {
    if frame.is_null() {
        return None;
    }
    // SAFETY: an exact frame; `f_globals` is a dictionary.
    unsafe {
        let globals = ffi::PyObject_GetAttrString(frame, c"f_globals".as_ptr());
        if globals.is_null() {
            ffi::PyErr_Clear();
            return None;
        }
        let name = ffi::PyDict_GetItemString(globals, c"__name__".as_ptr());
        let text = if name.is_null() { None } else { raw::text(name) };
        ffi::PyErr_Clear();
        ffi::Py_DecRef(globals);
        text
    }
}

unsafe fn text_attribute(object: P, name: &std::ffi::CStr) -> Option<String> {
    // SAFETY: the object is a code object.
    unsafe {
        let value = ffi::PyObject_GetAttrString(object, name.as_ptr());
        if value.is_null() {
            ffi::PyErr_Clear();
            return None;
        }
        let text = raw::text(value);
        ffi::Py_DecRef(value);
        text
    }
}
