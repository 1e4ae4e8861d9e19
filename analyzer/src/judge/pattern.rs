//! Holds abstract values against the patterns of contracts, and describes them to people.

use assay_pickle::quote_bytes;

use crate::fact::Fact;
use crate::machine::{Keys, Machine, Value};
use crate::policy::{Kind, Pattern, Signature};

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
            Pattern::Any => !self.holds_unknown(value),
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
            Pattern::Regex => {
                let constant = match value {
                    Value::Str(_) => self.text_of(value),
                    _ => self.bytes_of(value),
                };
                constant.is_some_and(|text| compiles_quietly(&text))
            }
            Pattern::Str8 => matches!(value, Value::Str8(_)),
            Pattern::Bytes => matches!(value, Value::Bytes(_) | Value::SomeBytes),
            Pattern::BytesOfLength(length) => {
                self.bytes_of(value).is_some_and(|bytes| bytes.len() == *length)
            }
            Pattern::ByteArray => value == Value::ByteArray,
            Pattern::Buffer => value == Value::Buffer,
            Pattern::List => value == Value::List,
            Pattern::Dict => matches!(value, Value::Dict(_)),
            Pattern::Attributes => {
                matches!(value, Value::Dict(id) if self.heap.keys(id) == Keys::Attributes)
            }
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
                matches!(value, Value::Instance(id) if self.globals.get(id).key == *key)
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
            Value::Str8(_) | Value::Bytes(_) => match self.bytes_of(value) {
                Some(bytes) if matches!(value, Value::Str8(_)) => quote_bytes(&bytes, SHOWN),
                Some(bytes) => format!("b{}", quote_bytes(&bytes, SHOWN)),
                None => "bytes".to_owned(),
            },
            Value::SomeBytes => "bytes".to_owned(),
            Value::ByteArray => "bytearray".to_owned(),
            Value::Buffer => "buffer".to_owned(),
            Value::List => "list".to_owned(),
            Value::Dict(_) => "dict".to_owned(),
            Value::Set => "set".to_owned(),
            Value::FrozenSet => "frozenset".to_owned(),
            Value::Tuple(id) => match self.heap.depth(value) {
                1 => format!("({})", self.describe_all(self.heap.tuple(id))),
                _ => "tuple".to_owned(),
            },
            Value::Global(id) => self.globals.get(id).name.clone(),
            Value::Instance(id) => format!("<{}>", self.globals.get(id).name),
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
            Fact::Append(target) => format!("append to {}", self.describe(*target)),
            Fact::SetItem(target) => format!("set items of {}", self.describe(*target)),
            Fact::Add(target) => format!("add to {}", self.describe(*target)),
            Fact::Hash(value) => format!("hash {}", self.describe(*value)),
            Fact::Persistent => "persistent".to_owned(),
            Fact::Extension(code) => format!("extension {code}"),
            Fact::View(value) => format!("view {}", self.describe(*value)),
        }
    }
}

/// Whether `re` compiles the expression without a warning: no set within a set or set operators
/// to come (FutureWarning), no inline flags after the start (DeprecationWarning). More are
/// refused than need be.
fn compiles_quietly(expression: &[u8]) -> bool {
    let mut in_set = false;
    let mut escaped = false;
    let has = |pair: &[u8]| expression.windows(2).any(|window| window == pair);
    if [b"--", b"&&", b"~~", b"||"].iter().any(|operator| has(*operator)) {
        return false;
    }
    if expression.windows(3).skip(1).any(|w| w[..2] == *b"(?" && w[2].is_ascii_lowercase()) {
        return false;
    }
    for byte in expression {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'[' if in_set => return false,
            b'[' => in_set = true,
            b']' => in_set = false,
            _ => {}
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::compiles_quietly;

    #[test]
    fn only_expressions_without_warnings() {
        for quiet in [r"\w+", r"(?u)\b\w\w+\b", "[a-z]*", r"\[\[", "(?:a|b)"] {
            assert!(compiles_quietly(quiet.as_bytes()), "{quiet}");
        }
        for loud in ["[[a]", "[a--b]", "a(?i)b", "[a&&b]", "[x[y]"] {
            assert!(!compiles_quietly(loud.as_bytes()), "{loud}");
        }
    }
}
