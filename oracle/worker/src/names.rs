//! What a callable is called, found out without running any code of its own: `module.qualname`.

use std::collections::HashMap;

use pyo3::ffi;

use crate::raw::{self, P, PtrHash, field, offset};

/// Names by the address of what they name. Addresses are pinned, so that they stay true: this
/// lives in short-lived children only.
#[derive(Default)]
pub struct Names {
    known: HashMap<usize, std::rc::Rc<str>, PtrHash>,
}

impl Names {
    /// The name of something called.
    ///
    /// # Safety
    /// `callable` is a live object, the GIL is held, no exception is set.
    pub unsafe fn of(&mut self, callable: P) -> std::rc::Rc<str> {
        // SAFETY: the caller's promise, and `key` gives an object or static data that lives as
        // long as the object is pinned.
        unsafe {
            let key = key(callable);
            if let Some(name) = self.known.get(&key) {
                return name.clone();
            }
            let name: std::rc::Rc<str> = describe(callable).into();
            ffi::Py_IncRef(callable);
            self.known.insert(key, name.clone());
            name
        }
    }
}

/// The address that identifies what is called. Bound methods are made anew for each call, so
/// they go by their definition and their type.
unsafe fn key(callable: P) -> usize {
    // SAFETY: the type is checked before its fields are read.
    unsafe {
        if !raw::is_c_function(ffi::Py_TYPE(callable)) {
            return callable as usize;
        }
        let slf: P = field(callable, offset::CFUNCTION_SELF);
        let def: usize = field(callable, offset::CFUNCTION_DEF);
        if slf.is_null() || ffi::PyModule_Check(slf) != 0 {
            return callable as usize;
        }
        let owner = if ffi::PyType_Check(slf) != 0 { slf.cast() } else { ffi::Py_TYPE(slf) };
        def ^ (owner as usize).rotate_left(17)
    }
}

unsafe fn describe(o: P) -> String {
    // SAFETY: each type is checked before its fields are read; attributes are asked only of
    // exact built-in types, whose getters run no code of others.
    unsafe {
        let class = ffi::Py_TYPE(o);
        if ffi::PyType_Check(o) != 0 {
            return type_name(o.cast());
        }
        if raw::is_c_function(class) {
            return c_function_name(o);
        }
        if class == raw::function_type() {
            return format!("{}.{}", text_attribute(o, c"__module__"), qualname(o));
        }
        if class == raw::method_type() {
            return describe(field(o, offset::METHOD_FUNCTION));
        }
        if raw::is_descriptor(class) {
            let owner: *mut ffi::PyTypeObject = field(o, offset::DESCR_TYPE);
            let name: P = field(o, offset::DESCR_NAME);
            return format!("{}.{}", type_name(owner), raw::text(name).unwrap_or_default());
        }
        if raw::type_is_named(class, "method-wrapper") {
            return describe(field(o, offset::METHOD_WRAPPER_DESCR));
        }
        if is_cython_function(class) {
            return format!("{}.{}", text_attribute(o, c"__module__"), qualname(o));
        }
        format!("{}.__call__", type_name(class))
    }
}

/// Whether it is the type of functions that Cython compiled: each library has one of its own, and
/// its name says nothing of the function.
unsafe fn is_cython_function(class: *mut ffi::PyTypeObject) -> bool {
    // SAFETY: the caller's promise; what is found in the type is borrowed.
    unsafe {
        let name = raw::c_text(field(class.cast(), offset::TYPE_NAME));
        let is_cython = name.strip_prefix("_cython_").is_some_and(|rest| {
            rest.ends_with(".cython_function_or_method") || rest.ends_with(".fused_cython_function")
        });
        // Whoever takes that name in Python has no getter in C to go with it.
        let in_c = |attribute: &std::ffi::CStr, kind: &str| {
            let descriptor = raw::in_type(class.cast(), attribute);
            !descriptor.is_null() && raw::type_is_named(ffi::Py_TYPE(descriptor), kind)
        };
        is_cython
            && in_c(c"__qualname__", "getset_descriptor")
            && (in_c(c"__module__", "member_descriptor")
                || in_c(c"__module__", "getset_descriptor"))
    }
}

unsafe fn c_function_name(o: P) -> String {
    // SAFETY: `o` is a built-in function.
    unsafe {
        let def: *const raw::MethodDef = field(o, offset::CFUNCTION_DEF);
        let name = raw::c_text((*def).name);
        let slf: P = field(o, offset::CFUNCTION_SELF);
        let module: P = field(o, offset::CFUNCTION_MODULE);
        if slf.is_null() || ffi::PyModule_Check(slf) != 0 {
            let module = if module.is_null() { None } else { raw::text(module) };
            return format!("{}.{name}", module.unwrap_or_else(|| "?".to_owned()));
        }
        if ffi::PyType_Check(slf) != 0 {
            let owner = type_name(slf.cast());
            // What `cls.__new__` gives for C types: calling it makes a `cls`.
            return if name == "__new__" { owner } else { format!("{owner}.{name}") };
        }
        format!("{}.{name}", type_name(ffi::Py_TYPE(slf)))
    }
}

/// The name of a type.
///
/// # Safety
/// `class` is a live type, the GIL is held, no exception is set.
pub unsafe fn type_name(class: *mut ffi::PyTypeObject) -> String {
    // SAFETY: the caller's promise.
    unsafe {
        let object: P = class.cast();
        let flags: u64 = field(object, offset::TYPE_FLAGS);
        let name = raw::c_text(field(object, offset::TYPE_NAME));
        if flags & offset::HEAP_TYPE == 0 {
            return if name.contains('.') { name } else { format!("builtins.{name}") };
        }
        let dict: P = field(object, offset::TYPE_DICT);
        let module = if dict.is_null() {
            None
        } else {
            let module = ffi::PyDict_GetItemString(dict, c"__module__".as_ptr());
            if module.is_null() { None } else { raw::text(module) }
        };
        ffi::PyErr_Clear();
        // A metaclass could intercept `__qualname__`; ask `type` itself.
        let qualname = raw::type_attribute(object, c"__qualname__");
        let short = name.rsplit('.').next().unwrap_or_default().to_owned();
        let qualname = qualname.unwrap_or(short);
        match module {
            Some(module) => format!("{module}.{qualname}"),
            None if name.contains('.') => name,
            None => format!("builtins.{qualname}"),
        }
    }
}

unsafe fn qualname(o: P) -> String {
    // SAFETY: as `text_attribute`.
    unsafe { text_attribute(o, c"__qualname__") }
}

unsafe fn text_attribute(o: P, name: &std::ffi::CStr) -> String {
    // SAFETY: `o` is a function of Python's or Cython's: its getters run nothing else.
    unsafe {
        let value = ffi::PyObject_GetAttrString(o, name.as_ptr());
        if value.is_null() {
            ffi::PyErr_Clear();
            return "?".to_owned();
        }
        let text = raw::text(value).unwrap_or_else(|| "?".to_owned());
        ffi::Py_DecRef(value);
        text
    }
}
