//! Gadgets: callables whose call from a pickle has an effect that can be seen.

use std::sync::LazyLock;

use serde::Deserialize;

use crate::{Error, GlobalName, Result, Value, embedded};

/// The effects that the oracle tells apart.
pub const EFFECTS: [&str; 10] = [
    "exec",
    "code",
    "process",
    "file-read",
    "file-write",
    "network",
    "native",
    "signal",
    "env",
    "import",
];

/// What a pickle must do for the effect to come about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum How {
    /// Call it.
    Call,
    /// Name it.
    Resolve,
    /// Name anything in its module, whose import is what matters.
    Import,
    /// Have the unpickler call a method of it, or of what it returns: `append`, `extend`, `add`,
    /// `setitem` or `setstate`.
    Method(String),
}

/// A minor version of Python 3.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PythonVersion(pub u8);

/// A callable with an effect, and the arguments that bring it about without harm.
#[derive(Clone, Debug, PartialEq)]
pub struct Gadget {
    /// Unique, and a name for people.
    pub id: String,
    /// What is named.
    pub global: GlobalName,
    /// The arguments of the call; `None` if the global itself is the object.
    pub args: Option<Vec<Value>>,
    /// Arguments of further calls, each on the result of the one before.
    pub then: Vec<Vec<Value>>,
    /// What a pickle must do.
    pub how: How,
    /// What the method is given: one value, or key and value for `setitem`.
    pub operands: Vec<Value>,
    /// One of [`EFFECTS`].
    pub effect: String,
    /// The first Python 3 minor version that has it.
    pub min_python: Option<PythonVersion>,
    /// The last Python 3 minor version that has it.
    pub max_python: Option<PythonVersion>,
    /// The least protocol in which the name resolves (dotted names need 4).
    pub min_protocol: u8,
    /// The highest protocol in which it does (Python 2 names need 2 or less).
    pub max_protocol: u8,
    /// `sys.platform` where it exists; any if `None`.
    pub platform: Option<String>,
    /// An advisory's id or an address.
    pub reference: String,
    /// What a reader should know.
    pub note: Option<String>,
}

impl Gadget {
    /// Every global that a pickle of the gadget names.
    pub fn globals(&self) -> Vec<&GlobalName> {
        let args = self.args.iter().flatten();
        let values = args.chain(self.then.iter().flatten()).chain(&self.operands);
        std::iter::once(&self.global).chain(values.flat_map(Value::globals)).collect()
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    gadget: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    id: String,
    module: String,
    name: String,
    args: Option<Vec<toml::Value>>,
    #[serde(default)]
    then: Vec<Vec<toml::Value>>,
    how: Option<String>,
    method: Option<String>,
    #[serde(default)]
    operands: Vec<toml::Value>,
    effect: String,
    min_python: Option<String>,
    max_python: Option<String>,
    min_protocol: Option<u8>,
    max_protocol: Option<u8>,
    platform: Option<String>,
    reference: String,
    note: Option<String>,
}

fn values(toml: &[toml::Value]) -> Result<Vec<Value>, String> {
    toml.iter().map(Value::from_toml).collect()
}

fn version(text: Option<&String>) -> Result<Option<PythonVersion>, String> {
    let Some(text) = text else { return Ok(None) };
    let minor = text.strip_prefix("3.").and_then(|minor| minor.parse().ok());
    minor.map(|minor| Some(PythonVersion(minor))).ok_or(format!("`{text}` is not 3.x"))
}

impl Entry {
    fn read(self) -> Result<Gadget, String> {
        let how = match (self.how.as_deref(), self.method) {
            (None | Some("call"), None) => How::Call,
            (Some("resolve"), None) => How::Resolve,
            (Some("import"), None) => How::Import,
            (Some("method"), Some(method)) => How::Method(method),
            (how, _) => return Err(format!("how = {how:?} and `method` do not go together")),
        };
        Ok(Gadget {
            global: GlobalName { module: self.module, name: self.name },
            args: self.args.as_deref().map(values).transpose()?,
            then: self.then.iter().map(|args| values(args)).collect::<Result<_, _>>()?,
            how,
            operands: values(&self.operands)?,
            effect: self.effect,
            min_python: version(self.min_python.as_ref())?,
            max_python: version(self.max_python.as_ref())?,
            min_protocol: self.min_protocol.unwrap_or(0),
            max_protocol: self.max_protocol.unwrap_or(5),
            platform: self.platform,
            reference: self.reference,
            note: self.note,
            id: self.id,
        })
    }
}

/// Reads a file of gadgets.
///
/// # Errors
/// If it is not TOML of the right shape; the message names the entry.
pub fn parse_gadgets(file: &str, text: &str) -> Result<Vec<Gadget>> {
    let parsed: File = toml::from_str(text).map_err(|error| Error::new(file, error))?;
    let read = |entry: Entry| {
        let id = entry.id.clone();
        entry.read().map_err(|message| Error::new(file, format!("gadget `{id}`: {message}")))
    };
    parsed.gadget.into_iter().map(read).collect()
}

/// Every gadget of the corpus.
///
/// # Panics
/// If an embedded file is broken, which the crate's lint test excludes.
pub fn gadgets() -> &'static [Gadget] {
    static GADGETS: LazyLock<Vec<Gadget>> = LazyLock::new(|| {
        let files = embedded::gadget_files().iter();
        let read = |(file, text): &(&str, &str)| {
            parse_gadgets(file, text).expect("embedded gadgets pass the lint")
        };
        files.flat_map(read).collect()
    });
    &GADGETS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_every_global_of_a_chain() {
        let gadget = gadgets().iter().find(|gadget| gadget.id == "attrgetter-system").unwrap();
        let names: Vec<&str> = gadget.globals().iter().map(|global| global.name.as_str()).collect();
        assert_eq!(names, ["attrgetter", "import_module"]);
        assert_eq!(gadget.then.len(), 2);
    }

    #[test]
    fn names_the_entry_at_fault() {
        let text = "[[gadget]]\nid='x'\nmodule='m'\nname='n'\neffect='exec'\nreference='r'\n\
                    how='method'\n";
        let error = parse_gadgets("f.toml", text).unwrap_err();
        assert!(error.to_string().starts_with("f.toml: gadget `x`"), "{error}");
    }
}
