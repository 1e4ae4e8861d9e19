//! The universal call hook: every call that C makes goes through a trampoline.
//!
//! A type says how its instances are called in two slots: `tp_call`, and for speed a vectorcall
//! function. With the vectorcall flag cleared everything goes through `tp_call`, and there one
//! trampoline stands for all types; it finds the original by the type. What is called as
//! `T.__call__` is `T`'s, whatever the type: of these each has a trampoline of its own. Making an instance by
//! `tp_new` alone (NEWOBJ does) passes `tp_call` by, so those slots get trampolines too: one
//! for each original, since CPython compares these pointers.
//!
//! Types are changed for good: only in the zygote and its children, never in the host.

use std::collections::{HashMap, HashSet};

use pyo3::ffi;
use pyo3::prelude::*;

use crate::global::Global;
use crate::new_hook;
use crate::raw::{self, P, PtrHash, field, offset, set_field};
use crate::slot_hook;
use crate::trace::{Pause, listening};
use crate::trampolines::{Table, at, block, row};

/// The type of `tp_call` and `tp_new`.
pub type Ternary = unsafe extern "C" fn(P, P, P) -> P;

/// The original `tp_call` of each type.
static ORIGINALS: Global<Option<HashMap<usize, Ternary, PtrHash>>> = Global::new(None);

/// What is called as `T.__call__`, by number: a bare interpreter has some thirty.
static WRAPPED: Global<Vec<Ternary>> = Global::new(Vec::new());

static WRAPPERS: Table<Ternary, 1> = [block!(wrapped, 0)];

/// The types that were met.
static KNOWN: Global<Option<HashSet<usize, PtrHash>>> = Global::new(None);

/// Classes with each of the hooked methods in Python, which show the slots that all such classes
/// share.
const IN_PYTHON: &std::ffi::CStr = c"
class InPython:
    def __new__(cls): return object.__new__(cls)
    def __hash__(self): return 0
    def __eq__(self, other): return False
    def __setattr__(self, name, value): pass
    def __setitem__(self, key, value): pass
";

/// Hooks every type there is. Types made later inherit the trampolines, or are met as the type
/// of something returned.
pub fn install(py: Python<'_>) -> PyResult<()> {
    let names = pyo3::types::PyDict::new(py);
    names.set_item("__name__", "assay")?;
    py.run(IN_PYTHON, Some(&names), None)?;
    let in_python = names.get_item("InPython")?.expect("just defined");
    let types = all_types(py)?;
    // SAFETY: the GIL is held; nothing is hooked yet.
    unsafe {
        *ORIGINALS.get() = Some(HashMap::default());
        *KNOWN.get() = Some(HashSet::default());
        slot_hook::leave(in_python.as_ptr(), &types);
        let builtins = py.import("builtins")?;
        let subclasses = builtins.getattr("type")?.getattr("__subclasses__")?;
        let object = builtins.getattr("object")?;
        new_hook::begin(object.as_ptr(), in_python.as_ptr(), subclasses.as_ptr());
    }
    let mut wrappers = Vec::new();
    for class in &types {
        let Ok(dict) = class.getattr("__dict__") else { continue };
        if let Ok(wrapper) = dict.get_item("__call__")
            && wrapper.get_type().as_ptr() == raw::wrapper_descr_type().cast()
        {
            wrappers.push(wrapper);
        }
    }
    for class in &types {
        // SAFETY: a live type, pinned by `ensure`.
        unsafe { ensure(class.as_ptr()) };
    }
    for wrapper in wrappers {
        // What `T.__call__` wraps is a copy of the slot. Pinned, since it is changed for good.
        // SAFETY: a wrapper descriptor of `__call__`, which calls what it wraps as a `tp_call`.
        unsafe { hook_wrapper(wrapper.into_ptr()) };
    }
    Ok(())
}

