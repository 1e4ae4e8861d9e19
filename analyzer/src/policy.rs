//! Policies: which globals a pickle may use, and how.
//!
//! A policy is data: TOML files under `policies/`, or the user's own. It holds *contracts*, one
//! for each allowed global, and the deny list of globals known to be harmful. A policy is never
//! derived from attacks, nor the deny list from the contracts.

mod condition;
mod contract;
mod deny;
mod load;
mod names;
mod pattern;
mod touch;
mod unfound;
mod usage;
mod weaken;

pub use condition::{Condition, Part, Way};
pub use contract::{Append, Contract, Form, Kind, Returns, State};
pub use deny::Denied;
pub use load::PolicyError;
pub use names::Renames;
pub use pattern::{Attributes, Contents, Entries, Item, Pattern, Signature};
pub use unfound::{Because, Unfound, unfound};
pub(crate) use usage::{How, Usage};

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// Contracts and deny list, ready to be asked.
#[derive(Clone, Debug)]
pub struct Policy {
    names: Vec<String>,
    contracts: Vec<Arc<Contract>>,
    /// Module, then qualified name, to the index in `contracts`.
    index: HashMap<String, HashMap<String, usize>>,
    /// The globals that a pickle may ask for, `module:name`; `None`: all that have a contract.
    only: Option<HashSet<String>>,
    deny: Arc<deny::DenyList>,
    renames: Arc<Renames>,
    /// Modules whose code any allowed callable may run.
    common_helpers: Vec<String>,
    /// Callables that the unpickler calls on its own account.
    machinery: Vec<String>,
    /// Attributes in which libraries keep a class or a function.
    keeps: Vec<String>,
    /// Attributes that are text or numbers, if anything: loads do more than look at them.
    atoms: Vec<String>,
    /// Whether it matters what each entry of a small list or dict is: whether any pattern says so.
    minds_entries: bool,
    /// Functions that may do whatever they do where something allowed calls them.
    opaque: Vec<String>,
    /// Which persistent ids `torch.load` may be asked for, and the class of what it gives.
    persistent: Option<(Pattern, String)>,
    /// Where uses are noted that are not allowed, while the policy is watched.
    usages: Option<usage::Usages>,
    /// Modules of which every global passes: only ever set by `weakened`.
    blind_to: Vec<String>,
}

/// What the policy says of one global.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'p> {
    /// Its contract, if it is allowed.
    pub contract: Option<&'p Contract>,
    /// Its entry on the deny list.
    pub denied: Option<&'p Denied>,
}

impl Policy {
    /// The profiles that were added up, in the order given.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The contract of a global, by its Python 3 module and qualified name.
    pub fn contract(&self, module: &str, name: &str) -> Option<&Contract> {
        let index = *self.index.get(module)?.get(name)?;
        Some(&self.contracts[index])
    }

    /// The contract of a dotted name, `module.qualname`.
    pub(crate) fn find(&self, name: &str) -> Option<&Contract> {
        let (module, name) = self.split(name)?;
        self.contract(module, name)
    }

    /// Where the module of a dotted name ends, if there is a contract of it.
    fn split<'n>(&self, name: &'n str) -> Option<(&'n str, &'n str)> {
        let mut splits = name.rmatch_indices('.').map(|(dot, _)| (&name[..dot], &name[dot + 1..]));
        splits.find(|(module, name)| self.contract(module, name).is_some())
    }

    /// Whether there is a contract of the dotted name.
    pub(crate) fn knows(&self, name: &str) -> bool {
        self.find(name).is_some()
    }

    /// Every contract.
    pub fn contracts(&self) -> impl Iterator<Item = &Contract> {
        self.contracts.iter().map(AsRef::as_ref)
    }

    /// Every allowed global, module and qualified name, in order.
    pub fn globals(&self) -> Vec<(String, String)> {
        let mut globals: Vec<_> = self
            .index
            .iter()
            .flat_map(|(module, names)| names.keys().map(move |name| (module, name)))
            .filter(|(module, name)| self.may_be_asked(module, name))
            .map(|(module, name)| (module.clone(), name.clone()))
            .collect();
        globals.sort();
        globals
    }

    /// Every module that has an allowed global, in order.
    pub fn modules(&self) -> Vec<String> {
        let mut modules: Vec<_> = self.index.keys().cloned().collect();
        modules.sort();
        modules
    }

    /// Whether a pickle may ask for the global, if that has a contract: others of an included
    /// profile may be left out, and are known then only for what allowed calls give.
    pub(crate) fn may_be_asked(&self, module: &str, name: &str) -> bool {
        self.only.as_ref().is_none_or(|only| only.contains(&self.key(module, name)))
    }

    /// How contracts know a global, `module:name`.
    pub(crate) fn key(&self, module: &str, name: &str) -> String {
        let (module, name) = self.renames.canonical(module, name);
        format!("{module}:{name}")
    }

    /// How contracts know the global of a dotted name, if one does.
    pub(crate) fn key_of(&self, name: &str) -> Option<String> {
        let (module, name) = self.split(name)?;
        Some(self.key(module, name))
    }

    /// Whether libraries keep a class or a function in the attribute so called, and nothing that
    /// loading runs looks it up as a method.
    pub(crate) fn keeps(&self, attribute: &[u8]) -> bool {
        self.keeps.iter().any(|name| name.as_bytes() == attribute)
    }

    /// Whether loading does more than look at the attribute so called, which must then be `None`, a
    /// number, text or bytes.
    pub(crate) fn wants_atom(&self, attribute: &[u8]) -> bool {
        self.atoms.iter().any(|name| name.as_bytes() == attribute)
    }

    /// Whether it matters what each entry of a small list or dict is.
    #[inline]
    pub(crate) fn minds_entries(&self) -> bool {
        self.minds_entries
    }

    /// Which persistent ids `torch.load` may be asked for, and the class of what it gives.
    pub(crate) fn persistent(&self) -> Option<(&Pattern, &str)> {
        self.persistent.as_ref().map(|(form, class)| (form, class.as_str()))
    }

    /// The renames of `fix_imports`.
    pub fn renames(&self) -> &Renames {
        &self.renames
    }

    /// What is said of the global that `find_class(module, name)` asks for, exactly so spelled.
    pub(crate) fn entry(&self, module: &str, name: &str) -> Entry<'_> {
        Entry { contract: self.contract(module, name), denied: self.deny.find(module, name) }
    }

    /// Whether the policy was blinded to the module, for a positive control.
    pub(crate) fn is_blind_to(&self, module: &str) -> bool {
        self.blind_to.iter().any(|blind| blind == module)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Notes of entries cost as much again as judging a large table: profiles of libraries ask for them.
    #[test]
    fn the_default_policy_asks_for_no_entries() {
        assert!(!Policy::load(&["stdlib"]).unwrap().minds_entries());
        assert!(Policy::load(&["pandas"]).unwrap().minds_entries());
    }
}
