//! Memory that is used again.

/// Entries beyond which no memory is kept for what comes next.
const MOST: usize = 4096;

/// Takes the memory, unless it is much, with nothing in it.
pub(crate) fn emptied<T>(entries: &mut Vec<T>) -> Vec<T> {
    let mut entries = std::mem::take(entries);
    if entries.capacity() > MOST {
        return Vec::new();
    }
    entries.clear();
    entries
}
