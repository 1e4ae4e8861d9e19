//! Hooks in the slots by which the unpicklers use objects without calling anything: hashing and
//! comparing keys, setting items and attributes.
//!
//! What a class written in Python does there is a Python frame, which the profile function sees;
//! those slots are left alone. What C code does there nothing else would see. As in
//! [`crate::new_hook`], each original has a trampoline of its own, so that comparisons between
//! slots keep their meaning, and the wrappers that Python sees are changed along with them, or
//! subclasses would copy the originals. The slots of the interpreter's own data (numbers, text,
//! tuples…) are left: they run nothing but themselves and the slots of what they hold.
//!
//! Only what an unpickler does itself is recorded. What a function does to its arguments is the
//! function's own doing, and that it was called is known.

use std::collections::HashMap;
use std::ffi::{CStr, c_int};

use pyo3::ffi;
use pyo3::prelude::*;

use crate::build;
use crate::global::Global;
use crate::hook::PendingError;
use crate::names::type_name;
use crate::protocol::touch;
use crate::raw::{self, P, PtrHash, field, offset, set_field};
use crate::trace::{Caller, Op, Pause, Trace, listening};
use crate::trampolines::{Table, at, block, row};
use crate::value;

type Hash = unsafe extern "C" fn(P) -> isize;
type Compare = unsafe extern "C" fn(P, P, c_int) -> P;
/// `tp_setattro` and `mp_ass_subscript`.
type Set = unsafe extern "C" fn(P, P, P) -> c_int;
/// `sq_ass_item`.
type SetIndex = unsafe extern "C" fn(P, isize, P) -> c_int;

/// One of the slots.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Slot {
    Hash,
    Compare,
    SetAttribute,
    SetItem,
    SetIndex,
}

const SLOTS: [Slot; 5] =
    [Slot::Hash, Slot::Compare, Slot::SetAttribute, Slot::SetItem, Slot::SetIndex];

/// Blocks of 256 trampolines for each slot: a bare interpreter has under 70 distinct functions
/// in any of them; numpy, pandas and scipy together add some hundreds.
const BLOCKS: usize = 2;

static HASH: Table<Hash, BLOCKS> = [block!(hash, 0), block!(hash, 256)];
static COMPARE: Table<Compare, BLOCKS> = [block!(compare, 0), block!(compare, 256)];
static SET_ATTRIBUTE: Table<Set, BLOCKS> = [block!(set_attribute, 0), block!(set_attribute, 256)];
static SET_ITEM: Table<Set, BLOCKS> = [block!(set_item, 0), block!(set_item, 256)];
static SET_INDEX: Table<SetIndex, BLOCKS> = [block!(set_index, 0), block!(set_index, 256)];

/// What is known of one slot's functions.
#[derive(Default)]
struct Functions {
    /// The trampoline of each original; itself for those that stay, trampolines among them.
    hook: HashMap<usize, usize, PtrHash>,
    originals: Vec<usize>,
}

static FUNCTIONS: Global<Option<[Functions; 5]>> = Global::new(None);

impl Slot {
    fn functions(self) -> &'static mut Functions {
        // SAFETY: the GIL is held by whoever hooks or is hooked; no borrow outlives a statement
        // that runs Python.
        unsafe { &mut FUNCTIONS.get().get_or_insert_with(Default::default)[self as usize] }
    }

    /// Where the type keeps it; null if it has no such table.
    unsafe fn place(self, class: P) -> *mut usize {
        // SAFETY: a live type, whose tables live as long as it does.
        unsafe {
            let (table, at) = match self {
                Self::Hash => (class, offset::TYPE_HASH),
                Self::Compare => (class, offset::TYPE_COMPARE),
                Self::SetAttribute => (class, offset::TYPE_SETATTRO),
                Self::SetItem => (field(class, offset::TYPE_MAPPING), offset::MAPPING_SET),
                Self::SetIndex => (field(class, offset::TYPE_SEQUENCE), offset::SEQUENCE_SET),
            };
            if table.is_null() { std::ptr::null_mut() } else { table.cast::<u8>().add(at).cast() }
        }
    }

    /// The methods that show the slot to Python, all wrapping the same function.
    fn wrappers(self) -> &'static [&'static CStr] {
        match self {
            Self::Hash => &[c"__hash__"],
            Self::Compare => &[c"__eq__", c"__ne__", c"__lt__", c"__le__", c"__gt__", c"__ge__"],
            Self::SetAttribute => &[c"__setattr__", c"__delattr__"],
            Self::SetItem | Self::SetIndex => &[c"__setitem__", c"__delitem__"],
        }
    }

    fn trampoline(self, index: usize) -> Option<usize> {
        match self {
            Self::Hash => at(&HASH, index).map(|hook| hook as usize),
            Self::Compare => at(&COMPARE, index).map(|hook| hook as usize),
            Self::SetAttribute => at(&SET_ATTRIBUTE, index).map(|hook| hook as usize),
            Self::SetItem => at(&SET_ITEM, index).map(|hook| hook as usize),
            Self::SetIndex => at(&SET_INDEX, index).map(|hook| hook as usize),
        }
    }

    /// What is to stand in the place of this function. `None`: there are too many.
    fn replacement(self, now: usize) -> Option<usize> {
        let functions = self.functions();
        if let Some(&hook) = functions.hook.get(&now) {
            return Some(hook);
        }
        let hook = self.trampoline(functions.originals.len())?;
        functions.originals.push(now);
        functions.hook.insert(now, hook);
        functions.hook.insert(hook, hook);
        Some(hook)
    }

    fn leave(self, now: usize) {
        self.functions().hook.insert(now, now);
    }

    #[inline]
    fn original(self, index: usize) -> usize {
        // SAFETY: a trampoline is put in place after its original is noted.
        unsafe { *self.functions().originals.get_unchecked(index) }
    }
}

