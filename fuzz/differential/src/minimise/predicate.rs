//! Who says what is interesting.

/// Says which pickles are interesting. An implementor must always say the same of the same
/// bytes, whichever it is asked about beside them.
pub trait Predicate {
    /// The place of the first candidate that is interesting, in their order.
    fn first(&mut self, candidates: &[&[u8]]) -> Option<usize>;

    /// About how many it can be asked at once without taking much longer than for one.
    fn width(&self) -> usize {
        1
    }
}

/// One candidate after the other.
impl<F: FnMut(&[u8]) -> bool> Predicate for F {
    fn first(&mut self, candidates: &[&[u8]]) -> Option<usize> {
        candidates.iter().position(|candidate| self(candidate))
    }
}
