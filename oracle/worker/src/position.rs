//! Where the unpickler stands in the pickle: the offset of the opcode at work.
//!
//! The C unpickler has an index into what it has read, found by calibration. If that is not the
//! whole pickle but what a file gave it last, the file's position and the index of what was only
//! looked at ahead tell where it begins. The pure Python unpickler is asked when a handler begins.

use pyo3::ffi;

use crate::py_engine;
use crate::raw::{self, P, field, offset};
use crate::trace::{Pause, Trace, trace};

/// Says that a load begins, by this unpickler if it is known already.
pub fn begins(unpickler: P) {
    // SAFETY: the GIL is held, and the worker itself is at work. The deny tier has no trace.
    if let Some(trace) = unsafe { trace() }
        && trace.py_unpickler.is_null()
    {
        trace.unpickler = unpickler;
        trace.found = std::ptr::null_mut();
    }
}

impl Trace {
    /// How many bytes the C unpickler has read.
    fn position(&self) -> Option<usize> {
        if self.unpickler.is_null() {
            return None;
        }
        // SAFETY: the unpickler is alive for as long as its load runs; another load begins by
        // forgetting it.
        unsafe {
            let read: isize = field(self.unpickler, self.layout.position);
            if self.in_memory {
                return usize::try_from(read).ok();
            }
            let file = self.own_files.first().copied()?;
            let pause = Pause::begin();
            let tell = py_engine::tell(file);
            drop(pause);
            let ahead: isize = field(self.unpickler, self.layout.prefetched);
            usize::try_from(tell? as isize - ahead + read).ok()
        }
    }

    /// The opcode whose handler is at work in the pure Python unpickler.
    pub fn opcode_of_py(&self) -> Option<u8> {
        self.data.get(self.py_offset? as usize).copied()
    }

    /// Where the unpickler stands: the start of the opcode at work if it has one byte, and that
    /// byte.
    pub fn opcode(&self) -> Option<(u64, u8)> {
        if let Some(offset) = self.py_offset {
            return Some((offset, *self.data.get(offset as usize)?));
        }
        let at = self.position()?.checked_sub(1)?;
        match self.text_opcode {
            // INST: the class was asked for at this very position.
            Some((position, start)) if position == at => Some((start as u64, self.data[start])),
            _ => Some((at as u64, *self.data.get(at)?)),
        }
    }

    /// The start of the opcode that asks for a global, whose names are as they stand there.
    pub fn global_offset(&mut self, module: &str, name: &str) -> Option<u64> {
        let (last, byte) = self.opcode()?;
        let last = last as usize;
        if self.py_offset.is_some() || byte == 0x93 {
            return Some(last as u64);
        }
        if byte == b'\n' {
            let start = (last + 1).checked_sub(module.len() + name.len() + 3)?;
            if !matches!(self.data[start], b'c' | b'i') {
                return None;
            }
            self.text_opcode = Some((last, start));
            return Some(start as u64);
        }
        // EXT1, EXT2 and EXT4, with a code of as many bytes.
        [(0x82, 1), (0x83, 2), (0x84, 4)].into_iter().find_map(|(opcode, len)| {
            let start = last.checked_sub(len)?;
            (self.data[start] == opcode).then_some(start as u64)
        })
    }

    /// The item that many places below the top of the C unpickler's stack, borrowed.
    pub fn c_stack(&self, below: isize) -> P {
        // SAFETY: the unpickler is alive, and its stack's fields are where calibration found them.
        unsafe {
            let Some((items, len)) = self.c_items() else { return std::ptr::null_mut() };
            if below < len { *items.offset(len - 1 - below) } else { std::ptr::null_mut() }
        }
    }

    /// What was taken off the C unpickler's stack last, if that is what is being called: its place
    /// is not used again until that returns. Else any address.
    pub fn c_stack_popped(&self) -> P {
        // SAFETY: as above; the stack never gives room back, but may have no more.
        unsafe {
            let Some((items, len)) = self.c_items() else { return std::ptr::null_mut() };
            let place = items.offset(len);
            if raw::is_mapped(place, size_of::<P>()) { *place } else { raw::null() }
        }
    }

    unsafe fn c_items(&self) -> Option<(*const P, isize)> {
        if self.unpickler.is_null() {
            return None;
        }
        // SAFETY: the caller's promise.
        unsafe {
            let stack: P = field(self.unpickler, self.layout.stack);
            // From 3.12 on an unpickler that goes away lets go of its stack first, and then of
            // what lies there.
            if stack.is_null() {
                return None;
            }
            let len: isize = field(stack, offset::SIZE);
            Some((field(stack, offset::STACK_ITEMS), len))
        }
    }

    /// The item that many places below the top of the pure Python unpickler's stack, borrowed.
    pub fn stack_item(&self, below: isize) -> P {
        let pause = Pause::begin();
        // SAFETY: the unpickler is alive while it loads.
        let item = unsafe { item(self.py_unpickler, c"stack", below) };
        drop(pause);
        item
    }

    /// The first item above the last mark of the pure Python unpickler, borrowed.
    pub fn first_item(&self) -> P {
        let pause = Pause::begin();
        // SAFETY: the unpickler is alive while it loads.
        let item = unsafe { item(self.py_unpickler, c"stack", -1) };
        drop(pause);
        item
    }

    /// The item below the last mark of the pure Python unpickler, borrowed.
    pub fn item_below_mark(&self) -> P {
        let pause = Pause::begin();
        // SAFETY: the unpickler is alive while it loads; its lists keep their items alive.
        let item = unsafe {
            let list = item(self.py_unpickler, c"metastack", 0);
            if list.is_null() { list } else { of_list(list, 0) }
        };
        drop(pause);
        item
    }
}

/// An item of a list among the unpickler's plain attributes, counted from its end; -1 stands for
/// the first.
unsafe fn item(unpickler: P, name: &std::ffi::CStr, below: isize) -> P {
    // SAFETY: a live object; the list keeps its items alive, and the unpickler the list.
    unsafe {
        let list = ffi::PyObject_GetAttrString(unpickler, name.as_ptr());
        if list.is_null() {
            ffi::PyErr_Clear();
            return list;
        }
        ffi::Py_DecRef(list);
        of_list(list, below)
    }
}

unsafe fn of_list(list: P, below: isize) -> P {
    // SAFETY: a live object, which is checked to be a list.
    unsafe {
        let len = if ffi::PyList_CheckExact(list) != 0 { ffi::PyList_Size(list) } else { 0 };
        let index = if below < 0 { 0 } else { len - 1 - below };
        if (0..len).contains(&index) { ffi::PyList_GetItem(list, index) } else { raw::null() }
    }
}
