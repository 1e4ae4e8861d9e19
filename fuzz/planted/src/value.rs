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
    /// A tuple, and how deep tuples nest in it.
    Tuple(Rc<[Value]>, usize),
    /// A global on the allowlist, itself.
    Allowed(&'static Allowed),
    /// Another global, by name: only scanners that judge names where they are called have it.
    Named(Rc<str>),
    /// What calling an allowed global gave.
    Instance(&'static Allowed),
    /// Anything: it was reported where it came about, or overlooked.
    Unknown,
}

impl Value {
    /// A tuple of these; `None` if it nests too deep.
    pub fn tuple(items: Vec<Self>) -> Option<Self> {
        let depth = items.iter().map(Self::depth).max().unwrap_or(0) + 1;
        (depth <= DEEPEST).then(|| Self::Tuple(items.into(), depth))
    }

    fn depth(&self) -> usize {
        match self {
            Self::Tuple(_, depth) => *depth,
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
            Self::Tuple(items, _) => items.iter().all(Self::hashes_plainly),
            _ => false,
        }
    }
}
