//! The deny list: globals known to be harmful, each with the source that says so.

use std::collections::HashMap;

/// One entry of the deny list.
#[derive(Clone, Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Denied {
    /// The module.
    pub module: String,
    /// The names; `*` is every name of the module and of the modules below it.
    pub names: Vec<String>,
    /// What it does, as a verb phrase: "runs a command".
    pub does: String,
    /// Where that is documented.
    pub source: String,
}

/// The deny list, indexed.
#[derive(Clone, Debug, Default)]
pub(super) struct DenyList {
    entries: Vec<Denied>,
    exact: HashMap<(String, String), usize>,
    modules: HashMap<String, usize>,
}

impl DenyList {
    pub(super) fn new(entries: Vec<Denied>) -> Self {
        let mut list = Self::default();
        for (index, entry) in entries.iter().enumerate() {
            for name in &entry.names {
                if name == "*" {
                    list.modules.insert(entry.module.clone(), index);
                } else {
                    list.exact.insert((entry.module.clone(), name.clone()), index);
                }
            }
        }
        list.entries = entries;
        list
    }

    /// Whether the list speaks of a module of that name.
    pub(super) fn has_module(&self, module: &str) -> bool {
        self.entries.iter().any(|entry| entry.module == module)
    }

    /// The entry that denies the global, or a step on the way to it if its name is dotted.
    pub(super) fn find(&self, module: &str, name: &str) -> Option<&Denied> {
        let steps = name.match_indices('.').map(|(dot, _)| &name[..dot]);
        let exact = steps
            .chain([name])
            .find_map(|step| self.exact.get(&(module.to_owned(), step.to_owned())));
        let above = module.match_indices('.').map(|(dot, _)| &module[..dot]);
        let whole = || above.chain([module]).find_map(|module| self.modules.get(module));
        exact.or_else(whole).map(|&index| &self.entries[index])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_module_is_denied_with_what_is_below_it() {
        let entry = |module: &str, name: &str| Denied {
            module: module.to_owned(),
            names: vec![name.to_owned()],
            does: String::new(),
            source: String::new(),
        };
        let list = DenyList::new(vec![entry("pip", "*"), entry("os", "system")]);
        for (module, name) in [
            ("pip", "main"),
            ("pip._internal", "main"),
            ("pip._internal.cli.main", "main"),
            ("os", "system"),
            ("os", "system.__call__"),
        ] {
            assert!(list.find(module, name).is_some(), "{module} {name}");
        }
        for (module, name) in [("pipe", "main"), ("os", "getcwd"), ("os.path", "system"), ("", "")]
        {
            assert!(list.find(module, name).is_none(), "{module} {name}");
        }
    }
}
