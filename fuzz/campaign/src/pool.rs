//! The *interesting pool*: pickles that behaved as none before.
//!
//! A *behaviour* is what analysers and the deny tier made of a pickle, as one number
//! ([`assay_differential::Behaviour`], which fuzz targets share). The pool keeps a pickle or two of
//! each and gives rare ones more energy: of two picked at random, the rarer is mutated. When it is
//! full, what is common gives way to what is new, and counts fade, so that it never stops learning.
//! It must depend on nothing but what it was fed, and not be fed what full loads show, of which
//! there are as many as time allows: or a seed would not mean a campaign.

use crate::random::Random;

/// Pickles kept: a few MB. Then what is new takes the place of what many others do.
const CAPACITY: usize = 4096;

/// Among so many entries, picked at random, the one that behaves most commonly gives way.
const TOURNAMENT: usize = 8;

/// The longest pickle worth keeping: mutating longer ones costs more than it finds.
const LONGEST: usize = 2048;

/// Counters, a power of two. Behaviours are too many to count each: by then two share one.
const COUNTERS: usize = 1 << 20;

/// After so many pickles, a few minutes, all counts are halved: what was common long ago is not.
const FADE: u32 = 1 << 22;

/// An entry of the pool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interesting {
    /// Its place in the pool; the next one put there takes it.
    pub slot: u32,
    /// What is special about it.
    pub behaviour: u64,
    /// The pickle.
    pub bytes: Vec<u8>,
}

/// Pickles by behaviour.
#[derive(Clone, Debug)]
pub struct Pool {
    entries: Vec<Interesting>,
    /// How often a behaviour was seen, by its last bits.
    seen: Vec<u16>,
    /// How many were counted since counts last faded.
    counted: u32,
    /// By which it chooses what gives way.
    random: Random,
}

impl Default for Pool {
    fn default() -> Self {
        let random = Random::at(0, &[]);
        Self { entries: Vec::new(), seen: vec![0; COUNTERS], counted: 0, random }
    }
}

fn counter(behaviour: u64) -> usize {
    behaviour as usize % COUNTERS
}

impl Pool {
    /// Counts a behaviour; keeps the pickle if it is the first, or if the behaviour is rare and
    /// this one is new to it. Gives the entry if it was kept.
    pub fn feed(&mut self, behaviour: u64, bytes: &[u8]) -> Option<&Interesting> {
        // The first, and a fourth: a second example, not too like the first.
        if !matches!(self.see(behaviour), 1 | 4) || bytes.len() > LONGEST {
            return None;
        }
        let slot = self.place() as u32;
        Some(self.put(Interesting { slot, behaviour, bytes: bytes.to_vec() }))
    }

    /// Counts a behaviour.
    fn see(&mut self, behaviour: u64) -> u16 {
        self.counted += 1;
        if self.counted == FADE {
            self.counted = 0;
            self.seen.iter_mut().for_each(|seen| *seen /= 2);
        }
        let seen = &mut self.seen[counter(behaviour)];
        *seen = seen.saturating_add(1);
        *seen
    }

    /// Where the next entry goes.
    fn place(&mut self) -> usize {
        if self.entries.len() < CAPACITY {
            return self.entries.len();
        }
        let places = [(); TOURNAMENT].map(|()| self.random.below(CAPACITY));
        let common = |at: &usize| self.count(self.entries[*at].behaviour);
        places.into_iter().max_by_key(common).unwrap_or_default()
    }

    fn put(&mut self, entry: Interesting) -> &Interesting {
        let at = entry.slot as usize;
        if at < self.entries.len() {
            self.entries[at] = entry;
        } else {
            self.entries.push(entry);
        }
        &self.entries[at]
    }

    /// Puts back what an earlier session kept, in the order of its places.
    pub fn restore(&mut self, entries: Vec<Interesting>) {
        for entry in entries.into_iter().take(CAPACITY) {
            self.see(entry.behaviour);
            let slot = self.entries.len() as u32;
            self.put(Interesting { slot, ..entry });
        }
    }

    /// How often a behaviour was seen of late.
    pub fn count(&self, behaviour: u64) -> u32 {
        self.seen[counter(behaviour)].into()
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

    #[test]
    fn goes_on_learning_when_it_is_full() {
        let mut pool = Pool::default();
        for n in 0..2 * CAPACITY as u64 {
            // Every other behaviour is met twice.
            for _ in 0..1 + n % 2 {
                pool.feed(n, &n.to_le_bytes());
            }
        }
        assert_eq!(pool.entries.len(), CAPACITY);
        let slot = pool.feed(u64::MAX, b"new").map(|entry| entry.slot).expect("it is new");
        assert_eq!(pool.entries[slot as usize].bytes, b"new");
        let rare = pool.entries.iter().filter(|entry| entry.behaviour % 2 == 0).count();
        assert!(rare > CAPACITY * 3 / 4, "{rare}");
        let slots: Vec<usize> = pool.entries.iter().map(|entry| entry.slot as usize).collect();
        assert!(slots.iter().enumerate().all(|(at, slot)| at == *slot));
        let mut again = Pool::default();
        again.restore(pool.entries.clone());
        assert_eq!(again.entries, pool.entries);
    }

    #[test]
    fn what_was_common_long_ago_is_new_again() {
        let mut pool = Pool::default();
        (0..8).for_each(|_| _ = pool.feed(1, b"a"));
        (0..4 * FADE).for_each(|_| _ = pool.see(2));
        assert_eq!(pool.count(1), 0);
        assert!(pool.feed(1, b"b").is_some());
    }
}
