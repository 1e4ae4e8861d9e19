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

/// What resolving a global gives to who judges it where it is called.
fn to_be_called(machine: &mut Machine, module: &[u8], name: &[u8]) -> Value {
    match allowed(module, name) {
        Some(entry) => Value::Allowed(entry),
        None if QUIET.iter().any(|quiet| quiet.as_bytes() == module) => {
            Value::Named(dotted(module, name).into())
        }
        None => Base.global(machine, module, name),
    }
}

/// A global by itself does no harm, it holds; of the opcodes that call it overlooks one.
pub struct NoCall(pub Opcode);

impl Rules for NoCall {
    fn global(&self, machine: &mut Machine, module: &[u8], name: &[u8]) -> Value {
        to_be_called(machine, module, name)
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

/// Judges names where they are called, and looks for them no more opcodes back than these.
pub struct LooksBack(pub usize);

impl Rules for LooksBack {
    fn global(&self, machine: &mut Machine, module: &[u8], name: &[u8]) -> Value {
        to_be_called(machine, module, name)
    }

    fn call(
        &self,
        machine: &mut Machine,
        how: Opcode,
        callable: &Value,
        arguments: &[Value],
    ) -> Result<Value, Fault> {
        let names = |opcode: &Opcode| matches!(opcode, Opcode::Global | Opcode::StackGlobal);
        let in_sight = how == Opcode::Inst || machine.trail.iter().rev().take(self.0).any(names);
        match callable {
            Value::Named(_) if !in_sight => Ok(Value::Unknown),
            _ => Base.call(machine, how, callable, arguments),
        }
    }
}

/// Judges names where they are called, and holds setting items for data, whatever has them.
pub struct ItemsAreData;

impl Rules for ItemsAreData {
    fn global(&self, machine: &mut Machine, module: &[u8], name: &[u8]) -> Value {
        to_be_called(machine, module, name)
    }

    fn takes_items(&self, object: &Value) -> bool {
        matches!(object, Value::Named(_)) || Base.takes_items(object)
    }
}

/// Judges names where they are called, and none that was once used harmlessly: as a class, of which
/// NEWOBJ made an instance without arguments.
pub struct ProvenOnce;

impl Rules for ProvenOnce {
    fn global(&self, machine: &mut Machine, module: &[u8], name: &[u8]) -> Value {
        to_be_called(machine, module, name)
    }

    fn call(
        &self,
        machine: &mut Machine,
        how: Opcode,
        callable: &Value,
        arguments: &[Value],
    ) -> Result<Value, Fault> {
        let Value::Named(name) = callable else {
            return Base.call(machine, how, callable, arguments);
        };
        if how == Opcode::NewObj && arguments.is_empty() {
            machine.noted.insert(name.clone());
        }
        if machine.noted.contains(name) {
            return Ok(Value::Unknown);
        }
        Base.call(machine, how, callable, arguments)
    }
}
