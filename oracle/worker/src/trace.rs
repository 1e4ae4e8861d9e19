//! The state of one trace: what is touched now, on whose account, and what was recorded already.
//!
//! Three sources feed it: the call hook, the profile function and the audit hook. Each knows
//! only a callee; the context in which it is called decides whether it is the pickle's doing.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;

use pyo3::ffi;

use crate::code::Code;
use crate::effects;
use crate::global::Global;
use crate::layout::Layout;
use crate::log::Log;
use crate::machinery::{Own, is_new_wrapper};
use crate::names::Names;
use crate::protocol::{effect, touch};
use crate::raw::{self, P, PtrHash};
use crate::value;

/// No touch.
pub const NONE: u32 = u32::MAX;
/// Touches by the unpickler itself that are told apart even if they have one name. From then on
/// they are not, so that a pickle of a million objects does not fill the trace.
const MAX_TOLD_APART: usize = 4096;
/// Longest description of arguments.
const MAX_ARGS: usize = 240;

/// Functions that begin another interpreter.
const NEW_INTERPRETER: [&str; 2] = ["_interpreters.create", "_xxsubinterpreters.create"];

/// Who is the immediate caller of what is called next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Caller {
    /// The worker: its calls start the load and are not the pickle's.
    Harness,
    /// The C unpickler.
    Unpickler,
    /// A frame of the pure Python unpickler, at this opcode's handler.
    Machinery(Op),
    /// The original `find_class`, looking up a name.
    Lookup,
    /// The import system.
    Import,
    /// The body of a module from the interpreter's own directories.
    Body,
    /// Anything that the pickle brought about.
    Payload,
}

/// Opcode handlers of the pure Python unpickler that call what the pickle supplies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    /// Any other handler: nothing it calls is the pickle's.
    Other,
    /// `load_reduce`.
    Reduce,
    /// `load_newobj`, `load_newobj_ex`.
    New,
    /// `load_obj`, `load_inst`.
    Instantiate,
    /// `load_build`.
    Build,
    /// `load_append`, `load_setitem` and their kin.
    Add,
}

/// What is restored when a call returns.
#[derive(Clone, Copy)]
pub struct Saved {
    current: u32,
    caller: Caller,
    depth: usize,
}

/// An entry of the shadow stack.
#[derive(Clone, Copy)]
pub struct Entry {
    pub saved: Saved,
    pub python: bool,
    /// The C function called.
    pub callable: P,
}

/// Everything a trace needs.
pub struct Trace {
    /// The next call is the tracer's own.
    pub skip: bool,
    pub log: Log,
    pub names: Names,
    pub layout: Layout,
    pub stack: Vec<Entry>,
    pub current: u32,
    pub caller: Caller,
    pub codes: HashMap<usize, Code, PtrHash>,
    pub trusted: Vec<String>,
    /// What the unpicklers use themselves.
    pub own: Own,
    /// Objects of the worker whose methods the unpickler calls: the file it reads.
    pub own_files: Vec<P>,
    /// The worker's functions: `persistent_load`.
    pub own_functions: Vec<P>,
    /// The C unpickler at work, once it has shown itself.
    pub unpickler: P,
    /// What `find_class` found last for the unpickler itself.
    pub found: P,
    /// What the handler at work of the pure Python unpickler is to call.
    pub asked: [P; 2],
    /// The pure Python unpickler at work.
    pub py_unpickler: P,
    /// The pickle.
    pub data: &'static [u8],
    /// Whether the unpickler was given the pickle whole, rather than a file.
    pub in_memory: bool,
    /// Start of the opcode at work, for the pure Python engine.
    pub py_offset: Option<u64>,
    /// Last byte and start of the last GLOBAL or INST.
    pub text_opcode: Option<(usize, usize)>,
    /// Hashes of the names asked for.
    pub resolved: HashSet<u64>,
    seen: HashMap<(u8, u64, u32), u32, PtrHash>,
    /// Names of touches by index.
    touched: Vec<Rc<str>>,
    effects: HashMap<(u8, u64), (), PtrHash>,
}

static TRACE: Global<Option<Trace>> = Global::new(None);

/// Whether what is called now is to be looked at. Apart from the trace, so that hooks that are
/// not to listen do not touch it while its owner is at work.
static LISTENING: AtomicBool = AtomicBool::new(false);

/// Switches tracing on or off.
pub fn listen(on: bool) {
    LISTENING.store(on, Relaxed);
}

/// While it lives, the tracer itself uses Python: what that calls is not recorded.
pub struct Pause(bool);

impl Pause {
    /// Stops listening until it is dropped.
    pub fn begin() -> Self {
        Self(LISTENING.swap(false, Relaxed))
    }
}

impl Drop for Pause {
    fn drop(&mut self) {
        LISTENING.store(self.0, Relaxed);
    }
}

/// The trace, if it listens.
///
/// # Safety
/// As [`trace`].
#[inline]
pub unsafe fn listening() -> Option<&'static mut Trace> {
    // SAFETY: the caller's promise.
    if LISTENING.load(Relaxed) { unsafe { trace() } } else { None }
}

