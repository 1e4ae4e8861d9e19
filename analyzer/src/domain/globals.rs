//! The globals that a pickle asks for, each looked up in the policy once.

use std::collections::HashMap;

use super::GlobalId;
use crate::policy::{Contract, Policy};

/// What `find_class` is asked for, and what the policy says of it.
#[derive(Clone, Debug)]
pub(crate) struct Global<'p> {
    /// `module.name`, in Python 3's spelling.
    pub name: String,
    /// The first entry of that name: spellings and protocols have one each.
    pub first: GlobalId,
    /// `module:name`, in Python 3's spelling and the library's present one.
    pub key: String,
    /// Its contract, if all that the name may mean in the various modes is allowed.
    pub contract: Option<&'p Contract>,
    /// Whether it may be kept as a value.
    pub kept: bool,
    /// What it does, if some mode of loading asks the deny list's entry for it.
    pub denied: Option<&'p str>,
    /// Whether the policy is blind to it (positive control only).
    pub blind: bool,
}

/// The meaning of a name depends on the protocol in force.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Era {
    /// Below 3: `fix_imports` renames, dots are part of the name.
    Renamed,
    /// 3: neither.
    Plain,
    /// From 4: dots walk attributes.
    Dotted,
    /// No pickle asks: the policy itself says what a call gives.
    Given,
}

/// Bytes of a name beyond which no policy is asked: no module or class is called so.
const LONGEST: usize = 1024;

/// Bytes that are shown of such a name.
const SHOWN: usize = 80;

/// Bytes that a global takes, about: its entry, its names in three places and their keys.
const ENTRY: usize = 512;

/// The table.
#[derive(Debug, Default)]
pub(crate) struct Globals<'p> {
    table: Vec<Global<'p>>,
    /// By module and name, as keys are made of them.
    ids: HashMap<Box<[u8]>, GlobalId>,
    names: HashMap<String, GlobalId>,
    /// Memory for keys.
    key: Vec<u8>,
}

impl<'p> Globals<'p> {
    pub(crate) fn get(&self, id: GlobalId) -> &Global<'p> {
        &self.table[id.0 as usize]
    }

    /// The entry of the global that `find_class(module, name)` asks for at that protocol.
    pub(crate) fn resolve(
        &mut self,
        policy: &'p Policy,
        module: &[u8],
        name: &[u8],
        protocol: u8,
    ) -> GlobalId {
        let era = match protocol {
            0..=2 => Era::Renamed,
            3 => Era::Plain,
            _ => Era::Dotted,
        };
        self.entry(policy, module, name, era)
    }

    fn entry(&mut self, policy: &'p Policy, module: &[u8], name: &[u8], era: Era) -> GlobalId {
        self.key.clear();
        self.key.extend(module);
        // No byte of UTF-8, so that two names never make one key.
        self.key.extend([0xff, era as u8]);
        self.key.extend(name);
        if let Some(id) = self.ids.get(&self.key[..]) {
            return *id;
        }
        let id = self.push(look_up(policy, module, name, era));
        self.ids.insert(self.key.as_slice().into(), id);
        id
    }

    /// Bytes in use, for the budget.
    pub(crate) fn size(&self) -> usize {
        self.table.len() * ENTRY
    }

    /// The entry of a class or function that the policy names, `module:name`.
    pub(crate) fn of_policy(&mut self, policy: &'p Policy, key: &str) -> Option<GlobalId> {
        let (module, name) = key.split_once(':')?;
        policy.contract(module, name)?;
        Some(self.entry(policy, module.as_bytes(), name.as_bytes(), Era::Given))
    }

    fn push(&mut self, mut global: Global<'p>) -> GlobalId {
        let id = GlobalId(self.table.len() as u32);
        global.first = *self.names.entry(global.name.clone()).or_insert(id);
        self.table.push(global);
        id
    }
}

fn look_up<'p>(policy: &'p Policy, module: &[u8], name: &[u8], era: Era) -> Global<'p> {
    if module.len().max(name.len()) > LONGEST {
        let [module, name] = [module, name].map(|text| &text[..text.len().min(SHOWN)]);
        return unknown(format!("{}….{}…", module.escape_ascii(), name.escape_ascii()));
    }
    let (Ok(module), Ok(name)) = (std::str::from_utf8(module), std::str::from_utf8(name)) else {
        return unknown(format!("{}.{}", module.escape_ascii(), name.escape_ascii()));
    };
    let renamed = if era == Era::Renamed { policy.renames().renamed(module, name) } else { None };
    let (new_module, new_name) = renamed.unwrap_or((module, name));
    let entry = policy.entry(new_module, new_name);
    // With `fix_imports` off the old spelling itself is asked for: it must not be denied either,
    // though only what the default mode asks for is proof of danger.
    let as_spelled = renamed.map_or(entry, |_| policy.entry(module, name));
    // Below protocol 4 a dot is part of an attribute's name, which no module has.
    let dotted_without_walk = matches!(era, Era::Renamed | Era::Plain) && name.contains('.');
    let denied = entry.denied.filter(|_| !dotted_without_walk);
    let allowed = |_: &&Contract| {
        !dotted_without_walk
            && as_spelled.denied.is_none()
            && (era == Era::Given || policy.may_be_asked(new_module, new_name))
    };
    Global {
        name: format!("{new_module}.{new_name}"),
        first: GlobalId(0),
        key: policy.key(new_module, new_name),
        contract: entry.contract.filter(allowed),
        kept: entry.contract.is_none_or(|contract| contract.kept),
        denied: denied.map(|denied| denied.does.as_str()),
        blind: policy.is_blind_to(module) || policy.is_blind_to(new_module),
    }
}

/// What no policy knows.
fn unknown<'p>(name: String) -> Global<'p> {
    Global {
        key: name.clone(),
        name,
        first: GlobalId(0),
        contract: None,
        kept: true,
        denied: None,
        blind: false,
    }
}
