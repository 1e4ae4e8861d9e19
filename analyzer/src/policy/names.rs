//! The two spellings of a global: Python 2's, and the one `fix_imports` makes of it.

use std::collections::HashMap;

/// The renames that CPython applies below protocol 3 (`Lib/_compat_pickle.py`).
#[derive(Clone, Debug, Default, serde::Deserialize)]
pub struct Renames {
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

    /// Modules that are renamed.
    pub fn modules(&self) -> &HashMap<String, String> {
        &self.modules
    }

    /// Globals that are renamed, `module:name` to `module:name`.
    pub fn names(&self) -> &HashMap<String, String> {
        &self.names
    }
}
