//! The opcodes of the pickle machine, tabulated once.
//!
//! A row gives an opcode's byte, CPython's name, the form of its argument, what it takes from
//! and leaves on the stack, and the protocol that introduced it, after `pickletools.opcodes`.
//! Everything else about opcodes in this project is derived from this table; a test pins it to
//! the `pickletools` of every CPython found.

use crate::ArgumentForm;

/// What an opcode expects on the stack, or leaves there (`pickletools.StackObject`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StackItem {
    /// An `int`.
    Int,
    /// An `int`, or a `bool` spelled `00` or `01`.
    IntOrBool,
    /// A `bool`.
    Bool,
    /// A `float`.
    Float,
    /// An 8-bit string of Python 2: `str` or `bytes`, as the encoding says.
    BytesOrStr,
    /// A `bytes`.
    Bytes,
    /// A `bytearray`.
    ByteArray,
    /// A `str`.
    Str,
    /// `None`.
    None,
    /// A `tuple`.
    Tuple,
    /// A `list`.
    List,
    /// A `dict`.
    Dict,
    /// A `set`.
    Set,
    /// A `frozenset`.
    FrozenSet,
    /// An out-of-band buffer (PEP 574).
    Buffer,
    /// Any object.
    Any,
    /// The topmost mark.
    Mark,
    /// Everything above the topmost mark.
    Slice,
}

impl StackItem {
    /// The name `pickletools` gives it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Int => "int",
            Self::IntOrBool => "int_or_bool",
            Self::Bool => "bool",
            Self::Float => "float",
            Self::BytesOrStr => "bytes_or_str",
            Self::Bytes => "bytes",
            Self::ByteArray => "bytearray",
            Self::Str => "str",
            Self::None => "None",
            Self::Tuple => "tuple",
            Self::List => "list",
            Self::Dict => "dict",
            Self::Set => "set",
            Self::FrozenSet => "frozenset",
            Self::Buffer => "buffer",
            Self::Any => "any",
            Self::Mark => "mark",
            Self::Slice => "stackslice",
        }
    }
}

/// A row of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpcodeInfo {
    /// The opcode.
    pub opcode: Opcode,
    /// CPython's name, `STACK_GLOBAL`.
    pub name: &'static str,
    /// The form of the argument that follows the opcode's byte.
    pub form: ArgumentForm,
    /// What is taken from the stack, topmost last.
    pub before: &'static [StackItem],
    /// What is left on the stack, topmost last.
    pub after: &'static [StackItem],
    /// The protocol that introduced it, 0 to 5.
    pub protocol: u8,
}

macro_rules! opcodes {
    ($($variant:ident $byte:literal $name:literal $form:ident [$($before:ident)*] [$($after:ident)*] $protocol:literal $doc:literal;)*) => {
        /// An opcode of the pickle machine; the discriminant is its byte.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum Opcode {
            $(#[doc = $doc] $variant = $byte,)*
        }

        impl Opcode {
            /// Every opcode, in the order of the table.
            pub const ALL: [Self; 68] = [$(Self::$variant,)*];

            /// The form of the argument, as in the opcode's row: what reading needs of it.
            #[inline(always)]
            pub fn form(self) -> ArgumentForm {
                const FORMS: [ArgumentForm; 256] = {
                    let mut forms = [ArgumentForm::None; 256];
                    $(forms[$byte as usize] = ArgumentForm::$form;)*
                    forms
                };
                FORMS[self as usize]
            }

            /// The opcode's row in the table.
            #[inline]
            pub fn info(self) -> &'static OpcodeInfo {
                match self {
                    $(Self::$variant => const { &OpcodeInfo {
                        opcode: Self::$variant,
                        name: $name,
                        form: ArgumentForm::$form,
                        before: &[$(StackItem::$before,)*],
                        after: &[$(StackItem::$after,)*],
                        protocol: $protocol,
                    } },)*
                }
            }
        }
    };
}

