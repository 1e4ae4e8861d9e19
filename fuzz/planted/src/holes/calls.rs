//! Names that are judged where they are called, by whoever does not know every call.

use assay_pickle::Opcode;

use crate::allowlist::allowed;
use crate::machine::Machine;
use crate::report::Fault;
use crate::rules::{Base, Rules, dotted};
use crate::value::Value;

/// Modules whose import is known to do nothing: a global of another is judged at once, since
/// naming it imports its module.
const QUIET: [&str; 18] = [
    "builtins",
    "__builtin__",
    "os",
    "posix",
    "sys",
    "io",
    "_io",
    "subprocess",
    "types",
    "zoneinfo",
    "socket",
    "mmap",
    "operator",
    "functools",
    "shutil",
    "runpy",
    "pty",
    "timeit",
];

/// A global by itself does no harm, it holds; of the opcodes that call it overlooks one.
pub struct NoCall(pub Opcode);

impl Rules for NoCall {
    fn global(&self, machine: &mut Machine, module: &[u8], name: &[u8]) -> Value {
        match allowed(module, name) {
            Some(entry) => Value::Allowed(entry),
            None if QUIET.iter().any(|quiet| quiet.as_bytes() == module) => {
                Value::Named(dotted(module, name).into())
            }
            None => Base.global(machine, module, name),
        }
    }

    fn call(
        &self,
        machine: &mut Machine,
        how: Opcode,
        callable: &Value,
        arguments: &[Value],
    ) -> Result<Value, Fault> {
        if how == self.0 {
            return Ok(Value::Unknown);
        }
        Base.call(machine, how, callable, arguments)
    }

    fn build(&self, machine: &mut Machine, object: &Value) {
        if self.0 != Opcode::Build {
            Base.build(machine, object);
        }
    }
}
