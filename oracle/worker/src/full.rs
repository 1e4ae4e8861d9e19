//! The full tier's half in the child: load one pickle for real with everything traced, and leave
//! an account of how it ended.

use std::rc::Rc;
use std::time::Instant;

use assay_sandbox::exit_now;
use pyo3::exceptions::PyMemoryError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::engines::{Engines, Prepared, Source, index};
use crate::find_class::{self, Originals, Renames};
use crate::global::Global;
use crate::hook::PendingError;
use crate::log::Log;
use crate::machinery::Own;
use crate::protocol::{Start, WireRun, outcome, touch};
use crate::raw::{self, METH_FASTCALL, MethodDef, P};
use crate::trace::{Caller, Pause, Trace, listen, listening, trace};
use crate::{audit, hook, layout, profile, taint, value};

/// Room for the description of the value: enough to tell values apart, little enough to store.
const MAX_RESULT: usize = 8 << 10;
/// How deep containers are opened in it.
const RESULT_DEPTH: usize = 24;

struct Lookup {
    renames: Renames,
    originals: Originals,
    c_type: Py<PyAny>,
}

static LOOKUP: Global<Option<Lookup>> = Global::new(None);

/// Hooks the interpreter, for good. Tracing stays off.
pub fn prepare(py: Python<'_>, start: &Start, log: Log) -> PyResult<()> {
    // Any application has it, and few pickles should be charged with importing it.
    py.import("os")?;
    // Looking an encoding up imports a module the first time.
    let lookup = py.import("codecs")?.getattr("lookup")?;
    for encoding in ["ascii", "latin1", "utf-8", "raw-unicode-escape", "unicode-escape"] {
        lookup.call1((encoding,))?;
    }
    let layout = layout::calibrate(py)?;
    let lookup = Lookup {
        renames: Renames::load(py)?,
        originals: find_class::replace(py, find_class)?,
        c_type: py.import("_pickle")?.getattr("Unpickler")?.unbind(),
    };
    // SAFETY: nothing else borrows yet.
    unsafe { *LOOKUP.get() = Some(lookup) };
    let trusted = start.trusted.iter().map(|dir| format!("{}/", dir.trim_end_matches('/')));
    crate::trace::set_up(log, layout, Own::find(py)?, trusted.collect());
    taint::set_up(start);
    hook::install(py)?;
    audit::install()
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
    // SAFETY: the trace is set up and off.
    unsafe { trace().expect("set up before").own_functions.push(function.as_ptr()) };
    let engines = Engines::new(py, &function);
    // The trace goes by its address.
    std::mem::forget(function);
    engines
}

/// Loads the pickles one after the other, leaves the account of each in the log, and ends the
/// process: after the last, or after the first that may have changed it.
pub fn load_and_exit<'py>(
    py: Python<'py>,
    engines: &Engines<'py>,
    run: WireRun,
    pickles: &[(Bound<'py, PyBytes>, Source)],
) -> ! {
    let last = pickles.len() - 1;
    if last > 0 {
        taint::watch();
    }
    for (index, (data, source)) in pickles.iter().enumerate() {
        let outcome = match engines.prepare(run, data, *source) {
            Ok(prepared) => load(py, &prepared, run, data),
            Err(error) => give_up(&format!("the load could not be prepared: {error}")),
        };
        // SAFETY: the load is over.
        let trace = unsafe { trace() }.expect("set up before");
        // What the others took may have been what was missing: it is loaded again, alone.
        if outcome == outcome::OOM && index > 0 {
            trace.log.close();
            break;
        }
        let ends = index == last || taint::is_tainted(trace.log.trace(index));
        trace.log.finish();
        if ends || !trace.log.goes_on() {
            trace.log.close();
            break;
        }
        trace.reset();
    }
    exit_now(0)
}

/// A pickle of our own that takes the unpicklers through most of what they do.
const WARM_UP: &[u8] = b"\x80\x04\x95\x02\0\0\0\0\0\0\0N0cbuiltins\ndivmod\n(K\x01K\x02tR0\
    \x8c\x08builtins\x94\x8c\x07complex\x94\x93)\x81}(\x8c\x01aK\x01u0](K\x01K\x02e0\x8f(K\x01\x900.";

/// Has every engine load a pickle of our own, so that what is learned of names and code is
/// inherited rather than learned again in each child.
pub fn warm_up<'py>(py: Python<'py>, engines: &Engines<'py>) -> PyResult<()> {
    for engine in [index::C_LOADS, index::C_FILE, index::PY, index::C_LOADS, index::PY] {
        let run = WireRun {
            engine,
            encoding: 0,
            fix_imports: true,
            buffers: false,
            persistent_load: false,
        };
        let data = PyBytes::new(py, WARM_UP);
        let prepared = engines.prepare(run, &data, Source::Memory)?;
        load(py, &prepared, run, &data);
        // SAFETY: the load is over.
        let trace = unsafe { trace() }.expect("set up before");
        trace.reset();
        trace.log.clear();
    }
    Ok(())
}