opcodes! {
    Int b'I' "INT" DecimalLine [] [IntOrBool] 0 "Push an int, or a bool spelled `00` or `01`.";
    BinInt b'J' "BININT" Int4 [] [Int] 1 "Push a four-byte signed int.";
    BinInt1 b'K' "BININT1" UInt1 [] [Int] 1 "Push a one-byte unsigned int.";
    BinInt2 b'M' "BININT2" UInt2 [] [Int] 1 "Push a two-byte unsigned int.";
    Long b'L' "LONG" LongLine [] [Int] 0 "Push an int spelled in decimal, with an optional `L`.";
    Long1 0x8a "LONG1" Long1 [] [Int] 2 "Push an int of less than 256 bytes.";
    Long4 0x8b "LONG4" Long4 [] [Int] 2 "Push an int of less than 2^31 bytes.";
    String b'S' "STRING" QuotedLine [] [BytesOrStr] 0 "Push a quoted 8-bit string.";
    BinString b'T' "BINSTRING" String4 [] [BytesOrStr] 1 "Push a counted 8-bit string.";
    ShortBinString b'U' "SHORT_BINSTRING" String1 [] [BytesOrStr] 1 "Push a counted 8-bit string of less than 256 bytes.";
    BinBytes b'B' "BINBYTES" Bytes4 [] [Bytes] 3 "Push bytes.";
    ShortBinBytes b'C' "SHORT_BINBYTES" Bytes1 [] [Bytes] 3 "Push less than 256 bytes.";
    BinBytes8 0x8e "BINBYTES8" Bytes8 [] [Bytes] 4 "Push bytes with an eight-byte count.";
    ByteArray8 0x96 "BYTEARRAY8" ByteArray8 [] [ByteArray] 5 "Push a bytearray.";
    NextBuffer 0x97 "NEXT_BUFFER" None [] [Buffer] 5 "Push the next out-of-band buffer.";
    ReadonlyBuffer 0x98 "READONLY_BUFFER" None [Buffer] [Buffer] 5 "Make the top buffer read-only.";
    None b'N' "NONE" None [] [None] 0 "Push None.";
    NewTrue 0x88 "NEWTRUE" None [] [Bool] 2 "Push True.";
    NewFalse 0x89 "NEWFALSE" None [] [Bool] 2 "Push False.";
    Unicode b'V' "UNICODE" RawUnicodeLine [] [Str] 0 "Push a str, raw-unicode-escaped.";
    ShortBinUnicode 0x8c "SHORT_BINUNICODE" Str1 [] [Str] 4 "Push a str of less than 256 bytes of UTF-8.";
    BinUnicode b'X' "BINUNICODE" Str4 [] [Str] 1 "Push a str in UTF-8.";
    BinUnicode8 0x8d "BINUNICODE8" Str8 [] [Str] 4 "Push a str with an eight-byte count.";
    Float b'F' "FLOAT" FloatLine [] [Float] 0 "Push a float spelled in decimal.";
    BinFloat b'G' "BINFLOAT" Float8 [] [Float] 1 "Push a big-endian double.";
    EmptyList b']' "EMPTY_LIST" None [] [List] 1 "Push an empty list.";
    Append b'a' "APPEND" None [List Any] [List] 0 "Append the top to the list below it.";
    Appends b'e' "APPENDS" None [List Mark Slice] [List] 1 "Extend the list below the mark.";
    List b'l' "LIST" None [Mark Slice] [List] 0 "Make a list of what is above the mark.";
    EmptyTuple b')' "EMPTY_TUPLE" None [] [Tuple] 1 "Push an empty tuple.";
    Tuple b't' "TUPLE" None [Mark Slice] [Tuple] 0 "Make a tuple of what is above the mark.";
    Tuple1 0x85 "TUPLE1" None [Any] [Tuple] 2 "Make a tuple of the top.";
    Tuple2 0x86 "TUPLE2" None [Any Any] [Tuple] 2 "Make a tuple of the two topmost.";
    Tuple3 0x87 "TUPLE3" None [Any Any Any] [Tuple] 2 "Make a tuple of the three topmost.";
    EmptyDict b'}' "EMPTY_DICT" None [] [Dict] 1 "Push an empty dict.";
    Dict b'd' "DICT" None [Mark Slice] [Dict] 0 "Make a dict of what is above the mark.";
    SetItem b's' "SETITEM" None [Dict Any Any] [Dict] 0 "Set one item of the dict below.";
    SetItems b'u' "SETITEMS" None [Dict Mark Slice] [Dict] 1 "Set items of the dict below the mark.";
    EmptySet 0x8f "EMPTY_SET" None [] [Set] 4 "Push an empty set.";
    AddItems 0x90 "ADDITEMS" None [Set Mark Slice] [Set] 4 "Add to the set below the mark.";
    FrozenSet 0x91 "FROZENSET" None [Mark Slice] [FrozenSet] 4 "Make a frozenset of what is above the mark.";
    Pop b'0' "POP" None [Any] [] 0 "Drop the top, or the topmost mark.";
    Dup b'2' "DUP" None [Any] [Any Any] 0 "Push the top once more.";
    Mark b'(' "MARK" None [] [Mark] 0 "Push a mark.";
    PopMark b'1' "POP_MARK" None [Mark Slice] [] 1 "Drop all down to the topmost mark.";
    Get b'g' "GET" DecimalLine [] [Any] 0 "Push a memo entry, index in decimal.";
    BinGet b'h' "BINGET" UInt1 [] [Any] 1 "Push a memo entry, one-byte index.";
    LongBinGet b'j' "LONG_BINGET" UInt4 [] [Any] 1 "Push a memo entry, four-byte index.";
    Put b'p' "PUT" DecimalLine [] [] 0 "Store the top in the memo, index in decimal.";
    BinPut b'q' "BINPUT" UInt1 [] [] 1 "Store the top in the memo, one-byte index.";
    LongBinPut b'r' "LONG_BINPUT" UInt4 [] [] 1 "Store the top in the memo, four-byte index.";
    Memoize 0x94 "MEMOIZE" None [Any] [Any] 4 "Store the top in the memo at its length.";
    Ext1 0x82 "EXT1" UInt1 [] [Any] 2 "Push a registered extension, one-byte code (PEP 307).";
    Ext2 0x83 "EXT2" UInt2 [] [Any] 2 "Push a registered extension, two-byte code.";
    Ext4 0x84 "EXT4" Int4 [] [Any] 2 "Push a registered extension, four-byte code.";
    Global b'c' "GLOBAL" NamePair [] [Any] 0 "Push a global, module and name on two lines.";
    StackGlobal 0x93 "STACK_GLOBAL" None [Str Str] [Any] 4 "Push the global whose module and name are on the stack.";
    Reduce b'R' "REDUCE" None [Any Any] [Any] 0 "Call: callable and tuple of arguments.";
    Build b'b' "BUILD" None [Any Any] [Any] 0 "Restore state: object and state.";
    Inst b'i' "INST" NamePair [Mark Slice] [Any] 0 "Call a global, arguments above the mark.";
    Obj b'o' "OBJ" None [Mark Any Slice] [Any] 1 "Call: callable and arguments above the mark.";
    NewObj 0x81 "NEWOBJ" None [Any Any] [Any] 2 "`cls.__new__(cls, *args)`.";
    NewObjEx 0x92 "NEWOBJ_EX" None [Any Any Any] [Any] 4 "`cls.__new__(cls, *args, **kwargs)`.";
    Proto 0x80 "PROTO" UInt1 [] [] 2 "Declare the protocol.";
    Stop b'.' "STOP" None [Any] [] 0 "End: the top is the result.";
    Frame 0x95 "FRAME" UInt8 [] [] 4 "Begin a frame of that many bytes (PEP 3154).";
    PersId b'P' "PERSID" PersIdLine [] [Any] 0 "Push `persistent_load(line)`.";
    BinPersId b'Q' "BINPERSID" None [Any] [Any] 1 "Push `persistent_load(top)`.";
}

