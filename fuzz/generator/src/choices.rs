//! Choices drawn from entropy: small, cheap, and never failing.
//!
//! When the entropy runs dry every draw is 0, so the first alternative of any choice must be one
//! that ends. Draws of up to 256 alternatives cost one byte, so that fuzzers can steer.

use arbitrary::Unstructured;

use crate::random::Xoshiro;

/// Bytes drawn at once. A multiple of what one step of the random generator gives.
const BUFFER: usize = 64;

/// A source of choices. What it has taken is gone from the entropy once it is dropped.
pub(crate) struct Choices<'a, 'b> {
    /// What was drawn; what is left of it stands at the end.
    buffer: [u8; BUFFER],
    /// Where what is left begins.
    at: usize,
    source: Source<'a, 'b>,
}

/// Where bytes come from.
enum Source<'a, 'b> {
    /// The caller's entropy, and what was not drawn of it.
    Given { entropy: &'a mut Unstructured<'b>, rest: &'b [u8] },
    /// So many more random bytes, made when they are drawn.
    Seeded { random: Xoshiro, rest: usize },
}

impl Source<'_, '_> {
    fn rest(&self) -> usize {
        match self {
            Self::Given { rest, .. } => rest.len(),
            Self::Seeded { rest, .. } => *rest,
        }
    }

    /// Fills `buffer`, which holds no more than there is.
    fn draw(&mut self, buffer: &mut [u8]) {
        match self {
            Self::Given { rest, .. } => {
                let (drawn, left) = rest.split_at(buffer.len());
                buffer.copy_from_slice(drawn);
                *rest = left;
            }
            Self::Seeded { random, rest } => {
                random.fill(buffer);
                *rest -= buffer.len();
            }
        }
    }
}

impl Drop for Choices<'_, '_> {
    fn drop(&mut self) {
        let left = BUFFER - self.at;
        if let Source::Given { entropy, rest } = &mut self.source {
            let taken = entropy.len() - rest.len() - left;
            // There is as much: it was looked at when this began.
            let _ = entropy.bytes(taken);
        }
    }
}

impl<'a, 'b> Choices<'a, 'b> {
    /// Choices by the caller's entropy.
    pub(crate) fn new(entropy: &'a mut Unstructured<'b>) -> Self {
        let rest = entropy.peek_bytes(entropy.len()).unwrap_or_default();
        Self::by(Source::Given { entropy, rest })
    }

    /// Choices by as many bytes of randomness.
    pub(crate) fn seeded(random: Xoshiro, bytes: usize) -> Self {
        Self::by(Source::Seeded { random, rest: bytes })
    }

    fn by(source: Source<'a, 'b>) -> Self {
        Self { buffer: [0; BUFFER], at: BUFFER, source }
    }

    /// Whether the entropy has run dry.
    #[inline]
    pub(crate) fn is_dry(&self) -> bool {
        self.at == BUFFER && self.source.rest() == 0
    }

    #[inline]
    pub(crate) fn byte(&mut self) -> u8 {
        self.take::<1>()[0]
    }

    /// The next bytes, filled with zeros when dry.
    #[inline]
    fn take<const N: usize>(&mut self) -> [u8; N] {
        if let Some(bytes) = self.buffer[self.at..].first_chunk::<N>() {
            self.at += N;
            return *bytes;
        }
        self.take_beyond()
    }

    /// The next bytes, when the buffer holds fewer.
    #[cold]
    fn take_beyond<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        for byte in &mut bytes {
            if self.at == BUFFER {
                self.at -= self.source.rest().min(BUFFER);
                self.source.draw(&mut self.buffer[self.at..]);
            }
            let Some(&next) = self.buffer.get(self.at) else { break };
            *byte = next;
            self.at += 1;
        }
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Draws bytes, words and double words in turn until dry, or as often as asked.
    fn draw(choices: &mut Choices<'_, '_>, draws: usize) -> Vec<u64> {
        let one = |n| match n % 3 {
            0 => choices.byte().into(),
            1 => choices.u16().into(),
            _ => choices.u32().into(),
        };
        (0..draws).map(one).collect()
    }

    proptest! {
        /// Randomness made as it is drawn is what would have been made beforehand.
        #[test]
        fn seeded_choices_are_those_of_the_same_entropy(len in 0_usize..400, draws in 0_usize..200) {
            let mut bytes = vec![0; len];
            Xoshiro::new(3, 5).fill(&mut bytes);
            let mut entropy = Unstructured::new(&bytes);
            let mut given = Choices::new(&mut entropy);
            let mut seeded = Choices::seeded(Xoshiro::new(3, 5), len);
            prop_assert_eq!(draw(&mut given, draws), draw(&mut seeded, draws));
            prop_assert_eq!(given.is_dry(), seeded.is_dry());
            // Seven bytes every three draws.
            let taken = (draws / 3 * 7 + [0, 1, 3][draws % 3]).min(len);
            prop_assert_eq!(given.is_dry(), taken == len);
            drop(given);
            prop_assert_eq!(entropy.len(), len - taken);
        }
    }

    #[test]
    fn draws_zeros_once_dry() {
        let mut entropy = Unstructured::new(&[1, 2, 3]);
        let mut choices = Choices::new(&mut entropy);
        assert_eq!((choices.u16(), choices.u32(), choices.byte()), (0x0201, 3, 0));
    }
}
