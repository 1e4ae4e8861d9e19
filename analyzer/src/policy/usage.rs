//! Usage: what a pickle does that a policy does not say yet, in the words of policies.
//!
//! Noted while a policy is *watched*, which is how one is proposed for a file. Noting must not
//! change any verdict.

use std::sync::{Arc, Mutex};

use super::Policy;

/// One use of a global that its policy does not allow.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Usage {
    /// The global, `module:name`.
    pub global: String,
    /// How it is used.
    pub how: How,
}

/// How a global is used; arguments and states as patterns.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum How {
    /// It is asked for.
    Resolved,
    /// It is called.
    Called(String),
    /// Its `__new__` is called.
    Made(String),
    /// An instance is restored.
    Built(String),
    /// It is given containers of objects, of which a contract must say that it but stores them.
    Stored,
    /// An instance is appended to.
    Appended,
    /// Items of an instance are set.
    ItemsSet,
    /// An instance is added to.
    Added,
}

/// What was noted.
pub(crate) type Usages = Arc<Mutex<Vec<Usage>>>;

impl Policy {
    /// Notes from now on what is not allowed.
    pub(crate) fn watch(&mut self) -> Usages {
        Arc::clone(self.usages.get_or_insert_default())
    }

    pub(crate) fn is_watched(&self) -> bool {
        self.usages.is_some()
    }

    pub(crate) fn note(&self, global: &str, how: How) {
        let Some(usages) = &self.usages else { return };
        let usage = Usage { global: global.to_owned(), how };
        let mut usages = usages.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if !usages.contains(&usage) {
            usages.push(usage);
        }
    }
}
