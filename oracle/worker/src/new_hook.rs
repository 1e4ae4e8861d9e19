//! Trampolines for `tp_new`, one for each distinct original, so that comparisons between slots
//! keep their meaning. `object`'s own and that of classes with a `__new__` in Python stay: the
//! former does nothing, the latter's frame is seen.

use std::collections::HashMap;

use crate::global::Global;
use crate::hook::{PendingError, Ternary};
use crate::protocol::touch;
use crate::raw::{P, PtrHash, field, offset, set_field};
use crate::trace::{Caller, Op, Pause, listening};

/// How many distinct originals there is room for: a bare interpreter has about 100, numpy and
/// scipy add 200.
const ROOM: usize = 1024;

static ORIGINALS: Global<[Option<Ternary>; ROOM]> = Global::new([None; ROOM]);
static INDEX: Global<Option<HashMap<usize, usize, PtrHash>>> = Global::new(None);

/// Says which originals to leave alone.
pub fn leave(originals: &[P]) {
    // SAFETY: types; the GIL is held.
    unsafe {
        let index = INDEX.get().get_or_insert_with(HashMap::default);
        for &class in originals {
            index.insert(field(class, offset::TYPE_NEW), usize::MAX);
        }
        index.insert(0, usize::MAX);
    }
}

/// Hooks a type's `tp_new` unless it is hooked.
///
/// # Safety
/// `class` is a live type; the GIL is held.
pub unsafe fn ensure(class: P) {
    // SAFETY: the caller's promise; the tables are borrowed for this function only.
    unsafe {
        let now: usize = field(class, offset::TYPE_NEW);
        if TRAMPOLINES.iter().flatten().flatten().any(|&hook| hook as usize == now) {
            return;
        }
        let index = INDEX.get().get_or_insert_with(HashMap::default);
        let next = index.values().filter(|&&at| at != usize::MAX).count();
        let at = *index.entry(now).or_insert(next);
        if at >= ROOM {
            return;
        }
        ORIGINALS.get()[at] = Some(std::mem::transmute::<usize, Ternary>(now));
        set_field(class, offset::TYPE_NEW, TRAMPOLINES[at / 256][at / 16 % 16][at % 16]);
    }
}

unsafe extern "C" fn trampoline<const N: usize>(class: P, args: P, kwargs: P) -> P {
    // SAFETY: CPython calls this in place of the original, with what the original expects.
    unsafe {
        let Some(original) = ORIGINALS.get()[N] else { std::process::abort() };
        let Some(trace) = listening().filter(|trace| relevant(trace.caller)) else {
            return original(class, args, kwargs);
        };
        let saved = trace.save();
        let error = PendingError::take();
        let pause = Pause::begin();
        let name = trace.names.of(class);
        drop(pause);
        if trace.is_fleeting(class, &name) {
            error.restore();
            return original(class, args, kwargs);
        }
        let direct = matches!(trace.caller, Caller::Unpickler | Caller::Machinery(_));
        let at = if direct { trace.opcode() } else { None };
        trace.enter(touch::CALL, &name, at.map(|(at, _)| at), None);
        error.restore();
        let result = original(class, args, kwargs);
        if let Some(trace) = crate::trace::trace() {
            trace.restore(saved);
        }
        result
    }
}

fn relevant(caller: Caller) -> bool {
    matches!(caller, Caller::Unpickler | Caller::Payload | Caller::Machinery(Op::New))
}

type Row = [Ternary; 16];

macro_rules! row {
    ($b:expr) => {
        [
            trampoline::<{ $b }>,
            trampoline::<{ $b + 1 }>,
            trampoline::<{ $b + 2 }>,
            trampoline::<{ $b + 3 }>,
            trampoline::<{ $b + 4 }>,
            trampoline::<{ $b + 5 }>,
            trampoline::<{ $b + 6 }>,
            trampoline::<{ $b + 7 }>,
            trampoline::<{ $b + 8 }>,
            trampoline::<{ $b + 9 }>,
            trampoline::<{ $b + 10 }>,
            trampoline::<{ $b + 11 }>,
            trampoline::<{ $b + 12 }>,
            trampoline::<{ $b + 13 }>,
            trampoline::<{ $b + 14 }>,
            trampoline::<{ $b + 15 }>,
        ]
    };
}

macro_rules! block {
    ($b:expr) => {
        [
            row!($b),
            row!($b + 16),
            row!($b + 32),
            row!($b + 48),
            row!($b + 64),
            row!($b + 80),
            row!($b + 96),
            row!($b + 112),
            row!($b + 128),
            row!($b + 144),
            row!($b + 160),
            row!($b + 176),
            row!($b + 192),
            row!($b + 208),
            row!($b + 224),
            row!($b + 240),
        ]
    };
}

static TRAMPOLINES: [[Row; 16]; ROOM / 256] = [block!(0), block!(256), block!(512), block!(768)];
