//! The deny tier: every pickle of a batch is loaded in this process, and globals are refused.
//!
//! What a pickle can do here is to build values, and to call what the allow list lets through.
//! Everything it asks for is recorded, allowed or not.

use std::collections::{HashMap, HashSet};

use pyo3::exceptions::PyMemoryError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString, PyTuple};

use crate::engines::{Engines, Source, index};
use crate::find_class::{self, Originals, Renames};
use crate::global::Global;
use crate::layout::{self, Layout};
use crate::loaders::Loaders;
use crate::protocol::{
    MAX_DENY_RECORD, Start, WireRun, outcome, put_bytes, put_optional, put_u32, unpack_run,
};
use crate::raw::{self, METH_FASTCALL, MethodDef, P, PtrHash};
use crate::serve::Go;
use crate::shared::Shared;
use crate::taint::{self, Print};

/// The object given for refused globals: a class that is its own instance. Whatever the
/// unpickler does to it (call, `__new__`, `__setstate__`, append…) does nothing.
const STAND_IN: &std::ffi::CStr = c"
class Inert(type):
    def __call__(cls, *args, **kwargs): return cls
    def __setstate__(cls, state): pass
    def append(cls, item): pass
    def extend(cls, items): pass
    def add(cls, item): pass
    def __setitem__(cls, key, value): pass
    def __setattr__(cls, name, value): pass
    def __iter__(cls): return iter(())
    def __len__(cls): return 0
class StandIn(metaclass=Inert):
    def __new__(cls, *args, **kwargs): return cls
";

struct State {
    layout: Layout,
    renames: Renames,
    originals: Originals,
    /// `module`, NUL, `name`.
    allow: HashSet<Vec<u8>>,
    /// Allowed globals already found, by protocol class (dotted names or not) and key.
    found: HashMap<(bool, Vec<u8>), Py<PyAny>>,
    stand_in: Option<Py<PyAny>>,
    refusal: Py<PyAny>,
    c_type: Py<PyAny>,
    /// The record's tail for the pickle at hand, and what is in it already.
    resolved: Vec<u8>,
    seen: HashSet<Vec<u8>>,
    complete: bool,
    persistent: u32,
    /// Allowed objects as they were when first found, by address; all are kept alive.
    prints: HashMap<usize, Print, PtrHash>,
    /// Those that the pickle at hand was given.
    given: Vec<usize>,
}

static STATE: Global<Option<State>> = Global::new(None);

/// Everything that needs files to be read, before the process is confined.
pub fn prepare(py: Python<'_>, start: &Start) -> PyResult<()> {
    let layout = layout::calibrate(py)?;
    let stand_in = if start.stand_in {
        let names = pyo3::types::PyDict::new(py);
        names.set_item("__name__", "assay")?;
        py.run(STAND_IN, Some(&names), None)?;
        names.get_item("StandIn")?.map(Bound::unbind)
    } else {
        None
    };
    for module in start.allow.iter().map(|(module, _)| module).collect::<HashSet<_>>() {
        // A module that this environment lacks is refused by the load itself.
        let _ = py.import(module.as_str());
    }
    let state = State {
        layout,
        renames: Renames::load(py)?,
        originals: find_class::replace(py, find_class)?,
        allow: start.allow.iter().map(|(module, name)| key(module, name)).collect(),
        found: HashMap::new(),
        stand_in,
        refusal: py.import("_pickle")?.getattr("UnpicklingError")?.unbind(),
        c_type: py.import("_pickle")?.getattr("Unpickler")?.unbind(),
        resolved: Vec::new(),
        seen: HashSet::new(),
        complete: true,
        persistent: 0,
        prints: HashMap::default(),
        given: Vec::new(),
    };
    // SAFETY: nothing else borrows yet.
    unsafe { *STATE.get() = Some(state) };
    Ok(())
}

fn key(module: &str, name: &str) -> Vec<u8> {
    [module.as_bytes(), b"\0", name.as_bytes()].concat()
}

