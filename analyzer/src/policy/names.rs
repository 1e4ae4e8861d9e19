//! The spellings of a global: Python 2's, and the one `fix_imports` makes of it; a library's former
//! ones, and the one it is known by now.

use std::collections::HashMap;

/// The renames that CPython applies below protocol 3 (`Lib/_compat_pickle.py`).
#[derive(Clone, Debug, Default, serde::Deserialize)]
pub struct Renames {
    modules: HashMap<String, String>,
    names: HashMap<String, String>,
    #[serde(skip)]
    moved: Moved,
}

/// What a library moved: an import of the former name gives the same object.
#[derive(Clone, Debug, Default, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Moved {
    modules: HashMap<String, String>,
    names: HashMap<String, String>,
}

impl Renames {
    /// What `fix_imports` makes of a global; `None` if it leaves it alone.
    pub fn renamed<'a>(&'a self, module: &str, name: &'a str) -> Option<(&'a str, &'a str)> {
        if let Some(target) = self.names.get(&format!("{module}:{name}")) {
            return target.split_once(':');
        }
        self.modules.get(module).map(|module| (module.as_str(), name))
    }

    /// Adds what a profile says of moves.
    pub(super) fn extend(&mut self, moved: Moved) {
        self.moved.modules.extend(moved.modules);
        self.moved.names.extend(moved.names);
    }

    /// The spelling by which contracts know a global that a library has moved.
    pub fn canonical<'a>(&'a self, module: &'a str, name: &'a str) -> (&'a str, &'a str) {
        if !self.moved.names.is_empty()
            && let Some(target) = self.moved.names.get(&format!("{module}:{name}"))
            && let Some(target) = target.split_once(':')
        {
            return target;
        }
        (self.moved.modules.get(module).map_or(module, String::as_str), name)
    }

    /// Former modules, each with what it is called now.
    pub fn moved_modules(&self) -> &HashMap<String, String> {
        &self.moved.modules
    }

    /// Former spellings of single globals, each with the present one, as module and name.
    pub fn moved_names(&self) -> impl Iterator<Item = ((&str, &str), (&str, &str))> {
        self.moved
            .names
            .iter()
            .filter_map(|(old, new)| Some((old.split_once(':')?, new.split_once(':')?)))
    }

    /// Modules that are renamed.
    pub fn modules(&self) -> &HashMap<String, String> {
        &self.modules
    }

    /// Globals that are renamed, `module:name` to `module:name`.
    pub fn names(&self) -> &HashMap<String, String> {
        &self.names
    }
}
