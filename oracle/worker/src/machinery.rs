//! What the unpicklers call on their own account: none of it is the pickle's doing.

use pyo3::ffi;

use crate::code::File;
use crate::raw::{self, P, field, offset};
use crate::trace::{Caller, Op, Trace, hash};

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
                return !slf.is_null() && self.own.contains(&slf);
            }
            raw::is_descriptor(class)
                && !args.is_null()
                && ffi::PyTuple_Check(args) != 0
                && ffi::PyTuple_Size(args) > 0
                && self.own.contains(&ffi::PyTuple_GetItem(args, 0))
        }
    }

    /// Whether the unpickler calls this on its own account.
    pub unsafe fn is_machinery(
        &mut self,
        callable: P,
        class: *mut ffi::PyTypeObject,
        name: &str,
    ) -> bool {
        match self.caller {
            Caller::Unpickler => {
                !self.py_unpickler.is_null() && self.is_code_of(callable, class, File::Pickle)
            }
            Caller::Lookup => {
                LOOKUP.contains(&name)
                    || name.starts_with("builtins.str.")
                    || self.is_code_of(callable, class, File::Pickle)
            }
            // Functions in Python that are not pickle.py's own are never the machinery's.
            Caller::Machinery(_) if class == raw::function_type() => {
                self.is_code_of(callable, class, File::Pickle)
            }
            Caller::Machinery(op) => match op {
                Op::Other => true,
                Op::Reduce => !self.is_reduced(callable),
                // The class was recorded when the handler began.
                Op::New => true,
                Op::Add if LISTS.contains(&name) => true,
                Op::Instantiate if name.starts_with("builtins.list.") => true,
                _ => HANDLERS.contains(&name),
            },
            _ => false,
        }
    }

    /// Whether this is one of CPython's own exceptions, which C code makes and drops all the
    /// time without any effect; the ones that the pickle asks for are another matter.
    ///
    /// # Safety
    /// `callable` is a live object called `name`.
    pub unsafe fn is_fleeting(&self, callable: P, name: &str) -> bool {
        let direct = matches!(self.caller, Caller::Unpickler | Caller::Machinery(_));
        // SAFETY: the type is checked before its flags are read.
        let plain = unsafe {
            ffi::PyType_Check(callable) != 0
                && field::<u64>(callable, offset::TYPE_FLAGS) & offset::HEAP_TYPE == 0
                && ffi::PyType_IsSubtype(callable.cast(), ffi::PyExc_BaseException.cast()) != 0
        };
        plain && !(direct && self.resolved.contains(&hash(&[name.as_bytes()])))
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

    /// Whether `load_reduce` is about to call this, as it was asked to: it lies on top of the
    /// stack, the arguments having been taken off.
    fn is_reduced(&mut self, callable: P) -> bool {
        let asked = self.stack_item(0);
        if asked == callable || asked.is_null() {
            return asked == callable;
        }
        // SAFETY: both are alive, and their types are checked before their fields are read.
        unsafe {
            // A method of a type is bound to its first argument before it is called.
            raw::is_c_function(ffi::Py_TYPE(callable))
                && raw::is_descriptor(ffi::Py_TYPE(asked))
                && field::<usize>(callable, offset::CFUNCTION_DEF)
                    == field::<usize>(asked, offset::DESCR_METHOD)
        }
    }
}

/// Functions that looking a global up calls.
const LOOKUP: &[&str] =
    &["builtins.__import__", "builtins.getattr", "builtins.hasattr", "sys.audit"];

/// Functions that handlers of the pure Python unpickler call on their own account.
const HANDLERS: &[&str] = &[
    "builtins.isinstance",
    "builtins.issubclass",
    "builtins.getattr",
    "builtins.hasattr",
    "builtins.len",
    "builtins.type",
    "builtins.tuple",
    "builtins.dict.items",
    "builtins.list.pop",
    "builtins.range",
    "builtins.setattr",
    "sys.intern",
];

/// Methods of lists and sets themselves, which the C unpickler does not call but imitates.
const LISTS: &[&str] =
    &["builtins.list.append", "builtins.list.extend", "builtins.set.add", "builtins.set.update"];
