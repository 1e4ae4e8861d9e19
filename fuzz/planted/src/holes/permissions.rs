//! Lists that let too much pass.

use crate::allowlist::{ALLOWLIST, allowed};
use crate::machine::Machine;
use crate::rules::{Base, Rules};
use crate::value::Value;

/// The base's allowlist and whatever this holds for harmless besides.
pub struct Passes(pub fn(module: &str, name: &str) -> bool);

impl Rules for Passes {
    fn global(&self, machine: &mut Machine, module: &[u8], name: &[u8]) -> Value {
        if allowed(module, name).is_none()
            && let (Ok(module), Ok(name)) = (str::from_utf8(module), str::from_utf8(name))
            && (self.0)(module, name)
        {
            return Value::Unknown;
        }
        Base.global(machine, module, name)
    }
}

/// Modules of which early scanners' lists of the forbidden held every name.
const FORBIDDEN_MODULES: [&str; 20] = [
    "os",
    "nt",
    "posix",
    "subprocess",
    "sys",
    "socket",
    "shutil",
    "runpy",
    "pty",
    "webbrowser",
    "bdb",
    "pdb",
    "pickle",
    "_pickle",
    "asyncio",
    "importlib",
    "ctypes",
    "marshal",
    "types",
    "code",
];

/// Builtins that they held, under both their names.
const FORBIDDEN_BUILTINS: [&str; 8] =
    ["eval", "exec", "compile", "open", "getattr", "__import__", "breakpoint", "apply"];

/// Everything that is not forbidden by name.
pub fn not_forbidden(module: &str, name: &str) -> bool {
    match module {
        "builtins" | "__builtin__" => !FORBIDDEN_BUILTINS.contains(&name),
        "operator" => name != "attrgetter",
        _ => !FORBIDDEN_MODULES.contains(&module.split('.').next().unwrap_or(module)),
    }
}

/// Every builtin but those that run code.
pub fn other_builtins(module: &str, name: &str) -> bool {
    module == "builtins" && !["eval", "exec", "compile", "__import__"].contains(&name)
}

/// Everything in modules that talk to other machines: at worst they fetch or tell something.
pub fn networking(module: &str, _: &str) -> bool {
    let package = module.split('.').next().unwrap_or(module);
    ["ftplib", "http", "poplib", "smtplib", "socket", "ssl", "urllib", "xmlrpc"].contains(&package)
}

/// Everything that is named as classes are: calling one makes an object, and no more.
pub fn named_like_a_class(_: &str, name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_uppercase()) && !name.contains('.')
}

/// Modules that Python 3 has no more, and so cannot load.
pub fn gone_since_python_3(module: &str, _: &str) -> bool {
    [
        "__builtin__",
        "commands",
        "cPickle",
        "copy_reg",
        "Queue",
        "StringIO",
        "UserDict",
        "exceptions",
    ]
    .contains(&module)
}

/// Everything in packages whose data types are pickled.
pub fn in_good_packages(module: &str, _: &str) -> bool {
    let package = module.split('.').next().unwrap_or(module);
    ["asyncio", "collections", "email", "json", "logging", "multiprocessing", "unittest"]
        .contains(&package)
}

/// Everything in a module that the allowlist has a name of, whatever the name.
pub fn in_good_modules(module: &str, _: &str) -> bool {
    module != "builtins" && ALLOWLIST.iter().any(|entry| entry.module == module)
}

/// Every name that begins with an allowed one.
pub fn below_good_names(module: &str, name: &str) -> bool {
    name.split_once('.')
        .is_some_and(|(first, _)| allowed(module.as_bytes(), first.as_bytes()).is_some())
}

/// Unpickling what the pickle carries.
pub fn unpickling(module: &str, name: &str) -> bool {
    matches!((module, name), ("pickle" | "_pickle", "loads"))
}

/// Looking a name up.
pub fn looking_up(module: &str, name: &str) -> bool {
    matches!((module, name), ("pkgutil", "resolve_name") | ("pydoc", "locate"))
}

/// Fetching attributes of what is allowed, by name.
pub fn fetching(module: &str, name: &str) -> bool {
    (module, name) == ("builtins", "getattr")
}

/// Fetching attributes, of imported modules too.
pub fn importing(module: &str, name: &str) -> bool {
    fetching(module, name) || (module, name) == ("importlib", "import_module")
}

/// Operators as functions.
pub fn operators(module: &str, _: &str) -> bool {
    matches!(module, "operator" | "_operator")
}

/// The helpers that picklers call.
pub fn copy_registry(module: &str, _: &str) -> bool {
    module == "copyreg"
}
