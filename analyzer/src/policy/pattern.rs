//! Patterns: conditions on arguments, in the small language of policy files.

mod parse;

use std::fmt;

use parse::Parser;

/// A condition on one value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pattern {
    /// Anything whose parts are all allowed.
    Any,
    /// Anything, be it data or not: what stands in the place of a condition that was deleted.
    Free,
    /// `None`.
    None,
    /// A `bool`.
    Bool,
    /// An `int` (or `bool`).
    Int,
    /// A constant `int` in the closed range.
    IntIn(i64, i64),
    /// A `float`.
    Float,
    /// A `str`.
    Str,
    /// That `str`, as a constant.
    StrIs(String),
    /// That `str` and decimal digits after it, as a constant.
    StrNumbered(String),
    /// A constant `str` that names a time zone: `Europe/Paris`.
    Zone,
    /// A constant `str` of decimal digits, perhaps with a sign and a denominator: `-3/4`. With an
    /// exponent, a few characters make a number that no memory holds.
    Ratio,
    /// A constant `str` or `bytes` that compiles as a regular expression without a warning: a
    /// warning is shown by Python code that reads source files.
    Regex,
    /// An 8-bit string of Python 2.
    Str8,
    /// `bytes`.
    Bytes,
    /// Those `bytes`, as a constant.
    BytesIs(Vec<u8>),
    /// A constant `bytes` or 8-bit string of that length.
    BytesOfLength(usize),
    /// Constant `bytes` that are the nodes of a k-d tree of SciPy's.
    Nodes,
    /// A constant `str` that is a model of LightGBM.
    LightgbmModel,
    /// A `bytearray` of known bytes that are a model of XGBoost.
    XgboostModel,
    /// A `bytearray`.
    ByteArray,
    /// An out-of-band buffer.
    Buffer,
    /// A `list`.
    List,
    /// A `list` of such contents.
    ListOf(Contents),
    /// A `list` with as many elements as an array has whose shape is that item of the same tuple.
    ListOver(usize),
    /// Such a list of nothing but scalars, or tuples of them.
    ScalarsOver(usize),
    /// A short `list` each of whose elements is such.
    ListEach(Box<Pattern>),
    /// A `dict`.
    Dict,
    /// A `dict` of whose values none can be called, and whose keys are no hook's name.
    DictUncalled,
    /// A `dict` whose keys are all `str` and none the name of a method that unpickling calls, which
    /// meets these conditions.
    Attributes(Attributes),
    /// A small `dict` whose keys have such values.
    DictOf(Entries),
    /// A small `dict` each of whose values is such.
    DictEach(Box<Pattern>),
    /// A `dict` whose values are tuples of an instance that is `plain` and an offset: the fields of
    /// a structured type.
    /// They must end within as many bytes as that item of the same tuple says.
    FieldsWithin(usize),
    /// A `tuple` of an instance that is `plain` and how many of it there are, in so many dimensions:
    /// the parts of an array within a structure, in as many bytes as that item says.
    PartsWithin(usize),
    /// A `tuple` of an array's dimensions: at most 32, and no more elements than a pickle has bytes
    /// for, so that their size does not wrap round.
    Shape,
    /// A `set`.
    Set,
    /// A `frozenset`.
    FrozenSet,
    /// A `tuple`.
    Tuple,
    /// A `tuple` that holds nothing that must not be hashed.
    TupleHashed,
    /// Anything that may be hashed, or that no interpreter hashes.
    Hashed,
    /// A `tuple` of these.
    TupleOf(Signature),
    /// A class of the policy.
    Class,
    /// A class of the policy that may be called without arguments.
    ClassCalled,
    /// An instance of a class of the policy.
    Instance,
    /// An instance of that class, `module:name`.
    InstanceOf(String),
    /// An instance of any class that shares the contract of `module:name`.
    InstanceLike(String),
    /// Such an instance that was made of nothing but what holds nothing, and has no state.
    InstanceFlat(String),
    /// That global, `module:name`.
    GlobalIs(String),
    /// One of these.
    AnyOf(Vec<Pattern>),
}

/// What a small dict has under which keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entries {
    /// The keys that are spoken of.
    pub of: Vec<Item>,
    /// What is asked of others, which are attributes; `None` if there may be none.
    pub others: Option<Attributes>,
}

/// A key that a dict may have, and what stands under it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// The key.
    pub key: String,
    /// What its value is.
    pub value: Pattern,
    /// Whether it need not be there.
    pub optional: bool,
}

/// A condition on what a container holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Contents {
    /// Anything.
    Any,
    /// `None`, numbers, text and bytes.
    Atoms,
    /// Tuples and lists.
    Pairs,
    /// Nothing that must not be hashed.
    Hashed,
    /// Anything, but not under the key `args`.
    NoArgs,
    /// Anything, and `values` may be among the keys.
    WithValues,
}