/// Loads, traced, and leaves the account in the log; the outcome.
fn load<'py>(
    py: Python<'py>,
    prepared: &Prepared<'py>,
    run: WireRun,
    data: &Bound<'py, PyBytes>,
) -> u8 {
    let traced = run.engine != index::DIS;
    if traced {
        // Before the trace is on, since it is announced to the audit hook.
        profile::start();
    }
    // SAFETY: the trace is off; `data` outlives the load, after which the trace is reset or the
    // process ends.
    unsafe {
        let trace = trace().expect("set up before");
        let bytes: &[u8] = data.as_bytes();
        trace.data = std::slice::from_raw_parts(bytes.as_ptr(), bytes.len());
        trace.in_memory = matches!(prepared, Prepared::Call { .. });
        own_files(trace, prepared);
        if let (index::PY, Prepared::Unpickler { unpickler, .. }) = (run.engine, prepared) {
            trace.py_unpickler = unpickler.as_ptr();
        }
    }
    // The disassembler touches nothing on a pickle's behalf.
    listen(traced);
    let begin = Instant::now();
    let result = prepared.go(py);
    let time_us = begin.elapsed().as_micros() as u64;
    listen(false);
    profile::stop();
    // SAFETY: the load is over.
    account(py, unsafe { trace() }.expect("set up before"), result, time_us)
}

/// Ends the process without having loaded anything.
pub fn give_up(reason: &str) -> ! {
    // SAFETY: nothing else borrows; the process ends here.
    if let Some(trace) = unsafe { trace() } {
        trace.log.end(outcome::SANDBOX, Some(reason), None, 0);
    }
    exit_now(0)
}

fn account<'py>(
    py: Python<'py>,
    trace: &mut Trace,
    result: PyResult<Bound<'py, PyAny>>,
    time_us: u64,
) -> u8 {
    match result {
        Ok(value) => {
            // First without the value: should its description fail, the outcome is known.
            trace.log.end(outcome::LOADED, None, None, time_us);
            // SAFETY: a live object; tracing is off.
            let text = unsafe {
                value::describe(&mut trace.names, value.as_ptr(), MAX_RESULT, RESULT_DEPTH)
            };
            trace.log.end(outcome::LOADED, None, Some(&text), time_us);
            // Freeing it could run code of the pickle's, untraced.
            std::mem::forget(value);
            outcome::LOADED
        }
        Err(error) => {
            let oom = error.is_instance_of::<PyMemoryError>(py);
            let outcome = if oom { outcome::OOM } else { outcome::RAISED };
            trace.log.end(outcome, None, None, time_us);
            // SAFETY: a live exception; tracing is off.
            let text = unsafe { value::exception(&mut trace.names, error.value(py).as_ptr()) };
            trace.log.end(outcome, Some(&text), None, time_us);
            std::mem::forget(error);
            outcome
        }
    }
}

/// Tells the trace which objects the unpickler reads from.
fn own_files(trace: &mut Trace, prepared: &Prepared<'_>) {
    let file = match prepared {
        Prepared::Call { .. } => return,
        Prepared::Unpickler { file, .. }
        | Prepared::Reuse { file, .. }
        | Prepared::Stream { file, .. } => file,
    };
    trace.own_files = vec![file.as_ptr()];
    if let Ok(raw) = file.getattr("raw") {
        trace.own_files.push(raw.as_ptr());
    }
}

