//! What is noted of an entry of the heap once it is so.

/// Bits that are set and stay.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Marks(u8);

impl Marks {
    /// None of them.
    pub(super) const NONE: Self = Self(0);
    /// Something else holds it.
    pub(super) const HELD: Self = Self(1);
    /// It was hashed.
    pub(super) const HASHED: Self = Self(2);
    /// It holds what must not be hashed.
    pub(super) const UNHASHED: Self = Self(4);
    /// It holds something else than data.
    pub(super) const FOREIGN: Self = Self(8);

    pub(super) fn has(self, mark: Self) -> bool {
        self.0 & mark.0 == mark.0
    }

    pub(super) fn set(&mut self, mark: Self) {
        self.0 |= mark.0;
    }
}
