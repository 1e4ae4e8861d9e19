//! What is known of the contents of lists and dicts.

use super::{Value, shallow};

/// What is known of the contents of a list or dict: bits that adding may take away, and how many
/// keys there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Traits(u16);

impl Traits {
    /// Nothing.
    pub(crate) const NONE: Self = Self(0);
    /// Elements (values, of a dict) are `None`, numbers, text or bytes.
    pub(crate) const ATOMS: Self = Self(1);
    /// Elements are tuples or lists.
    pub(crate) const PAIRS: Self = Self(2);
    /// Keys are `str`, and none is a name that unpickling or the interpreter looks up.
    pub(crate) const ATTRIBUTES: Self = Self(4);
    /// No key is `args`, whose setter on exceptions iterates over the value.
    pub(crate) const NO_ARGS: Self = Self(8);
    /// Values are tuples of a plain instance and an offset.
    pub(crate) const FIELDS: Self = Self(16);
    /// No key is `values`, which mappings are asked for.
    pub(crate) const NO_VALUES: Self = Self(32);
    /// No value can be called: as an attribute it would stand for a method.
    pub(crate) const UNCALLED: Self = Self(64);
    /// No key may be a name that unpickling or the interpreter looks up.
    pub(crate) const NO_HOOKS: Self = Self(256);
    /// Of what it holds, nothing must not be hashed.
    pub(crate) const HASHED: Self = Self(1024);
    /// Elements of a list are scalars, or tuples of scalars.
    pub(crate) const SCALARS: Self = Self(128);
    /// It holds nothing but data.
    pub(super) const DATA: Self = Self(4096);
    pub(super) const ALL: Self = Self(511 | 1024 | 4096);
    /// It was given to a call or a state because of what it holds, and must not change any more:
    /// who was given it may hold it still.
    pub(super) const GIVEN: Self = Self(512);
    /// Something else holds it.
    pub(super) const HELD: Self = Self(2048);

    pub(crate) const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(crate) fn has(self, trait_: Self) -> bool {
        self.0 & trait_.0 == trait_.0
    }

    pub(super) fn lose(&mut self, trait_: Self) {
        self.0 &= !trait_.0;
    }

    /// How many keys were set, at most seven: three bits of what else would be wider.
    pub(crate) fn keys(self) -> usize {
        usize::from(self.0 >> Self::KEYS)
    }

    pub(super) fn count_key(&mut self) {
        if self.keys() < 7 {
            self.0 += 1 << Self::KEYS;
        }
    }

    /// Where the bits begin that count keys.
    const KEYS: u32 = 13;
}

/// What a list or dict holds, in four bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Contents {
    pub(super) traits: Traits,
    /// How deeply objects are nested in it, at most `u16::MAX`: far beyond what is doubted.
    pub(super) depth: u16,
}

impl Contents {
    pub(super) const EMPTY: Self = Self { traits: Traits::ALL, depth: 1 };

    /// Notes that it holds something nested so deep.
    pub(super) fn deepen(&mut self, depth: u32) {
        self.depth = self.depth.max(shallow(depth.saturating_add(1)));
    }

    /// Notes a value, nested so deep.
    pub(super) fn add(&mut self, value: Value, depth: u32) {
        self.deepen(depth);
        if !value.is_atom() {
            self.traits.lose(Traits::ATOMS);
        }
        if !matches!(value, Value::Tuple(_) | Value::List(_)) {
            self.traits.lose(Traits::PAIRS);
        }
    }
}

/// A name that unpickling itself looks up on an instance, or that the interpreter does: an
/// attribute so called could bring control back to the pickle. PEP 678's notes are but a list.
pub(crate) fn is_hook(name: &[u8]) -> bool {
    matches!(name, b"append" | b"extend" | b"add" | b"items" | b"keys")
        || name.starts_with(b"__") && name != b"__notes__"
}

/// A name that a dict is asked about: a hook, or one of which libraries make more than of others.
pub(crate) fn is_noted(name: &[u8]) -> bool {
    is_hook(name) || matches!(name, b"values" | b"args")
}
