//! Patterns: conditions on arguments, in the small language of policy files.
//!
//! A signature is a comma-separated list of patterns: `str, 'latin1'|'latin-1'`. A pattern is a
//! list of alternatives separated by `|`, each a kind (`int`, `list`, `class`…), a string
//! literal, a range of integers (`0..255`), `ratio`, `regex` or `zone` of certain texts, a tuple of patterns in parentheses, or an instance
//! (`<datetime:timezone>`, or `<like builtins:BaseException>` of any class that shares its contract)
//! or global (`=builtins:object`). `'f'#` is that text and digits, `b'b'` such bytes. `list#1` is
//! as long as the shape that is item 1 says. `list#atoms`, `list#pairs`, `attributes#atoms`, `attribute:data`, `fields` say what a container holds
//! (`attribute:_left/_right`: no keys but these). `?` after a pattern makes it and what follows
//! optional; `*` after the last lets it repeat.

use std::fmt;

/// A condition on one value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pattern {
    /// Anything whose parts are all allowed.
    Any,
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
    /// A `dict`.
    Dict,
    /// A `dict` of whose values none can be called, and whose keys are no hook's name.
    DictUncalled,
    /// A `dict` whose keys are all `str` and none the name of a method that unpickling calls, which
    /// meets these conditions.
    Attributes(Attributes),
    /// A `dict` whose values are tuples of an instance that is `plain` and an offset: the fields of
    /// a structured type.
    Fields,
    /// A `set`.
    Set,
    /// A `frozenset`.
    FrozenSet,
    /// A `tuple`.
    Tuple,
    /// A `tuple` that holds nothing that must not be hashed.
    TupleHashed,
    /// A `tuple` of these.
    TupleOf(Signature),
    /// A class of the policy.
    Class,
    /// An instance of a class of the policy.
    Instance,
    /// An instance of that class, `module:name`.
    InstanceOf(String),
    /// An instance of any class that shares the contract of `module:name`.
    InstanceLike(String),
    /// That global, `module:name`.
    GlobalIs(String),
    /// One of these.
    AnyOf(Vec<Pattern>),
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
    /// Anything, but no text under `tz`, `dtype` or `freq`, which may name a file of a time zone.
    NoZones,
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
        let mut parser = Parser { text, rest: text };
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

    /// Reads a pattern.
    ///
    /// # Errors
    /// One sentence that says what was expected and where.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut parser = Parser { text, rest: text };
        let pattern = parser.pattern()?;
        parser.end()?;
        Ok(pattern)
    }
}

struct Parser<'t> {
    text: &'t str,
    rest: &'t str,
}

impl<'t> Parser<'t> {
    fn signature(&mut self) -> Result<Signature, String> {
        let mut signature = Signature::default();
        let mut optional = false;
        self.skip_spaces();
        while !self.rest.is_empty() && !self.rest.starts_with(')') {
            if signature.rest {
                return Err(self.expected("nothing after `*`"));
            }
            signature.patterns.push(self.pattern()?);
            if self.take("?") {
                optional = true;
            } else if self.take("*") {
                signature.rest = true;
                optional = true;
            }
            if !optional {
                signature.required = signature.patterns.len();
            }
            self.skip_spaces();
            if !self.take(",") {
                break;
            }
            self.skip_spaces();
        }
        Ok(signature)
    }

    fn pattern(&mut self) -> Result<Pattern, String> {
        let mut alternatives = vec![self.single()?];
        while self.take("|") {
            alternatives.push(self.single()?);
        }
        Ok(match alternatives.len() {
            1 => alternatives.remove(0),
            _ => Pattern::AnyOf(alternatives),
        })
    }