/// The engines with this tier's `persistent_load`.
pub fn engines(py: Python<'_>) -> PyResult<Engines<'_>> {
    static DEF: MethodDef = MethodDef {
        name: c"persistent_load".as_ptr(),
        meth: persistent_load,
        flags: METH_FASTCALL,
        doc: std::ptr::null(),
    };
    // SAFETY: the definition is static; the result is a new reference or null.
    let function = unsafe {
        let null = std::ptr::null_mut();
        Bound::from_owned_ptr_or_err(py, raw::PyCFunction_NewEx(&DEF, null, null))?
    };
    Engines::new(py, &function)
}

/// Answers one batch, or as much of it as comes before a pickle that changes what the others
/// would be given.
pub fn batch(py: Python<'_>, by: (&Engines<'_>, &Loaders<'_>), shared: &mut Shared) -> Go {
    let run = unpack_run(shared.header().run.load(std::sync::atomic::Ordering::Relaxed));
    let mut record = Vec::with_capacity(256);
    for place in shared.batch() {
        let data = PyBytes::new(py, &shared.input()[place]);
        one(py, by, run, &data, &mut record);
        if !shared.push(&record) {
            return Go::On;
        }
        if is_spoiled(data.as_bytes()) {
            return Go::Away;
        }
    }
    Go::On
}

fn one<'py>(
    py: Python<'py>,
    (engines, loaders): (&Engines<'py>, &Loaders<'py>),
    run: WireRun,
    data: &Bound<'py, PyBytes>,
    record: &mut Vec<u8>,
) {
    // SAFETY: the borrow ends before the load begins.
    unsafe {
        let state = STATE.get().as_mut().expect("prepared before the first batch");
        state.resolved.clear();
        state.seen.clear();
        state.complete = true;
        state.persistent = 0;
        state.given.clear();
    }
    let prepared = match run.engine.checked_sub(index::LOADERS) {
        Some(number) => loaders.prepare(number.into(), data),
        None => engines.prepare(run, data, Source::Memory),
    };
    let result = prepared.and_then(|prepared| prepared.go(py)).map(drop);
    let (outcome, exception, message) = match &result {
        Ok(()) => (outcome::LOADED, None, None),
        Err(error) => {
            let oom = error.is_instance_of::<PyMemoryError>(py);
            let name = error.get_type(py).name().and_then(|name| name.extract::<String>());
            let outcome = if oom { outcome::OOM } else { outcome::RAISED };
            (outcome, Some(name.unwrap_or_default()), message(py, error))
        }
    };
    drop(result);
    // SAFETY: the load is over; nothing else borrows.
    let state = unsafe { STATE.get().as_mut().expect("prepared before the first batch") };
    record.clear();
    record.push(outcome);
    record.push(u8::from(state.complete));
    put_u32(record, state.persistent);
    put_optional(record, exception.as_deref().map(str::as_bytes));
    put_optional(record, message.as_deref().map(str::as_bytes));
    record.extend_from_slice(&state.resolved);
}

/// Bytes of a record besides the names: at most four a character of the message, and the rest.
const BESIDE: usize = 4 * MESSAGE + 160;

/// Longest part of a message that is told, in characters: enough to tell messages apart.
const MESSAGE: usize = 80;

/// The beginning of an exception's message, if its first argument is one: nothing is called.
fn message(py: Python<'_>, error: &PyErr) -> Option<String> {
    let args = error.value(py).getattr("args").ok()?;
    let first = args.cast::<PyTuple>().ok()?.get_item(0).ok()?;
    let text = first.cast_exact::<PyString>().ok()?.extract::<String>().ok()?;
    Some(text.chars().take(MESSAGE).collect())
}

unsafe extern "C" fn persistent_load(_: P, args: *const P, count: isize) -> P {
    // SAFETY: called by Python with the GIL held and `count` arguments.
    unsafe {
        if let Some(state) = STATE.get() {
            state.persistent += 1;
        }
        let answer = if count == 1 { *args } else { ffi::Py_None() };
        ffi::Py_IncRef(answer);
        answer
    }
}

