//! Templates: typed holes in the arguments of an idiom, filled anew each time.

use std::sync::Arc;

use assay_corpus::Value;

use crate::config::SafeGlobal;
use toml::Value as Toml;

/// What a hole takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    /// An `int` of any size.
    Int,
    /// 0 to 255.
    Byte,
    /// 0 to 999.
    Small,
    /// A `float`.
    Float,
    /// A `str`.
    Str,
    /// A `str` of ASCII.
    Ascii,
    /// A word, as keys and attributes are.
    Word,
    /// A `str` of digits.
    Digits,
    /// A `bytes`.
    Bytes,
    /// A `bool`.
    Bool,
    /// Something that can be a key.
    Hashable,
    /// Anything plain.
    Data,
}

impl Type {
    fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "int" => Self::Int,
            "byte" => Self::Byte,
            "small" => Self::Small,
            "float" => Self::Float,
            "str" => Self::Str,
            "ascii" => Self::Ascii,
            "word" => Self::Word,
            "digits" => Self::Digits,
            "bytes" => Self::Bytes,
            "bool" => Self::Bool,
            "hashable" => Self::Hashable,
            "data" => Self::Data,
            _ => return None,
        })
    }
}

/// A value with holes.
#[derive(Clone, Debug, PartialEq)]
pub enum Template {
    /// A literal.
    Fixed(Value),
    /// A hole.
    Any(Type),
    /// One of several.
    One(Vec<Template>),
    /// A list of up to three.
    ListOf(Box<Template>),
    /// A tuple.
    TupleOf(Vec<Template>),
    /// A dict of one to three items, or of one if the key is a literal.
    DictOf(Box<(Template, Template)>),
    /// A dict of these items.
    Items(Vec<(Value, Template)>),
    /// A dict of some of these keys, few or many, each with one of the values, which they share.
    DictOver(Arc<[Value]>, Vec<Template>),
    /// An object as a pickler rebuilds it.
    Made(Box<SafeGlobal>),
    /// A template that others have, too.
    Shared(Arc<Template>),
}

impl Template {
    /// Reads a template.
    ///
    /// # Errors
    /// If it is neither a literal nor one of the forms above.
    pub fn from_toml(toml: &Toml) -> Result<Self, String> {
        let single = toml.as_table().filter(|table| table.len() == 1);
        let Some((key, inner)) = single.and_then(|table| table.iter().next()) else {
            return Value::from_toml(toml).map(Self::Fixed);
        };
        let several = || -> Result<Vec<Self>, String> {
            let array = inner.as_array().ok_or_else(|| format!("expected an array in `{key}`"))?;
            array.iter().map(Self::from_toml).collect()
        };
        Ok(match key.as_str() {
            "any" => {
                let name = inner.as_str().unwrap_or_default();
                Self::Any(Type::from_name(name).ok_or_else(|| format!("no type `{name}`"))?)
            }
            "one" => match several()? {
                empty if empty.is_empty() => return Err("nothing to choose in `one`".to_owned()),
                templates => Self::One(templates),
            },
            "list_of" => Self::ListOf(Box::new(Self::from_toml(inner)?)),
            "tuple_of" => Self::TupleOf(several()?),
            "dict_of" => match <[Self; 2]>::try_from(several()?) {
                Ok([key, value]) => Self::DictOf(Box::new((key, value))),
                Err(_) => return Err("expected key and value in `dict_of`".to_owned()),
            },
            _ => Self::Fixed(Value::from_toml(toml)?),
        })
    }

    /// Roughly how many opcodes it takes.
    pub fn cost(&self) -> usize {
        match self {
            // A literal, and perhaps the memo after it; calls name a global, too.
            Self::Fixed(value) => value.size() * 2 + value.globals().len() * 4,
            Self::Any(Type::Data) => 12,
            Self::Any(Type::Hashable) => 5,
            Self::Any(_) => 3,
            Self::One(templates) => templates.iter().map(Self::cost).max().unwrap_or(0),
            Self::ListOf(item) => 4 + 3 * item.cost(),
            Self::TupleOf(items) => 3 + items.iter().map(Self::cost).sum::<usize>(),
            Self::DictOf(pair) => 4 + 3 * (pair.0.cost() + pair.1.cost()),
            Self::Items(items) => {
                4 + items.iter().map(|(key, value)| 2 * key.size() + value.cost()).sum::<usize>()
            }
            Self::DictOver(keys, values) => {
                4 + 4 * keys.len() + values.iter().map(Self::cost).sum::<usize>()
            }
            Self::Made(idiom) => idiom.cost(),
            Self::Shared(template) => template.cost(),
        }
    }
}