    fn single(&mut self) -> Result<Pattern, String> {
        self.skip_spaces();
        if self.take("b'") {
            return Ok(Pattern::BytesIs(self.until("'")?.as_bytes().to_vec()));
        }
        if self.take("'") {
            let text = self.until("'")?.to_owned();
            return Ok(match self.take("#") {
                true => Pattern::StrNumbered(text),
                false => Pattern::StrIs(text),
            });
        }
        if self.take("(") {
            let signature = self.signature()?;
            self.skip_spaces();
            return if self.take(")") {
                Ok(Pattern::TupleOf(signature))
            } else {
                Err(self.expected("`)`"))
            };
        }
        if self.take("<") {
            let name = self.until(">")?;
            return Ok(match name.strip_prefix("like ") {
                Some(name) => Pattern::InstanceLike(name.to_owned()),
                None => Pattern::InstanceOf(name.to_owned()),
            });
        }
        if self.take("=") {
            return Ok(Pattern::GlobalIs(self.word().to_owned()));
        }
        let word = self.word();
        if let Some((low, high)) = word.split_once("..") {
            let bound = |text: &str| text.parse().map_err(|_| self.expected("a range of integers"));
            return Ok(Pattern::IntIn(bound(low)?, bound(high)?));
        }
        if let Ok(number) = word.parse() {
            return Ok(Pattern::IntIn(number, number));
        }
        if let Some(name) = word.strip_prefix("attribute:") {
            let mut names = vec![name.to_owned()];
            while self.take("/") {
                names.push(self.word().to_owned());
            }
            return Ok(Pattern::Attributes(Attributes {
                names,
                ..Attributes::of(Contents::WithValues)
            }));
        }
        if let Some(Ok(shape)) = word.strip_prefix("list#").map(str::parse) {
            return Ok(Pattern::ListOver(shape));
        }
        if let Some(length) = word.strip_prefix("bytes#") {
            let length = length.parse().map_err(|_| self.expected("a length after `bytes#`"))?;
            return Ok(Pattern::BytesOfLength(length));
        }
        Ok(match word {
            "any" => Pattern::Any,
            "none" => Pattern::None,
            "bool" => Pattern::Bool,
            "int" => Pattern::Int,
            "float" => Pattern::Float,
            "str" => Pattern::Str,
            "regex" => Pattern::Regex,
            "zone" => Pattern::Zone,
            "ratio" => Pattern::Ratio,
            "str8" => Pattern::Str8,
            "bytes" => Pattern::Bytes,
            "nodes" => Pattern::Nodes,
            "bytearray" => Pattern::ByteArray,
            "buffer" => Pattern::Buffer,
            "list" => Pattern::List,
            "list#atoms" => Pattern::ListOf(Contents::Atoms),
            "list#pairs" => Pattern::ListOf(Contents::Pairs),
            "list#hashed" => Pattern::ListOf(Contents::Hashed),
            "dict" => Pattern::Dict,
            "dict#uncalled" => Pattern::DictUncalled,
            "attributes" => Pattern::Attributes(Attributes::of(Contents::Any)),
            "attributes#atoms" => Pattern::Attributes(Attributes::of(Contents::Atoms)),
            "attributes#values" => Pattern::Attributes(Attributes::of(Contents::WithValues)),
            "attributes#callables" => {
                Pattern::Attributes(Attributes { callables: true, ..Attributes::of(Contents::Any) })
            }
            "attributes#nozones" => Pattern::Attributes(Attributes::of(Contents::NoZones)),
            "attributes#noargs" => Pattern::Attributes(Attributes::of(Contents::NoArgs)),
            "fields" => Pattern::Fields,
            "set" => Pattern::Set,
            "frozenset" => Pattern::FrozenSet,
            "tuple" => Pattern::Tuple,
            "tuple#hashed" => Pattern::TupleHashed,
            "class" => Pattern::Class,
            "instance" => Pattern::Instance,
            _ => return Err(self.expected("a kind of value, a literal, a range or a tuple")),
        })
    }