/// Conditions on a dict that is taken for attributes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attributes {
    /// No key but these, at most seven; none if any key will do.
    pub names: Vec<String>,
    /// What it holds.
    pub holds: Contents,
    /// Whether it may hold what could be called in a method's place.
    pub callables: bool,
}

impl Attributes {
    fn of(holds: Contents) -> Self {
        Self { names: Vec::new(), holds, callables: false }
    }
}

/// Conditions on a list of arguments.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Signature {
    /// The patterns, in order.
    pub patterns: Vec<Pattern>,
    /// How many of them must be there.
    pub required: usize,
    /// Whether the last may repeat.
    pub rest: bool,
}

impl Signature {
    /// The signature that takes everything.
    pub fn anything() -> Self {
        Self { patterns: vec![Pattern::Any], required: 0, rest: true }
    }

    /// The signature that takes everything, be it data or not.
    pub(super) fn free() -> Self {
        Self { patterns: vec![Pattern::Free], ..Self::anything() }
    }

    /// Whether it takes `count` arguments.
    pub fn takes(&self, count: usize) -> bool {
        count >= self.required && (self.rest || count <= self.patterns.len())
    }

    /// The pattern of the argument at `index`.
    pub fn pattern(&self, index: usize) -> &Pattern {
        &self.patterns[index.min(self.patterns.len() - 1)]
    }

    /// Whether it puts any condition on its arguments.
    pub fn is_conditional(&self) -> bool {
        *self != Self::anything()
    }

    /// Reads a signature.
    ///
    /// # Errors
    /// One sentence that says what was expected and where.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut parser = Parser::new(text);
        let signature = parser.signature()?;
        parser.end()?;
        Ok(signature)
    }
}

impl Pattern {
    /// The pattern of an item of a tuple, of an item of that one, and so on.
    pub fn within(&self, items: &[usize]) -> &Self {
        match (items.split_first(), self) {
            (Some((item, rest)), Self::TupleOf(signature)) => {
                signature.patterns[*item].within(rest)
            }
            (Some((item, rest)), Self::DictOf(entries)) => entries.of[*item].value.within(rest),
            (Some((_, rest)), Self::ListEach(of) | Self::DictEach(of)) => of.within(rest),
            _ => self,
        }
    }

    /// The pattern itself, or its alternatives.
    pub fn alternatives(&self) -> &[Self] {
        match self {
            Self::AnyOf(alternatives) => alternatives,
            one => std::slice::from_ref(one),
        }
    }

    /// The pattern itself, or its alternatives.
    pub(super) fn alternatives_mut(&mut self) -> &mut [Self] {
        match self {
            Self::AnyOf(alternatives) => alternatives,
            one => std::slice::from_mut(one),
        }
    }

    /// Whether it takes objects without asking for their kind: at most in how they are kept.
    pub(crate) fn is_general(&self) -> bool {
        let more = |holds: &Contents| *holds != Contents::Atoms;
        match self {
            Self::ListOf(holds) | Self::Attributes(Attributes { holds, .. }) => more(holds),
            Self::Any
            | Self::List
            | Self::ListOver(_)
            | Self::Dict
            | Self::DictUncalled
            | Self::Set
            | Self::FrozenSet
            | Self::Hashed
            | Self::Tuple
            | Self::TupleHashed
            | Self::Instance => true,
            _ => false,
        }
    }

    /// Where it, or what is within, takes objects without asking for their kind: the way there, by items.
    pub fn general(&self) -> Vec<Vec<usize>> {
        let parts: Vec<&Self> = match self {
            Self::TupleOf(signature) => signature.patterns.iter().collect(),
            Self::DictOf(Entries { of, .. }) => of.iter().map(|entry| &entry.value).collect(),
            Self::ListEach(of) | Self::DictEach(of) => vec![of],
            _ => Vec::new(),
        };
        let open = match self {
            Self::DictOf(Entries { others: Some(others), .. }) => others.holds != Contents::Atoms,
            Self::AnyOf(patterns) => patterns.iter().any(|pattern| !pattern.general().is_empty()),
            pattern => pattern.is_general(),
        };
        let mut out: Vec<Vec<usize>> = if open { vec![Vec::new()] } else { Vec::new() };
        for (item, part) in parts.into_iter().enumerate() {
            out.extend(part.general().into_iter().map(|mut items| {
                items.insert(0, item);
                items
            }));
        }
        out
    }

    /// Whether it, or any within, asks for each entry of a list or dict.
    pub(crate) fn minds_entries(&self) -> bool {
        match self {
            Self::ListEach(_)
            | Self::DictEach(_)
            | Self::DictOf(_)
            | Self::FieldsWithin(_)
            | Self::ScalarsOver(_) => true,
            Self::TupleOf(signature) => signature.patterns.iter().any(Self::minds_entries),
            Self::AnyOf(alternatives) => alternatives.iter().any(Self::minds_entries),
            _ => false,
        }
    }