/// Says which functions stay: those of classes written in Python, shown by `in_python`, and
/// those by which the interpreter's own data is hashed and compared.
pub unsafe fn leave(in_python: P, types: &[Bound<'_, PyAny>]) {
    // SAFETY: live types.
    unsafe {
        for slot in SLOTS {
            let place = slot.place(in_python);
            if !place.is_null() {
                slot.leave(place.read());
            }
        }
        for class in types {
            let flags: u64 = field(class.as_ptr(), offset::TYPE_FLAGS);
            let own = flags & offset::HEAP_TYPE == 0
                && type_name(class.as_ptr().cast()).starts_with("builtins.");
            if own {
                for slot in [Slot::Hash, Slot::Compare] {
                    slot.leave(slot.place(class.as_ptr()).read());
                }
            }
        }
    }
}

/// Hooks a type's slots. False if there was no trampoline left for one of them.
///
/// # Safety
/// `class` is a live type that is pinned; the GIL is held, no exception is set.
pub unsafe fn ensure(class: P) -> bool {
    // SAFETY: the caller's promise.
    unsafe {
        let mut whole = true;
        let mut changed = false;
        for slot in SLOTS {
            let place = slot.place(class);
            if place.is_null() || place.read() == 0 {
                continue;
            }
            let now = place.read();
            match slot.replacement(now) {
                Some(hook) if hook != now => {
                    place.write(hook);
                    changed = true;
                }
                Some(_) => {}
                None => whole = false,
            }
        }
        if changed {
            wrappers(class);
        }
        whole
    }
}

/// Has the methods of a type that wrap slots wrap the trampolines.
unsafe fn wrappers(class: P) {
    // SAFETY: a live type; the wrappers' class is checked before their fields are used.
    unsafe {
        let dict = raw::type_dict(class);
        if dict.is_null() {
            return;
        }
        for slot in SLOTS {
            for name in slot.wrappers() {
                let wrapper = ffi::PyDict_GetItemString(dict, name.as_ptr());
                if wrapper.is_null() || ffi::Py_TYPE(wrapper) != raw::wrapper_descr_type() {
                    continue;
                }
                let wrapped: usize = field(wrapper, offset::DESCR_WRAPPED);
                // Two slots share their wrappers; only one of them knows the function.
                if let Some(&hook) = slot.functions().hook.get(&wrapped) {
                    set_field(wrapper, offset::DESCR_WRAPPED, hook);
                }
            }
        }
    }
}

/// The class from which a class has a slot's function.
unsafe fn defining(slot: Slot, class: P) -> P {
    // SAFETY: live types; bases outlive their subclasses.
    unsafe {
        let mut class = class;
        let function = slot.place(class).read();
        loop {
            let base: P = field(class, offset::TYPE_BASE);
            if base.is_null() {
                return class;
            }
            let place = slot.place(base);
            if place.is_null() || place.read() != function {
                return class;
            }
            class = base;
        }
    }
}

/// The trace, if an unpickler is at work itself.
#[inline]
unsafe fn at_work() -> Option<&'static mut Trace> {
    // SAFETY: called by CPython with the GIL held.
    let trace = unsafe { listening() }?;
    matches!(trace.caller, Caller::Unpickler | Caller::Machinery(_)).then_some(trace)
}

/// Whether items are stored on the pickle's behalf: the handlers of the pure Python unpickler
/// keep their own lists as well.
fn stores(trace: &Trace) -> bool {
    matches!(trace.caller, Caller::Unpickler | Caller::Machinery(Op::Add | Op::Build))
}

