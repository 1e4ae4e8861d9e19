//! Facts: what a pickle does, as the abstract machine meets it, before anyone judges it.

use crate::domain::{GlobalId, Value};

/// One thing that loading does.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Fact {
    /// `find_class` is asked for a global.
    Resolve(GlobalId),
    /// `find_class` is asked for a name that is not a constant.
    ResolveComputed,
    /// A value is called with arguments (REDUCE; INST and OBJ with arguments).
    Call {
        /// What is called.
        callee: Value,
        /// With what; `None` if not a tuple of known length.
        args: Option<Vec<Value>>,
    },
    /// `cls.__new__` is called (NEWOBJ, NEWOBJ_EX; INST and OBJ without arguments).
    New {
        /// The class.
        class: Value,
        /// With what.
        args: Option<Vec<Value>>,
        /// Whether there are keyword arguments.
        keywords: bool,
    },
    /// BUILD restores a state.
    Build {
        /// Of what.
        target: Value,
        /// The state.
        state: Value,
    },
    /// APPEND, APPENDS on something that is not a list.
    Append {
        /// What is extended.
        target: Value,
        /// Whether by atoms only.
        atoms: bool,
    },
    /// SETITEM, SETITEMS on something that is not a dict.
    SetItem {
        /// Of what.
        target: Value,
        /// Keys and values in turn, in pairs.
        items: Vec<Value>,
    },
    /// ADDITEMS on something that is not a set.
    Add(Value),
    /// A value is hashed and compared.
    Hash(Value),
    /// `persistent_load` is asked for that id.
    Persistent(Value),
    /// The extension registry is asked.
    Extension(i64),
    /// A global that is to be called only is kept as a value.
    Keep(GlobalId),
    /// READONLY_BUFFER of something that is not a buffer.
    View(Value),
}
