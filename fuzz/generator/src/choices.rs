//! Choices drawn from entropy: small, cheap, and never failing.
//!
//! When the entropy runs dry every draw is 0, so the first alternative of any choice must be one
//! that ends. Draws of up to 256 alternatives cost one byte, so that fuzzers can steer.

use arbitrary::Unstructured;

/// A source of choices.
pub(crate) struct Choices<'a, 'b>(&'a mut Unstructured<'b>);

impl<'a, 'b> Choices<'a, 'b> {
    pub(crate) fn new(entropy: &'a mut Unstructured<'b>) -> Self {
        Self(entropy)
    }

    /// Whether the entropy has run dry.
    #[inline]
    pub(crate) fn is_dry(&self) -> bool {
        self.0.is_empty()
    }

    #[inline]
    pub(crate) fn byte(&mut self) -> u8 {
        let mut byte = [0];
        // Fills with zeros when dry; it has no other failure.
        let _ = self.0.fill_buffer(&mut byte);
        byte[0]
    }

    #[inline]
    pub(crate) fn u16(&mut self) -> u16 {
        let mut bytes = [0; 2];
        let _ = self.0.fill_buffer(&mut bytes);
        u16::from_le_bytes(bytes)
    }

    #[inline]
    pub(crate) fn u32(&mut self) -> u32 {
        let mut bytes = [0; 4];
        let _ = self.0.fill_buffer(&mut bytes);
        u32::from_le_bytes(bytes)
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