    /// Reads a pattern.
    ///
    /// # Errors
    /// One sentence that says what was expected and where.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut parser = Parser::new(text);
        let pattern = parser.pattern()?;
        parser.end()?;
        Ok(pattern)
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any | Self::Free => f.write_str("anything"),
            Self::None => f.write_str("None"),
            Self::Bool => f.write_str("bool"),
            Self::Int => f.write_str("int"),
            Self::IntIn(low, high) if low == high => write!(f, "{low}"),
            Self::IntIn(low, high) => write!(f, "{low}..{high}"),
            Self::Float => f.write_str("float"),
            Self::Str => f.write_str("str"),
            Self::StrIs(text) => write!(f, "'{text}'"),
            Self::StrNumbered(text) => write!(f, "'{text}' and digits"),
            Self::Zone => f.write_str("name of a time zone"),
            Self::Ratio => f.write_str("fraction in digits"),
            Self::Regex => f.write_str("plain regular expression"),
            Self::Str8 => f.write_str("8-bit str"),
            Self::Bytes => f.write_str("bytes"),
            Self::BytesIs(bytes) => write!(f, "b'{}'", bytes.escape_ascii()),
            Self::BytesOfLength(length) => write!(f, "{length} bytes"),
            Self::Nodes => f.write_str("nodes of a k-d tree"),
            Self::LightgbmModel => f.write_str("sound model of LightGBM"),
            Self::XgboostModel => f.write_str("sound model of XGBoost"),
            Self::ByteArray => f.write_str("bytearray"),
            Self::Buffer => f.write_str("buffer"),
            Self::List => f.write_str("list"),
            Self::ListEach(of) => write!(f, "[{of}…]"),
            Self::DictEach(of) => write!(f, "dict of {of}"),
            Self::Shape => f.write_str("shape"),
            Self::Dict => f.write_str("dict"),
            Self::DictOf(Entries { of, others }) => {
                f.write_str("{")?;
                for (index, Item { key, value, optional }) in of.iter().enumerate() {
                    let comma = if index == 0 { "" } else { ", " };
                    let optional = if *optional { "?" } else { "" };
                    write!(f, "{comma}'{key}': {value}{optional}")?;
                }
                f.write_str(match others {
                    None => "}",
                    Some(Attributes { holds: Contents::Atoms, .. }) => ", … of plain values}",
                    Some(_) => ", …}",
                })
            }
            Self::DictUncalled => f.write_str("dict of what can't be called"),
            Self::ListOver(shape) => write!(f, "list of as many values as item {shape} says"),
            Self::ScalarsOver(shape) => write!(f, "list of as many scalars as item {shape} says"),
            Self::ListOf(Contents::Pairs) => f.write_str("list of pairs"),
            Self::ListOf(Contents::Hashed) => f.write_str("list of what may be hashed"),
            Self::ListOf(_) => f.write_str("list of plain values"),
            Self::Attributes(Attributes { names, holds, .. }) if !names.is_empty() => {
                let plain = if *holds == Contents::Atoms { ", of plain values" } else { "" };
                write!(f, "dict with no keys but '{}'{plain}", names.join("', '"))
            }
            Self::Attributes(Attributes { holds: Contents::Atoms, .. }) => {
                f.write_str("dict of attributes with plain values")
            }
            Self::Attributes(_) => f.write_str("dict of attributes"),
            Self::FieldsWithin(size) => {
                write!(f, "dict of fields of plain types within item {size}")
            }
            Self::PartsWithin(size) => write!(f, "parts of a plain type within item {size}"),
            Self::Set => f.write_str("set"),
            Self::FrozenSet => f.write_str("frozenset"),
            Self::Tuple => f.write_str("tuple"),
            Self::TupleHashed => f.write_str("tuple of what may be hashed"),
            Self::Hashed => f.write_str("what may be hashed"),
            Self::TupleOf(signature) => write!(f, "({signature})"),
            Self::Class => f.write_str("allowed class"),
            Self::ClassCalled => f.write_str("class that may be called without arguments"),
            Self::Instance => f.write_str("instance of an allowed class"),
            Self::InstanceOf(name) => write!(f, "instance of {}", name.replace(':', ".")),
            Self::InstanceLike(name) => write!(f, "instance like {}", name.replace(':', ".")),
            Self::InstanceFlat(name) => {
                write!(f, "instance like {} that holds nothing", name.replace(':', "."))
            }
            Self::GlobalIs(name) => f.write_str(&name.replace(':', ".")),
            Self::AnyOf(patterns) => {
                for (index, pattern) in patterns.iter().enumerate() {
                    write!(f, "{}{pattern}", if index == 0 { "" } else { " or " })?;
                }
                Ok(())
            }
        }
    }
}

impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, pattern) in self.patterns.iter().enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            let optional = if index >= self.required { "?" } else { "" };
            write!(f, "{comma}{pattern}{optional}")?;
        }
        f.write_str(if self.rest { "…" } else { "" })
    }
}
