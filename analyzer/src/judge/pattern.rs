//! Holds abstract values against the patterns of contracts, and describes them to people.

use assay_pickle::quote_bytes;

use crate::fact::Fact;
use crate::machine::{Machine, Traits, Value};
use crate::policy::{Contents, Kind, Pattern, Signature};

/// Bytes of a constant that are shown.
const SHOWN: usize = 80;
/// Values of a list that are shown.
const SHOWN_VALUES: usize = 8;

impl Machine<'_, '_> {
    /// Whether the arguments conform to the signature.
    pub(super) fn takes(&self, signature: &Signature, args: &[Value]) -> bool {
        signature.takes(args.len())
            && args.iter().enumerate().all(|(i, arg)| self.matches(signature.pattern(i), *arg))
    }

    /// Whether the value conforms to the pattern.
    pub(super) fn matches(&self, pattern: &Pattern, value: Value) -> bool {
        match pattern {
            Pattern::Any => value != Value::Buffer && !self.holds_unknown(value),
            Pattern::None => value == Value::None,
            Pattern::Bool => matches!(value, Value::Bool(_)),
            Pattern::Int => matches!(value, Value::Int(_) | Value::BigInt | Value::Bool(_)),
            Pattern::IntIn(low, high) => match value {
                Value::Int(value) => (*low..=*high).contains(&i64::from(value)),
                Value::Bool(value) => (*low..=*high).contains(&i64::from(value)),
                _ => false,
            },
            Pattern::Float => value == Value::Float,
            Pattern::Str => matches!(value, Value::Str(_)),
            // An 8-bit string is that `str`, or `bytes`, which takers of a `str` refuse.
            Pattern::StrIs(text) => {
                self.text_of(value).is_some_and(|constant| *constant == *text.as_bytes())
            }
            Pattern::StrNumbered(prefix) => self.text_of(value).is_some_and(|text| {
                let number = text.strip_prefix(prefix.as_bytes()).unwrap_or_default();
                matches!(number.len(), 1..=9) && number.iter().all(u8::is_ascii_digit)
            }),
            Pattern::Zone => {
                matches!(value, Value::Str(_))
                    && self.text_of(value).is_some_and(|text| is_zone(&text))
            }
            Pattern::Regex => {
                let constant = match value {
                    Value::Str(_) => self.text_of(value),
                    _ => self.bytes_of(value),
                };
                constant.is_some_and(|text| compiles_quietly(&text))
            }
            Pattern::Str8 => matches!(value, Value::Str8(_)),
            Pattern::Bytes => {
                matches!(value, Value::Bytes(_) | Value::SomeBytes | Value::Encoded(_))
            }
            Pattern::BytesIs(bytes) => {
                self.bytes_of(value).is_some_and(|constant| *constant == **bytes)
            }
            Pattern::BytesOfLength(length) => {
                self.bytes_of(value).is_some_and(|bytes| bytes.len() == *length)
            }
            Pattern::ByteArray => value == Value::ByteArray,
            Pattern::Buffer => value == Value::Buffer,
            Pattern::List => matches!(value, Value::List(_)),
            Pattern::ListOf(contents) => {
                matches!(value, Value::List(id) if self.heap.list(id).has(traits(*contents)))
            }
            Pattern::Dict => matches!(value, Value::Dict(_)),
            Pattern::Attributes(contents) => {
                let wanted = match contents {
                    Contents::WithValues => Traits::ATTRIBUTES,
                    contents => traits(*contents).and(Traits::NO_VALUES),
                };
                matches!(value, Value::Dict(id) if self.heap.dict(id).has(Traits::ATTRIBUTES)
                    && self.heap.dict(id).has(wanted))
            }
            Pattern::Fields => {
                matches!(value, Value::Dict(id) if self.heap.dict(id).has(Traits::FIELDS))
            }
            Pattern::Attribute(names) => match value {
                Value::Dict(id) => self.heap.keys(id).is_some_and(|keys| {
                    keys.iter().all(|key| {
                        self.text_of(Value::Str(*key))
                            .is_some_and(|key| names.iter().any(|name| *key == *name.as_bytes()))
                    })
                }),
                _ => false,
            },
            Pattern::Set => value == Value::Set,
            Pattern::FrozenSet => value == Value::FrozenSet,
            Pattern::Tuple => matches!(value, Value::Tuple(_)) && !self.holds_unknown(value),
            Pattern::TupleOf(signature) => match value {
                Value::Tuple(id) => self.takes(signature, self.heap.tuple(id)),
                _ => false,
            },
            Pattern::Class => match value {
                Value::Global(id) => self
                    .globals
                    .get(id)
                    .contract
                    .is_some_and(|contract| contract.kind == Kind::Class),
                _ => false,
            },
            Pattern::Instance => matches!(value, Value::Instance(_)),
            Pattern::InstanceOf(key) => {
                matches!(value, Value::Instance(id)
                    if self.globals.get(self.heap.class(id)).key == *key)
            }
            Pattern::GlobalIs(key) => {
                matches!(value, Value::Global(id) if self.globals.get(id).key == *key)
            }
            Pattern::AnyOf(patterns) => patterns.iter().any(|pattern| self.matches(pattern, value)),
        }
    }

