//! The memo: what PUT and MEMOIZE store and GET fetches.

use crate::domain::{Value, emptied};

/// Entries that may lie beyond the number of entries in use: `_pickle.c` allocates up to twice
/// the index, so a pickle of few bytes could ask for gigabytes. Picklers count up from 0 or 1.
const SLACK: u64 = 1 << 20;

/// Values by index, and how many indices are in use (`memo_len` of `_pickle.c`).
#[derive(Clone, Debug, Default)]
pub(crate) struct Memo {
    entries: Vec<Option<Value>>,
    used: usize,
    /// Whether something was stored at an index that is not kept track of.
    lost: bool,
}

impl Memo {
    /// Takes the memory, for an empty memo.
    pub(crate) fn emptied(&mut self) -> Self {
        Self { entries: emptied(&mut self.entries), ..Self::default() }
    }

    /// Stores a value; `false` if the index is out of all proportion.
    pub(crate) fn put(&mut self, index: u64, value: Value) -> bool {
        if index > self.used as u64 + SLACK {
            return false;
        }
        let index = index as usize;
        if index == self.entries.len() {
            self.entries.push(Some(value));
            self.used += 1;
            return true;
        }
        if index > self.entries.len() {
            self.entries.resize(index + 1, None);
        }
        self.used += usize::from(self.entries[index].replace(value).is_none());
        true
    }

    /// How many entries must be made to store at the index.
    pub(crate) fn gap(&self, index: u64) -> u64 {
        index.saturating_sub(self.entries.len() as u64).min(SLACK)
    }

    /// Notes that something was stored nobody knows where: from now on any entry may be it.
    pub(crate) fn lose(&mut self) {
        self.lost = true;
    }

    /// Whether entries may be other than they seem.
    pub(crate) fn is_lost(&self) -> bool {
        self.lost
    }

    /// Stores a value as MEMOIZE does, where nothing else ever was stored; whether that is so.
    #[inline(always)]
    pub(crate) fn add(&mut self, value: Value) -> bool {
        let counted_up = self.used == self.entries.len() && !self.lost;
        if counted_up {
            self.entries.push(Some(value));
            self.used += 1;
        }
        counted_up
    }

    /// Stores a value at the number of entries in use, as MEMOIZE does.
    pub(crate) fn memoize(&mut self, value: Value) {
        let index = self.used as u64;
        self.put(index, value);
    }

    pub(crate) fn get(&self, index: u64) -> Option<Value> {
        *self.entries.get(usize::try_from(index).ok()?)?
    }

    pub(crate) fn len(&self) -> usize {
        self.used
    }
}