fn all_types(py: Python<'_>) -> PyResult<Vec<Bound<'_, PyAny>>> {
    let builtins = py.import("builtins")?;
    let subclasses = builtins.getattr("type")?.getattr("__subclasses__")?;
    let mut todo = vec![builtins.getattr("object")?];
    let mut seen = HashSet::new();
    let mut all = Vec::new();
    while let Some(class) = todo.pop() {
        if !seen.insert(class.as_ptr() as usize) {
            continue;
        }
        for subclass in subclasses.call1((&class,))?.try_iter()? {
            todo.push(subclass?);
        }
        all.push(class);
    }
    Ok(all)
}

/// Hooks a type unless it is known.
///
/// # Safety
/// `class` is a live type; the GIL is held.
pub unsafe fn ensure(class: P) {
    // SAFETY: the caller's promise; the set is borrowed for one operation at a time.
    unsafe {
        if !KNOWN.get().as_mut().is_some_and(|known| known.insert(class as usize)) {
            return;
        }
        // It is known by its address, which it must keep.
        ffi::Py_IncRef(class);
        let error = PendingError::take();
        let pause = Pause::begin();
        hook_call(class);
        let whole = new_hook::ensure(class) & slot_hook::ensure(class);
        drop(pause);
        error.restore();
        if !whole && let Some(trace) = crate::trace::trace() {
            trace.log.incomplete("there are more kinds of types than can be hooked");
        }
    }
}

unsafe fn hook_wrapper(wrapper: P) {
    // SAFETY: the caller's promise; the list is borrowed for this function only.
    unsafe {
        let original: Ternary = field(wrapper, offset::DESCR_WRAPPED);
        let originals = WRAPPED.get();
        let known = originals.iter().position(|known| *known as usize == original as usize);
        let number = known.unwrap_or(originals.len());
        // Beyond the last, that of the type must do.
        let hook = at(&WRAPPERS, number).unwrap_or(trampoline);
        if known.is_none() {
            originals.push(original);
        }
        set_field(wrapper, offset::DESCR_WRAPPED, hook);
    }
}

/// Whether a slot is hooked. A class made later that has `T.__call__` takes what that wraps.
fn is_hook(call: usize) -> bool {
    // SAFETY: borrowed for this function only.
    let wrapped = unsafe { WRAPPED.get().len() };
    call == trampoline as Ternary as usize
        || (0..wrapped).filter_map(|n| at(&WRAPPERS, n)).any(|hook| hook as usize == call)
}

unsafe fn hook_call(class: P) {
    // SAFETY: as `ensure`; the map is borrowed for one operation at a time.
    unsafe {
        let call: usize = field(class, offset::TYPE_CALL);
        // From 3.12 on the profile function is itself called as an object. Undoing what it does
        // when it returns, as after any call, would undo the frame it announced.
        if raw::type_is_named(class.cast(), "sys.legacy_event_handler") {
            return;
        }
        if call == 0 || is_hook(call) {
            return;
        }
        let Some(originals) = ORIGINALS.get() else { return };
        originals.insert(class as usize, std::mem::transmute::<usize, Ternary>(call));
        set_field(class, offset::TYPE_CALL, trampoline as Ternary);
        let flags: u64 = field(class, offset::TYPE_FLAGS);
        set_field(class, offset::TYPE_FLAGS, flags & !offset::HAVE_VECTORCALL);
    }
}

/// Hooks an object's type, and the object if it is itself a type.
///
/// # Safety
/// `object` is live; the GIL is held.
pub unsafe fn ensure_object(object: P) {
    // SAFETY: the caller's promise.
    unsafe {
        ensure(ffi::Py_TYPE(object).cast());
        if ffi::PyType_Check(object) != 0 {
            ensure(object);
        }
    }
}

unsafe fn original(callable: P) -> Ternary {
    // SAFETY: a type that has the trampoline is in the map or inherits from one that is.
    unsafe {
        let mut class: P = ffi::Py_TYPE(callable).cast();
        loop {
            if let Some(&found) =
                ORIGINALS.get().as_ref().and_then(|map| map.get(&(class as usize)))
            {
                return found;
            }
            class = field(class, offset::TYPE_BASE);
            if class.is_null() {
                std::process::abort();
            }
        }
    }
}

unsafe extern "C" fn trampoline(callable: P, args: P, kwargs: P) -> P {
    // SAFETY: CPython calls this in place of the original, with what the original expects.
    unsafe { call(original(callable), callable, args, kwargs) }
}

unsafe extern "C" fn wrapped<const N: usize>(callable: P, args: P, kwargs: P) -> P {
    // SAFETY: as above; a hook is in place only once its original is noted.
    unsafe { call(WRAPPED.get()[N], callable, args, kwargs) }
}

/// Calls by the original, recorded.
#[inline(never)]
unsafe fn call(original: Ternary, callable: P, args: P, kwargs: P) -> P {
    // SAFETY: the caller's promise; the trace is borrowed anew after the call.
    unsafe {
        let Some(trace) = listening() else {
            return original(callable, args, kwargs);
        };
        let saved = trace.save();
        let error = PendingError::take();
        trace.call(callable, args, kwargs, false);
        error.restore();
        let result = original(callable, args, kwargs);
        if let Some(trace) = crate::trace::trace() {
            trace.restore(saved);
        }
        if !result.is_null() {
            ensure_object(result);
        }
        result
    }
}

/// An exception that is set while something is called, as happens in destructors.
pub struct PendingError([P; 3]);

impl PendingError {
    /// Puts it aside.
    ///
    /// # Safety
    /// The GIL is held.
    pub unsafe fn take() -> Self {
        let mut parts = [std::ptr::null_mut(); 3];
        let [class, value, traceback] = &mut parts;
        // SAFETY: three places to write to.
        unsafe { raw::PyErr_Fetch(class, value, traceback) };
        Self(parts)
    }

    /// Puts it back.
    ///
    /// # Safety
    /// The GIL is held.
    pub unsafe fn restore(self) {
        let [class, value, traceback] = self.0;
        // SAFETY: the references that `take` was given.
        unsafe { raw::PyErr_Restore(class, value, traceback) };
    }
}
