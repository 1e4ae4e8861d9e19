//! Coverage: which opcodes were seen, and which followed which.

use assay_pickle::{Opcode, Reader};
use serde::Serialize;

/// How many opcodes there are.
const OPCODES: usize = Opcode::ALL.len();

/// From byte to the opcode's place in the table; 255 for none.
static PLACE: [u8; 256] = {
    let mut places = [255; 256];
    let mut place = 0;
    while place < OPCODES {
        places[Opcode::ALL[place] as usize] = place as u8;
        place += 1;
    }
    places
};

/// Opcodes and transitions seen in pickles. A transition is two opcodes that follow each other
/// in the bytes, on past STOP, as a reader of a stream sees them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Coverage {
    pickles: u64,
    opcodes: [u64; OPCODES],
    transitions: Box<[u64]>,
}

impl Default for Coverage {
    fn default() -> Self {
        Self {
            pickles: 0,
            opcodes: [0; OPCODES],
            transitions: vec![0; OPCODES * OPCODES].into_boxed_slice(),
        }
    }
}

/// A summary of coverage, for reports.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CoverageStats {
    /// Pickles counted.
    pub pickles: u64,
    /// Opcodes counted.
    pub opcodes: u64,
    /// Different opcodes seen, of 68.
    pub opcodes_seen: usize,
    /// Different transitions seen, of 68 × 68.
    pub transitions_seen: usize,
    /// Names of the opcodes not seen.
    pub opcodes_missing: Vec<&'static str>,
    /// How often each opcode was seen, in the order of the table.
    pub counts: Vec<(&'static str, u64)>,
}

impl Coverage {
    /// Nothing seen.
    pub fn new() -> Self {
        Self::default()
    }

    /// Counts the opcodes of a pickle, and of what follows it, as far as they can be read.
    pub fn add(&mut self, bytes: &[u8]) {
        self.pickles += 1;
        let mut reader = Reader::new(bytes);
        let mut before: Option<usize> = None;
        while let Ok(instruction) = reader.read() {
            let place = usize::from(PLACE[usize::from(instruction.opcode.byte())]);
            self.opcodes[place] += 1;
            if let Some(before) = before {
                self.transitions[before * OPCODES + place] += 1;
            }
            before = Some(place);
        }
    }

    /// Adds what another has seen.
    pub fn merge(&mut self, other: &Self) {
        self.pickles += other.pickles;
        self.opcodes.iter_mut().zip(&other.opcodes).for_each(|(mine, theirs)| *mine += theirs);
        let transitions = self.transitions.iter_mut().zip(&other.transitions);
        transitions.for_each(|(mine, theirs)| *mine += theirs);
    }

    /// Different opcodes seen, of 68.
    pub fn opcodes_seen(&self) -> usize {
        self.opcodes.iter().filter(|count| **count > 0).count()
    }

    /// Different transitions seen, of 68 × 68.
    pub fn transitions_seen(&self) -> usize {
        self.transitions.iter().filter(|count| **count > 0).count()
    }

    /// Transitions not seen.
    pub fn transitions_missing(&self) -> impl Iterator<Item = (Opcode, Opcode)> + '_ {
        let missing = self.transitions.iter().enumerate().filter(|(_, count)| **count == 0);
        missing.map(|(index, _)| (Opcode::ALL[index / OPCODES], Opcode::ALL[index % OPCODES]))
    }

    /// A summary.
    pub fn stats(&self) -> CoverageStats {
        let counts = || Opcode::ALL.into_iter().zip(self.opcodes);
        CoverageStats {
            pickles: self.pickles,
            opcodes: self.opcodes.iter().sum(),
            opcodes_seen: self.opcodes_seen(),
            transitions_seen: self.transitions_seen(),
            opcodes_missing: counts()
                .filter(|(_, count)| *count == 0)
                .map(|(opcode, _)| opcode.name())
                .collect(),
            counts: counts().map(|(opcode, count)| (opcode.name(), count)).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_on_past_stop() {
        let mut coverage = Coverage::new();
        coverage.add(b"NN0.N.");
        assert_eq!(coverage.opcodes_seen(), 3);
        // N→N, N→0, 0→., .→N, N→.
        assert_eq!(coverage.transitions_seen(), 5);
        let mut both = coverage.clone();
        both.merge(&coverage);
        assert_eq!(both.stats().opcodes, 12);
        assert_eq!(both.transitions_missing().count(), 68 * 68 - 5);
    }
}
