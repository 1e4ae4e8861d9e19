//! Havoc: changes to bytes, for what no change to opcodes comes to.

use arbitrary::Unstructured;
use assay_pickle::Opcode;

use crate::choices::Choices;

/// Bytes that mean something to readers of numbers, lines and counts.
const BYTES: [u8; 12] = [0, 1, b'\n', b'\r', b'0', b'L', b'.', b'\'', b'\\', 0x7f, 0x80, 0xff];

/// Changes one to four places of a pickle as bytes.
pub fn havoc(bytes: &[u8], entropy: &mut Unstructured<'_>) -> Vec<u8> {
    let mut choices = Choices::new(entropy);
    let mut out = bytes.to_vec();
    for _ in 0..1 + choices.below(4) {
        let kind = choices.below(8);
        if out.is_empty() {
            out.push(Opcode::Stop.byte());
            continue;
        }
        // A draw of two bytes reaches 65,536 places, which is what is mutated as a program.
        let place = choices.below(out.len().min(1 << 16));
        match kind {
            0 => out[place] ^= 1 << choices.below(8),
            1 => out[place] = choices.byte(),
            2 => out[place] = *choices.pick(&BYTES),
            3 => out[place] = choices.pick(&Opcode::ALL).byte(),
            4 => out.insert(place, *choices.pick(&BYTES)),
            5 => out.insert(place, choices.pick(&Opcode::ALL).byte()),
            6 => {
                out.remove(place);
            }
            _ => out[place] = out[place].wrapping_add(if choices.one_in(2) { 1 } else { 255 }),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_little() {
        let changed = havoc(b"N.", &mut Unstructured::new(&[0; 8]));
        assert_eq!(changed, b"O.");
        assert!(havoc(b"", &mut Unstructured::new(&[])).len() <= 1);
    }
}
