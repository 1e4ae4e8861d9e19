//! The profile function: Python frames, and C functions called from them.
//!
//! From 3.11 on, bytecode that has run a few times calls without asking any slot, so the call
//! hook alone would miss it. And only frames tell the import system and the pure Python
//! unpickler from what the pickle brought about.

use std::ffi::c_int;

use pyo3::ffi;

use crate::code::{Code, File};
use crate::hook::PendingError;
use crate::protocol::touch;
use crate::raw::{self, P};
use crate::trace::{Caller, Op, Pause, Trace, listening};

const CALL: c_int = 0;
const RETURN: c_int = 3;
const C_CALL: c_int = 4;
const C_EXCEPTION: c_int = 5;
const C_RETURN: c_int = 6;

/// Starts listening on this thread.
pub fn start() {
    // SAFETY: the GIL is held; the function lives as long as the process.
    unsafe { raw::PyEval_SetProfile(Some(on_event), std::ptr::null_mut()) };
}

/// Stops listening.
pub fn stop() {
    // SAFETY: the GIL is held.
    unsafe { raw::PyEval_SetProfile(None, std::ptr::null_mut()) };
}

unsafe extern "C" fn on_event(_: P, frame: P, what: c_int, arg: P) -> c_int {
    // SAFETY: CPython calls this with a live frame and the GIL held; the trace is not borrowed
    // across calls that could come back here, since a pause turns them away.
    unsafe {
        let Some(trace) = listening() else { return 0 };
        match what {
            CALL => {
                let error = PendingError::take();
                trace.push(true);
                let code = raw::PyFrame_GetCode(frame);
                let known = trace.code(code, frame);
                ffi::Py_DecRef(code);
                enter_frame(trace, &known, frame);
                error.restore();
            }
            RETURN => trace.pop(true),
            C_CALL => {
                let error = PendingError::take();
                trace.push(false);
                // REDUCE spreads its arguments, which always goes through the call hook; there
                // they are known.
                if trace.caller == Caller::Machinery(Op::Reduce) {
                    error.restore();
                    return 0;
                }
                trace.call(arg, std::ptr::null_mut(), std::ptr::null_mut());
                error.restore();
            }
            C_RETURN | C_EXCEPTION => trace.pop(false),
            _ => {}
        }
    }
    0
}

unsafe fn enter_frame(trace: &mut Trace, code: &Code, frame: P) {
    match (trace.caller, code.file) {
        (Caller::Import, _) if code.module_body => {
            let index = trace.note_import(code.name.trim_end_matches(".<module>"));
            trace.current = index;
            trace.caller = if matches!(code.file, File::Other | File::Text) {
                Caller::Payload
            } else {
                Caller::Body
            };
        }
        (_, File::Importlib) => trace.caller = Caller::Import,
        // Text that a trusted module compiles as it is imported is its own, as in `namedtuple`.
        (Caller::Import | Caller::Body, file) if file != File::Other => {}
        (Caller::Lookup, File::Pickle) => {}
        (Caller::Unpickler, File::Pickle) if !trace.py_unpickler.is_null() => {
            trace.caller = Caller::Machinery(Op::Other);
        }
        (Caller::Machinery(op), File::Pickle) if is_machinery(op, &code.short) => {
            if let Some(op) = handler(&code.short) {
                trace.caller = Caller::Machinery(op);
                begin_opcode(trace, op);
            }
        }
        (caller, _) => {
            let direct = matches!(caller, Caller::Unpickler | Caller::Machinery(_));
            let at = if direct { trace.opcode() } else { None };
            let name = full_name(trace, code);
            let kind = trace.kind(&name, at.map(|(_, byte)| byte));
            // SAFETY: the caller's frame.
            let args = if direct { unsafe { arguments(trace, frame) } } else { None };
            trace.enter(kind, &name, at.map(|(at, _)| at), args.as_deref());
        }
    }
}

/// Below 3.11 a code object does not know its qualified name; the function called does, and was
/// recorded by the call hook.
fn full_name(trace: &Trace, code: &Code) -> std::rc::Rc<str> {
    if let Some(now) = trace.current_name()
        && let Some(head) = now.strip_suffix(&*code.short)
        && head.ends_with('.')
    {
        return now.clone();
    }
    code.name.clone()
}

/// The arguments of a frame are not at hand without code of its own; nothing is shown.
unsafe fn arguments(_trace: &mut Trace, _frame: P) -> Option<String> {
    None
}

/// Functions of `pickle.py` that its own handlers call. REDUCE and NEWOBJ call none: there they
/// are what the pickle asked for.
fn is_machinery(op: Op, name: &str) -> bool {
    const INNER: &[&str] = &[
        "pop_mark",
        "_instantiate",
        "find_class",
        "get_extension",
        "persistent_load",
        "_decode_string",
        "_getattribute",
        "decode_long",
        "read",
        "readinto",
        "readline",
        "load_frame",
        "__init__",
    ];
    match op {
        Op::Reduce | Op::New => false,
        Op::Other => true,
        _ => INNER.contains(&name),
    }
}

/// What a handler may call on the pickle's behalf.
fn handler(name: &str) -> Option<Op> {
    Some(match name {
        "load_reduce" => Op::Reduce,
        "load_newobj" | "load_newobj_ex" => Op::New,
        "load_obj" | "load_inst" => Op::Instantiate,
        "load_build" => Op::Build,
        "load_append" | "load_appends" | "load_setitem" | "load_setitems" | "load_additems" => {
            Op::Add
        }
        _ if name.starts_with("load_") => Op::Other,
        _ => return None,
    })
}

fn begin_opcode(trace: &mut Trace, op: Op) {
    trace.py_offset = crate::py_engine::opcode_offset(trace);
    match op {
        Op::New => {
            let at = trace.opcode();
            let below = if at.is_some_and(|(_, byte)| byte == 0x92) { 2 } else { 1 };
            let class = trace.stack_item(below);
            if class.is_null() {
                return;
            }
            let pause = Pause::begin();
            // SAFETY: on the unpickler's stack, so alive.
            let name = unsafe { trace.names.of(class) };
            drop(pause);
            trace.current = trace.touch(touch::CALL, &name, at.map(|(at, _)| at), None);
        }
        Op::Build => crate::py_engine::note_build(trace),
        _ => {}
    }
}
