//! Which unpicklers surely reach this point: the ground on which danger is *proved*.

/// The unpicklers that no opcode so far may have stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Alive {
    /// The C unpickler.
    pub c: bool,
    /// The pure Python unpickler.
    pub py: bool,
}

impl Alive {
    pub(crate) const BOTH: Self = Self { c: true, py: true };
    pub(crate) const NONE: Self = Self { c: false, py: false };
    /// What C refuses and Python takes.
    pub(crate) const PY: Self = Self { c: false, py: true };
    /// What Python refuses and C takes.
    pub(crate) const C: Self = Self { c: true, py: false };

    /// Those alive in both.
    pub(crate) fn and(self, other: Self) -> Self {
        Self { c: self.c && other.c, py: self.py && other.py }
    }

    pub(crate) fn any(self) -> bool {
        self.c || self.py
    }
}
