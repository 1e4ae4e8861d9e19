//! The profile function: Python frames, and C functions called from them.
//!
//! From 3.11 on, bytecode that has run a few times calls without asking any slot, so the call
//! hook alone would miss it. And only frames tell the import system and the pure Python
//! unpickler from what the pickle brought about.

use std::ffi::c_int;

use pyo3::ffi;

use crate::build;
use crate::code::{Code, File};
use crate::hook::PendingError;
use crate::machinery::is_new_wrapper;
use crate::protocol::{effect, touch};
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
                trace.push(true, raw::null());
                let code = raw::PyFrame_GetCode(frame);
                let known = trace.code(code, frame);
                enter_frame(trace, &known, code);
                ffi::Py_DecRef(code);
                error.restore();
            }
            RETURN => trace.pop(true),
            C_CALL => {
                let error = PendingError::take();
                trace.push(false, arg);
                // REDUCE spreads its arguments, which always goes through the call hook; there
                // they are known.
                if trace.caller == Caller::Machinery(Op::Reduce) {
                    error.restore();
                    return 0;
                }
                trace.call(arg, raw::null(), raw::null(), true);
                error.restore();
            }
            C_RETURN | C_EXCEPTION => trace.pop(false),
            _ => {}
        }
    }
    0
}

unsafe fn enter_frame(trace: &mut Trace, known: &Code, code: P) {
    match (trace.caller, known.file) {
        (Caller::Import, _) if known.module_body => enter_module(trace, known),
        (caller, File::Importlib) if !calls_what_it_is_given(trace, caller, known, code) => {
            trace.caller = Caller::Import;
        }
        // Text that a trusted module compiles as it is imported is its own, as in `namedtuple`.
        (Caller::Import | Caller::Body, file) if file != File::Other => trace.caller = Caller::Body,
        (Caller::Lookup, File::Pickle) => {}
        (Caller::Unpickler, File::Pickle) if !trace.py_unpickler.is_null() => {
            trace.caller = Caller::Machinery(Op::Other);
        }
        (Caller::Machinery(op), File::Pickle)
            if is_machinery(op, &known.short) && !trace.is_asked_code(code) =>
        {
            if let Some(op) = handler(&known.short) {
                trace.caller = Caller::Machinery(op);
                begin_opcode(trace, op, &known.short);
            } else if &*known.short == "_instantiate" {
                trace.caller = Caller::Machinery(Op::Instantiate);
            } else {
                trace.caller = Caller::Machinery(Op::Other);
            }
        }
        _ => {
            let at = if trace.is_direct() { trace.opcode() } else { None };
            let name = full_name(trace, known);
            let kind = trace.kind(&name, at.map(|(_, byte)| byte));
            trace.enter(kind, &name, at.map(|(at, _)| at), None);
        }
    }
}

/// Functions of the import system that call what they are given: a function, or a loader's
/// methods. Called for an import statement they are the import system, else the pickle's.
const GIVEN: &[&str] = &[
    "_call_with_frames_removed",
    "_exec",
    "_find_and_load",
    "_find_and_load_unlocked",
    "_find_spec",
    "_find_spec_legacy",
    "_handle_fromlist",
    "_init_module_attrs",
    "_load",
    "_load_backward_compatible",
    "_load_unlocked",
    "_wrap",
    "module_from_spec",
    "spec_from_loader",
];

fn calls_what_it_is_given(trace: &Trace, caller: Caller, known: &Code, code: P) -> bool {
    match caller {
        Caller::Payload => GIVEN.contains(&&*known.short),
        Caller::Machinery(_) => trace.is_asked_code(code),
        _ => false,
    }
}

/// Whether the call of this function is what was recorded last.
fn is_current(trace: &Trace, known: &Code) -> bool {
    trace
        .current_name()
        .is_some_and(|now| now.strip_suffix(&*known.short).is_some_and(|head| head.ends_with('.')))
}

/// The body of a module is about to run. From anywhere but the interpreter's own directories it
/// is code of the pickle's choice.
fn enter_module(trace: &mut Trace, known: &Code) {
    let module = known.name.trim_end_matches(".<module>");
    trace.current = trace.note_import(module);
    trace.caller = Caller::Body;
    if matches!(known.file, File::Other | File::Text) {
        trace.caller = Caller::Payload;
        trace.effect(effect::CODE, &format!("module {module} from {}", known.path));
    }
}

