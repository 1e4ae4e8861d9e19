//! Typed literals: the arguments of gadgets, as TOML and as a tree that a generator can write.
//!
//! TOML has no tuple, `None`, bytes or call, so these are tables of one key: `{ tuple = […] }`,
//! `{ none = true }`, `{ bytes = "text" }` (code points up to 255), `{ bytearray = "text" }`,
//! `{ set = […] }`, `{ frozenset = […] }`, `{ dict = [[key, value], …] }`,
//! `{ complex = [1.0, 2.0] }`, `{ int = "decimal of any size" }`, `{ global = "module:name" }`
//! and `{ call = "module:name", args = […] }`. This module must not say what a value is worth,
//! nor how it is spelled in a pickle.

use toml::Value as Toml;

/// A module and a name in it; the name may be dotted.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct GlobalName {
    /// The module.
    pub module: String,
    /// The name.
    pub name: String,
}

impl GlobalName {
    /// Reads `module:name`.
    ///
    /// # Errors
    /// If there is no colon or either side is empty.
    pub fn parse(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            Some((module, name)) if !module.is_empty() && !name.is_empty() => {
                Ok(Self { module: module.to_owned(), name: name.to_owned() })
            }
            _ => Err(format!("expected a global as `module:name`, found `{text}`")),
        }
    }
}

/// A literal of Python that a pickle can build.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// `None`.
    None,
    /// A `bool`.
    Bool(bool),
    /// An `int`.
    Int(i64),
    /// An `int` of any size, in decimal.
    BigInt(String),
    /// A `float`.
    Float(f64),
    /// A `complex`, which pickles write as a call.
    Complex(f64, f64),
    /// A `str`.
    Str(String),
    /// A `bytes`.
    Bytes(Vec<u8>),
    /// A `bytearray`.
    ByteArray(Vec<u8>),
    /// A `list`.
    List(Vec<Value>),
    /// A `tuple`.
    Tuple(Vec<Value>),
    /// A `set`.
    Set(Vec<Value>),
    /// A `frozenset`.
    FrozenSet(Vec<Value>),
    /// A `dict`, in order.
    Dict(Vec<(Value, Value)>),
    /// A global by name.
    Global(GlobalName),
    /// The result of a call.
    Call(GlobalName, Vec<Value>),
}

fn items(toml: &Toml, what: &str) -> Result<Vec<Value>, String> {
    let array = toml.as_array().ok_or_else(|| format!("expected an array in `{what}`"))?;
    array.iter().map(Value::from_toml).collect()
}

fn latin1(toml: &Toml, what: &str) -> Result<Vec<u8>, String> {
    let text = toml.as_str().ok_or_else(|| format!("expected a string in `{what}`"))?;
    let byte = |c: char| u8::try_from(u32::from(c)).map_err(|_| format!("not a byte: {c:?}"));
    text.chars().map(byte).collect()
}

fn global(toml: &Toml, what: &str) -> Result<GlobalName, String> {
    GlobalName::parse(toml.as_str().ok_or_else(|| format!("expected a string in `{what}`"))?)
}

impl Value {
    /// Reads a literal from TOML.
    ///
    /// # Errors
    /// If it is not one of the forms above; the message says which was expected.
    pub fn from_toml(toml: &Toml) -> Result<Self, String> {
        Ok(match toml {
            Toml::String(text) => Self::Str(text.clone()),
            Toml::Integer(value) => Self::Int(*value),
            Toml::Float(value) => Self::Float(*value),
            Toml::Boolean(value) => Self::Bool(*value),
            Toml::Array(_) => Self::List(items(toml, "a list")?),
            Toml::Datetime(_) => return Err("dates are no literals".to_owned()),
            Toml::Table(table) => Self::from_table(table)?,
        })
    }

