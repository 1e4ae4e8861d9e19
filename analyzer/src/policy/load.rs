//! Reads policies from TOML: the profiles built in, and files.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;
use std::sync::{Arc, OnceLock};

use super::Policy;
use super::contract::{Append, Contract, Form, Kind, Returns, State};
use super::deny::{Denied, DenyList};
use super::names::{Moved, Renames};
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
    /// The policy has no condition of that name.
    #[error("no condition `{0}` in the policy; `assay policy conditions` lists them")]
    Condition(String),
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
    ("timezones", include_str!("../../policies/timezones.toml")),
    ("numpy", include_str!("../../policies/numpy.toml")),
    ("pandas", include_str!("../../policies/pandas.toml")),
    ("scipy", include_str!("../../policies/scipy.toml")),
    ("sklearn", include_str!("../../policies/sklearn.toml")),
    ("joblib", include_str!("../../policies/joblib.toml")),
    ("torch", include_str!("../../policies/torch.toml")),
    ("xgboost", include_str!("../../policies/xgboost.toml")),
    ("lightgbm", include_str!("../../policies/lightgbm.toml")),
    ("multiprocessing", include_str!("../../policies/multiprocessing.toml")),
    ("django-session", include_str!("../../policies/django-session.toml")),
    ("redis-cache", include_str!("../../policies/redis-cache.toml")),
    ("celery", include_str!("../../policies/celery.toml")),
];

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    summary: String,
    #[serde(default)]
    includes: Vec<String>,
    /// Of what it includes, the globals that a pickle may ask for: all if none are given.
    only: Option<Vec<String>>,
    #[serde(default)]
    helpers: Vec<String>,
    #[serde(default)]
    machinery: Vec<String>,
    #[serde(default)]
    opaque: Vec<String>,
    /// Attributes in which libraries keep a class or a function.
    #[serde(default)]
    keeps: Vec<String>,
    /// Attributes that must be plain: `None`, a number, text or bytes.
    #[serde(default)]
    atoms: Vec<String>,
    /// Patterns by name, `$name` in the contracts of this profile and of those that include it.
    #[serde(default)]
    define: BTreeMap<String, String>,
    /// Former spellings of the globals of this profile.
    #[serde(default)]
    moved: Moved,
    /// The persistent ids that `torch.load` may be asked for: `ID -> <CLASS>`.
    persistent: Option<String>,
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

#[derive(serde::Deserialize)]
struct DenyFile {
    deny: Vec<Denied>,
}