/// The trace of this process.
///
/// # Safety
/// The GIL is held and the trace was set up. The reference is used only up to the next call
/// into Python that may come back here.
#[inline]
pub unsafe fn trace() -> Option<&'static mut Trace> {
    // SAFETY: the caller's promise.
    unsafe { TRACE.get().as_mut() }
}

/// Sets the trace up, switched off.
pub fn set_up(log: Log, layout: Layout, own: Own, trusted: Vec<String>) {
    let trace = Trace {
        skip: false,
        log,
        names: Names::default(),
        layout,
        stack: Vec::with_capacity(256),
        current: NONE,
        caller: Caller::Harness,
        codes: HashMap::default(),
        trusted,
        own,
        own_files: Vec::new(),
        own_functions: Vec::new(),
        unpickler: raw::null(),
        found: raw::null(),
        asked: [raw::null(); 2],
        py_unpickler: raw::null(),
        data: &[],
        in_memory: false,
        py_offset: None,
        text_opcode: None,
        resolved: HashSet::new(),
        seen: HashMap::default(),
        touched: Vec::new(),
        effects: HashMap::default(),
    };
    // SAFETY: called once, before anything is hooked.
    unsafe { *TRACE.get() = Some(trace) };
}

impl Trace {
    /// Forgets one load; what is known of names and code stays, and the log.
    pub fn reset(&mut self) {
        self.stack.clear();
        self.current = NONE;
        self.caller = Caller::Harness;
        self.own_files.clear();
        self.unpickler = raw::null();
        self.found = raw::null();
        self.asked = [raw::null(); 2];
        self.py_unpickler = raw::null();
        self.data = &[];
        self.in_memory = false;
        self.py_offset = None;
        self.text_opcode = None;
        self.resolved.clear();
        self.seen.clear();
        self.touched.clear();
        self.effects.clear();
    }

    /// What to restore when the call about to be made returns.
    pub fn save(&self) -> Saved {
        Saved { current: self.current, caller: self.caller, depth: self.stack.len() }
    }

    /// Restores it.
    pub fn restore(&mut self, saved: Saved) {
        self.current = saved.current;
        self.caller = saved.caller;
        self.stack.truncate(saved.depth);
    }

    /// The name of what is touched now.
    pub fn current_name(&self) -> Option<&Rc<str>> {
        self.touched.get(self.current as usize)
    }

    /// Enters a frame or a C function called from a frame.
    pub fn push(&mut self, python: bool, callable: P) {
        let saved = self.save();
        self.stack.push(Entry { saved, python, callable });
    }

    /// Leaves a frame, and whatever C calls in it did not say that they returned.
    pub fn pop(&mut self, python: bool) {
        if !python {
            if self.stack.last().is_some_and(|entry| !entry.python) {
                let entry = self.stack.pop().expect("just seen");
                self.restore(entry.saved);
            }
            return;
        }
        while let Some(entry) = self.stack.pop() {
            if entry.python {
                self.restore(entry.saved);
                return;
            }
        }
    }

    /// Whether an unpickler itself calls.
    pub fn is_direct(&self) -> bool {
        matches!(self.caller, Caller::Unpickler | Caller::Machinery(_))
    }

    /// Records a touch unless it was recorded already; its index either way. A call of what is
    /// being called is the same call, seen by another hook, or recursion.
    pub fn touch(
        &mut self,
        kind: u8,
        name: &Rc<str>,
        offset: Option<u64>,
        args: Option<&str>,
    ) -> u32 {
        let by = self.current;
        if kind == touch::RESOLVE {
            self.resolved.insert(hash(&[name.as_bytes()]));
        }
        if (kind == touch::CALL || kind == touch::METHOD)
            && let Some(now) = self.touched.get(by as usize)
            && **now == **name
        {
            return by;
        }
        // What the unpickler does itself is told apart by its place, or else by its arguments; a
        // module is executed once, whoever wants it.
        let told = match offset {
            _ if by != NONE || self.touched.len() > MAX_TOLD_APART => 0,
            Some(offset) => offset + 1,
            None => hash(&[args.unwrap_or_default().as_bytes()]),
        };
        let account = if kind == touch::IMPORT { NONE } else { by };
        let key = (kind, hash(&[name.as_bytes(), &told.to_le_bytes()]), account);
        if let Some(&index) = self.seen.get(&key) {
            return index;
        }
        if !self.log.touch(kind, by, offset, name, args) {
            return by;
        }
        let index = self.touched.len() as u32;
        self.touched.push(name.clone());
        self.seen.insert(key, index);
        index
    }

    /// Records an effect, each once.
    pub fn effect(&mut self, kind: u8, detail: &str) {
        if self.effects.insert((kind, hash(&[detail.as_bytes()])), ()).is_none() {
            self.log.effect(kind, detail);
        }
    }

