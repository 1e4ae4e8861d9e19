//! Reads policies from TOML: the profiles built in, and files.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use super::Policy;
use super::contract::{Append, Contract, Kind, Returns};
use super::deny::{Denied, DenyList};
use super::names::Renames;
use super::pattern::{Pattern, Signature};

/// Why a policy can't be used.
#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    /// No profile and no file of that name.
    #[error("no policy `{0}`: expected one of {known}, or the path of a TOML file", known = known())]
    Unknown(String),
    /// The file can't be read.
    #[error("policy `{path}` can't be read: {error}")]
    Unreadable {
        /// The path.
        path: String,
        /// Why not.
        error: std::io::Error,
    },
    /// The file is not a policy.
    #[error("policy `{name}`: {message}")]
    Invalid {
        /// The profile or path.
        name: String,
        /// What is wrong and where.
        message: String,
    },
}

fn known() -> String {
    let names: Vec<_> = PROFILES.iter().map(|(name, _)| format!("`{name}`")).collect();
    names.join(", ")
}

/// The profiles built in.
const PROFILES: &[(&str, &str)] = &[
    ("data", include_str!("../../policies/data.toml")),
    ("stdlib", include_str!("../../policies/stdlib.toml")),
];

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    summary: String,
    #[serde(default)]
    includes: Vec<String>,
    #[serde(default)]
    helpers: Vec<String>,
    #[serde(default)]
    machinery: Vec<String>,
    #[serde(default)]
    contract: Vec<Row>,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    globals: Vec<String>,
    #[serde(default)]
    kind: Kind,
    #[serde(default)]
    call: Vec<String>,
    #[serde(default)]
    new: Vec<String>,
    #[serde(default)]
    build: Vec<String>,
    #[serde(default)]
    append: Append,
    #[serde(default)]
    setitem: bool,
    #[serde(default)]
    add: bool,
    #[serde(default = "yes")]
    hash: bool,
    #[serde(default)]
    total: bool,
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

#[derive(serde::Deserialize)]
struct DenyFile {
    deny: Vec<Denied>,
}

impl Row {
    fn contract(self) -> Result<Contract, String> {
        let global = |text: &String| match text.split_once(':') {
            Some((module, name)) => Ok((module.to_owned(), name.to_owned())),
            None => Err(format!("global `{text}`: expected `module:name`")),
        };
        let globals = self.globals.iter().map(global).collect::<Result<Vec<_>, _>>()?;
        let within =
            |message: String| format!("contract of {}: {message}", self.globals.join(", "));
        let signatures = |texts: &[String]| {
            texts.iter().map(|text| Signature::parse(text)).collect::<Result<Vec<_>, _>>()
        };
        let returns = match self.returns.as_deref() {
            None => Returns::Instance,
            Some(text) => returns(text).map_err(within)?,
        };
        Ok(Contract {
            call: signatures(&self.call).map_err(within)?,
            new: signatures(&self.new).map_err(within)?,
            build: self
                .build
                .iter()
                .map(|text| Pattern::parse(text))
                .collect::<Result<_, _>>()
                .map_err(within)?,
            kind: self.kind,
            append: self.append,
            setitem: self.setitem,
            add: self.add,
            hash: self.hash,
            total: self.total,
            everywhere: self.everywhere,
            returns,
            helpers: self.helpers,
            also: self.also,
            source: self.source,
            globals,
        })
    }
}

fn returns(text: &str) -> Result<Returns, String> {
    if let Some(index) = text.strip_prefix("instance of argument ") {
        let index = index.parse().map_err(|_| format!("returns `{text}`: expected a number"))?;
        return Ok(Returns::InstanceOfArgument(index));
    }
    Ok(match Pattern::parse(text)? {
        Pattern::InstanceOf(name) => Returns::InstanceOf(name),
        Pattern::GlobalIs(name) => Returns::Global(name),
        pattern => Returns::Pattern(pattern),
    })
}

fn parse<T: serde::de::DeserializeOwned>(name: &str, text: &str) -> Result<T, PolicyError> {
    toml::from_str(text)
        .map_err(|error| PolicyError::Invalid { name: name.to_owned(), message: error.to_string() })
}

impl Policy {
    /// The profiles built in, name and summary.
    pub fn builtin() -> &'static [(&'static str, &'static str)] {
        static SUMMARIES: OnceLock<Vec<(&str, &str)>> = OnceLock::new();
        SUMMARIES.get_or_init(|| {
            PROFILES
                .iter()
                .map(|(name, text)| {
                    let file: File = toml::from_str(text).expect("a built-in profile is valid");
                    (*name, &*file.summary.leak())
                })
                .collect()
        })
    }

    /// The text of a built-in profile.
    pub fn builtin_text(name: &str) -> Option<&'static str> {
        PROFILES.iter().find(|(profile, _)| *profile == name).map(|(_, text)| *text)
    }

    /// Adds up profiles, each the name of a built-in one or the path of a TOML file.
    ///
    /// # Errors
    /// If one is unknown, unreadable or not a policy.
    pub fn load<S: AsRef<str>>(specs: &[S]) -> Result<Self, PolicyError> {
        let deny: DenyFile = parse("deny", include_str!("../../policies/deny.toml"))?;
        let renames: Renames = parse("renames", include_str!("../../policies/renames.toml"))?;
        let mut policy = Self {
            names: specs.iter().map(|spec| spec.as_ref().to_owned()).collect(),
            contracts: Vec::new(),
            index: HashMap::new(),
            deny: Arc::new(DenyList::new(deny.deny)),
            renames: Arc::new(renames),
            common_helpers: Vec::new(),
            machinery: Vec::new(),
            blind_to: Vec::new(),
        };
        let mut pending: Vec<String> = policy.names.iter().rev().cloned().collect();
        let mut seen = Vec::new();
        while let Some(spec) = pending.pop() {
            if seen.contains(&spec) {
                continue;
            }
            let file = read(&spec)?;
            pending.extend(file.includes.iter().cloned());
            policy.add(&spec, file)?;
            seen.push(spec);
        }
        Ok(policy)
    }

    fn add(&mut self, name: &str, file: File) -> Result<(), PolicyError> {
        self.common_helpers.extend(file.helpers);
        self.machinery.extend(file.machinery);
        for row in file.contract {
            let contract = row
                .contract()
                .map_err(|message| PolicyError::Invalid { name: name.to_owned(), message })?;
            let index = self.contracts.len();
            for (module, global) in &contract.globals {
                // The first profile that speaks of a global has the say.
                let names = self.index.entry(module.clone()).or_default();
                names.entry(global.clone()).or_insert(index);
            }
            self.contracts.push(Arc::new(contract));
        }
        Ok(())
    }
}

fn read(spec: &str) -> Result<File, PolicyError> {
    if let Some(text) = Policy::builtin_text(spec) {
        return parse(spec, text);
    }
    if !Path::new(spec).exists() {
        return Err(PolicyError::Unknown(spec.to_owned()));
    }
    let text = std::fs::read_to_string(spec)
        .map_err(|error| PolicyError::Unreadable { path: spec.to_owned(), error })?;
    parse(spec, &text)
}
