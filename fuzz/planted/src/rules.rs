//! What a scanner decides, decision by decision.
//!
//! The machine moves values; whatever may be decided rightly or wrongly it asks for here. The
//! defaults are the base's decisions, and they are right; a hole is one of them decided
//! otherwise.

use assay_pickle::{Ambiguity, Argument, Instruction, Opcode};

use crate::allowlist::allowed;
use crate::machine::{self, Machine};
use crate::report::Fault;
use crate::value::Value;
use crate::{Report, Verdict};

/// A scanner's decisions.
///
/// An implementor must be deterministic, must keep nothing between inputs, and must end on any
/// input in time that grows no faster than its length does.
pub trait Rules: Sync {
    /// Judges an input. An unpickler may be used once or again and again, and in the latter case
    /// its memo survives: both must be harmless.
    fn scan(&self, input: &[u8]) -> Verdict {
        for memo_survives in [false, true] {
            let verdict = self.conclude(&machine::read(self, input, memo_survives));
            if verdict != Verdict::Safe {
                return verdict;
            }
        }
        Verdict::Safe
    }

    /// What is to be said of an input of which this was seen.
    fn conclude(&self, report: &Report) -> Verdict {
        match (report.findings.first(), report.fault) {
            (None, None) => Verdict::Safe,
            (Some(finding), _) => Verdict::Dangerous(finding.message.clone()),
            (None, Some(fault)) => Verdict::Dangerous(fault.to_string()),
        }
    }

    /// Whether what follows a STOP is read too: `pickle.load` of the same file goes on there.
    fn reads_on(&self) -> bool {
        true
    }

    /// What to do about an argument that unpicklers read differently.
    fn ambiguous(&self, instruction: &Instruction<'_>, ambiguity: Ambiguity) -> Result<(), Fault> {
        match instruction.argument {
            Argument::Numeral(numeral) if numeral.text.contains(&0) => Err(Fault::Nul),
            _ => Err(Fault::Ambiguous(ambiguity)),
        }
    }

    /// Does what an opcode does.
    fn step(&self, machine: &mut Machine, instruction: &Instruction<'_>) -> Result<(), Fault> {
        machine.step(self, instruction)
    }

    /// Resolves a global.
    fn global(&self, machine: &mut Machine, module: &[u8], name: &[u8]) -> Value {
        match allowed(module, name) {
            Some(entry) => Value::Allowed(entry),
            None => machine.flag(format!("{} is not allowed", dotted(module, name))),
        }
    }

    /// Resolves the global that STACK_GLOBAL names.
    fn stack_global(
        &self,
        machine: &mut Machine,
        module: Value,
        name: Value,
    ) -> Result<Value, Fault> {
        Ok(match (module, name) {
            (Value::Text(module), Value::Text(name)) => self.global(machine, &module, &name),
            (Value::Unknown, _) | (_, Value::Unknown) => Value::Unknown,
            (Value::EightBit, Value::Text(_) | Value::EightBit)
            | (Value::Text(_), Value::EightBit) => {
                machine.flag("a name that depends on the encoding".into())
            }
            _ => return Err(Fault::NotText),
        })
    }

    /// Calls something, by the opcode `how`.
    fn call(
        &self,
        machine: &mut Machine,
        how: Opcode,
        callable: &Value,
        arguments: &[Value],
    ) -> Result<Value, Fault> {
        Ok(match callable {
            Value::Allowed(entry) => {
                let fine = match how {
                    Opcode::NewObj => entry.new && arguments.is_empty(),
                    // Keyword arguments are not followed.
                    Opcode::NewObjEx => false,
                    _ => (entry.call)(arguments),
                };
                if fine {
                    Value::Instance(entry)
                } else {
                    let message = format!(
                        "{} calls {} with other arguments than it may",
                        how.name(),
                        dotted(entry.module.as_bytes(), entry.name.as_bytes())
                    );
                    machine.flag(message)
                }
            }
            Value::Named(name) => machine.flag(format!("{} calls {name}", how.name())),
            Value::Instance(_) => machine.flag(format!("{} calls what a call gave", how.name())),
            Value::Unknown => Value::Unknown,
            _ => return Err(Fault::Operand),
        })
    }

    /// Whether SETITEM and SETITEMS may set items of an object.
    fn takes_items(&self, object: &Value) -> bool {
        match object {
            Value::Dict | Value::Unknown => true,
            Value::Instance(entry) => entry.set_item,
            _ => false,
        }
    }

    /// Restores the state of an object by BUILD.
    fn build(&self, machine: &mut Machine, _object: &Value) {
        machine.flag("BUILD sets attributes or calls __setstate__".into());
    }
}

/// The unflawed scanner: every decision as it is by default.
pub struct Base;

impl Rules for Base {}

/// `module.name`, for people.
pub fn dotted(module: &[u8], name: &[u8]) -> String {
    format!("{}.{}", String::from_utf8_lossy(module), String::from_utf8_lossy(name))
}