/// Records the use of a slot of `object`, and does it on that account.
unsafe fn charged<R>(
    trace: &mut Trace,
    slot: Slot,
    object: P,
    method: &str,
    args: [P; 2],
    go: impl FnOnce() -> R,
) -> R {
    // SAFETY: live objects or null; the trace is not used while Python runs, which a pause
    // keeps from coming back here.
    unsafe {
        let error = PendingError::take();
        let saved = trace.save();
        let pause = Pause::begin();
        let class: P = ffi::Py_TYPE(object).cast();
        let name = format!("{}.{method}", type_name(defining(slot, class).cast()));
        let shown = value::list(&mut trace.names, &args, 240);
        drop(pause);
        let at = trace.opcode().map(|(at, _)| at);
        trace.enter(touch::METHOD, &name.into(), at, shown.as_deref());
        error.restore();
        let result = go();
        if let Some(trace) = crate::trace::trace() {
            trace.restore(saved);
        }
        result
    }
}

// The trampolines, which CPython calls in place of the originals with what those expect. There
// are many, so they are small.

unsafe extern "C" fn hash<const N: usize>(object: P) -> isize {
    // SAFETY: as said.
    unsafe { on_hash(N, object) }
}

unsafe extern "C" fn compare<const N: usize>(object: P, other: P, operator: c_int) -> P {
    // SAFETY: as said.
    unsafe { on_compare(N, object, other, operator) }
}

unsafe extern "C" fn set_attribute<const N: usize>(object: P, name: P, value: P) -> c_int {
    // SAFETY: as said.
    unsafe { on_set_attribute(N, object, name, value) }
}

unsafe extern "C" fn set_item<const N: usize>(object: P, key: P, value: P) -> c_int {
    // SAFETY: as said.
    unsafe { on_set_item(N, object, key, value) }
}

unsafe extern "C" fn set_index<const N: usize>(object: P, index: isize, value: P) -> c_int {
    // SAFETY: as said.
    unsafe { on_set_index(N, object, index, value) }
}

#[inline(never)]
unsafe fn on_hash(number: usize, object: P) -> isize {
    // SAFETY: the number of a trampoline is that of its original; the same holds below.
    unsafe {
        let original: Hash = std::mem::transmute(Slot::Hash.original(number));
        match at_work() {
            None => original(object),
            Some(trace) => {
                let none = [raw::null(); 2];
                charged(trace, Slot::Hash, object, "__hash__", none, || original(object))
            }
        }
    }
}

#[inline(never)]
unsafe fn on_compare(number: usize, object: P, other: P, operator: c_int) -> P {
    const NAMES: [&str; 6] = ["__lt__", "__le__", "__eq__", "__ne__", "__gt__", "__ge__"];
    // SAFETY: as above.
    unsafe {
        let original: Compare = std::mem::transmute(Slot::Compare.original(number));
        let Some(trace) = at_work() else { return original(object, other, operator) };
        let name = NAMES.get(operator as usize).copied().unwrap_or("__eq__");
        charged(trace, Slot::Compare, object, name, [other, raw::null()], || {
            original(object, other, operator)
        })
    }
}

#[inline(never)]
unsafe fn on_set_attribute(number: usize, object: P, name: P, value: P) -> c_int {
    // SAFETY: as above.
    unsafe {
        let original: Set = std::mem::transmute(Slot::SetAttribute.original(number));
        // The pure Python unpickler's BUILD is recorded when its handler begins.
        if let Some(trace) = at_work().filter(|trace| trace.caller == Caller::Unpickler) {
            let error = PendingError::take();
            build::note_attribute(trace, object, name, value);
            error.restore();
        }
        original(object, name, value)
    }
}

#[inline(never)]
unsafe fn on_set_item(number: usize, object: P, key: P, value: P) -> c_int {
    // SAFETY: as above.
    unsafe {
        let original: Set = std::mem::transmute(Slot::SetItem.original(number));
        let Some(trace) = at_work().filter(|trace| stores(trace)) else {
            return original(object, key, value);
        };
        if ffi::PyDict_CheckExact(object) != 0 {
            // The unpicklers fill dictionaries of the pickle's without asking any slot; the C
            // one asks for those in which instances keep their attributes.
            if trace.caller == Caller::Unpickler {
                build::note_entry(trace, key, value);
            }
            return original(object, key, value);
        }
        charged(trace, Slot::SetItem, object, "__setitem__", [key, value], || {
            original(object, key, value)
        })
    }
}

#[inline(never)]
unsafe fn on_set_index(number: usize, object: P, index: isize, value: P) -> c_int {
    // SAFETY: as above.
    unsafe {
        let original: SetIndex = std::mem::transmute(Slot::SetIndex.original(number));
        let Some(trace) = at_work().filter(|trace| stores(trace)) else {
            return original(object, index, value);
        };
        charged(trace, Slot::SetIndex, object, "__setitem__", [value, raw::null()], || {
            original(object, index, value)
        })
    }
}