/// Below 3.11 a code object does not know its qualified name; the function called does, and was
/// recorded by the call hook.
fn full_name(trace: &Trace, code: &Code) -> std::rc::Rc<str> {
    match trace.current_name() {
        Some(now) if is_current(trace, code) => now.clone(),
        _ => code.name.clone(),
    }
}

/// Functions of `pickle.py` that its own handlers call. REDUCE and NEWOBJ call none.
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
        "load_build" => Op::Build,
        "load_append" | "load_appends" | "load_setitem" | "load_setitems" | "load_additems" => {
            Op::Add
        }
        _ if name.starts_with("load_") => Op::Other,
        _ => return None,
    })
}

fn begin_opcode(trace: &mut Trace, op: Op, handler: &str) {
    trace.py_offset = crate::py_engine::opcode_offset(trace);
    trace.asked = [raw::null(); 2];
    match op {
        Op::Reduce => trace.asked[0] = trace.stack_item(1),
        Op::New => {
            let at = trace.opcode();
            let class = trace.stack_item(if handler == "load_newobj_ex" { 2 } else { 1 });
            if class.is_null() {
                return;
            }
            let pause = Pause::begin();
            // SAFETY: on the unpickler's stack, so alive.
            let (name, new) = unsafe {
                let new = if ffi::PyType_Check(class) != 0 {
                    raw::in_type(class, c"__new__")
                } else {
                    build::attribute(class, c"__new__")
                };
                (trace.names.of(class), new)
            };
            drop(pause);
            // SAFETY: in the dictionary of a class, so alive.
            let new = unsafe { raw::static_method(new) };
            trace.asked[0] = if is_new_wrapper(new) { raw::null() } else { new };
            trace.current = trace.touch(touch::CALL, &name, at.map(|(at, _)| at), None);
        }
        Op::Build => {
            trace.asked[0] = build::set_state(trace.stack_item(1));
            build::note_all(trace);
        }
        Op::Add => {
            let object = match handler {
                "load_append" => trace.stack_item(1),
                _ => trace.item_below_mark(),
            };
            // The C unpickler calls no methods of lists and sets themselves, but imitates them.
            // SAFETY: on the unpickler's stack, so alive.
            if !object.is_null() && !unsafe { raw::is_plain_container(object) } {
                let names = [c"extend", c"append", c"add"];
                let found = names.map(|name| build::attribute(object, name));
                trace.asked = match handler {
                    "load_append" => [found[1], raw::null()],
                    "load_appends" => [found[0], found[1]],
                    _ => [found[2], raw::null()],
                };
            }
        }
        // INST is told when its class is found.
        Op::Other if handler == "load_obj" => trace.asked[0] = trace.first_item(),
        _ => {}
    }
    note_quiet(trace);
}

/// Records what the handler is to call if the call itself will not be announced: of what makes a
/// generator or coroutine, which runs nothing yet, and of methods that refuse to be bound.
pub fn note_quiet(trace: &mut Trace) {
    for asked in trace.asked {
        let pause = Pause::begin();
        // SAFETY: what was asked for is alive.
        let name = unsafe {
            if !asked.is_null() && is_quiet(asked) { Some(trace.names.of(asked)) } else { None }
        };
        drop(pause);
        if let Some(name) = name {
            let at = trace.opcode();
            let kind = trace.kind(&name, at.map(|(_, byte)| byte));
            trace.touch(kind, &name, at.map(|(at, _)| at), None);
        }
    }
}

unsafe fn is_quiet(callable: P) -> bool {
    // SAFETY: a live object, whose type is checked before it is used as one.
    unsafe {
        let function = if ffi::Py_TYPE(callable) == raw::method_type() {
            raw::field(callable, raw::offset::METHOD_FUNCTION)
        } else {
            callable
        };
        if ffi::Py_TYPE(function) != raw::function_type() {
            return raw::is_method_descriptor(ffi::Py_TYPE(callable));
        }
        let flags = crate::find_class::int(raw::PyFunction_GetCode(function), c"co_flags");
        flags & (CO_GENERATOR | CO_COROUTINE | CO_ASYNC_GENERATOR) != 0
    }
}

const CO_GENERATOR: i32 = 0x20;
const CO_COROUTINE: i32 = 0x80;
const CO_ASYNC_GENERATOR: i32 = 0x200;
