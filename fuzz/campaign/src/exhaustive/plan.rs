//! What an exhaustive campaign covers, and which of its units are still to be done.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use assay_generator::exhaustive::{Alphabet, Space};
use assay_pickle::Opcode;
use serde::{Deserialize, Serialize};

use crate::config::Shard;
use crate::random::Random;
use crate::{Error, Result};

/// What never changes in an exhaustive campaign. Two of the same plan, interpreters, engines and
/// analysers are parts of one, wherever they ran.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Plan {
    /// The most opcodes of a program; the STOP at its end is not counted.
    pub length: u32,
    /// Symbols of the alphabet, STOP not counted.
    pub symbols: usize,
    /// Different opcodes of the alphabet.
    pub opcodes: usize,
    /// The hash of the alphabet.
    pub alphabet: String,
    /// How many pruned programs are tried for each rule.
    pub sample: u64,
}

impl Plan {
    /// All programs of at most `length` opcodes of the standard alphabet.
    ///
    /// # Errors
    /// If there are none, or more than can be counted.
    pub fn new(length: u32, sample: u64) -> Result<Self> {
        let alphabet = Alphabet::standard();
        let (symbols, opcodes) = size(alphabet);
        let plan = Self { length, symbols, opcodes, alphabet: digest(alphabet), sample };
        plan.try_space().map(|_| plan)
    }

    /// The programs.
    ///
    /// # Errors
    /// If they are of another alphabet than this build's.
    pub fn try_space(&self) -> Result<Space> {
        let alphabet = Alphabet::standard();
        if self.alphabet != digest(alphabet) {
            return Err(Error::Config(
                "the alphabet has changed since this exhaustive campaign began; go on with the \
                 Assay that began it, or begin another"
                    .into(),
            ));
        }
        Space::new(alphabet.len(), self.length).ok_or_else(|| {
            let length = self.length;
            Error::Config(format!("expected a length from 1 to 8, found {length}"))
        })
    }

    /// How many pruned programs of a unit are tried for each rule.
    pub fn sample_of_unit(&self, units: u64) -> usize {
        usize::try_from(self.sample.div_ceil(units.max(1))).unwrap_or(usize::MAX)
    }
}

/// The hash of an alphabet.
pub(super) fn digest(alphabet: &Alphabet) -> String {
    blake3::hash(&alphabet.to_bytes()).to_hex()[..32].to_owned()
}

/// Symbols of the alphabet without STOP, and different opcodes with it.
fn size(alphabet: &Alphabet) -> (usize, usize) {
    let symbols = alphabet.symbols();
    let opcodes: HashSet<Opcode> = symbols.iter().map(|symbol| symbol.opcode).collect();
    (symbols.iter().filter(|symbol| symbol.opcode != Opcode::Stop).count(), opcodes.len())
}

/// The units of a shard that are not done. Which worker takes which does not matter.
#[derive(Debug)]
pub struct Queue {
    units: u64,
    shard: Shard,
    /// Chosen at random by this seed, for an estimate; in order otherwise.
    slice: Option<u64>,
    left: Mutex<Left>,
}

#[derive(Debug)]
struct Left {
    done: HashSet<u64>,
    turn: u64,
    taken: u64,
}

impl Queue {
    /// The units of a shard but those that are done. With `slice` they come in an order that is
    /// random under that seed, so that the first of them stand for all.
    pub fn new(space: Space, shard: Shard, slice: Option<u64>, done: HashSet<u64>) -> Self {
        Self {
            units: space.units(),
            shard,
            slice,
            left: Mutex::new(Left { done, turn: 0, taken: 0 }),
        }
    }

    /// How many programs its units have, done or not.
    pub fn programs(&self, space: Space) -> u64 {
        let step = usize::try_from(self.shard.count).unwrap_or(usize::MAX);
        let units = (u64::from(self.shard.index) - 1..self.units).step_by(step);
        units.map(|unit| space.programs_of(&space.unit(unit))).sum()
    }

    /// How many units were taken out of it.
    pub fn taken(&self) -> u64 {
        self.left.lock().unwrap_or_else(PoisonError::into_inner).taken
    }

    /// The next unit.
    pub fn next(&self) -> Option<u64> {
        let mut left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let turn = left.turn;
            left.turn += 1;
            let unit = match self.slice {
                // Nobody measures more than a part of the units, so that one that is left over
                // comes soon.
                Some(seed) if left.done.len() as u64 * 2 < self.units => {
                    Random::at(seed, &[turn]).next() % self.units
                }
                Some(_) => return None,
                None => turn
                    .checked_mul(u64::from(self.shard.count))?
                    .checked_add(u64::from(self.shard.index) - 1)?,
            };
            if unit >= self.units {
                return None;
            }
            if left.done.insert(unit) {
                left.taken += 1;
                return Some(unit);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn units(queue: &Queue) -> Vec<u64> {
        std::iter::from_fn(|| queue.next()).collect()
    }

    #[test]
    fn shards_share_out_the_units() {
        let space = Space::new(5, 4).unwrap();
        for count in [1, 2, 3, 7] {
            let mut all = BTreeSet::new();
            for index in 1..=count {
                for unit in units(&Queue::new(space, Shard { index, count }, None, HashSet::new()))
                {
                    assert!(all.insert(unit), "{unit} is in two shards");
                }
            }
            assert_eq!(all, (0..space.units()).collect());
        }
    }

    #[test]
    fn what_is_done_is_not_done_again() {
        let space = Space::new(5, 4).unwrap();
        let done: HashSet<u64> = [0, 3, 30].into();
        let left = units(&Queue::new(space, Shard::default(), None, done.clone()));
        assert_eq!(left.len() as u64, space.units() - 3);
        assert!(left.iter().all(|unit| !done.contains(unit)));
    }

    #[test]
    fn a_slice_is_random_and_the_same_again() {
        let space = Space::new(9, 4).unwrap();
        let slice = |seed| units(&Queue::new(space, Shard::default(), Some(seed), HashSet::new()));
        assert_eq!(slice(1), slice(1));
        assert_ne!(slice(1), slice(2));
        let different: BTreeSet<u64> = slice(1).into_iter().collect();
        assert_eq!(different.len(), slice(1).len());
        assert!(!slice(1).is_sorted());
    }

    #[test]
    fn another_alphabet_is_refused() {
        let plan = Plan::new(2, 10).unwrap();
        assert!(plan.try_space().is_ok());
        let other = Plan { alphabet: "0".repeat(32), ..plan };
        assert!(other.try_space().unwrap_err().to_string().contains("alphabet has changed"));
        assert!(Plan::new(0, 10).is_err());
        assert!(Plan::new(40, 10).is_err());
    }
}
