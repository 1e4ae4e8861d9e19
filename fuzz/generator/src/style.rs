//! Styles: the ways to have a callable called, and the names that they take for it.

use assay_corpus::Value;

/// A way to have a callable called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    /// REDUCE.
    Reduce,
    /// INST, which also names it.
    Inst,
    /// OBJ.
    Obj,
    /// NEWOBJ of a type that consumes a lazy map over the callable.
    NewObj,
    /// The same by NEWOBJ_EX.
    NewObjEx,
    /// BUILD, on an object that was given the callable as `__setstate__`.
    SetState,
    /// BUILD, on an instance of a class that was given it.
    ClassSetState,
    /// APPEND or APPENDS, on an object that was given it as `append`.
    Append,
    /// ADDITEMS, on an object that was given it as `add`.
    Add,
    /// `functools.partial`, then REDUCE.
    Partial,
    /// A lazy map consumed by a container's constructor.
    Map,
    /// `starmap` over the arguments.
    Starmap,
    /// `functools.reduce` over two arguments.
    Fold,
    /// The missing key of a `defaultdict`, whose factory it is.
    Factory,
    /// SETITEM or SETITEMS, on an instance of a class that was given it as `__setitem__`.
    SetItem,
    /// The hash of a key, by whatever opcode makes a dict or a set.
    Key,
    /// A name that a module lacks, once BUILD gave it the callable as `__getattr__` (PEP 562).
    ModuleGetattr,
}

/// Weights are by repetition: the plain ways are what most gadgets are checked by.
pub(crate) const STYLES: [Style; 29] = [
    Style::Reduce,
    Style::Reduce,
    Style::Reduce,
    Style::Reduce,
    Style::Reduce,
    Style::Reduce,
    Style::Inst,
    Style::Inst,
    Style::Inst,
    Style::Obj,
    Style::Obj,
    Style::Obj,
    Style::NewObj,
    Style::NewObjEx,
    Style::SetState,
    Style::SetState,
    Style::ClassSetState,
    Style::Append,
    Style::Add,
    Style::Partial,
    Style::Map,
    Style::Starmap,
    Style::Fold,
    Style::Factory,
    Style::SetItem,
    Style::SetItem,
    Style::Key,
    Style::Key,
    Style::ModuleGetattr,
];

/// Types whose `__new__` iterates its argument.
pub(crate) const CONSUMERS: [&str; 3] = ["tuple", "frozenset", "bytes"];

/// Callables that iterate their argument.
pub(crate) const ITERATORS: [(&str, &str); 9] = [
    ("builtins", "list"),
    ("builtins", "tuple"),
    ("builtins", "set"),
    ("builtins", "frozenset"),
    ("builtins", "any"),
    ("builtins", "sum"),
    ("collections", "deque"),
    ("collections", "Counter"),
    ("collections", "OrderedDict"),
];

/// Classes written in Python whose instances take any attribute.
pub(crate) const CLASSES: [(&str, &str); 4] = [
    ("collections", "UserDict"),
    ("string", "Formatter"),
    ("contextlib", "ContextDecorator"),
    ("collections", "UserList"),
];

/// Types whose instances take any attribute, and need no arguments.
pub(crate) const CARRIERS: [(&str, &str); 8] = [
    ("types", "SimpleNamespace"),
    ("types", "SimpleNamespace"),
    ("argparse", "Namespace"),
    ("collections", "OrderedDict"),
    ("collections", "OrderedDict"),
    ("collections", "Counter"),
    ("collections", "UserDict"),
    ("builtins", "Exception"),
];

/// A module, what it holds another one as, and that one's name: so it is pushed, to be built. Few
/// others ask these for names that they lack.
pub(crate) const HELD: [(&str, &str, &str); 5] = [
    ("shutil", "fnmatch", "fnmatch"),
    ("tempfile", "_shutil", "shutil"),
    ("textwrap", "re", "re"),
    ("calendar", "datetime", "datetime"),
    ("uuid", "os", "os"),
];

/// Whether a text can be asked for as a name: as one line, and not as a walk.
fn is_a_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| (b' '..=b'~').contains(&byte) && byte != b'.')
}

impl Style {
    /// Whether it can pass these arguments in this protocol.
    pub(crate) fn fits(self, args: &[Value], protocol: u8) -> bool {
        let count = args.len();
        match self {
            Self::ModuleGetattr => matches!(args, [Value::Str(text)] if is_a_name(text)),
            Self::Reduce | Self::Partial | Self::Factory | Self::Key => true,
            // Without arguments both only make an instance of a class, but call a function.
            Self::Inst => true,
            Self::Obj => protocol >= 1,
            Self::NewObj => count >= 1 && protocol >= 2,
            Self::NewObjEx => count >= 1 && protocol >= 4,
            Self::SetState | Self::ClassSetState | Self::Append => count == 1,
            Self::Add => count == 1 && protocol >= 4,
            Self::Map | Self::Starmap => count >= 1,
            Self::Fold | Self::SetItem => count == 2,
        }
    }
}
