//! Where the unpickler stands in the pickle: the offset of the opcode at work.
//!
//! The C unpickler reads a pickle in memory with an index of its own, found by calibration. Of
//! one that reads a file only its buffer is known, so it has no offsets. The pure Python one is
//! asked when a handler begins.

use pyo3::ffi;

use crate::raw::{P, field};
use crate::trace::{Pause, Trace};

impl Trace {
    /// Where the C unpickler stands: the start of the opcode at work if it has one byte, and
    /// that byte.
    pub fn opcode(&self) -> Option<(u64, u8)> {
        if let Some(offset) = self.py_offset {
            return Some((offset, *self.data.get(offset as usize)?));
        }
        if self.unpickler.is_null() || !self.in_memory {
            return None;
        }
        // SAFETY: the unpickler is alive for as long as its load runs, which ends the trace.
        let position: isize = unsafe { field(self.unpickler, self.layout.position) };
        let at = usize::try_from(position).ok()?.checked_sub(1)?;
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

    /// The item that many places below the top of the pure Python unpickler's stack, borrowed.
    pub fn stack_item(&mut self, below: isize) -> P {
        let pause = Pause::begin();
        // SAFETY: the unpickler is alive while it loads; its `stack` is a plain attribute. The
        // list keeps its items alive.
        let item = unsafe {
            let stack = ffi::PyObject_GetAttrString(self.py_unpickler, c"stack".as_ptr());
            if stack.is_null() {
                ffi::PyErr_Clear();
                std::ptr::null_mut()
            } else {
                let len =
                    if ffi::PyList_CheckExact(stack) != 0 { ffi::PyList_Size(stack) } else { 0 };
                ffi::Py_DecRef(stack);
                if below < len {
                    ffi::PyList_GetItem(stack, len - 1 - below)
                } else {
                    std::ptr::null_mut()
                }
            }
        };
        drop(pause);
        item
    }
}