    fn word(&mut self) -> &'t str {
        let is_word = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | ':' | '#' | '-');
        let end = self.rest.find(|c| !is_word(c)).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        word
    }

    fn until(&mut self, close: &str) -> Result<&'t str, String> {
        let end = self.rest.find(close).ok_or_else(|| self.expected(&format!("`{close}`")))?;
        let inner = &self.rest[..end];
        self.rest = &self.rest[end + close.len()..];
        Ok(inner)
    }

    fn take(&mut self, token: &str) -> bool {
        match self.rest.strip_prefix(token) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn skip_spaces(&mut self) {
        self.rest = self.rest.trim_start();
    }

    fn end(&mut self) -> Result<(), String> {
        self.skip_spaces();
        if self.rest.is_empty() { Ok(()) } else { Err(self.expected("the end")) }
    }

    fn expected(&self, what: &str) -> String {
        format!("expected {what} at `{}` of `{}`", self.rest, self.text)
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("anything"),
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
            Self::ByteArray => f.write_str("bytearray"),
            Self::Buffer => f.write_str("buffer"),
            Self::List => f.write_str("list"),
            Self::Dict => f.write_str("dict"),
            Self::DictUncalled => f.write_str("dict of what can't be called"),
            Self::ListOver(shape) => write!(f, "list of as many values as item {shape} says"),
            Self::ListOf(Contents::Pairs) => f.write_str("list of pairs"),
            Self::ListOf(Contents::Hashed) => f.write_str("list of what may be hashed"),
            Self::ListOf(_) => f.write_str("list of plain values"),
            Self::Attributes(Attributes { names, .. }) if !names.is_empty() => {
                write!(f, "dict with no keys but '{}'", names.join("', '"))
            }
            Self::Attributes(Attributes { holds: Contents::Atoms, .. }) => {
                f.write_str("dict of attributes with plain values")
            }
            Self::Attributes(_) => f.write_str("dict of attributes"),
            Self::Fields => f.write_str("dict of fields of plain types"),
            Self::Set => f.write_str("set"),
            Self::FrozenSet => f.write_str("frozenset"),
            Self::Tuple => f.write_str("tuple"),
            Self::TupleHashed => f.write_str("tuple of what may be hashed"),
            Self::TupleOf(signature) => write!(f, "({signature})"),
            Self::Class => f.write_str("allowed class"),
            Self::Instance => f.write_str("instance of an allowed class"),
            Self::InstanceOf(name) => write!(f, "instance of {}", name.replace(':', ".")),
            Self::InstanceLike(name) => write!(f, "instance like {}", name.replace(':', ".")),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_language() {
        let signature =
            Signature::parse("str|bytes, 'latin1'|'latin-1', 0..9?, (int, any*)?").unwrap();
        assert_eq!(signature.required, 2);
        assert_eq!(signature.patterns.len(), 4);
        assert_eq!(signature.patterns[2], Pattern::IntIn(0, 9));
        assert!(signature.takes(2) && signature.takes(4) && !signature.takes(5));
        assert!(Signature::parse("").unwrap().takes(0));
        assert!(!Signature::parse("").unwrap().takes(1));
        assert_eq!(Signature::parse("any*").unwrap(), Signature::anything());
        let literals = Signature::parse("'f'#, b'b', 7, -112..-1").unwrap();
        assert_eq!(
            literals.patterns,
            [
                Pattern::StrNumbered("f".into()),
                Pattern::BytesIs(b"b".to_vec()),
                Pattern::IntIn(7, 7),
                Pattern::IntIn(-112, -1)
            ]
        );
        let instances = Signature::parse("<a:B>|<like a:C>").unwrap();
        let (of, like) = (Pattern::InstanceOf("a:B".into()), Pattern::InstanceLike("a:C".into()));
        assert_eq!(instances.patterns, [Pattern::AnyOf(vec![of, like])]);
    }

    #[test]
    fn says_where_it_does_not_understand() {
        let error = Signature::parse("str, wat").unwrap_err();
        assert!(error.contains("a kind of value"), "{error}");
        assert!(Signature::parse("int* , int").is_err());
        assert!(Pattern::parse("(int").is_err());
    }
}