    /// Whether the value is, or as a tuple directly holds, something not allowed. What else
    /// holds such a thing was reported when that thing was made.
    fn holds_unknown(&self, value: Value) -> bool {
        match value {
            Value::Unknown => true,
            Value::Tuple(id) => self.heap.tuple(id).contains(&Value::Unknown),
            _ => false,
        }
    }

    /// The value, for people.
    pub(crate) fn describe(&self, value: Value) -> String {
        match value {
            Value::Unknown => "an unknown object".to_owned(),
            Value::Allowed => "an object".to_owned(),
            Value::None => "None".to_owned(),
            Value::Bool(true) => "True".to_owned(),
            Value::Bool(false) => "False".to_owned(),
            Value::Int(value) => value.to_string(),
            Value::BigInt => "int".to_owned(),
            Value::Float => "float".to_owned(),
            Value::Str(_) => match self.text_of(value) {
                Some(text) => quote_bytes(&text, SHOWN),
                None => "str".to_owned(),
            },
            Value::Str8(_) | Value::Bytes(_) | Value::Encoded(_) => match self.bytes_of(value) {
                Some(bytes) if matches!(value, Value::Str8(_)) => quote_bytes(&bytes, SHOWN),
                Some(bytes) => format!("b{}", quote_bytes(&bytes, SHOWN)),
                None => "bytes".to_owned(),
            },
            Value::SomeBytes => "bytes".to_owned(),
            Value::ByteArray => "bytearray".to_owned(),
            Value::Buffer => "buffer".to_owned(),
            Value::List(_) => "list".to_owned(),
            Value::Dict(_) => "dict".to_owned(),
            Value::Set => "set".to_owned(),
            Value::FrozenSet => "frozenset".to_owned(),
            Value::Tuple(id) => match self.heap.depth(value) {
                1 => format!("({})", self.describe_all(self.heap.tuple(id))),
                _ => "tuple".to_owned(),
            },
            Value::Global(id) => self.globals.get(id).name.clone(),
            Value::Instance(id) => format!("<{}>", self.globals.get(self.heap.class(id)).name),
        }
    }

    /// The values, for people, separated by commas.
    pub(crate) fn describe_all(&self, values: &[Value]) -> String {
        let shown: Vec<_> =
            values.iter().take(SHOWN_VALUES).map(|value| self.describe(*value)).collect();
        let more = if values.len() > SHOWN_VALUES { ", …" } else { "" };
        format!("{}{more}", shown.join(", "))
    }

