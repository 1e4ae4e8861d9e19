//! The audit hook: effects as CPython itself announces them, and globals that are asked for in
//! ways that the replaced `find_class` does not see.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::rc::Rc;

use pyo3::exceptions::PyRuntimeError;
use pyo3::ffi;
use pyo3::prelude::*;

use crate::effects;
use crate::hook::PendingError;
use crate::protocol::{effect, touch};
use crate::raw::{self, P};
use crate::trace::{Caller, Pause, Trace, listening};
use crate::value;

/// Installs the hook for good. It does nothing while the trace is off.
pub fn install() -> PyResult<()> {
    // SAFETY: the function lives as long as the process; there is no data.
    if unsafe { raw::PySys_AddAuditHook(on_event, std::ptr::null_mut()) } != 0 {
        return Err(PyRuntimeError::new_err("the audit hook was refused"));
    }
    Ok(())
}

unsafe extern "C" fn on_event(event: *const c_char, args: P, _: *mut c_void) -> c_int {
    // SAFETY: CPython calls this with a C string and a tuple, the GIL held.
    unsafe {
        let Some(trace) = listening() else { return 0 };
        let Ok(event) = CStr::from_ptr(event).to_str() else { return 0 };
        let error = PendingError::take();
        let pause = Pause::begin();
        note(trace, event, args);
        drop(pause);
        error.restore();
    }
    0
}

unsafe fn note(trace: &mut Trace, event: &str, args: P) {
    let importing = matches!(trace.caller, Caller::Import | Caller::Body | Caller::Lookup);
    // SAFETY: `args` is a tuple, whose items are borrowed.
    unsafe {
        match event {
            "import" => import(trace, args),
            "open" => open(trace, args, importing),
            "pickle.find_class" if trace.caller != Caller::Lookup => {
                let (module, name) = (text(args, 0), text(args, 1));
                let asked: Rc<str> =
                    format!("{}.{}", module.unwrap_or_default(), name.unwrap_or_default()).into();
                trace.touch(touch::RESOLVE, &asked, None, None);
            }
            "sys.setprofile"
            | "sys.settrace"
            | "sys.addaudithook"
            | "cpython.PyInterpreterState_New" => {
                trace.log.incomplete(event);
                detail(trace, effect::CODE, event, args);
            }
            // `Lib/ctypes/__init__.py` opens the running program itself: nothing is loaded.
            "ctypes.dlopen" if importing && is_none(args, 0) => {}
            _ => {
                if let Some(kind) = effects::of_event(event, importing) {
                    detail(trace, kind, event, args);
                }
            }
        }
    }
}

unsafe fn is_none(args: P, index: isize) -> bool {
    // SAFETY: `args` is a tuple; the index is checked.
    unsafe {
        index < ffi::PyTuple_Size(args) && ffi::PyTuple_GetItem(args, index) == ffi::Py_None()
    }
}

unsafe fn text(args: P, index: isize) -> Option<String> {
    // SAFETY: `args` is a tuple; the index is checked.
    unsafe {
        if index < ffi::PyTuple_Size(args) {
            raw::text(ffi::PyTuple_GetItem(args, index))
        } else {
            None
        }
    }
}

unsafe fn detail(trace: &mut Trace, kind: u8, event: &str, args: P) {
    // SAFETY: a tuple; its values are described without running code of theirs.
    let shown = unsafe { value::arguments(&mut trace.names, args, std::ptr::null_mut(), 200) };
    trace.effect(kind, &format!("{event}{shown}"));
}

/// A module is asked for (no file yet), or a shared object is about to be loaded.
unsafe fn import(trace: &mut Trace, args: P) {
    // SAFETY: as above.
    unsafe {
        let Some(module) = text(args, 0) else { return };
        trace.note_import(&module);
        if let Some(file) = text(args, 1)
            && !trace.is_trusted(&file)
        {
            trace.effect(effect::NATIVE, &format!("import {module} from {file}"));
        }
    }
}

unsafe fn open(trace: &mut Trace, args: P, importing: bool) {
    // SAFETY: as above.
    unsafe {
        let flags = if ffi::PyTuple_Size(args) > 2 {
            let flags = ffi::PyTuple_GetItem(args, 2);
            if ffi::PyLong_CheckExact(flags) != 0 { ffi::PyLong_AsLongLong(flags) } else { 0 }
        } else {
            0
        };
        if effects::opens_for_writing(text(args, 1).as_deref(), flags) {
            detail(trace, effect::FILE_WRITE, "open", args);
        } else if !importing {
            detail(trace, effect::FILE_READ, "open", args);
        }
    }
}