unsafe extern "C" fn find_class(slf: P, args: *const P, count: isize) -> P {
    // SAFETY: called by Python with the GIL held, an unpickler and `count` arguments. The borrow
    // of the state ends before Python runs again.
    unsafe {
        let Some(state) = STATE.get() else { return std::ptr::null_mut() };
        let py = Python::assume_attached();
        if count != 2 {
            return raise(py, state, c"find_class takes a module and a name");
        }
        let (Some(module), Some(name)) = (raw::text(*args), raw::text(*args.add(1))) else {
            return raise(py, state, c"find_class takes strings");
        };
        let in_c = ffi::PyObject_TypeCheck(slf, state.c_type.as_ptr().cast()) != 0;
        let (proto, fix_imports) = if in_c {
            let at = state.layout.proto;
            (raw::field::<i32>(slf, at), raw::field::<i32>(slf, at + 4) != 0)
        } else {
            (find_class::int(slf, c"proto"), find_class::int(slf, c"fix_imports") != 0)
        };
        let (module, name) = if proto < 3 && fix_imports {
            state.renames.apply(module, name)
        } else {
            (module, name)
        };
        let key = key(&module, &name);
        let allowed = state.allow.contains(&key);
        note(state, &module, &name, &key, allowed);
        if !allowed {
            return match &state.stand_in {
                Some(object) => object.clone_ref(py).into_ptr(),
                None => raise(py, state, c"refused"),
            };
        }
        let dotted = proto >= 4;
        if let Some(object) = state.found.get(&(dotted, key.clone())) {
            state.given.push(object.as_ptr() as usize);
            return object.clone_ref(py).into_ptr();
        }
        let original = if in_c { &state.originals.c } else { &state.originals.py };
        let original = original.clone_ref(py);
        let found = ffi::PyObject_CallFunctionObjArgs(
            original.as_ptr(),
            slf,
            *args,
            *args.add(1),
            std::ptr::null_mut::<ffi::PyObject>(),
        );
        if !found.is_null()
            && let Some(state) = STATE.get()
        {
            let print = taint::print(found);
            state.prints.entry(found as usize).or_insert(print);
            state.given.push(found as usize);
            state.found.insert((dotted, key), Bound::from_borrowed_ptr(py, found).unbind());
        }
        found
    }
}

/// Whether the pickle changed a class or function that it was given, as BUILD can without a call.
/// What allowed callables do to objects of their own is theirs.
fn is_spoiled(pickle: &[u8]) -> bool {
    // SAFETY: the load is over; the objects are kept alive.
    unsafe {
        let state = STATE.get().as_ref().expect("prepared before the first batch");
        // Without BUILD there is no way.
        !state.given.is_empty()
            && pickle.contains(&b'b')
            && state.given.iter().any(|&at| {
                let now = taint::print(at as P);
                state.prints.get(&at).is_some_and(|before| *before != now)
            })
    }
}

fn note(state: &mut State, module: &str, name: &str, key: &[u8], allowed: bool) {
    if state.seen.contains(key) {
        return;
    }
    if state.resolved.len() + module.len() + name.len() + BESIDE > MAX_DENY_RECORD {
        state.complete = false;
        return;
    }
    state.seen.insert(key.to_vec());
    put_bytes(&mut state.resolved, module.as_bytes());
    put_bytes(&mut state.resolved, name.as_bytes());
    state.resolved.push(u8::from(allowed));
}

fn raise(py: Python<'_>, state: &State, message: &std::ffi::CStr) -> P {
    let _ = py;
    // SAFETY: the exception's type is live and the GIL is held.
    unsafe { ffi::PyErr_SetString(state.refusal.as_ptr(), message.as_ptr()) };
    std::ptr::null_mut()
}