    fn from_table(table: &toml::Table) -> Result<Self, String> {
        if let Some(callable) = table.get("call") {
            let args = table.get("args").map_or(Ok(Vec::new()), |args| items(args, "args"))?;
            if table.keys().any(|key| key != "call" && key != "args") {
                return Err("a call has `call` and `args` only".to_owned());
            }
            return Ok(Self::Call(global(callable, "call")?, args));
        }
        let mut entries = table.iter();
        let (Some((key, value)), None) = (entries.next(), entries.next()) else {
            return Err(format!("expected a table of one key, found {} keys", table.len()));
        };
        Ok(match key.as_str() {
            "none" => Self::None,
            "tuple" => Self::Tuple(items(value, key)?),
            "set" => Self::Set(items(value, key)?),
            "frozenset" => Self::FrozenSet(items(value, key)?),
            "bytes" => Self::Bytes(latin1(value, key)?),
            "bytearray" => Self::ByteArray(latin1(value, key)?),
            "global" => Self::Global(global(value, key)?),
            "int" => {
                let text = value.as_str().unwrap_or_default();
                let digits = text.strip_prefix('-').unwrap_or(text);
                if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
                    return Err(format!("expected decimal digits, found {value}"));
                }
                Self::BigInt(text.to_owned())
            }
            "complex" => match items(value, key)?.as_slice() {
                [Self::Float(real), Self::Float(imaginary)] => Self::Complex(*real, *imaginary),
                _ => return Err("expected two floats in `complex`".to_owned()),
            },
            "dict" => {
                let mut pairs = Vec::new();
                for pair in items(value, key)? {
                    match pair {
                        Self::List(pair) => match <[Self; 2]>::try_from(pair) {
                            Ok([key, value]) => pairs.push((key, value)),
                            Err(_) => return Err("expected pairs in `dict`".to_owned()),
                        },
                        _ => return Err("expected pairs in `dict`".to_owned()),
                    }
                }
                Self::Dict(pairs)
            }
            other => return Err(format!("`{other}` is no literal")),
        })
    }

    /// How many nodes the tree has: a measure of what writing it costs.
    pub fn size(&self) -> usize {
        1 + match self {
            Self::List(items)
            | Self::Tuple(items)
            | Self::Set(items)
            | Self::FrozenSet(items)
            | Self::Call(_, items) => items.iter().map(Self::size).sum(),
            Self::Dict(pairs) => pairs.iter().map(|(key, value)| key.size() + value.size()).sum(),
            _ => 0,
        }
    }

    /// Every global that the value names, calls included, outermost first.
    pub fn globals(&self) -> Vec<&GlobalName> {
        let mut found = Vec::new();
        self.collect_globals(&mut found);
        found
    }

    fn collect_globals<'a>(&'a self, found: &mut Vec<&'a GlobalName>) {
        match self {
            Self::Global(name) => found.push(name),
            Self::Call(name, items) => {
                found.push(name);
                items.iter().for_each(|item| item.collect_globals(found));
            }
            Self::List(items) | Self::Tuple(items) | Self::Set(items) | Self::FrozenSet(items) => {
                items.iter().for_each(|item| item.collect_globals(found));
            }
            Self::Dict(pairs) => pairs.iter().for_each(|(key, value)| {
                key.collect_globals(found);
                value.collect_globals(found);
            }),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Value, String> {
        let table: toml::Table = format!("x = {text}").parse().unwrap();
        Value::from_toml(&table["x"])
    }

    #[test]
    fn reads_what_toml_lacks() {
        assert_eq!(read("{ none = true }"), Ok(Value::None));
        assert_eq!(read(r#"{ bytes = "a\u00ff" }"#), Ok(Value::Bytes(vec![b'a', 0xff])));
        assert_eq!(read("{ tuple = [1] }"), Ok(Value::Tuple(vec![Value::Int(1)])));
        let call = read(r#"{ call = "os:getcwd", args = ["a"] }"#).unwrap();
        assert_eq!(call.globals()[0].name, "getcwd");
        assert_eq!(call.size(), 2);
    }

    #[test]
    fn says_what_is_wrong() {
        assert_eq!(read("{ tupel = [1] }"), Err("`tupel` is no literal".to_owned()));
        assert!(read(r#"{ global = "os.system" }"#).unwrap_err().contains("module:name"));
        assert!(read("{ dict = [[1]] }").unwrap_err().contains("pairs"));
        assert!(read(r#"{ bytes = "\u20ac" }"#).unwrap_err().contains("not a byte"));
    }
}
