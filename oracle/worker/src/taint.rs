//! Whether a load could have changed the process for the loads after it.
//!
//! Several pickles in one process are a filter, and a filter should miss little: after a pickle
//! that did anything that might cover up for the next one, the process loads no more. What
//! counts as that: asking for a global, or calling one, that is not on the allow list;
//! importing; any effect; a gap in the trace; and a change to a class or function that was
//! resolved, which BUILD can make without a call.
//!
//! It is a precaution, no proof: what allowed callables do to objects of their own is theirs.

use std::collections::HashSet;

use pyo3::ffi;

use crate::global::Global;
use crate::protocol::{Reader, Start, tag, touch};
use crate::raw::{self, P, field, offset};
use crate::trace::{NONE, Pause};

/// What the list allows, as dotted names.
static ALLOWED: Global<Option<HashSet<String>>> = Global::new(None);

/// What the pickle at hand resolved, as it was then. `None` while nobody will ask.
static RESOLVED: Global<Option<Vec<(P, Print)>>> = Global::new(None);

/// What shows that an object was changed.
#[derive(PartialEq)]
pub enum Print {
    /// Nothing can change it.
    Fixed,
    /// The version that CPython gives a class, anew when it changes.
    Class(u64, u32),
    /// Code and defaults.
    Function([P; 3]),
    /// Anything else: it is taken for changed.
    Unknown,
}

/// Remembers the allow list.
pub fn set_up(start: &Start) {
    let names = start.allow.iter().map(|(module, name)| format!("{module}.{name}"));
    // SAFETY: nothing else borrows.
    unsafe { *ALLOWED.get() = Some(names.collect()) };
}

/// From here on, [`resolved`] takes note.
pub fn watch() {
    // SAFETY: nothing else borrows.
    unsafe { *RESOLVED.get() = Some(Vec::new()) };
}

/// Notes an object that a pickle can now do things to.
///
/// # Safety
/// `object` is live, the GIL is held, no exception is set.
pub unsafe fn resolved(object: P) {
    // SAFETY: the caller's promise; the object is pinned, the borrow ends before Python runs.
    unsafe {
        if RESOLVED.get().is_none() {
            return;
        }
        let pause = Pause::begin();
        let print = print(object);
        drop(pause);
        ffi::Py_IncRef(object);
        RESOLVED.get().get_or_insert_with(Vec::new).push((object, print));
    }
}

/// Whether a load that left these records may have changed the process.
pub fn is_tainted(records: &[u8]) -> bool {
    is_tainted_by_touches(records).unwrap_or(true) || has_changed()
}

fn has_changed() -> bool {
    // SAFETY: the objects are pinned; the list is taken out before they are looked at.
    unsafe {
        let Some(list) = RESOLVED.get().as_mut().map(std::mem::take) else { return true };
        list.iter().any(|(object, before)| *before == Print::Unknown || print(*object) != *before)
    }
}

/// What an object looks like now.
///
/// # Safety
/// `object` is live, the GIL is held, no exception is set.
pub unsafe fn print(object: P) -> Print {
    // SAFETY: a live object, whose type is checked before its fields are read.
    unsafe {
        if ffi::PyType_Check(object) != 0 {
            return class(object);
        }
        let kind = ffi::Py_TYPE(object);
        if kind == raw::function_type() {
            return Print::Function([
                raw::PyFunction_GetCode(object),
                raw::PyFunction_GetDefaults(object),
                raw::PyFunction_GetKwDefaults(object),
            ]);
        }
        if raw::is_c_function(kind) || raw::is_descriptor(kind) || kind == raw::method_type() {
            return Print::Fixed;
        }
        Print::Unknown
    }
}

unsafe fn class(object: P) -> Print {
    // SAFETY: a live type.
    unsafe {
        // A class has a version once something was looked up on it.
        raw::type_attribute(object, c"__init__");
        let valid = field::<u64>(object, offset::TYPE_FLAGS) & offset::VALID_VERSION;
        match field::<u32>(object, offset::TYPE_VERSION) {
            0 => Print::Unknown,
            version => Print::Class(valid, version),
        }
    }
}

fn is_tainted_by_touches(records: &[u8]) -> Option<bool> {
    // SAFETY: set once, before anything is loaded.
    let allowed = unsafe { ALLOWED.get().as_ref() }?;
    let mut r = Reader::new(records);
    while !r.is_empty() {
        match r.u8()? {
            tag::TOUCH => {
                let (kind, by, _offset) = (r.u8()?, r.u32()?, r.u64()?);
                let name = r.string()?;
                r.optional_string()?;
                let harmless = match kind {
                    touch::RESOLVE => allowed.contains(&name),
                    touch::CALL if by == NONE => is_beneath(allowed, &name),
                    touch::IMPORT => false,
                    _ => true,
                };
                if !harmless {
                    return Some(true);
                }
            }
            tag::END => {
                r.u8()?;
                r.optional_string()?;
                r.optional_string()?;
                r.u64()?;
            }
            _ => return Some(true),
        }
    }
    Some(false)
}

/// Whether the name or one that it begins with is allowed: a class's own `__new__` goes by
/// `module.Class.__new__`.
fn is_beneath(allowed: &HashSet<String>, name: &str) -> bool {
    allowed.contains(name) || name.match_indices('.').any(|(dot, _)| allowed.contains(&name[..dot]))
}