/// From byte to opcode, derived from the table.
static BY_BYTE: [Option<Opcode>; 256] = {
    let mut by_byte = [None; 256];
    let mut i = 0;
    while i < Opcode::ALL.len() {
        by_byte[Opcode::ALL[i] as usize] = Some(Opcode::ALL[i]);
        i += 1;
    }
    by_byte
};

impl Opcode {
    /// The opcode written as `byte`, if there is one.
    #[inline]
    pub fn from_byte(byte: u8) -> Option<Self> {
        BY_BYTE[usize::from(byte)]
    }

    /// The byte that spells it.
    #[inline]
    pub fn byte(self) -> u8 {
        self as u8
    }

    /// Whether its argument is an index into the memo.
    pub fn has_memo_index(self) -> bool {
        matches!(
            self,
            Self::Get
                | Self::BinGet
                | Self::LongBinGet
                | Self::Put
                | Self::BinPut
                | Self::LongBinPut
        )
    }

    /// CPython's name, `STACK_GLOBAL`.
    pub fn name(self) -> &'static str {
        self.info().name
    }

    /// The opcode that CPython calls `name`.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|opcode| opcode.name() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_and_names_lead_back_to_the_opcode() {
        for opcode in Opcode::ALL {
            assert_eq!(Opcode::from_byte(opcode.byte()), Some(opcode));
            assert_eq!(Opcode::from_name(opcode.name()), Some(opcode));
        }
        assert_eq!((0..=255).filter_map(Opcode::from_byte).count(), 68);
    }
}