    /// The fact, for people.
    pub(super) fn describe_fact(&self, fact: &Fact) -> String {
        let args = |args: &Option<Vec<Value>>| match args {
            Some(args) => self.describe_all(args),
            None => "…".to_owned(),
        };
        match fact {
            Fact::Resolve(id) => format!("resolve {}", self.globals.get(*id).name),
            Fact::ResolveComputed => "resolve a computed name".to_owned(),
            Fact::Call { callee, args: list } => {
                format!("call {}({})", self.describe(*callee), args(list))
            }
            Fact::New { class, args: list, .. } => {
                format!("new {}({})", self.describe(*class), args(list))
            }
            Fact::Build { target, state } => {
                format!("setstate {} {}", self.describe(*target), self.describe(*state))
            }
            Fact::Append { target, .. } => format!("append to {}", self.describe(*target)),
            Fact::SetItem(target) => format!("set items of {}", self.describe(*target)),
            Fact::Add(target) => format!("add to {}", self.describe(*target)),
            Fact::Hash(value) => format!("hash {}", self.describe(*value)),
            Fact::Persistent(id) => format!("persistent {}", self.describe(*id)),
            Fact::Extension(code) => format!("extension {code}"),
            Fact::Keep(id) => format!("keep {}", self.globals.get(*id).name),
            Fact::View(value) => format!("view {}", self.describe(*value)),
        }
    }
}

fn traits(contents: Contents) -> Traits {
    match contents {
        Contents::Any | Contents::WithValues => Traits::ATTRIBUTES,
        Contents::Atoms => Traits::ATOMS,
        Contents::Pairs => Traits::PAIRS,
        Contents::NoArgs => Traits::NO_ARGS,
    }
}

/// Whether the text names a time zone as the tz database does: words between single slashes, none
/// of which leads out of a directory.
fn is_zone(name: &[u8]) -> bool {
    let word = |word: &[u8]| {
        word.first().is_some_and(u8::is_ascii_alphabetic)
            && word.iter().all(|byte| byte.is_ascii_alphanumeric() || b"_+-".contains(byte))
    };
    name.len() < 64 && name.split(|byte| *byte == b'/').all(word)
}

/// Whether `re` compiles the expression without a warning, on any supported CPython
/// (`Lib/re/_parser.py`): FutureWarning for a set within a set and for set operators to come;
/// DeprecationWarning for inline flags after the start, and for group names and references that
/// are not ASCII identifiers or digits. More are refused than need be.
fn compiles_quietly(expression: &[u8]) -> bool {
    let mut in_set = false;
    let mut escaped = false;
    for (at, byte) in expression.iter().enumerate() {
        let rest = &expression[at..];
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'[' if in_set => return false,
            b'[' => in_set = true,
            b']' => in_set = false,
            b'-' | b'&' | b'~' | b'|' if in_set && rest.get(1) == Some(byte) => return false,
            b'(' if !in_set && !is_quiet_group(rest, at == 0) => return false,
            _ => {}
        }
    }
    true
}

/// Whether a group that starts so is spelled in a way that never warns.
fn is_quiet_group(group: &[u8], first: bool) -> bool {
    let word = |text: &[u8], close: u8| {
        let end = text.iter().position(|byte| *byte == close).unwrap_or(0);
        end > 0 && text[..end].iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
    };
    match group {
        [b'(', b'?', b':' | b'=' | b'!' | b'<', ..] => true,
        [b'(', b'?', b'P', b'<', name @ ..] => word(name, b'>'),
        [b'(', b'?', b'P', b'=', name @ ..] => word(name, b')'),
        [b'(', b'?', b'(', name @ ..] => word(name, b')'),
        [b'(', b'?', flag, ..] => first && flag.is_ascii_lowercase(),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::compiles_quietly;

    #[test]
    fn only_expressions_without_warnings() {
        for quiet in
            [r"\w+", r"(?u)\b\w\w+\b", "[a-z]*", r"\[\[", "(?:a|b)", "a--b", "(?P<n>a)(?(n)b|c)"]
        {
            assert!(compiles_quietly(quiet.as_bytes()), "{quiet}");
        }
        for loud in
            ["[[a]", "[a--b]", "a(?i)b", "[a&&b]", "[x[y]", "a(?L)", "(a)(?( 1)b)", "(?P<\u{e9}>a)"]
        {
            assert!(!compiles_quietly(loud.as_bytes()), "{loud}");
        }
    }
}
