//! Arrays within the stream: what `joblib.load` reads behind the BUILD of a wrapper.
//!
//! `joblib/numpy_pickle.py` NumpyUnpickler.load_build puts the array in the wrapper's place: its
//! raw bytes, as many as the wrapper's `shape` and `dtype` say, or another pickle if they are
//! objects.

use std::collections::HashSet;

use super::{Fault, Machine, NO_FRAME};
use crate::domain::Value;

/// The wrapper, as policies know it.
const WRAPPER: &str = "joblib.numpy_pickle:NumpyArrayWrapper";

/// The classes of arrays that joblib rebuilds without calling anything of the pickle's.
const ARRAYS: [&str; 3] = ["numpy:ndarray", "numpy:matrix", "numpy:memmap"];

/// Attributes of a wrapper.
const KEYS: [&[u8]; 6] =
    [b"subclass", b"shape", b"order", b"dtype", b"allow_mmap", b"numpy_array_alignment_bytes"];

/// What following needs to know.
#[derive(Debug)]
pub(crate) struct Wrapped {
    /// Wrappers that have their state. What a second one lacks they keep from the first.
    built: HashSet<u32>,
    /// Of what class the array is whose wrapper was restored last.
    array: &'static str,
    /// Whether the loader knows of padding.
    pads: bool,
}

impl Wrapped {
    pub(super) fn new(pads: bool) -> Self {
        Self { built: HashSet::new(), array: ARRAYS[0], pads }
    }
}

/// What lies behind an opcode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Behind {
    /// The next opcode.
    Opcode,
    /// So many bytes, with padding before them that says its own length.
    Padded(u64),
    /// So many bytes.
    Bytes(u64),
    /// A pickle.
    Pickle,
}

impl Machine<'_, '_> {
    /// What lies behind the BUILD that was just run.
    pub(crate) fn behind_build(&mut self, end: usize, state: Value) -> Result<Behind, Fault> {
        if self.wrapped.is_none() {
            return Ok(Behind::Opcode);
        }
        let target = self.top()?;
        if self.class_key(target) != Some(WRAPPER) {
            return Ok(Behind::Opcode);
        }
        if let (Value::Instance(id), Some(wrapped)) = (target, &mut self.wrapped)
            && !wrapped.built.insert(id)
        {
            return Err(Fault::lost("an array's wrapper is given a second state"));
        }
        if self.frame_end != NO_FRAME && self.frame_end > end {
            return Err(Fault::lost("an array's bytes begin within a frame"));
        }
        let Some((behind, array)) = self.array_behind(state) else {
            return Err(Fault::lost("how many bytes of an array follow is not known"));
        };
        if let Some(wrapped) = &mut self.wrapped {
            wrapped.array = array;
        }
        Ok(behind)
    }

    /// What lies behind a wrapper of that state, and of what class the array is.
    fn array_behind(&self, state: Value) -> Option<(Behind, &'static str)> {
        let Value::Dict(state) = state else { return None };
        let wrapped = self.wrapped.as_ref()?;
        let entries = self.judge.heap.entries(state)?;
        let is = |key: Value, name: &[u8]| self.judge.text_of(key).is_some_and(|key| *key == *name);
        // Any other may stand for a method that reads.
        if !entries.iter().all(|(key, _)| KEYS.iter().any(|name| is(*key, name))) {
            return None;
        }
        let entry = |name: &[u8]| {
            let mut found = entries.iter().filter(|(key, _)| is(*key, name));
            found.next().map(|(_, value)| *value).filter(|_| found.next().is_none())
        };
        let class = match entry(b"subclass")? {
            Value::Global(id) => self.judge.globals.get(id).key.as_str(),
            _ => return None,
        };
        let order = self.judge.text_of(entry(b"order")?)?;
        let class = ARRAYS.into_iter().find(|array| *array == class)?;
        if !matches!(&*order, b"C" | b"F") {
            return None;
        }
        let Value::Tuple(shape) = entry(b"shape")? else { return None };
        let shape = self.judge.heap.tuple(shape);
        let mut count = 1_u64;
        for length in shape {
            let Value::Int(length @ 0..) = length else { return None };
            count = count.checked_mul(*length as u64)?;
        }
        let dtype = entry(b"dtype")?;
        let (array, single) = match self.class_key(dtype)? {
            // Of one that may be mapped into memory, pointers would be, and the pickle passed over.
            "numpy:dtype[object]" => {
                let mapped = entry(b"allow_mmap")? != Value::Bool(false);
                return (!mapped).then_some((Behind::Pickle, class));
            }
            "numpy:dtype" | "numpy:dtype[8]" => (ARRAYS[0], "numpy:ndarray[single]"),
            "numpy:dtype[time]" => ("numpy:ndarray[time]", "numpy:ndarray[single_time]"),
            "numpy:dtype[node_data]" => ("numpy:ndarray[node_data]", "numpy:ndarray[single_void]"),
            "numpy:dtype[byte]" | "numpy:dtype[text]" => {
                ("numpy:ndarray[text]", "numpy:ndarray[single_text]")
            }
            "numpy:dtype[void]" => ("numpy:ndarray[void]", "numpy:ndarray[single_void]"),
            _ => return None,
        };
        // As the contract of numpy.ndarray tells them apart.
        let array = match class == ARRAYS[0] {
            true if shape.is_empty() => single,
            true => array,
            false => class,
        };
        let bytes = count.checked_mul(self.judge.heap.element_size(dtype)?)?;
        let behind = match entry(b"numpy_array_alignment_bytes") {
            None | Some(Value::None) => Behind::Bytes(bytes),
            Some(Value::Int(_)) if wrapped.pads => Behind::Padded(bytes),
            Some(Value::Int(_)) => Behind::Bytes(bytes),
            _ => return None,
        };
        Some((behind, array))
    }

    /// The array is read: it stands in the wrapper's place.
    pub(crate) fn replace_wrapper(&mut self) {
        let key = self.wrapped.as_ref().map_or(ARRAYS[0], |wrapped| wrapped.array);
        let array = match self.judge.globals.of_policy(self.judge.policy, key) {
            Some(class) => self.judge.heap.new_instance(class, 1, 1),
            None => self.judge.heap.new_allowed(&[]),
        };
        if let Some(top) = self.stack.last_mut() {
            *top = array;
        }
    }

    /// What the pickle of an array of objects gave stands in the wrapper's place: an array, since
    /// joblib asks it for its type's byte order, and for methods (`numpy_pickle_utils.py`
    /// _ensure_native_byte_order).
    pub(crate) fn replace_wrapper_by(&mut self, result: Option<Value>) -> Result<(), Fault> {
        let result = result
            .filter(|result| self.class_key(*result).is_some_and(|key| key.starts_with(ARRAYS[0])));
        let result = result.ok_or_else(|| Fault::lost("what stands for an array is none"))?;
        let plain = self.wrapped.as_ref().is_some_and(|wrapped| wrapped.array == ARRAYS[0]);
        if !plain {
            // It becomes one of the wrapper's class.
            self.replace_wrapper();
        } else if let Some(top) = self.stack.last_mut() {
            *top = result;
        }
        Ok(())
    }

    /// The class of an instance, as policies know it.
    fn class_key(&self, value: Value) -> Option<&str> {
        match value {
            Value::Instance(id) => Some(&self.judge.globals.get(self.judge.heap.class(id)).key),
            _ => None,
        }
    }
}
