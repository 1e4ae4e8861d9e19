//! Coverage of the pickle machine: which opcodes, and which one after which, were generated.

use assay_pickle::{Opcode, Reader};

/// Number of opcodes.
const N: usize = Opcode::ALL.len();

/// Counts of opcodes and of transitions between them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Coverage {
    opcodes: Vec<u64>,
    /// Row: the opcode before; column: the one after.
    transitions: Vec<u64>,
}

impl Default for Coverage {
    fn default() -> Self {
        Self { opcodes: vec![0; N], transitions: vec![0; N * N] }
    }
}

/// From byte to row.
static ROW: [u8; 256] = {
    let mut row = [u8::MAX; 256];
    let mut i = 0;
    while i < N {
        row[Opcode::ALL[i] as usize] = i as u8;
        i += 1;
    }
    row
};

impl Coverage {
    /// Counts the opcodes of the first pickle in `bytes`, up to the first that can't be read.
    pub fn add(&mut self, bytes: &[u8]) {
        let mut before: Option<usize> = None;
        for read in Reader::new(bytes) {
            let Ok(instruction) = read else { return };
            let row = usize::from(ROW[usize::from(instruction.opcode.byte())]);
            self.opcodes[row] += 1;
            if let Some(before) = before {
                self.transitions[before * N + row] += 1;
            }
            before = Some(row);
        }
    }

    /// Adds another's counts.
    pub fn merge(&mut self, other: &Self) {
        for (ours, theirs) in self.opcodes.iter_mut().zip(&other.opcodes) {
            *ours += theirs;
        }
        for (ours, theirs) in self.transitions.iter_mut().zip(&other.transitions) {
            *ours += theirs;
        }
    }

    /// How many opcodes were seen.
    pub fn opcodes_seen(&self) -> usize {
        self.opcodes.iter().filter(|&&count| count > 0).count()
    }

    /// How many transitions were seen.
    pub fn transitions_seen(&self) -> usize {
        self.transitions.iter().filter(|&&count| count > 0).count()
    }

    /// Opcodes never seen.
    pub fn missing(&self) -> Vec<Opcode> {
        Opcode::ALL
            .into_iter()
            .zip(&self.opcodes)
            .filter(|(_, count)| **count == 0)
            .map(|(opcode, _)| opcode)
            .collect()
    }

    /// How often `after` came right after `before`.
    pub fn transition(&self, before: Opcode, after: Opcode) -> u64 {
        let row = |opcode: Opcode| usize::from(ROW[usize::from(opcode.byte())]);
        self.transitions[row(before) * N + row(after)]
    }

    /// The counts as bytes, for a database: seven bits a byte, lowest first, the highest bit set
    /// where more follow. Most counts are nought or small.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(2 * N * N);
        for &count in self.opcodes.iter().chain(&self.transitions) {
            let mut left = count;
            while left >= 0x80 {
                out.push(left as u8 | 0x80);
                left >>= 7;
            }
            out.push(left as u8);
        }
        out
    }

    /// The counts that were written as bytes; `None` if they are of another table of opcodes.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let mut counts = Vec::with_capacity(N + N * N);
        let (mut count, mut shift) = (0u64, 0u32);
        for &byte in bytes {
            count |= u64::from(byte & 0x7f).checked_shl(shift)?;
            shift += 7;
            if byte & 0x80 == 0 {
                counts.push(count);
                (count, shift) = (0, 0);
            }
        }
        if shift == 0 { Self::of(&counts) } else { None }
    }

    /// The counts as older databases have them: eight bytes each.
    pub fn from_fixed(bytes: &[u8]) -> Option<Self> {
        let (chunks, rest) = bytes.as_chunks::<8>();
        let counts: Vec<u64> = chunks.iter().map(|chunk| u64::from_le_bytes(*chunk)).collect();
        if rest.is_empty() { Self::of(&counts) } else { None }
    }

    fn of(counts: &[u64]) -> Option<Self> {
        (counts.len() == N + N * N)
            .then(|| Self { opcodes: counts[..N].to_vec(), transitions: counts[N..].to_vec() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_and_survives_being_stored() {
        let mut coverage = Coverage::default();
        coverage.add(b"NN0.");
        coverage.add(b"N\xff");
        assert_eq!((coverage.opcodes_seen(), coverage.transitions_seen()), (3, 3));
        assert_eq!(coverage.transition(Opcode::None, Opcode::None), 1);
        let mut again = Coverage::from_bytes(&coverage.to_bytes()).unwrap();
        assert_eq!(again, coverage);
        again.merge(&coverage);
        assert_eq!(again.transition(Opcode::None, Opcode::Pop), 2);
        let mut large = Coverage::default();
        large.opcodes[3] = u64::MAX;
        large.transitions[N * N - 1] = 1 << 40;
        assert_eq!(Coverage::from_bytes(&large.to_bytes()), Some(large));
        assert_eq!(Coverage::from_bytes(b"short"), None);
        assert_eq!(Coverage::from_bytes(&[0x80; N + N * N]), None);
        let mut fixed = vec![0; 8 * (N + N * N)];
        fixed[0] = 7;
        assert_eq!(Coverage::from_fixed(&fixed).unwrap().opcodes[0], 7);
        assert_eq!(Coverage::from_fixed(b"short"), None);
    }
}
