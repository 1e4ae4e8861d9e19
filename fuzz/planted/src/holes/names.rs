//! Names that are looked for in the wrong place.

use assay_pickle::Opcode;

use crate::machine::Machine;
use crate::report::Fault;
use crate::rules::{Base, Rules};
use crate::value::Value;

/// Takes the last two texts that were spelled out for the operands of STACK_GLOBAL, whatever
/// became of them since.
pub struct LastTwoTexts;

impl Rules for LastTwoTexts {
    fn stack_global(&self, machine: &mut Machine, _: Value, _: Value) -> Result<Value, Fault> {
        match machine.literals.as_slice() {
            [.., module, name] => {
                let (module, name) = (module.clone(), name.clone());
                Ok(self.global(machine, &module, &name))
            }
            _ => Err(Fault::NotText),
        }
    }
}

/// Knows the operands of STACK_GLOBAL if they were spelled out just before; lets others pass.
pub struct OnlyLiterals;

impl Rules for OnlyLiterals {
    fn stack_global(
        &self,
        machine: &mut Machine,
        module: Value,
        name: Value,
    ) -> Result<Value, Fault> {
        let stores = [Opcode::Memoize, Opcode::Put, Opcode::BinPut, Opcode::LongBinPut];
        let literals = [Opcode::Unicode, Opcode::ShortBinUnicode, Opcode::BinUnicode];
        let before: Vec<Opcode> =
            machine.trail.iter().rev().filter(|op| !stores.contains(op)).take(2).copied().collect();
        if before.len() == 2 && before.iter().all(|opcode| literals.contains(opcode)) {
            return Base.stack_global(machine, module, name);
        }
        Ok(Value::Unknown)
    }
}

/// Holds 8-bit strings for bytes, by which nothing can be named.
pub struct EightBitIsBytes;

impl Rules for EightBitIsBytes {
    fn stack_global(
        &self,
        machine: &mut Machine,
        module: Value,
        name: Value,
    ) -> Result<Value, Fault> {
        match (&module, &name) {
            (Value::EightBit, _) | (_, Value::EightBit) => Ok(Value::Unknown),
            _ => Base.stack_global(machine, module, name),
        }
    }
}
