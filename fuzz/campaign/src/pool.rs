//! The *interesting pool*: pickles that behaved as none before.
//!
//! A *behaviour* is what analysers and the deny tier said of a pickle, as one number
//! ([`assay_differential::Behaviour`], which fuzz targets share). The pool keeps a pickle or two of
//! each and gives rare ones more energy: of two picked at random, the rarer is mutated. It must
//! depend on nothing but what it was fed, or a seed would not mean a campaign.

use std::collections::HashMap;

use crate::random::Random;

/// Pickles kept. Enough for every behaviour of an hour's campaign; a few MB.
const CAPACITY: usize = 4096;

/// The longest pickle worth keeping: mutating longer ones costs more than it finds.
const LONGEST: usize = 2048;

/// An entry of the pool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interesting {
    /// What is special about it.
    pub behaviour: u64,
    /// The pickle.
    pub bytes: Vec<u8>,
}

/// Pickles by behaviour.
#[derive(Clone, Debug, Default)]
pub struct Pool {
    entries: Vec<Interesting>,
    seen: HashMap<u64, u32>,
}

impl Pool {
    /// Counts a behaviour; keeps the pickle if it is the first, or if the behaviour is rare and
    /// this one is new to it. Gives the entry if it was kept.
    pub fn feed(&mut self, behaviour: u64, bytes: &[u8]) -> Option<&Interesting> {
        let seen = self.seen.entry(behaviour).or_default();
        *seen = seen.saturating_add(1);
        // The first, and a fourth: a second example, not too like the first.
        if !matches!(*seen, 1 | 4) || bytes.len() > LONGEST || self.entries.len() >= CAPACITY {
            return None;
        }
        self.entries.push(Interesting { behaviour, bytes: bytes.to_vec() });
        self.entries.last()
    }

    /// Puts back what an earlier session kept.
    pub fn restore(&mut self, entries: Vec<Interesting>) {
        for entry in &entries {
            *self.seen.entry(entry.behaviour).or_default() += 1;
        }
        self.entries = entries;
    }

    /// How often a behaviour was seen.
    pub fn count(&self, behaviour: u64) -> u32 {
        self.seen.get(&behaviour).copied().unwrap_or(0)
    }

    /// One of the entries: the rarer of two picked at random.
    pub fn pick(&self, random: &mut Random) -> Option<&[u8]> {
        if self.entries.is_empty() {
            return None;
        }
        let mut one = || &self.entries[random.below(self.entries.len())];
        let (a, b) = (one(), one());
        let rarer = if self.count(a.behaviour) <= self.count(b.behaviour) { a } else { b };
        Some(&rarer.bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_what_is_new_and_prefers_what_is_rare() {
        let mut pool = Pool::default();
        assert!(pool.feed(1, b"a").is_some());
        for _ in 0..1000 {
            pool.feed(1, b"b");
        }
        assert!(pool.feed(2, b"c").is_some());
        assert_eq!(pool.entries.len(), 3);
        let mut random = Random::at(0, &[]);
        let rare = (0..300).filter(|_| pool.pick(&mut random) == Some(b"c")).count();
        assert!(rare > 130, "{rare}");
        assert!(pool.feed(3, &[0; 5000]).is_none());
    }
}
