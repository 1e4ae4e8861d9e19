//! Reads a contract from its row of a policy file.

use std::collections::BTreeMap;

use crate::policy::contract::{Append, Contract, Form, Kind, Returns, State};
use crate::policy::pattern::{Pattern, Signature};

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Row {
    pub globals: Vec<String>,
    #[serde(default)]
    kind: Kind,
    #[serde(default)]
    call: Vec<String>,
    #[serde(default)]
    new: Vec<String>,
    #[serde(default)]
    apply: Vec<String>,
    #[serde(default)]
    build: Vec<String>,
    #[serde(default)]
    elements: bool,
    #[serde(default)]
    unheld: bool,
    #[serde(default)]
    append: Append,
    #[serde(default)]
    setitem: Items,
    #[serde(default)]
    named: bool,
    #[serde(default)]
    add: bool,
    #[serde(default)]
    unhashed: bool,
    #[serde(default = "yes")]
    hash: bool,
    #[serde(default)]
    plain: bool,
    #[serde(default)]
    scalar: bool,
    #[serde(default)]
    holds_data: bool,
    #[serde(default)]
    stores: bool,
    #[serde(default)]
    consumes: bool,
    #[serde(default)]
    callable: bool,
    #[serde(default)]
    uncalled: bool,
    #[serde(default)]
    total: bool,
    #[serde(default = "yes")]
    kept: bool,
    #[serde(default = "yes")]
    everywhere: bool,
    returns: Option<String>,
    #[serde(default)]
    helpers: Vec<String>,
    #[serde(default)]
    also: Vec<String>,
    source: String,
}

fn yes() -> bool {
    true
}

impl Row {
    pub fn contract(self, defined: &BTreeMap<String, String>) -> Result<Contract, String> {
        let global = |text: &String| match text.split_once(':') {
            Some((module, name)) => Ok((module.to_owned(), name.to_owned())),
            None => Err(format!("global `{text}`: expected `module:name`")),
        };
        let globals = self.globals.iter().map(global).collect::<Result<Vec<_>, _>>()?;
        let within =
            |message: String| format!("contract of {}: {message}", self.globals.join(", "));
        let forms = |texts: &[String]| {
            texts
                .iter()
                .map(|text| form(&expand(text, defined)?))
                .collect::<Result<Vec<_>, _>>()
                .map_err(within)
        };
        let returns = match self.returns.as_deref() {
            None => Returns::Instance,
            Some(text) => expand(text, defined).and_then(|text| returns(&text)).map_err(within)?,
        };
        Ok(Contract {
            call: forms(&self.call)?,
            new: forms(&self.new)?,
            apply: forms(&self.apply)?,
            build: self
                .build
                .iter()
                .map(|text| state(&expand(text, defined)?))
                .collect::<Result<_, _>>()
                .map_err(within)?,
            elements: self.elements,
            unheld: self.unheld,
            profile: String::new(),
            kind: self.kind,
            append: self.append,
            setitem: self.setitem.signature(defined).map_err(within)?,
            named: self.named,
            add: self.add,
            hash: self.hash,
            unhashed: self.unhashed,
            plain: self.plain,
            scalar: self.scalar,
            holds_data: self.holds_data,
            stores: self.stores,
            consumes: self.consumes,
            callable: self.callable,
            uncalled: self.uncalled,
            total: self.total,
            kept: self.kept,
            everywhere: self.everywhere,
            returns,
            helpers: self.helpers,
            also: self.also,
            source: self.source,
            globals,
        })
    }
}

/// Whether items may be set: not, any, or a key and a value of these patterns.
#[derive(serde::Deserialize)]
#[serde(untagged)]
enum Items {
    Any(bool),
    Of(String),
}

impl Default for Items {
    fn default() -> Self {
        Self::Any(false)
    }
}

impl Items {
    fn signature(&self, defined: &BTreeMap<String, String>) -> Result<Option<Signature>, String> {
        let signature = match self {
            Self::Any(false) => return Ok(None),
            Self::Any(true) => Signature::anything(),
            Self::Of(text) => Signature::parse(&expand(text, defined)?)?,
        };
        match signature.takes(2) {
            true => Ok(Some(signature)),
            false => Err("setitem: expected patterns of a key and a value".to_owned()),
        }
    }
}

/// Puts the patterns that a profile defines in the place of their names.
pub(super) fn expand(text: &str, defined: &BTreeMap<String, String>) -> Result<String, String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        let name = &rest[at + 1..];
        let end = name.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(name.len());
        let (name, after) = name.split_at(end);
        let pattern =
            defined.get(name).ok_or_else(|| format!("`${name}` in `{text}` is not defined"))?;
        out.push_str(&rest[..at]);
        out.push_str(&expand(pattern, defined)?);
        rest = after;
    }
    out.push_str(rest);
    Ok(out)
}

/// Reads `ARGUMENTS` or `ARGUMENTS -> RESULT`.
fn form(text: &str) -> Result<Form, String> {
    let (args, result) = match text.split_once("->") {
        Some((args, result)) => (args, Some(returns(result.trim())?)),
        None => (text, None),
    };
    Ok(Form { args: Signature::parse(args.trim())?, returns: result })
}

/// Reads `STATE` or `STATE -> <CLASS>`.
fn state(text: &str) -> Result<State, String> {
    let (pattern, becomes) = match text.split_once("->") {
        None => (text, None),
        Some((pattern, class)) => match returns(class.trim())? {
            Returns::InstanceOf(class) => (pattern, Some(class)),
            _ => return Err(format!("build: expected `<CLASS>` after `->` in `{text}`")),
        },
    };
    Ok(State { pattern: Pattern::parse(pattern.trim())?, becomes })
}

pub(super) fn returns(text: &str) -> Result<Returns, String> {
    if let Some(index) = text.strip_prefix("instance of argument ") {
        let index = index.parse().map_err(|_| format!("returns `{text}`: expected a number"))?;
        return Ok(Returns::InstanceOfArgument(index));
    }
    if let Some(index) = text.strip_prefix("argument ") {
        let index = index.parse().map_err(|_| format!("returns `{text}`: expected a number"))?;
        return Ok(Returns::Argument(index));
    }
    Ok(match Pattern::parse(text)? {
        Pattern::InstanceOf(name) => Returns::InstanceOf(name),
        Pattern::GlobalIs(name) => Returns::Global(name),
        pattern => Returns::Pattern(pattern),
    })
}