impl Row {
    fn contract(self, defined: &BTreeMap<String, String>) -> Result<Contract, String> {
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
fn expand(text: &str, defined: &BTreeMap<String, String>) -> Result<String, String> {
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

/// Reads `ID -> <CLASS>`.
fn persistent(text: &str) -> Result<(Pattern, String), String> {
    let (id, class) = text.split_once("->").ok_or("persistent: expected `ID -> <CLASS>`")?;
    match returns(class.trim())? {
        Returns::InstanceOf(class) => Ok((Pattern::parse(id.trim())?, class)),
        _ => Err(format!("persistent: expected `<CLASS>` after `->` in `{text}`")),
    }
}

fn returns(text: &str) -> Result<Returns, String> {
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
        let names = specs.iter().map(|spec| spec.as_ref().to_owned()).collect();
        Self::add_up(names, None)
    }

    /// A policy of a text as its file would hold it.
    ///
    /// # Errors
    /// If it is not a policy, or includes what is none.
    pub fn from_text(name: &str, text: &str) -> Result<Self, PolicyError> {
        Self::add_up(vec![name.to_owned()], Some((name, text)))
    }

    /// Adds up profiles, one of which may be given as a text.
    fn add_up(names: Vec<String>, given: Option<(&str, &str)>) -> Result<Self, PolicyError> {
        let deny: DenyFile = parse("deny", include_str!("../../policies/deny.toml"))?;
        let mut renames: Renames = parse("renames", include_str!("../../policies/renames.toml"))?;
        let mut files = Vec::new();
        for name in &names {
            open(name, given, &mut Vec::new(), &mut files)?;
        }
        // Each knows its own patterns and those of what it includes: no other may change them.
        let mut scopes: HashMap<String, BTreeMap<String, String>> = HashMap::new();
        for (name, file) in &mut files {
            let mut scope = BTreeMap::new();
            for included in &file.includes {
                scope.extend(scopes.get(included).cloned().unwrap_or_default());
            }
            scope.append(&mut file.define);
            scopes.insert(name.clone(), scope);
            renames.extend(std::mem::take(&mut file.moved));
        }
        let mut policy = Self {
            names,
            contracts: Vec::new(),
            index: HashMap::new(),
            only: None,
            deny: Arc::new(DenyList::new(deny.deny)),
            renames: Arc::new(renames),
            common_helpers: Vec::new(),
            machinery: Vec::new(),
            opaque: Vec::new(),
            keeps: Vec::new(),
            atoms: Vec::new(),
            minds_unhashed: false,
            minds_entries: false,
            persistent: None,
            usages: None,
            blind_to: Vec::new(),
        };
        if files.iter().any(|(_, file)| file.only.is_some()) {
            policy.only = Some(policy.askable(&files)?);
        }
        for (name, file) in files.into_iter().rev() {
            policy.add(&name, file, &scopes[&name])?;
        }
        policy.add_moved();
        policy.minds_unhashed = policy.contracts.iter().any(|contract| contract.unhashed);
        policy.minds_entries = policy.contracts.iter().any(|contract| contract.minds_entries());
        Ok(policy)
    }

    /// What a pickle may ask for under any of the profiles that were added up.
    fn askable(&self, files: &[(String, File)]) -> Result<HashSet<String>, PolicyError> {
        let key = |text: &String| match text.split_once(':') {
            Some((module, name)) => self.key(module, name),
            None => text.clone(),
        };
        // What is included stands before what includes it.
        let mut askable: HashMap<&str, HashSet<String>> = HashMap::new();
        for (name, file) in files {
            let included = file.includes.iter().filter_map(|name| askable.get(name.as_str()));
            let included: HashSet<&String> = included.flatten().collect();
            let mut globals: HashSet<String> = match &file.only {
                None => included.into_iter().cloned().collect(),
                Some(only) => {
                    if let Some(text) = only.iter().find(|text| !included.contains(&key(text))) {
                        let message = format!("only: `{text}` is none of what it includes");
                        return Err(PolicyError::Invalid { name: name.clone(), message });
                    }
                    only.iter().map(key).collect()
                }
            };
            globals.extend(file.contract.iter().flat_map(|row| &row.globals).map(key));
            askable.insert(name, globals);
        }
        let given = self.names.iter().filter_map(|name| askable.remove(name.as_str()));
        Ok(given.flatten().collect())
    }

    /// Enters the former spellings of what the policy allows.
    fn add_moved(&mut self) {
        let renames = Arc::clone(&self.renames);
        for (old, (module, name)) in renames.moved_names() {
            if let Some(index) = self.index.get(module).and_then(|names| names.get(name)).copied() {
                let names = self.index.entry(old.0.to_owned()).or_default();
                names.entry(old.1.to_owned()).or_insert(index);
            }
        }
        for (old, new) in renames.moved_modules() {
            if let Some(names) = self.index.get(new).cloned() {
                let former = self.index.entry(old.clone()).or_default();
                for (name, index) in names {
                    former.entry(name).or_insert(index);
                }
            }
        }
    }

    fn add(
        &mut self,
        name: &str,
        file: File,
        defined: &BTreeMap<String, String>,
    ) -> Result<(), PolicyError> {
        self.common_helpers.extend(file.helpers);
        self.machinery.extend(file.machinery);
        self.opaque.extend(file.opaque);
        self.keeps.extend(file.keeps);
        self.atoms.extend(file.atoms);
        let invalid = |message| PolicyError::Invalid { name: name.to_owned(), message };
        if let Some(text) = &file.persistent {
            self.persistent =
                Some(persistent(&expand(text, defined).map_err(invalid)?).map_err(invalid)?);
        }
        for row in file.contract {
            let mut contract = row
                .contract(defined)
                .map_err(|message| PolicyError::Invalid { name: name.to_owned(), message })?;
            contract.profile = name.to_owned();
            let index = self.contracts.len();
            for (module, global) in &contract.globals {
                // The first that speaks of a global has the say: who includes, before what it
                // includes; of two that do not, the one named later.
                let names = self.index.entry(module.clone()).or_default();
                names.entry(global.clone()).or_insert(index);
            }
            self.contracts.push(Arc::new(contract));
        }
        Ok(())
    }
}

/// Opens a profile and all it includes, which stand before it. `opening` are those that wait for it.
fn open(
    spec: &str,
    given: Option<(&str, &str)>,
    opening: &mut Vec<String>,
    files: &mut Vec<(String, File)>,
) -> Result<(), PolicyError> {
    if opening.iter().any(|name| name == spec) || files.iter().any(|(name, _)| name == spec) {
        return Ok(());
    }
    let file: File = match given {
        Some((name, text)) if name == spec => parse(name, text)?,
        _ => read(spec)?,
    };
    opening.push(spec.to_owned());
    for included in &file.includes {
        open(included, given, opening, files)?;
    }
    opening.pop();
    files.push((spec.to_owned(), file));
    Ok(())
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
