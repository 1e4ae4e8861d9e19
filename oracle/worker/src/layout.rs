//! Where the C unpickler keeps what we read off it: a structure that CPython promises nothing of.
//!
//! Found at start by loading pickles of our own, at a moment when the value of each field is
//! known, and looking where in the structure it stands. A field counts as found only if exactly
//! one place agrees with every sample.

use pyo3::exceptions::PyRuntimeError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyTuple};

use crate::find_class::{def, method, set_in_type};
use crate::global::Global;
use crate::py_engine::tell;
use crate::raw::{self, MethodDef, P, offset};

/// Offsets of fields of the C unpickler, in bytes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Layout {
    /// `int proto`, followed by `int fix_imports`.
    pub proto: usize,
    /// `Py_ssize_t next_read_idx`.
    pub position: usize,
    /// `Py_ssize_t prefetched_idx`.
    pub prefetched: usize,
    /// `Pdata *stack`.
    pub stack: usize,
}

/// Places at which all samples agreed so far.
struct Candidates {
    proto: Vec<usize>,
    position: Vec<usize>,
    prefetched: Vec<usize>,
    stack: Vec<usize>,
}

/// What is known when `find_class` is asked.
struct Sample {
    proto: i32,
    fix_imports: i32,
    /// Bytes of the pickle read.
    read: isize,
    /// How many `None`s lie on the stack, and nothing else.
    items: usize,
    /// The file read from; null if it is memory.
    file: P,
}

static CANDIDATES: Global<Option<(Candidates, Sample)>> = Global::new(None);

/// Protocol, `fix_imports`, bytes before the global, items on the stack.
const SAMPLES: [(i32, i32, usize, usize); 8] = [
    (0, 1, 0, 1),
    (2, 0, 9, 2),
    (3, 1, 17, 7),
    (4, 0, 3, 3),
    (5, 1, 30, 5),
    (1, 1, 64, 11),
    (4, 1, 41, 4),
    (2, 1, 1, 6),
];

/// For files also more than they are read ahead.
const LONG: [(i32, i32, usize, usize); 4] =
    [(2, 1, 4_090, 3), (4, 1, 4_080, 2), (3, 0, 10_000, 5), (5, 1, 40_001, 4)];

/// Finds the fields.
pub fn calibrate(py: Python<'_>) -> PyResult<Layout> {
    let c_type = py.import("_pickle")?.getattr("Unpickler")?;
    let size: usize = c_type.getattr("__basicsize__")?.extract()?;
    let original = c_type.getattr("find_class")?;
    let def: &'static MethodDef = Box::leak(Box::new(def(sample)));
    set_in_type(&c_type, &method(&c_type, def)?)?;
    let words: Vec<usize> = (16..=size - 8).step_by(8).collect();
    let mut candidates = Candidates {
        proto: (16..=size - 8).step_by(4).collect(),
        position: words.clone(),
        prefetched: words.clone(),
        stack: words,
    };
    let (loads, load) =
        (py.import("_pickle")?.getattr("loads")?, py.import("_pickle")?.getattr("load")?);
    let io = py.import("io")?;
    let files = SAMPLES.iter().chain(&LONG).map(|sample| (sample, true));
    for (&(proto, fix_imports, padding, items), from_file) in
        SAMPLES.iter().map(|sample| (sample, false)).chain(files)
    {
        let mut pickle = if proto > 0 { vec![0x80, proto as u8] } else { Vec::new() };
        pickle.extend(b"N".repeat(items));
        pickle.extend(b"N0".repeat(padding));
        pickle.extend(b"cbuiltins\nlen\n");
        let read = pickle.len() as isize;
        pickle.push(b'.');
        pickle.extend(b"N".repeat(padding));
        let data = PyBytes::new(py, &pickle);
        let kwargs = PyDict::new(py);
        kwargs.set_item("fix_imports", fix_imports == 1)?;
        let (function, argument) = if from_file {
            let memory = io.getattr("BytesIO")?.call1((data,))?;
            (&load, io.getattr("BufferedReader")?.call1((memory,))?)
        } else {
            (&loads, data.into_any())
        };
        let file = if from_file { argument.as_ptr() } else { raw::null() };
        // SAFETY: the GIL is held and `sample` does not run yet.
        unsafe {
            *CANDIDATES.get() =
                Some((candidates, Sample { proto, fix_imports, read, items, file }));
        }
        function.call(PyTuple::new(py, [argument])?, Some(&kwargs))?;
        // SAFETY: as above; it ran.
        candidates = unsafe { CANDIDATES.get().take() }.expect("set above").0;
    }
    set_in_type(&c_type, &original)?;
    let one = |what: &str, places: &[usize]| match places {
        &[place] => Ok(place),
        _ => Err(PyRuntimeError::new_err(format!(
            "this CPython's unpickler looks unlike those known: expected its {what} at one \
             place, found {}",
            places.len()
        ))),
    };
    Ok(Layout {
        proto: one("protocol", &candidates.proto)?,
        position: one("read position", &candidates.position)?,
        prefetched: one("index of what was looked at ahead", &candidates.prefetched)?,
        stack: one("stack", &candidates.stack)?,
    })
}

unsafe extern "C" fn sample(slf: P, _args: *const P, _count: isize) -> P {
    // SAFETY: the offsets lie within the type's `__basicsize__`; nothing else borrows meanwhile.
    unsafe {
        if let Some((candidates, now)) = CANDIDATES.get() {
            let word = |at: usize| raw::field::<isize>(slf, at);
            candidates.proto.retain(|&at| {
                raw::field::<i32>(slf, at) == now.proto
                    && raw::field::<i32>(slf, at + 4) == now.fix_imports
            });
            if now.file.is_null() {
                candidates.position.retain(|&at| word(at) == now.read);
            } else if let &[position] = candidates.position.as_slice() {
                let stands = tell(now.file).unwrap_or(-1) as isize;
                candidates.prefetched.retain(|&at| stands - word(at) + word(position) == now.read);
            }
            candidates.stack.retain(|&at| is_stack(word(at) as usize, now.items));
        }
        let none = ffi::Py_None();
        ffi::Py_IncRef(none);
        none
    }
}

/// Whether an unpickler's stack lies at this address, that many `None`s on it. The address may
/// be anything.
fn is_stack(address: usize, items: usize) -> bool {
    // SAFETY: the address of a live object.
    let none = unsafe { ffi::Py_None() } as usize;
    let mut head = [0usize; 4];
    if !peek(address, &mut head) || head[offset::SIZE / 8] != items {
        return false;
    }
    let mut content = vec![0usize; items];
    peek(head[offset::STACK_ITEMS / 8], &mut content) && content.iter().all(|&item| item == none)
}

/// Reads memory that may not be there.
fn peek(address: usize, into: &mut [usize]) -> bool {
    if address == 0 || !address.is_multiple_of(8) {
        return false;
    }
    let len = size_of_val(into);
    let mut ends = [0; 2];
    // SAFETY: the kernel reads the address for us, and says so if it is no good; it writes to
    // `into` no more than that has room for.
    unsafe {
        if libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC) != 0 {
            return false;
        }
        let whole = len as isize;
        let read = libc::write(ends[1], address as *const _, len) == whole
            && libc::read(ends[0], into.as_mut_ptr().cast(), len) == whole;
        libc::close(ends[0]);
        libc::close(ends[1]);
        read
    }
}
