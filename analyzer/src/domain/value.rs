//! Abstract values: what is known of an object before it exists.

/// An entry of the table of globals that a pickle asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct GlobalId(pub u32);

/// The offset of what is no constant.
pub(crate) const NOWHERE: u32 = u32::MAX;

/// An abstract object. Constants are the offset of the opcode that pushed them: their data stays
/// in the input. Eight bytes, so that a memo of millions stays small.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    /// Anything at all, made by something that is not allowed.
    Unknown,
    /// Something of unknown type that only allowed things made, by its entry in the heap.
    Allowed(u32),
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
    /// `bytes` that a call made of the constant `str` at that offset, as Latin-1 or ASCII.
    Encoded(u32),
    /// A `bytearray`: constant at that offset, or `NOWHERE`. Nothing that is allowed changes one.
    ByteArray(u32),
    /// An out-of-band buffer.
    Buffer,
    /// A `list`, by its entry in the heap.
    List(u32),
    /// A `dict`, by its entry in the heap.
    Dict(u32),
    /// A `set`, by its entry in the heap.
    Set(u32),
    /// A `frozenset`, by its entry in the heap.
    FrozenSet(u32),
    /// A `tuple`, by its entry in the heap.
    Tuple(u32),
    /// A global.
    Global(GlobalId),
    /// An instance of an allowed class, by its entry in the heap.
    Instance(u32),
}

impl Value {
    /// Whether it holds no other object and runs no code of anyone when used.
    #[inline(always)]
    pub(crate) fn is_atom(self) -> bool {
        matches!(
            self,
            Self::None
                | Self::Bool(_)
                | Self::Int(_)
                | Self::BigInt
                | Self::Float
                | Self::Str(_)
                | Self::Str8(_)
                | Self::Bytes(_)
                | Self::SomeBytes
                | Self::Encoded(_)
        )
    }
}
