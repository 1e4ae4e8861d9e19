//! Joins two programs: a run of one is put into the other, or the start of one before the end of
//! another.

use arbitrary::Unstructured;
use assay_pickle::Program;

use super::{MAX_CODES, depths, first_stop, reframe};
use crate::choices::Choices;

/// Puts a part of `other` into `program`, where the stack is as deep as it was, if there is such
/// a place.
pub(super) fn splice(program: &mut Program, other: &Program, entropy: &mut Unstructured<'_>) {
    let join = |program: &mut Program| {
        join(program, other, entropy);
        Ok(())
    };
    // Frames that are wrong stay as they are: there is nothing to fail.
    let _ = reframe::keeping(program, false, join);
}

fn join(program: &mut Program, other: &Program, entropy: &mut Unstructured<'_>) {
    if other.codes.is_empty() || program.codes.len() >= MAX_CODES {
        return;
    }
    let mut choices = Choices::new(entropy);
    let end = first_stop(other);
    let theirs = depths(other);
    if end == 0 || theirs.is_empty() {
        return;
    }
    let start = choices.below(end.min(theirs.len()));
    let depth = theirs[start];
    if choices.one_in(3) {
        // The rest of theirs after the start of ours, at equal depth.
        let ours = depths(program);
        let from = choices.below(ours.len().max(1));
        let found = (from..ours.len()).find(|&place| ours[place] == depth);
        program.codes.truncate(found.unwrap_or(from));
        program.codes.extend(other.codes[start..].iter().take(MAX_CODES).cloned());
        program.tail.clone_from(&other.tail);
    } else {
        // A run of theirs that leaves one object more, put anywhere in ours.
        let grown = (depth.0 + 1, depth.1);
        let last = theirs.len().min(start + 64);
        let found = (start + 1..last).find(|&place| theirs[place] == grown);
        let run = &other.codes[start..found.unwrap_or(start + 1)];
        let place = choices.below((program.codes.len() + 1).min(MAX_CODES));
        program.codes.splice(place..place, run.iter().cloned());
    }
}

/// Joins two pickles.
pub fn crossover(one: &[u8], other: &[u8], entropy: &mut Unstructured<'_>) -> Vec<u8> {
    let mut program = Program::parse(one);
    splice(&mut program, &Program::parse(other), entropy);
    program.to_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::check;

    #[test]
    fn joins_at_equal_depth() {
        let mut loadable = 0;
        for byte in 0..=255_u8 {
            let entropy = [byte, byte.wrapping_mul(7), byte.wrapping_mul(13), byte, 0, 0];
            let joined = crossover(
                b"\x80\x04]K\x01aK\x02a.",
                b"\x80\x04}K\x05N\x86K\x07s.",
                &mut Unstructured::new(&entropy),
            );
            loadable += usize::from(check(&joined).is_loadable());
        }
        assert!(loadable > 64, "{loadable} of 256");
    }
}
