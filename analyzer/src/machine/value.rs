//! Abstract values: what is known of an object before it exists.

/// An entry of the table of globals that a pickle asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct GlobalId(pub u32);

/// An abstract object. Constants are the offset of the opcode that pushed them: their data stays
/// in the input. Eight bytes, so that a memo of millions stays small.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    /// Anything at all, made by something that is not allowed.
    Unknown,
    /// Something of unknown type that only allowed things made.
    Allowed,
    None,
    Bool(bool),
    /// An `int` that fits.
    Int(i32),
    /// Any other `int`.
    BigInt,
    Float,
    /// A `str`, constant at that offset.
    Str(u32),
    /// An 8-bit string of Python 2, constant at that offset: `str` or `bytes`, as the encoding says.
    Str8(u32),
    /// `bytes`, constant at that offset.
    Bytes(u32),
    /// `bytes` that a call returned.
    SomeBytes,
    ByteArray,
    /// An out-of-band buffer.
    Buffer,
    List,
    /// A `dict`, by its entry in the heap.
    Dict(u32),
    Set,
    FrozenSet,
    /// A `tuple`, by its entry in the heap.
    Tuple(u32),
    /// A global.
    Global(GlobalId),
    /// An instance of an allowed class.
    Instance(GlobalId),
}
