//! Opcodes that are not looked at, and what they do to the stack.

use assay_pickle::{Instruction, Opcode};

use crate::machine::Machine;
use crate::report::Fault;
use crate::rules::Rules;

/// Takes what the opcode takes, leaves something unknown, and thinks no more of it.
pub struct Unread(pub Opcode);

impl Rules for Unread {
    fn step(&self, machine: &mut Machine, instruction: &Instruction<'_>) -> Result<(), Fault> {
        if instruction.opcode == self.0 {
            return machine.skip(self.0);
        }
        machine.step(self, instruction)
    }
}

/// Goes on as if the opcode were not there.
pub struct PassedOver(pub Opcode);

impl Rules for PassedOver {
    fn step(&self, machine: &mut Machine, instruction: &Instruction<'_>) -> Result<(), Fault> {
        if instruction.opcode == self.0 {
            return Ok(());
        }
        machine.step(self, instruction)
    }
}

/// Takes back what it reported last when something is dropped: it looks only at what takes part
/// in the result.
pub struct DroppedIsHarmless;

impl Rules for DroppedIsHarmless {
    fn step(&self, machine: &mut Machine, instruction: &Instruction<'_>) -> Result<(), Fault> {
        if instruction.opcode == Opcode::Pop
            && matches!(machine.top(), Ok(crate::value::Value::Unknown))
        {
            machine.forget();
        }
        machine.step(self, instruction)
    }
}
