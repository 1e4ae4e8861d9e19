//! What the unpicklers call on their own account: none of it is the pickle's doing.
//!
//! Told by who calls and what the opcode at work was asked to call, never by a name: a pickle
//! may ask for the very functions that an unpickler uses.

use pyo3::ffi;
use pyo3::prelude::*;

use crate::code::File;
use crate::raw::{self, P, field, offset};
use crate::trace::{Caller, Op, Trace, hash};

/// What the unpicklers use, by identity. Alive as long as the process.
#[derive(Default)]
pub struct Own {
    /// Types that pickle.py makes instances of.
    types: Vec<P>,
    /// Exceptions that belong to the unpicklers, those of the interpreter's own aside.
    exceptions: Vec<P>,
    /// What C code that decodes text calls, and what a `with` statement does.
    functions: Vec<P>,
    /// `builtins.__import__`.
    import: Option<P>,
}

impl Own {
    /// Looks everything up, in an interpreter that no pickle has touched.
    pub fn find(py: Python<'_>) -> PyResult<Self> {
        let mut own = Self::default();
        let keep = |list: &mut Vec<P>, object: Bound<'_, PyAny>| list.push(object.into_ptr());
        for module in ["builtins", "pickle", "_pickle", "io"] {
            for (_, value) in py.import(module)?.dict() {
                // SAFETY: live objects.
                let (class, raised) = unsafe {
                    let class = ffi::PyType_Check(value.as_ptr()) != 0;
                    (class, class && is_exception(value.as_ptr()))
                };
                if class && raised && module.ends_with("pickle") {
                    keep(&mut own.exceptions, value.clone());
                }
                if class {
                    keep(&mut own.types, value);
                }
            }
        }
        let codecs = py.import("codecs")?;
        for encoding in ["ascii", "latin1", "utf-8", "raw-unicode-escape", "unicode-escape"] {
            let codec = codecs.getattr("lookup")?.call1((encoding,))?;
            keep(&mut own.functions, codec.getattr("decode")?);
        }
        for name in ["raw_unicode_escape_decode", "unicode_escape_decode"] {
            keep(&mut own.functions, py.import("_codecs")?.getattr(name)?);
        }
        for errors in ["strict", "surrogatepass", "backslashreplace"] {
            keep(&mut own.functions, codecs.getattr("lookup_error")?.call1((errors,))?);
        }
        for name in ["__enter__", "__exit__"] {
            let view = py.import("builtins")?.getattr("memoryview")?;
            keep(&mut own.functions, view.getattr(name)?);
        }
        // What unpacks a number, and says that bytes are missing.
        for name in ["Struct", "error"] {
            keep(&mut own.types, py.import("_struct")?.getattr(name)?);
        }
        own.import = Some(py.import("builtins")?.getattr("__import__")?.into_ptr());
        Ok(own)
    }

    fn calls(&self, callable: P) -> bool {
        // SAFETY: both are alive.
        self.functions.iter().any(|&function| unsafe { same(function, callable) })
    }
}

impl Trace {
    /// Whether this is a function of the worker, or a method of the file it reads from.
    pub unsafe fn is_own(&self, callable: P, args: P) -> bool {
        if self.caller == Caller::Payload {
            return false;
        }
        if self.own_functions.contains(&callable) {
            return true;
        }
        // SAFETY: the type is checked before its fields are read.
        unsafe {
            let class = ffi::Py_TYPE(callable);
            if raw::is_c_function(class) {
                let slf: P = field(callable, offset::CFUNCTION_SELF);
                return !slf.is_null() && self.own_files.contains(&slf);
            }
            raw::is_descriptor(class)
                && !args.is_null()
                && ffi::PyTuple_Check(args) != 0
                && ffi::PyTuple_Size(args) > 0
                && self.own_files.contains(&ffi::PyTuple_GetItem(args, 0))
        }
    }

    /// Whether the unpickler calls this on its own account. `announced` says that bytecode is
    /// about to call it.
    pub unsafe fn is_machinery(&mut self, callable: P, announced: bool) -> bool {
        // SAFETY: a live object.
        let class = unsafe { ffi::Py_TYPE(callable) };
        let python = class == raw::function_type();
        match self.caller {
            Caller::Unpickler if !self.py_unpickler.is_null() => {
                self.is_code_of(callable, class, File::Pickle)
            }
            Caller::Unpickler => {
                self.own.calls(callable) && !self.is_asked(callable).unwrap_or(false)
            }
            Caller::Lookup if python => self.is_code_of(callable, class, File::Pickle),
            Caller::Lookup => {
                self.own.import == Some(callable) || self.is_by_bytecode(callable, announced)
            }
            Caller::Machinery(_) if self.is_asked(callable) == Some(true) => false,
            Caller::Machinery(_) if python => self.is_code_of(callable, class, File::Pickle),
            Caller::Machinery(op) => {
                self.is_by_bytecode(callable, announced)
                    || self.own.types.contains(&callable)
                    || self.own.calls(callable)
                    // The class was recorded when the handler began.
                    || op == Op::New && is_new_wrapper(callable)
            }
            _ => false,
        }
    }

    /// Whether a handler's own bytecode calls this: C code that calls is not announced.
    fn is_by_bytecode(&self, callable: P, announced: bool) -> bool {
        announced
            || self.stack.last().is_some_and(|entry| {
                // SAFETY: what bytecode calls is alive until it returns.
                !entry.python && unsafe { same(entry.callable, callable) }
            })
    }

