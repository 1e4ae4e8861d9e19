//! Choices drawn from entropy: small, cheap, and never failing.
//!
//! When the entropy runs dry every draw is 0, so the first alternative of any choice must be one
//! that ends. Draws of up to 256 alternatives cost one byte, so that fuzzers can steer.

use arbitrary::Unstructured;

/// A source of choices. What it has taken is gone from the entropy once it is dropped.
pub(crate) struct Choices<'a, 'b> {
    entropy: &'a mut Unstructured<'b>,
    rest: &'b [u8],
}

impl Drop for Choices<'_, '_> {
    fn drop(&mut self) {
        let taken = self.entropy.len() - self.rest.len();
        // There is as much: it was looked at when this began.
        let _ = self.entropy.bytes(taken);
    }
}

impl<'a, 'b> Choices<'a, 'b> {
    pub(crate) fn new(entropy: &'a mut Unstructured<'b>) -> Self {
        let rest = entropy.peek_bytes(entropy.len()).unwrap_or_default();
        Self { entropy, rest }
    }

    /// Whether the entropy has run dry.
    #[inline]
    pub(crate) fn is_dry(&self) -> bool {
        self.rest.is_empty()
    }

    #[inline]
    pub(crate) fn byte(&mut self) -> u8 {
        self.take::<1>()[0]
    }

    /// The next bytes, filled with zeros when dry.
    #[inline]
    fn take<const N: usize>(&mut self) -> [u8; N] {
        if let Some((bytes, rest)) = self.rest.split_first_chunk::<N>() {
            self.rest = rest;
            return *bytes;
        }
        let mut bytes = [0; N];
        bytes[..self.rest.len()].copy_from_slice(self.rest);
        self.rest = &[];
        bytes
    }

    #[inline]
    pub(crate) fn u16(&mut self) -> u16 {
        u16::from_le_bytes(self.take())
    }

    #[inline]
    pub(crate) fn u32(&mut self) -> u32 {
        u32::from_le_bytes(self.take())
    }

    #[inline]
    pub(crate) fn u64(&mut self) -> u64 {
        u64::from(self.u32()) << 32 | u64::from(self.u32())
    }

    /// A number below `bound`, which must not be 0.
    #[inline]
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        if bound <= 256 {
            (usize::from(self.byte()) * bound) >> 8
        } else {
            (usize::from(self.u16()) * bound) >> 16
        }
    }

    /// True once in `times`.
    #[inline]
    pub(crate) fn one_in(&mut self, times: usize) -> bool {
        self.below(times) + 1 == times
    }

    /// One of `items`, which must not be empty.
    #[inline]
    pub(crate) fn pick<'i, T>(&mut self, items: &'i [T]) -> &'i T {
        &items[self.below(items.len())]
    }
}
