//! Trampolines for `tp_new`, one for each distinct original, so that comparisons between slots
//! keep their meaning. That of classes with a `__new__` in Python stays: its frame is seen.

use std::collections::HashMap;

use pyo3::ffi;

use crate::global::Global;
use crate::hook::{PendingError, Ternary};
use crate::protocol::touch;
use crate::raw::{P, PtrHash, field, offset, set_field};
use crate::trace::{Caller, Op, Pause, Trace, listening};
use crate::trampolines::{Table, at, block, row};
use crate::value;

/// Blocks of 256 trampolines: a bare interpreter has about 100 distinct originals, numpy and
/// scipy add 200.
const BLOCKS: usize = 4;

static TRAMPOLINES: Table<Ternary, BLOCKS> = [
    block!(trampoline, 0),
    block!(trampoline, 256),
    block!(trampoline, 512),
    block!(trampoline, 768),
];

/// The number of the trampoline for `object`'s own.
const OBJECT: usize = 0;

/// The originals by number, and what stands in the place of each: itself for those that stay,
/// trampolines among them.
#[derive(Default)]
struct Functions {
    originals: Vec<Ternary>,
    hook: HashMap<usize, usize, PtrHash>,
}

/// `type.__subclasses__`.
static SUBCLASSES: Global<Option<P>> = Global::new(None);

static FUNCTIONS: Global<Option<Functions>> = Global::new(None);

/// Begins with `object`'s own; says that the one of `in_python` stays.
///
/// # Safety
/// Both are types, `subclasses` is `type.__subclasses__`, the GIL is held, and nothing was hooked yet.
pub unsafe fn begin(object: P, in_python: P, subclasses: P) {
    // SAFETY: the caller's promise.
    unsafe {
        ffi::Py_IncRef(subclasses);
        *SUBCLASSES.get() = Some(subclasses);
        let functions = FUNCTIONS.get().insert(Functions::default());
        let slot: usize = field(in_python, offset::TYPE_NEW);
        functions.hook.insert(slot, slot);
        functions.hook.insert(0, 0);
        ensure(object);
    }
}

/// Hooks a type's `tp_new` unless it is hooked. False if there was no trampoline left.
///
/// # Safety
/// `class` is a live type; the GIL is held.
pub unsafe fn ensure(class: P) -> bool {
    // SAFETY: the caller's promise; the tables are borrowed for this function only.
    unsafe {
        let now: usize = field(class, offset::TYPE_NEW);
        let functions = FUNCTIONS.get().get_or_insert_with(Functions::default);
        if let Some(&hook) = functions.hook.get(&now) {
            if hook != now {
                set_field(class, offset::TYPE_NEW, hook);
            }
            return true;
        }
        let Some(hook) = at(&TRAMPOLINES, functions.originals.len()) else { return false };
        functions.originals.push(std::mem::transmute::<usize, Ternary>(now));
        functions.hook.insert(now, hook as usize);
        functions.hook.insert(hook as usize, hook as usize);
        replace(class, now, hook);
        true
    }
}

/// Puts the hook into all of the class's family that share the slot: `B.__new__(C)` refuses where
/// those of `B` and `C` are not the same (`Objects/typeobject.c` tp_new_wrapper).
unsafe fn replace(class: P, now: usize, hook: Ternary) {
    // SAFETY: live types, by the caller's promise: bases are held by their subclasses, and these by
    // the list they are in.
    unsafe {
        let mut oldest = class;
        loop {
            let base: P = field(oldest, offset::TYPE_BASE);
            if base.is_null() || field::<usize>(base, offset::TYPE_NEW) != now {
                break;
            }
            oldest = base;
        }
        set_field(oldest, offset::TYPE_NEW, hook);
        let mut lists = vec![subclasses(oldest)];
        while let Some(list) = lists.pop() {
            let count = if list.is_null() { 0 } else { ffi::PyList_Size(list) };
            for index in 0..count {
                let class = ffi::PyList_GetItem(list, index);
                if field::<usize>(class, offset::TYPE_NEW) == now {
                    set_field(class, offset::TYPE_NEW, hook);
                    lists.push(subclasses(class));
                }
            }
            ffi::Py_DecRef(list);
        }
    }
}

