//! Reads policies from TOML: the profiles built in, and files.

mod row;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;
use std::sync::{Arc, OnceLock};

use super::Policy;
use super::contract::Returns;
use super::deny::{Denied, DenyList};
use super::names::{Moved, Renames};
use super::pattern::Pattern;
use row::{Row, expand, returns};

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
struct DenyFile {
    deny: Vec<Denied>,
}

/// Reads `ID -> <CLASS>`.
fn persistent(text: &str) -> Result<(Pattern, String), String> {
    let (id, class) = text.split_once("->").ok_or("persistent: expected `ID -> <CLASS>`")?;
    match returns(class.trim())? {
        Returns::InstanceOf(class) => Ok((Pattern::parse(id.trim())?, class)),
        _ => Err(format!("persistent: expected `<CLASS>` after `->` in `{text}`")),
    }
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
