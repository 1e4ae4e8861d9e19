//! Describes values and facts to people.

use assay_pickle::quote_bytes;

use super::Judge;
use crate::domain::Value;
use crate::fact::Fact;

/// Bytes of a constant that are shown.
const SHOWN: usize = 80;
/// Values of a list that are shown.
const SHOWN_VALUES: usize = 8;

impl Judge<'_, '_> {
    /// The value, for people.
    pub(crate) fn describe(&self, value: Value) -> String {
        match value {
            Value::Unknown => "an unknown object".to_owned(),
            Value::Allowed(_) => "an object".to_owned(),
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
            Value::ByteArray(_) => "bytearray".to_owned(),
            Value::Buffer => "buffer".to_owned(),
            Value::List(_) => "list".to_owned(),
            Value::Dict(_) => "dict".to_owned(),
            Value::Set(_) => "set".to_owned(),
            Value::FrozenSet(_) => "frozenset".to_owned(),
            Value::Tuple(id) => match self.heap.depth(value) {
                1 => format!("({})", self.describe_all(self.heap.tuple(id))),
                _ => "tuple".to_owned(),
            },
            Value::Global(id) => self.globals.get(id).name.clone(),
            Value::Instance(id) => format!("<{}>", self.globals.get(self.heap.class(id)).name),
        }
    }

    /// The value as an argument, for people: of a plain list, what it begins with. (An element of
    /// another may be the list itself.)
    fn describe_argument(&self, value: Value) -> String {
        if let Value::List(id) = value
            && let Some((head, len)) = self.heap.head(id)
            && self.heap.depth(value) == 1
        {
            let more = if len > head.len() { ", …" } else { "" };
            return format!("[{}{more}]", self.describe_all(head));
        }
        self.describe(value)
    }

    /// The values, for people, separated by commas.
    pub(crate) fn describe_all(&self, values: &[Value]) -> String {
        let shown: Vec<_> =
            values.iter().take(SHOWN_VALUES).map(|value| self.describe_argument(*value)).collect();
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
            Fact::SetItem { target, .. } => format!("set items of {}", self.describe(*target)),
            Fact::Add(target) => format!("add to {}", self.describe(*target)),
            Fact::Hash(value) => format!("hash {}", self.describe(*value)),
            Fact::Persistent(id) => format!("persistent {}", self.describe(*id)),
            Fact::Extension(code) => format!("extension {code}"),
            Fact::Keep(id) => format!("keep {}", self.globals.get(*id).name),
            Fact::View(value) => format!("view {}", self.describe(*value)),
        }
    }
}