/// The classes derived from one directly, as a list; null if that fails.
unsafe fn subclasses(class: P) -> P {
    // SAFETY: the caller's promise; what is called is `type`'s own.
    unsafe {
        let list = match SUBCLASSES.get() {
            Some(of) => {
                ffi::PyObject_CallFunctionObjArgs(*of, class, std::ptr::null_mut::<ffi::PyObject>())
            }
            None => std::ptr::null_mut(),
        };
        if list.is_null() {
            ffi::PyErr_Clear();
        }
        list
    }
}

unsafe extern "C" fn trampoline<const N: usize>(class: P, args: P, kwargs: P) -> P {
    // SAFETY: CPython calls this in place of the original, with what the original expects.
    unsafe { make(N, class, args, kwargs) }
}

/// Makes an instance by the original of that number, recorded.
#[inline(never)]
unsafe fn make(number: usize, class: P, args: P, kwargs: P) -> P {
    // SAFETY: the caller's promise; a trampoline is put in place after its original is noted.
    unsafe {
        let original = FUNCTIONS.get().as_ref().map(|functions| functions.originals[number]);
        let Some(original) = original else { std::process::abort() };
        let go = || {
            if number == OBJECT {
                make_plain(original, class, args, kwargs)
            } else {
                original(class, args, kwargs)
            }
        };
        let Some(trace) = listening().filter(|trace| relevant(trace, number)) else { return go() };
        if is_text_of_an_error(trace, class) {
            return go();
        }
        let saved = trace.save();
        let error = PendingError::take();
        let pause = Pause::begin();
        let name = trace.names.of(class);
        drop(pause);
        if trace.is_fleeting(class, &name) {
            error.restore();
            return go();
        }
        let pause = Pause::begin();
        let shown = value::arguments(&mut trace.names, args, kwargs, 240);
        drop(pause);
        let at = if trace.is_direct() { trace.opcode() } else { None };
        trace.enter(touch::CALL, &name, at.map(|(at, _)| at), Some(&shown));
        error.restore();
        let result = go();
        if let Some(trace) = crate::trace::trace() {
            trace.restore(saved);
        }
        result
    }
}

/// `object`'s own refuses arguments by looking whether the class has another: it has ours.
unsafe fn make_plain(original: Ternary, class: P, args: P, kwargs: P) -> P {
    // SAFETY: the caller's promise; `object.__new__` runs no code of the class's.
    unsafe {
        let hook: Ternary = TRAMPOLINES[0][0][OBJECT];
        let given =
            ffi::PyTuple_Size(args) > 0 || !kwargs.is_null() && ffi::PyDict_Size(kwargs) > 0;
        if !given || field::<usize>(class, offset::TYPE_NEW) != hook as usize {
            return original(class, args, kwargs);
        }
        set_field(class, offset::TYPE_NEW, original);
        let result = original(class, args, kwargs);
        set_field(class, offset::TYPE_NEW, hook);
        result
    }
}

/// Whether this is `pickle.py` saying why what INST or OBJ called raises: `str(err)` in
/// `_instantiate`.
fn is_text_of_an_error(trace: &Trace, class: P) -> bool {
    trace.caller == Caller::Machinery(Op::Instantiate)
        && class == (&raw mut ffi::PyUnicode_Type).cast()
        && trace.is_asked(class) == Some(false)
}

/// Whether making an instance is to be recorded here. That of a plain class does nothing, and
/// what is made in turn was called by its name: only the unpickler calls the slot alone, itself
/// or through a `__new__` that belongs to `object`.
fn relevant(trace: &Trace, number: usize) -> bool {
    match trace.caller {
        Caller::Unpickler | Caller::Machinery(Op::New | Op::Instantiate) => true,
        Caller::Payload if number == OBJECT => {
            trace.current_name().is_some_and(|name| **name == *"builtins.object")
        }
        Caller::Payload => true,
        _ => false,
    }
}