    /// Records the call of an object, by whoever calls now, and enters it. `announced` says that
    /// bytecode is about to call it, and the arguments are not known.
    ///
    /// # Safety
    /// `callable` is live, `args` and `kwargs` are null or a tuple and a dictionary, no
    /// exception is set, the GIL is held.
    pub unsafe fn call(&mut self, callable: P, args: P, kwargs: P, announced: bool) {
        if self.skip {
            self.skip = false;
            return;
        }
        // SAFETY: the caller's promise.
        unsafe {
            match self.caller {
                Caller::Harness => {
                    // Making an unpickler loads nothing yet.
                    if ffi::PyType_Check(callable) == 0 {
                        self.caller = Caller::Unpickler;
                    }
                    return;
                }
                Caller::Import | Caller::Body => return,
                _ => {}
            }
            let class = ffi::Py_TYPE(callable);
            // The function beneath a method is called next, and recorded with its frame.
            if class == raw::method_type()
                || self.is_own(callable, args)
                || self.is_machinery(callable, announced)
            {
                return;
            }
            let pause = Pause::begin();
            let name = match first_type(callable, args) {
                Some(class) => self.names.of(class),
                None => self.names.of(callable),
            };
            drop(pause);
            // The replaced one records what is asked for.
            if name.ends_with("Unpickler.find_class") {
                return;
            }
            // An import statement is seen as the modules it executes.
            if self.is_import(callable, class, args, &name)
                && !(self.is_direct() && self.is_asked(callable) != Some(false))
            {
                self.caller = Caller::Import;
                return;
            }
            if self.is_fleeting(callable, &name) {
                return;
            }
            let at = if self.is_direct() { self.opcode() } else { None };
            let kind = self.kind(&name, at.map(|(_, byte)| byte));
            let pause = Pause::begin();
            let shown = value::arguments(&mut self.names, args, kwargs, MAX_ARGS);
            drop(pause);
            let shown = (!args.is_null() || !kwargs.is_null()).then_some(shown);
            self.enter(kind, &name, at.map(|(at, _)| at), shown.as_deref());
            if self.is_foreign(class) {
                self.effect(effect::NATIVE, &name);
            }
        }
    }

    /// Whether instances are functions of shared objects, or addresses taken for such: ctypes calls
    /// them without an audit event (`Modules/_ctypes/_ctypes.c` PyCFuncPtr_call).
    unsafe fn is_foreign(&mut self, class: *mut ffi::PyTypeObject) -> bool {
        // SAFETY: a type is an object, and so is its own type.
        unsafe {
            let meta = ffi::Py_TYPE(class.cast());
            meta != &raw mut ffi::PyType_Type
                && &*self.names.of(meta.cast()) == "_ctypes.PyCFuncPtrType"
        }
    }

    /// Records a call and makes it the current touch.
    pub fn enter(&mut self, kind: u8, name: &Rc<str>, offset: Option<u64>, args: Option<&str>) {
        self.current = self.touch(kind, name, offset, args);
        self.caller = Caller::Payload;
        if let Some(kind) = effects::of_function(name) {
            self.effect(kind, name);
        }
        // The profile function is not there, and not every version announces it.
        if NEW_INTERPRETER.contains(&&**name) {
            self.log.incomplete(name);
        }
    }

    /// Call or method: by the opcode where it is known, else by the name. A function of a module in
    /// the place of a method, which BUILD can give an object, is a call whoever makes it.
    pub fn kind(&self, name: &str, opcode: Option<u8>) -> u8 {
        let of_class = name.matches('.').count() > 1;
        match opcode {
            Some(b'R' | b'o' | b'i' | 0x81 | 0x92) => return touch::CALL,
            Some(b'b' | b'a' | b'e' | b's' | b'u' | 0x90) if of_class => return touch::METHOD,
            _ => {}
        }
        let last = name.rsplit('.').next().unwrap_or_default();
        if of_class && matches!(last, "append" | "extend" | "add") && self.is_direct() {
            return touch::METHOD;
        }
        let plain = ["__new__", "__init__", "__call__", "__import__", "__build_class__"];
        let dunder = last.len() > 4 && last.starts_with("__") && last.ends_with("__");
        if dunder && !plain.contains(&last) { touch::METHOD } else { touch::CALL }
    }

    /// Records that a module is executed, or about to be.
    pub fn note_import(&mut self, module: &str) -> u32 {
        let name: Rc<str> = module.into();
        let index = self.touch(touch::IMPORT, &name, None, None);
        self.effect(effect::IMPORT, module);
        index
    }
}

/// The type that a call of a type's `__new__` in C is to make an instance of.
unsafe fn first_type(callable: P, args: P) -> Option<P> {
    // SAFETY: a live object; null or a tuple.
    unsafe {
        if args.is_null() || ffi::PyTuple_Size(args) < 1 || !is_new_wrapper(callable) {
            return None;
        }
        Some(ffi::PyTuple_GetItem(args, 0)).filter(|&class| ffi::PyType_Check(class) != 0)
    }
}

/// A hash of the parts, each told from the next.
pub fn hash(parts: &[&[u8]]) -> u64 {
    use std::hash::Hasher;
    // Keyed by nothing: a pickle that makes two names collide hides a touch by it, so this must
    // not be a hash that is easy to collide.
    let mut hasher = std::collections::hash_map::DefaultHasher::new();
    for part in parts {
        hasher.write(part);
        hasher.write_u8(0xff);
    }
    hasher.finish()
}