unsafe extern "C" fn persistent_load(_: P, args: *const P, count: isize) -> P {
    // SAFETY: called by Python with the GIL held and `count` arguments.
    unsafe {
        let answer = if count == 1 { *args } else { ffi::Py_None() };
        if let Some(trace) = listening() {
            let pause = Pause::begin();
            let name: Rc<str> = value::describe(&mut trace.names, answer, 200, 3).into();
            drop(pause);
            let at = trace.opcode().map(|(at, _)| at);
            trace.touch(touch::PERSISTENT, &name, at, None);
        }
        ffi::Py_IncRef(answer);
        answer
    }
}

unsafe extern "C" fn find_class(slf: P, args: *const P, count: isize) -> P {
    // SAFETY: called by Python with the GIL held, an unpickler and `count` arguments; neither
    // the trace nor the tables are borrowed while Python runs.
    unsafe {
        let Some(lookup) = LOOKUP.get() else { return std::ptr::null_mut() };
        let in_c = ffi::PyObject_TypeCheck(slf, lookup.c_type.as_ptr().cast()) != 0;
        let original = if in_c { &lookup.originals.c } else { &lookup.originals.py }.as_ptr();
        let null = std::ptr::null_mut::<ffi::PyObject>();
        if count != 2 {
            ffi::PyErr_SetString(ffi::PyExc_TypeError, c"find_class takes two names".as_ptr());
            return null;
        }
        let call = || ffi::PyObject_CallFunctionObjArgs(original, slf, *args, *args.add(1), null);
        let Some(trace) = listening() else { return call() };
        let saved = trace.save();
        let error = PendingError::take();
        if let (Some(module), Some(name)) = (raw::text(*args), raw::text(*args.add(1))) {
            if in_c && trace.caller == Caller::Unpickler && trace.py_unpickler.is_null() {
                trace.unpickler = slf;
            }
            let pause = Pause::begin();
            let at = trace.layout.proto;
            let (proto, fix_imports) = if in_c {
                (raw::field::<i32>(slf, at), raw::field::<i32>(slf, at + 4) != 0)
            } else {
                (find_class::int(slf, c"proto"), find_class::int(slf, c"fix_imports") != 0)
            };
            drop(pause);
            let renames = (proto < 3 && fix_imports).then_some(&lookup.renames);
            resolve(trace, renames, proto, module, name);
        }
        error.restore();
        trace.caller = Caller::Lookup;
        trace.skip = true;
        let found = call();
        if let Some(trace) = crate::trace::trace() {
            trace.restore(saved);
            trace.skip = false;
            if trace.is_direct() {
                trace.found = found;
                if matches!(trace.opcode_of_py(), Some(b'i')) {
                    trace.asked[0] = found;
                    profile::note_quiet(trace);
                }
            }
        }
        if !found.is_null() {
            hook::ensure_object(found);
            taint::resolved(found);
        }
        found
    }
}

/// Records what was asked for, under the name that is looked up, and makes it current. From
/// protocol 4 on each step of a dotted name is asked for in turn.
fn resolve(trace: &mut Trace, renames: Option<&Renames>, proto: i32, module: String, name: String) {
    let direct = matches!(trace.caller, Caller::Unpickler | Caller::Machinery(_));
    let at = if direct { trace.global_offset(&module, &name) } else { None };
    let asked = format!("{module}.{name}");
    let (module, name) = match renames {
        Some(renames) => renames.apply(module, name),
        None => (module, name),
    };
    let full: Rc<str> = format!("{module}.{name}").into();
    let before = (*full != *asked).then_some(asked.as_str());
    trace.current = trace.touch(touch::RESOLVE, &full, at, before);
    if proto >= 4 {
        for (dot, _) in name.match_indices('.') {
            let step: Rc<str> = format!("{module}.{}", &name[..dot]).into();
            trace.touch(touch::RESOLVE, &step, at, None);
        }
    }
}
