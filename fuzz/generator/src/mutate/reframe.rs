//! Frames: drops them, or puts others.

use arbitrary::Unstructured;
use assay_pickle::{Argument, Code, Opcode, Program};

use super::{MAX_CODES, Mutator, code, place};
use crate::choices::Choices;
use crate::{Error, Result};

/// See the module. It keeps the meaning: the frames it leaves are right.
pub(super) struct Reframe;

fn is_frame(code: &Code) -> bool {
    code.opcode() == Opcode::Frame
}

/// A frame of `len` bytes.
fn frame(len: u64) -> Option<Code> {
    let mut bytes = vec![Opcode::Frame.byte()];
    bytes.extend(len.to_le_bytes());
    code(&bytes)
}

/// Drops every frame, which every unpickler does without.
fn unframe(program: &mut Program) {
    program.codes.retain(|code| !is_frame(code));
}

/// How the frames of a program are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Frames {
    /// There are none.
    None,
    /// Each reaches to the next or to STOP, as most that picklers write do.
    Full,
    /// Some end earlier, between two opcodes, as before a large object.
    Short,
    /// Some end within an opcode, beyond STOP or beyond the next: unpicklers disagree. Or there is
    /// nothing else in the last pickle of the stream, which without them would be no pickle.
    Wrong,
}

fn frames(program: &Program) -> Frames {
    let mut found = Frames::None;
    // Bytes left in the open frame.
    let mut left = 0_u64;
    for code in &program.codes {
        let len = code.bytes().len() as u64;
        if is_frame(code) {
            if left > 0 {
                return Frames::Wrong;
            }
            left = match code.view().argument {
                Argument::UInt(len) => len,
                _ => 0,
            };
            if found == Frames::None {
                found = Frames::Full;
            }
            if left == 0 {
                found = Frames::Short;
            }
            continue;
        }
        match left.checked_sub(len) {
            Some(rest) => left = rest,
            None if left > 0 => return Frames::Wrong,
            None if found == Frames::Full => found = Frames::Short,
            None => {}
        }
        if code.opcode() == Opcode::Stop && left > 0 {
            return Frames::Wrong;
        }
    }
    let last = program.codes.rsplit(|code| code.opcode() == Opcode::Stop).next();
    let bare = last.is_some_and(|codes| !codes.is_empty() && codes.iter().all(is_frame));
    if left > 0 || bare { Frames::Wrong } else { found }
}

/// Makes each frame reach to the next or to STOP.
fn repair(program: &mut Program) {
    let mut len = 0_u64;
    for index in (0..program.codes.len()).rev() {
        match program.codes[index].opcode() {
            Opcode::Frame => {
                if let Some(code) = frame(len) {
                    program.codes[index] = code;
                }
                len = 0;
            }
            Opcode::Stop => len = 1,
            _ => len += program.codes[index].bytes().len() as u64,
        }
    }
}

/// Runs a change under which frames that were right stay right, and wrong ones stay wrong, unless
/// the meaning must be kept: then nothing is changed.
///
/// # Errors
/// If the change fails, or frames are wrong and the meaning must be kept.
pub(super) fn keeping(
    program: &mut Program,
    keeps_meaning: bool,
    change: impl FnOnce(&mut Program) -> Result<()>,
) -> Result<()> {
    match frames(program) {
        Frames::None => change(program),
        Frames::Full => {
            change(program)?;
            repair(program);
            Ok(())
        }
        Frames::Short => {
            unframe(program);
            change(program)
        }
        Frames::Wrong if keeps_meaning => Err(Error::NotApplicable),
        Frames::Wrong => change(program),
    }
}

impl Mutator for Reframe {
    fn name(&self) -> &'static str {
        "reframe"
    }

    fn keeps_meaning(&self) -> bool {
        true
    }

    fn can_mutate(&self, program: &Program) -> bool {
        program.tail.is_empty() && !program.codes.is_empty() && program.codes.len() < MAX_CODES
    }

    fn change(&self, program: &mut Program, entropy: &mut Unstructured<'_>) -> Result<()> {
        let mut choices = Choices::new(entropy);
        let had = match frames(program) {
            Frames::Wrong => return Err(Error::NotApplicable),
            found => found != Frames::None,
        };
        unframe(program);
        if had && choices.one_in(3) {
            return Ok(());
        }
        // One to three frames, each up to the next, the last up to the first STOP.
        let stop = super::first_stop(program);
        if stop == program.codes.len() {
            return Err(Error::NotApplicable);
        }
        let count = 1 + choices.below(3);
        let mut places: Vec<usize> = (0..count)
            .filter_map(|_| place(program, &mut choices))
            .map(|place| place.min(stop))
            .collect();
        places.sort_unstable();
        places.dedup();
        let mut end = stop + 1;
        for &start in places.iter().rev() {
            let len = program.codes[start..end].iter().map(|code| code.bytes().len() as u64).sum();
            program.codes.insert(start, frame(len).ok_or(Error::NotApplicable)?);
            end = start;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_reach_to_the_next_or_to_stop() {
        let mut program = Program::parse(b"NNN.");
        Reframe.mutate(&mut program, &mut Unstructured::new(&[100, 0, 200])).unwrap();
        let bytes = program.to_bytes();
        let parsed = Program::parse(&bytes);
        assert!(parsed.tail.is_empty() && parsed.codes.iter().any(is_frame));
        let mut framed = Program::parse(b"\x95\x06\0\0\0\0\0\0\0X\0\0\0\0.");
        let insert = |program: &mut Program| {
            program.codes.insert(1, Code::op(Opcode::None));
            Ok(())
        };
        keeping(&mut framed, true, insert).unwrap();
        assert_eq!(framed.to_bytes(), b"\x95\x07\0\0\0\0\0\0\0NX\0\0\0\0.");
    }

    #[test]
    fn tells_right_frames_from_wrong_ones() {
        let of = |len: u8, rest: &[u8]| {
            let mut bytes = vec![0x95, len, 0, 0, 0, 0, 0, 0, 0];
            bytes.extend(rest);
            frames(&Program::parse(&bytes))
        };
        assert_eq!(of(2, b"N."), Frames::Full);
        assert_eq!(of(1, b"N."), Frames::Short);
        assert_eq!(of(3, b"N."), Frames::Wrong);
        assert_eq!(of(1, b"K\x01."), Frames::Wrong);
        assert_eq!(frames(&Program::parse(b"N.")), Frames::None);
        assert_eq!(of(0, b""), Frames::Wrong);
        assert_eq!(frames(&Program::parse(b"N.\x95\0\0\0\0\0\0\0\0")), Frames::Wrong);
        let seeds = assay_corpus::seeds().iter();
        for seed in seeds.filter(|seed| seed.bytes.len() < 2000) {
            assert_ne!(frames(&Program::parse(seed.bytes)), Frames::Wrong, "{}", seed.name);
        }
    }
}
