//! Mutators: changes to a pickle as a list of opcodes.
//!
//! A *mutator* takes a program and changes one thing about it. Those that keep the meaning
//! (re-encoding, noise, framing, memo numbers) are what metamorphic tests are made of; those that
//! change it look for what an analyser misses close to what it has seen. Corpus entries are raw
//! bytes: a program is parsed, mutated and written back.

mod boundary;
mod delete;
mod duplicate;
mod gadget;
mod havoc;
mod noise;
mod reencode;
mod reframe;
mod rename;
mod renumber;
mod retype;
mod second;
mod splice;
mod swap;
mod truncate;
mod wrap;

use std::ops::RangeInclusive;

use arbitrary::Unstructured;
use assay_pickle::{Code, Opcode, Program};

use crate::Result;
use crate::check::memo_index;
use crate::choices::Choices;
use crate::machine::Machine;

pub use havoc::havoc;
pub use splice::crossover;

/// Opcodes above which a program is not grown any more: mutation doubles, and a fuzzer repeats.
pub const MAX_CODES: usize = 4096;

/// Bytes above which a pickle is mutated as bytes only; parsing it each time would cost more
/// than it finds.
const MAX_BYTES: usize = 1 << 16;

/// A change to a program.
///
/// An implementor gives `change` and must leave what `Program::to_bytes` can write, must end in bounded time, must
/// not grow a program by more than a constant and its own size, and must take every choice from
/// the entropy. It must not load anything. Callers ask `can_mutate` first.
pub trait Mutator: Sync {
    /// Its name in logs and statistics.
    fn name(&self) -> &'static str;

    /// Whether the meaning stays the same for every unpickler.
    fn keeps_meaning(&self) -> bool {
        false
    }

    /// Whether frames that were right are to be right afterwards.
    fn mends_frames(&self) -> bool {
        true
    }

    /// Whether there is something in the program for it to change.
    fn can_mutate(&self, program: &Program) -> bool;

    /// Changes the program, frames aside.
    ///
    /// # Errors
    /// [`crate::Error::NotApplicable`] if there was nothing to change after all.
    fn change(&self, program: &mut Program, entropy: &mut Unstructured<'_>) -> Result<()>;

    /// Changes the program; frames that were right stay so unless that is what it changes.
    ///
    /// # Errors
    /// [`crate::Error::NotApplicable`] if there was nothing to change after all, or if frames are
    /// wrong and the meaning must be kept.
    fn mutate(&self, program: &mut Program, entropy: &mut Unstructured<'_>) -> Result<()> {
        if !self.mends_frames() {
            return self.change(program, entropy);
        }
        let change = |program: &mut Program| self.change(program, entropy);
        reframe::keeping(program, self.keeps_meaning(), change)
    }
}

/// Every mutator.
pub fn all() -> &'static [&'static dyn Mutator] {
    &[
        &swap::Swap,
        &retype::Retype,
        &boundary::Boundary,
        &reencode::Reencode,
        &rename::Rename,
        &renumber::Renumber,
        &reframe::Reframe,
        &noise::Noise,
        &wrap::Wrap,
        &gadget::Gadget,
        &second::Second,
        &duplicate::Duplicate,
        &delete::Delete,
        &truncate::Truncate,
    ]
}

/// Mutates a pickle one to four times: as a program, now and then as bytes, and with parts of
/// `other` if there is one.
pub fn mutate(bytes: &[u8], other: Option<&[u8]>, entropy: &mut Unstructured<'_>) -> Vec<u8> {
    let rounds = 1 + Choices::new(entropy).below(4);
    if bytes.len() > MAX_BYTES {
        return havoc(bytes, entropy);
    }
    let mut program = Program::parse(bytes);
    for _ in 0..rounds {
        let kind = Choices::new(entropy).below(16);
        match kind {
            0 => program = Program::parse(&havoc(&program.to_bytes(), entropy)),
            1 | 2 => {
                if let Some(other) = other.filter(|other| other.len() <= MAX_BYTES) {
                    splice::splice(&mut program, &Program::parse(other), entropy);
                }
            }
            _ => {
                let mutator = *Choices::new(entropy).pick(all());
                if mutator.can_mutate(&program) {
                    // A mutator that finds nothing to do leaves the program as it was.
                    let _ = mutator.mutate(&mut program, entropy);
                }
            }
        }
    }
    program.to_bytes()
}

/// A code written by hand; the bytes must be exactly one instruction.
fn code(bytes: &[u8]) -> Option<Code> {
    Code::from_bytes(bytes.to_vec())
}