    /// Whether the opcode at work was asked to call this; `None` if that is not known.
    pub fn is_asked(&self, callable: P) -> Option<bool> {
        // SAFETY: what was asked for is alive while its opcode is at work.
        unsafe {
            if !self.py_unpickler.is_null() {
                return Some(self.asked.iter().any(|&asked| same(asked, callable)));
            }
            let (_, opcode) = self.opcode()?;
            let asked = match opcode {
                b'R' | b'o' | 0x81 | 0x92 => self.c_stack_popped(),
                b'i' => self.found,
                _ => return Some(false),
            };
            if asked.is_null() {
                return None;
            }
            // What was taken off last may be gone, and its place may never have held anything: the
            // opcode may fail before it takes its callable, and the byte read last may be the end
            // of an argument, no opcode at all.
            let there = || raw::is_mapped(asked, offset::DESCR_METHOD + size_of::<P>());
            Some(asked == callable || there() && same(asked, callable))
        }
    }

    /// Whether this is an exception that C code makes and drops all the time without any effect,
    /// or that the unpickler raises itself; those that the pickle asks for are another matter.
    ///
    /// # Safety
    /// `callable` is a live object called `name`.
    pub unsafe fn is_fleeting(&self, callable: P, name: &str) -> bool {
        // SAFETY: the type is checked before its flags are read.
        unsafe {
            if ffi::PyType_Check(callable) == 0 || !is_exception(callable) {
                return false;
            }
            let plain = field::<u64>(callable, offset::TYPE_FLAGS) & offset::HEAP_TYPE == 0;
            if !self.is_direct() {
                return plain;
            }
            let raised = plain || self.own.exceptions.contains(&callable);
            let asked = self.is_asked(callable);
            raised && !asked.unwrap_or_else(|| self.resolved.contains(&hash(&[name.as_bytes()])))
        }
    }

    /// Whether C code calls the import system, as for an import statement. Its functions can be
    /// asked for like any others, and some call what they are given.
    pub unsafe fn is_import(
        &mut self,
        callable: P,
        class: *mut ffi::PyTypeObject,
        args: P,
        name: &str,
    ) -> bool {
        if !self.is_code_of(callable, class, File::Importlib) {
            return false;
        }
        let (_, short) = name.rsplit_once('.').unwrap_or_default();
        match short {
            // Their last argument is what imports.
            "_find_and_load" | "_handle_fromlist" => {
                // SAFETY: null or a tuple.
                let import = unsafe {
                    let len = if args.is_null() { 0 } else { ffi::PyTuple_Size(args) };
                    if len > 0 { ffi::PyTuple_GetItem(args, len - 1) } else { raw::null() }
                };
                self.own.import == Some(import)
            }
            "_lock_unlock_module" | "_fix_up_module" | "_get_sourcefile" => true,
            _ => false,
        }
    }

    pub fn is_code_of(&mut self, callable: P, class: *mut ffi::PyTypeObject, file: File) -> bool {
        if class != raw::function_type() {
            return false;
        }
        // SAFETY: an exact function; its code is borrowed.
        unsafe {
            let code = raw::PyFunction_GetCode(callable);
            self.code(code, std::ptr::null_mut()).file == file
        }
    }

    /// Whether a frame of this code is what the opcode at work was asked to call.
    pub fn is_asked_code(&self, code: P) -> bool {
        // SAFETY: what was asked for is alive while its opcode is at work.
        self.asked.iter().any(|&asked| unsafe {
            let function = if asked.is_null() || ffi::Py_TYPE(asked) != raw::method_type() {
                asked
            } else {
                field(asked, offset::METHOD_FUNCTION)
            };
            !function.is_null()
                && ffi::Py_TYPE(function) == raw::function_type()
                && raw::PyFunction_GetCode(function) == code
        })
    }
}

unsafe fn is_exception(class: P) -> bool {
    // SAFETY: a live type.
    unsafe { ffi::PyType_IsSubtype(class.cast(), ffi::PyExc_BaseException.cast()) != 0 }
}

/// Whether two callables are the same but for what they are bound to. A method of a type is
/// bound to its first argument before it is called. `a` may be any memory that can be read.
unsafe fn same(a: P, b: P) -> bool {
    if a == b || a.is_null() || b.is_null() {
        return a == b;
    }
    // SAFETY: `b` is alive, and the fields of `a` can be read; types are only compared.
    unsafe {
        let definition = |o: P| -> usize {
            let class = ffi::Py_TYPE(o);
            if raw::is_c_function(class) {
                field(o, offset::CFUNCTION_DEF)
            } else if raw::is_method_descriptor(class) {
                field(o, offset::DESCR_METHOD)
            } else {
                0
            }
        };
        let definition_of_b = definition(b);
        definition_of_b != 0 && definition_of_b == definition(a)
    }
}

/// Whether this is the `__new__` of a type in C, which makes an instance by the type's slot.
pub fn is_new_wrapper(callable: P) -> bool {
    if callable.is_null() {
        return false;
    }
    // SAFETY: the type is checked before its fields are read.
    unsafe {
        if !raw::is_c_function(ffi::Py_TYPE(callable)) {
            return false;
        }
        let slf: P = field(callable, offset::CFUNCTION_SELF);
        let definition: *const raw::MethodDef = field(callable, offset::CFUNCTION_DEF);
        !slf.is_null()
            && ffi::PyType_Check(slf) != 0
            && raw::c_text((*definition).name) == "__new__"
    }
}
