//! Abstract values: as much of an object as the scanner needs to know.

use std::rc::Rc;

use crate::allowlist::Allowed;

/// How deep tuples may nest: deeper ones are built to exhaust somebody's stack.
pub const DEEPEST: usize = 64;

/// An object, as far as it is known.
#[derive(Clone, Debug)]
pub enum Value {
    /// None, a bool, an int or a float.
    Atom,
    /// A `str`, in UTF-8 with surrogates passed.
    Text(Rc<[u8]>),
    /// What the encoding makes of an 8-bit string of Python 2: `str` or `bytes`.
    EightBit,
    /// `bytes`.
    Bytes,
    /// `bytearray`.
    ByteArray,
    /// A list of anything.
    List,
    /// A dict of anything.
    Dict,
    /// A set.
    Set,
    /// A frozenset.
    FrozenSet,
    /// A tuple, and what is known of it as a whole.
    Tuple(Rc<[Value]>, Shape),
    /// A global on the allowlist, itself.
    Allowed(&'static Allowed),
    /// Another global, by name: only scanners that judge names where they are called have it.
    Named(Rc<str>),
    /// What calling an allowed global gave.
    Instance(&'static Allowed),
    /// Anything: it was reported where it came about, or overlooked.
    Unknown,
}

/// What holds for a tuple as a whole. Kept, since shared parts make it exponential to find out.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    depth: usize,
    hashes_plainly: bool,
}

impl Value {
    /// A tuple of these; `None` if it nests too deep.
    pub fn tuple(items: Vec<Self>) -> Option<Self> {
        let depth = items.iter().map(Self::depth).max().unwrap_or(0) + 1;
        let hashes_plainly = items.iter().all(Self::hashes_plainly);
        let shape = Shape { depth, hashes_plainly };
        (depth <= DEEPEST).then(|| Self::Tuple(items.into(), shape))
    }

    fn depth(&self) -> usize {
        match self {
            Self::Tuple(_, shape) => shape.depth,
            _ => 0,
        }
    }

    /// Whether hashing it and comparing it run code of CPython only.
    pub fn hashes_plainly(&self) -> bool {
        match self {
            Self::Atom
            | Self::Text(_)
            | Self::EightBit
            | Self::Bytes
            | Self::FrozenSet
            | Self::Unknown => true,
            Self::Tuple(_, shape) => shape.hashes_plainly,
            _ => false,
        }
    }
}
