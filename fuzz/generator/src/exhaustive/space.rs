//! The programs of at most N symbols, by number, and their division into units of work.

/// All programs of at most so many symbols over an alphabet of so many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Space {
    symbols: u64,
    length: u32,
}

/// A *unit* of work: the programs that extend one prefix by a symbol, or, if the prefix is as
/// long as prefixes get, by one or two. The unit of the empty prefix has the empty program too.
/// Each program is in one unit, and what is known of a prefix serves all that extend it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unit {
    /// The prefix.
    pub prefix: Vec<usize>,
    /// By how many symbols its programs extend it at most.
    pub depth: u32,
}

impl Space {
    /// Programs of at most `length` symbols. `None` if there are none, or more than can be
    /// counted in 64 bits.
    pub fn new(symbols: usize, length: u32) -> Option<Self> {
        let space = Self { symbols: symbols as u64, length };
        (symbols > 0 && length > 0 && space.checked(length).is_some()).then_some(space)
    }

    /// How many symbols the longest have.
    pub fn length(&self) -> u32 {
        self.length
    }

    /// How many programs there are.
    pub fn programs(&self) -> u64 {
        self.checked(self.length).unwrap_or(u64::MAX)
    }

    /// How many programs there are of at most so many symbols.
    fn checked(&self, length: u32) -> Option<u64> {
        (0..=length).try_fold(0u64, |sum, k| sum.checked_add(self.symbols.checked_pow(k)?))
    }

    /// The program of a number below [`programs`](Self::programs).
    pub fn program(&self, number: u64) -> Vec<usize> {
        let mut rest = number;
        let mut length = 0;
        while rest >= self.symbols.pow(length) {
            rest -= self.symbols.pow(length);
            length += 1;
        }
        let mut out = vec![0; length as usize];
        for place in out.iter_mut().rev() {
            *place = (rest % self.symbols) as usize;
            rest /= self.symbols;
        }
        out
    }

    /// The number of a program.
    pub fn number(&self, program: &[usize]) -> u64 {
        let shorter: u64 = (0..program.len() as u32).map(|k| self.symbols.pow(k)).sum();
        shorter + program.iter().fold(0, |sum, &symbol| sum * self.symbols + symbol as u64)
    }

    /// How long prefixes of units get. All programs of two symbols take minutes: they are many
    /// units as well.
    fn prefix_length(&self) -> u32 {
        if self.length == 2 { 1 } else { self.length.saturating_sub(2) }
    }

    /// How many units there are.
    pub fn units(&self) -> u64 {
        self.checked(self.prefix_length()).unwrap_or(u64::MAX)
    }

    /// The unit of a number below [`units`](Self::units).
    pub fn unit(&self, number: u64) -> Unit {
        let prefix = self.program(number);
        let longest = prefix.len() as u32 == self.prefix_length();
        let depth = if longest { (self.length - prefix.len() as u32).min(2) } else { 1 };
        Unit { prefix, depth }
    }

    /// How many programs a unit has.
    pub fn programs_of(&self, unit: &Unit) -> u64 {
        let extended: u64 = (1..=unit.depth).map(|k| self.symbols.pow(k)).sum();
        extended + u64::from(unit.prefix.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    /// Every program, by brute force.
    fn all(symbols: usize, length: u32) -> Vec<Vec<usize>> {
        let mut out = vec![Vec::new()];
        let mut last = out.clone();
        for _ in 0..length {
            last = last
                .iter()
                .flat_map(|program| {
                    (0..symbols).map(|symbol| [program.as_slice(), &[symbol]].concat())
                })
                .collect();
            out.extend(last.iter().cloned());
        }
        out
    }

    #[test]
    fn numbers_run_over_every_program_once() {
        for (symbols, length) in [(1, 4), (2, 5), (3, 3), (5, 4), (7, 1)] {
            let space = Space::new(symbols, length).unwrap();
            let by_number: Vec<_> = (0..space.programs()).map(|n| space.program(n)).collect();
            assert_eq!(by_number, all(symbols, length));
        }
    }

    #[test]
    fn units_hold_every_program_once() {
        for (symbols, length) in [(3, 1), (3, 2), (3, 3), (4, 4), (2, 5)] {
            let space = Space::new(symbols, length).unwrap();
            let mut seen = HashSet::new();
            for number in 0..space.units() {
                let unit = space.unit(number);
                let mut level = vec![unit.prefix.clone()];
                let mut count = 0;
                if unit.prefix.is_empty() {
                    count += 1;
                    assert!(seen.insert(Vec::new()));
                }
                for _ in 0..unit.depth {
                    level = level
                        .iter()
                        .flat_map(|p| (0..symbols).map(|s| [p.as_slice(), &[s]].concat()))
                        .collect();
                    for program in &level {
                        count += 1;
                        assert!(seen.insert(program.clone()), "{program:?} is there twice");
                    }
                }
                assert_eq!(count, space.programs_of(&unit));
            }
            assert_eq!(seen, all(symbols, length).into_iter().collect());
        }
    }

    #[test]
    fn what_cannot_be_counted_is_refused() {
        assert_eq!(Space::new(0, 1), None);
        assert_eq!(Space::new(2, 0), None);
        assert_eq!(Space::new(200, 12), None);
    }

    proptest! {
        #[test]
        fn a_number_leads_back_to_itself(symbols in 1usize..200, length in 1u32..5, part in 0.0..1.0f64) {
            let space = Space::new(symbols, length).unwrap();
            let number = (space.programs() as f64 * part) as u64;
            prop_assert_eq!(space.number(&space.program(number)), number);
        }
    }
}
