//! Swarm configuration: each program enables a random subset of what could be varied.
//!
//! A program that does a few things often finds what one that does everything seldom never will
//! (Groce et al., "Swarm Testing", 2012).

use crate::choices::Choices;

/// A set of features.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Features(u32);

impl Features {
    /// No feature.
    pub(crate) const NONE: Self = Self(0);
    /// Memoise after each object, as picklers do.
    pub(crate) const MEMO: Self = Self(1);
    /// Memo indices that leave gaps and overwrite.
    pub(crate) const SCATTER: Self = Self(1 << 1);
    /// Take objects from the memo instead of writing them again.
    pub(crate) const SHARE: Self = Self(1 << 2);
    /// Opcodes that change nothing.
    pub(crate) const NOISE: Self = Self(1 << 3);
    /// Spellings of older protocols.
    pub(crate) const OLD: Self = Self(1 << 4);
    /// Opcodes newer than the protocol declared, which CPython does not mind.
    pub(crate) const NEW: Self = Self(1 << 5);
    /// Wider counts and numbers than needed.
    pub(crate) const WIDE: Self = Self(1 << 6);
    /// 8-bit strings.
    pub(crate) const STR8: Self = Self(1 << 7);
    /// Frames.
    pub(crate) const FRAMES: Self = Self(1 << 8);
    /// OBJ and INST where REDUCE would do.
    pub(crate) const ALT_CALL: Self = Self(1 << 9);
    /// What only a caller can supply: buffers, persistent ids, extensions.
    pub(crate) const SUPPLIED: Self = Self(1 << 10);
    /// No PROTO where there should be one, or one where there need not be.
    pub(crate) const ODD_PROTO: Self = Self(1 << 11);

    /// Any subset; the features that seldom load are rare.
    pub(crate) fn draw(choices: &mut Choices<'_, '_>) -> Self {
        let bits = choices.u32();
        let mut features = Self(bits & 0x3ff);
        // One bit in 2^6 and 2^4: kept low lest most programs fail to load.
        if bits >> 26 != 0 {
            features = features.without(Self::NEW);
        }
        if bits >> 22 & 0xf == 0xf {
            features = features.with(Self::ODD_PROTO);
        }
        features
    }

    /// What CPython's own pickler does.
    pub(crate) fn plain(self) -> Self {
        Self(self.0 & (Self::MEMO.0 | Self::FRAMES.0 | Self::SHARE.0)).with(Self::MEMO)
    }

    /// What leaves the meaning to every unpickler alike.
    pub(crate) fn agreed(self) -> Self {
        self.without(Self::NEW).without(Self::SUPPLIED).without(Self::ODD_PROTO).without(Self::STR8)
    }

    pub(crate) const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(crate) const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    pub(crate) const fn has(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}