/// An opcode with data counted in `width` bytes.
fn counted(opcode: Opcode, width: usize, data: &[u8]) -> Option<Code> {
    let mut bytes = vec![opcode.byte()];
    bytes.extend_from_slice(&(data.len() as u64).to_le_bytes()[..width]);
    bytes.extend_from_slice(data);
    Code::from_bytes(bytes)
}

/// A place in the program at random; `None` if it is empty.
fn place(program: &Program, choices: &mut Choices<'_, '_>) -> Option<usize> {
    let count = program.codes.len();
    (count > 0).then(|| choices.below(count.min(MAX_CODES)))
}

/// The places of codes that satisfy `fits`, and one of them at random.
fn place_where(
    program: &Program,
    choices: &mut Choices<'_, '_>,
    fits: impl Fn(&Code) -> bool,
) -> Option<usize> {
    let start = place(program, choices)?;
    let (before, after) = program.codes.split_at(start);
    let found = after.iter().position(&fits).map(|index| start + index);
    found.or_else(|| before.iter().position(fits))
}

/// Objects that can be popped, and marks, before each code; up to the first fault.
fn depths(program: &Program) -> Vec<(usize, usize)> {
    let mut machine = Machine::new();
    let mut depths = Vec::with_capacity(program.codes.len());
    for code in &program.codes {
        depths.push((machine.depth(), machine.marks()));
        let instruction = code.view();
        if machine.step(instruction.opcode, memo_index(&instruction)).is_err() {
            break;
        }
        if instruction.opcode == Opcode::Stop {
            machine.reset();
        }
    }
    depths
}

/// Places from a drawn one to the end of the first pickle, as far as the machine gets.
fn places(
    program: &Program,
    depths: &[(usize, usize)],
    choices: &mut Choices<'_, '_>,
) -> RangeInclusive<usize> {
    let end = first_stop(program).min(depths.len().saturating_sub(1));
    choices.below((end + 1).min(MAX_CODES))..=end
}

/// The last place, counted from the program's start, at which its first pickle can take more.
fn first_stop(program: &Program) -> usize {
    let stop = program.codes.iter().position(|code| code.opcode() == Opcode::Stop);
    stop.unwrap_or(program.codes.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Config, Generator, Profile, check::check, generate_seeded};

    /// Runs a mutator over seeds and generated pickles; gives how often it changed one.
    fn run(mutator: &dyn Mutator, mut seen: impl FnMut(&[u8], &[u8])) -> usize {
        let generator = Generator::new(Config { profile: Profile::Data, ..Config::default() });
        let mut pickle = Vec::new();
        let mut changed = 0;
        for index in 0..400 {
            if index % 4 == 0 {
                let seeds = assay_corpus::seeds();
                pickle = seeds[index as usize * 2 % seeds.len()].bytes.to_vec();
            } else {
                generate_seeded(&generator, 5, index, &mut pickle);
            }
            let entropy: Vec<u8> = (0..64).map(|i| (index * 37 + i * 101 + i * i) as u8).collect();
            let mut program = Program::parse(&pickle);
            if mutator.can_mutate(&program)
                && mutator.mutate(&mut program, &mut Unstructured::new(&entropy)).is_ok()
            {
                let bytes = program.to_bytes();
                changed += usize::from(bytes != pickle);
                seen(&pickle, &bytes);
            }
        }
        changed
    }

    #[test]
    fn every_mutator_changes_something() {
        for mutator in all() {
            let changed = run(*mutator, |_, _| {});
            assert!(changed > 20, "{}: {changed}", mutator.name());
        }
    }

    #[test]
    fn what_is_written_reads_back() {
        for mutator in all() {
            run(*mutator, |_, after| assert_eq!(Program::parse(after).to_bytes(), after));
        }
    }

    #[test]
    fn mutators_that_keep_the_meaning_keep_it_loadable() {
        for mutator in all().iter().filter(|mutator| mutator.keeps_meaning()) {
            run(*mutator, |before, after| {
                assert_eq!(
                    check(before).is_loadable(),
                    check(after).is_loadable(),
                    "{}: {} became {}",
                    mutator.name(),
                    before.escape_ascii(),
                    after.escape_ascii()
                );
            });
        }
    }

    #[test]
    fn names_are_unique() {
        let mut names: Vec<_> = all().iter().map(|mutator| mutator.name()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all().len());
    }

    #[test]
    fn nothing_is_mutated_into_something_or_nothing() {
        for entropy in [&[][..], &[255; 64], &[128; 64]] {
            mutate(b"", None, &mut Unstructured::new(entropy));
            mutate(b"", Some(b""), &mut Unstructured::new(entropy));
            mutate(b"N.", Some(b"\xff"), &mut Unstructured::new(entropy));
        }
    }
}
