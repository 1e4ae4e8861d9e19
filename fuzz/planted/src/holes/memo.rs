//! A memo that is kept otherwise than unpicklers keep it.

use std::hash::{DefaultHasher, Hash, Hasher};

use assay_pickle::{Ambiguity, Argument, Instruction, Opcode};

use crate::Verdict;
use crate::machine::{self, Machine, index};
use crate::report::{Fault, Report};
use crate::rules::{Base, Rules};

fn is_put(opcode: Opcode) -> bool {
    matches!(opcode, Opcode::Put | Opcode::BinPut | Opcode::LongBinPut)
}

/// Knows no way into the memo but MEMOIZE.
pub struct OnlyMemoize;

impl Rules for OnlyMemoize {
    fn step(&self, machine: &mut Machine, instruction: &Instruction<'_>) -> Result<(), Fault> {
        if is_put(instruction.opcode) {
            return Ok(());
        }
        machine.step(self, instruction)
    }
}

/// Stores at the next free index, whatever index is named.
pub struct InOrder;

impl Rules for InOrder {
    fn step(&self, machine: &mut Machine, instruction: &Instruction<'_>) -> Result<(), Fault> {
        if is_put(instruction.opcode) {
            return machine.store(machine.memo.len() as u64);
        }
        machine.step(self, instruction)
    }
}

/// Gives MEMOIZE the number of MEMOIZEs before it for an index, instead of the memo's length.
pub struct CountsMemoize;

impl Rules for CountsMemoize {
    fn step(&self, machine: &mut Machine, instruction: &Instruction<'_>) -> Result<(), Fault> {
        if instruction.opcode == Opcode::Memoize {
            machine.store(machine.memoized)?;
            machine.memoized += 1;
            return Ok(());
        }
        machine.step(self, instruction)
    }
}

/// Keeps what was stored first.
pub struct FirstStays;

impl Rules for FirstStays {
    fn step(&self, machine: &mut Machine, instruction: &Instruction<'_>) -> Result<(), Fault> {
        if is_put(instruction.opcode) && machine.memo.contains_key(&index(instruction)?) {
            return Ok(());
        }
        machine.step(self, instruction)
    }
}

/// Finds entries by the text of the index: `0` and `00` are two.
pub struct ByText;

impl Rules for ByText {
    fn ambiguous(&self, instruction: &Instruction<'_>, ambiguity: Ambiguity) -> Result<(), Fault> {
        match instruction.opcode {
            Opcode::Put | Opcode::Get => Ok(()),
            _ => Base.ambiguous(instruction, ambiguity),
        }
    }

    fn step(&self, machine: &mut Machine, instruction: &Instruction<'_>) -> Result<(), Fault> {
        let Argument::Numeral(numeral) = instruction.argument else {
            return machine.step(self, instruction);
        };
        let other = || {
            let mut hasher = DefaultHasher::new();
            numeral.text.hash(&mut hasher);
            // Beyond every index that is a number here.
            hasher.finish() | 1 << 63
        };
        let key = numeral.value.and_then(|value| u64::try_from(value).ok()).unwrap_or_else(other);
        match instruction.opcode {
            Opcode::Get => machine.fetch(key),
            Opcode::Put => {
                let top = machine.top()?.clone();
                machine.memo.insert(key, top);
                Ok(())
            }
            _ => machine.step(self, instruction),
        }
    }
}

/// Takes it for an error that an entry is stored again, as pickletools does, and gives up.
pub struct StoredOnce;

impl Rules for StoredOnce {
    fn step(&self, machine: &mut Machine, instruction: &Instruction<'_>) -> Result<(), Fault> {
        if is_put(instruction.opcode) && machine.memo.contains_key(&index(instruction)?) {
            return Err(Fault::StoredAgain);
        }
        machine.step(self, instruction)
    }

    fn conclude(&self, report: &Report) -> Verdict {
        if report.fault == Some(Fault::StoredAgain) {
            return Verdict::Safe;
        }
        Base.conclude(report)
    }
}

/// Reads a stream with one memo, or with a new one for each pickle, and not both ways.
pub struct Reads {
    /// Whether the memo outlives a pickle.
    pub memo_survives: bool,
}

impl Rules for Reads {
    fn scan(&self, input: &[u8]) -> Verdict {
        self.conclude(&machine::read(self, input, self.memo_survives))
    }
}
