//! The globals that a pickle asks for, each looked up in the policy once.

use std::collections::HashMap;

use super::value::GlobalId;
use crate::policy::{Contract, Policy};

/// What `find_class` is asked for, and what the policy says of it.
#[derive(Clone, Debug)]
pub(crate) struct Global<'p> {
    /// `module.name`, in Python 3's spelling.
    pub name: String,
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
}

/// The table.
#[derive(Debug, Default)]
pub(crate) struct Globals<'p> {
    table: Vec<Global<'p>>,
    ids: HashMap<(Vec<u8>, Vec<u8>, u8), GlobalId>,
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
        let key = (module.to_vec(), name.to_vec(), era as u8);
        if let Some(id) = self.ids.get(&key) {
            return *id;
        }
        let id = self.push(look_up(policy, module, name, era));
        self.ids.insert(key, id);
        id
    }

    /// The entry of a class or function that the policy names, `module:name`.
    pub(crate) fn of_policy(&mut self, policy: &'p Policy, key: &str) -> Option<GlobalId> {
        let (module, name) = key.split_once(':')?;
        policy.contract(module, name)?;
        Some(self.resolve(policy, module.as_bytes(), name.as_bytes(), 4))
    }

    fn push(&mut self, global: Global<'p>) -> GlobalId {
        self.table.push(global);
        GlobalId(self.table.len() as u32 - 1)
    }
}

fn canonical_key(policy: &Policy, module: &str, name: &str) -> String {
    let (module, name) = policy.renames().canonical(module, name);
    format!("{module}:{name}")
}

fn look_up<'p>(policy: &'p Policy, module: &[u8], name: &[u8], era: Era) -> Global<'p> {
    let (Ok(module), Ok(name)) = (std::str::from_utf8(module), std::str::from_utf8(name)) else {
        let name = format!("{}.{}", module.escape_ascii(), name.escape_ascii());
        return Global {
            key: name.clone(),
            name,
            contract: None,
            kept: true,
            denied: None,
            blind: false,
        };
    };
    let renamed = if era == Era::Renamed { policy.renames().renamed(module, name) } else { None };
    let (new_module, new_name) = renamed.unwrap_or((module, name));
    let entry = policy.entry(new_module, new_name);
    // With `fix_imports` off the old spelling itself is asked for: it must not be denied either,
    // though only what the default mode asks for is proof of danger.
    let as_spelled = policy.entry(module, name);
    // Below protocol 4 a dot is part of an attribute's name, which no module has.
    let dotted_without_walk = era != Era::Dotted && name.contains('.');
    let denied = entry.denied.filter(|_| !dotted_without_walk);
    Global {
        name: format!("{new_module}.{new_name}"),
        key: canonical_key(policy, new_module, new_name),
        contract: entry.contract.filter(|_| !dotted_without_walk && as_spelled.denied.is_none()),
        kept: entry.contract.is_none_or(|contract| contract.kept),
        denied: denied.map(|denied| denied.does.as_str()),
        blind: policy.is_blind_to(module) || policy.is_blind_to(new_module),
    }
}
