//! Pickles within pickles.

use assay_pickle::Opcode;

use crate::holes::permissions::unpickling;
use crate::machine::Machine;
use crate::report::Fault;
use crate::rules::{Base, Rules, dotted};
use crate::value::Value;

/// Looks for pickles in bytes only: what is encoded from a text may be unpickled.
pub struct BytesOnly;

impl Rules for BytesOnly {
    fn global(&self, machine: &mut Machine, module: &[u8], name: &[u8]) -> Value {
        match (str::from_utf8(module), str::from_utf8(name)) {
            (Ok(in_module), Ok(called)) if unpickling(in_module, called) => {
                Value::Named(dotted(module, name).into())
            }
            _ => Base.global(machine, module, name),
        }
    }

    fn call(
        &self,
        machine: &mut Machine,
        how: Opcode,
        callable: &Value,
        arguments: &[Value],
    ) -> Result<Value, Fault> {
        match (callable, arguments) {
            (Value::Named(_), [Value::Instance(entry)]) if entry.name == "encode" => {
                Ok(Value::Unknown)
            }
            _ => Base.call(machine, how, callable, arguments),
        }
    }
}
