//! What programs are made from: idioms, gadgets, renamed spellings and the weights of opcodes,
//! indexed for drawing. Built once; it makes no choices itself.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use assay_corpus::{Gadget, GlobalName, gadgets};
use assay_pickle::Opcode;
use foldhash::fast::FixedState;
use serde::Deserialize;

use crate::attack;
use crate::config::SafeGlobal;
use crate::{Error, Profile, Result};

/// Slots of a table of rows: a power of two, large enough that a weight of 1 gets one.
const TABLE: usize = 1024;

/// Opcodes by weight: drawn by index.
type Table = Vec<Opcode>;

/// What programs are made from.
#[derive(Debug)]
pub(crate) struct Grammar {
    pub(crate) idioms: Arc<[SafeGlobal]>,
    /// Roughly how many opcodes each idiom and each gadget takes: summed up here, not for each
    /// pickle.
    idiom_costs: Vec<usize>,
    gadget_costs: Vec<usize>,
    idioms_by_protocol: [Vec<u16>; 6],
    gadgets_by_protocol: [Vec<u16>; 6],
    /// By protocol: opcodes of that protocol or older.
    rows: [Table; 6],
}

#[derive(Deserialize)]
struct Renames {
    modules: HashMap<String, String>,
    names: HashMap<String, String>,
}

/// From a Python 3 module or `module:name` to its Python 2 spellings.
struct OldNames {
    modules: HashMap<String, Vec<String>, FixedState>,
    names: HashMap<GlobalName, Vec<GlobalName>, FixedState>,
}

fn old_names() -> &'static OldNames {
    static OLD: LazyLock<OldNames> = LazyLock::new(|| {
        let text = include_str!("../data/renames.toml");
        let renames: Renames = toml::from_str(text).expect("a test reads it");
        let mut modules: HashMap<String, Vec<String>, _> = HashMap::default();
        for (old, new) in renames.modules {
            modules.entry(new).or_default().push(old);
        }
        let mut names: HashMap<GlobalName, Vec<GlobalName>, _> = HashMap::default();
        for (old, new) in renames.names {
            let parse = |text: &str| GlobalName::parse(text).expect("a test reads it");
            names.entry(parse(&new)).or_default().push(parse(&old));
        }
        // Maps have no order; choices must have one.
        modules.values_mut().for_each(|old| old.sort());
        names.values_mut().for_each(|old| old.sort());
        OldNames { modules, names }
    });
    &OLD
}

/// A Python 2 spelling of a global.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OldName<'a> {
    pub(crate) module: &'a str,
    pub(crate) name: &'a str,
}

impl From<OldName<'_>> for GlobalName {
    fn from(old: OldName<'_>) -> Self {
        Self { module: old.module.to_owned(), name: old.name.to_owned() }
    }
}

/// The Python 2 spellings of a global, which CPython resolves below protocol 3.
pub(crate) fn python2_names(global: &GlobalName) -> impl Iterator<Item = OldName<'_>> {
    let old = old_names();
    let names = old.names.get(global).into_iter().flatten();
    let names = names.map(|GlobalName { module, name }| OldName { module, name });
    let modules = old.modules.get(&global.module).into_iter().flatten();
    // UserDict and the like are modules of one class: what else they name is not to be found.
    let modules = modules.filter(|module| !module.starts_with("User") && *module != "whichdb");
    names.chain(modules.map(|module| OldName { module, name: &global.name }))
}

/// Whether a module has this name in Python 2 only: what looks modules up by name fails.
pub(crate) fn is_python2_module(module: &str) -> bool {
    old_names().modules.values().flatten().any(|old| old == module)
        || old_names().names.values().flatten().any(|old| old.module == module)
}

/// The weights of opcodes, by profile.
fn weights() -> Result<HashMap<String, [usize; 4]>> {
    toml::from_str(include_str!("../data/weights.toml")).map_err(|error| Error::Data {
        file: "weights.toml".to_owned(),
        message: error.to_string(),
    })
}

fn table(weights: &[(Opcode, usize)], protocol: u8) -> Table {
    let usable = weights.iter().filter(|(opcode, _)| opcode.info().protocol <= protocol);
    let total: usize = usable.clone().map(|(_, weight)| weight).sum();
    let slots = usable.flat_map(|&(opcode, weight)| {
        std::iter::repeat_n(opcode, (weight * TABLE).div_ceil(total))
    });
    slots.collect()
}

impl Grammar {
    /// # Panics
    /// If a data file of this crate is broken, which a test excludes.
    pub(crate) fn new(profile: Profile, idioms: Arc<[SafeGlobal]>) -> Self {
        let by_name = weights().expect("a test reads it");
        let column = Profile::ALL.iter().position(|other| *other == profile).expect("it is one");
        let weights = Opcode::ALL.map(|opcode| (opcode, by_name[opcode.name()][column]));
        let protocols = [0, 1, 2, 3, 4, 5];
        let weighted = |protocol: u8| {
            let usable =
                |idiom: &SafeGlobal| (idiom.min_protocol..=idiom.max_protocol).contains(&protocol);
            let indices = idioms.iter().enumerate().filter(|(_, idiom)| usable(idiom));
            let repeat = |(index, idiom): (usize, &SafeGlobal)| {
                std::iter::repeat_n(index as u16, idiom.weight)
            };
            indices.flat_map(repeat).collect()
        };
        let usable = |protocol: u8| {
            let fits =
                |gadget: &Gadget| (gadget.min_protocol..=gadget.max_protocol).contains(&protocol);
            let indices = gadgets().iter().enumerate().filter(|(_, gadget)| fits(gadget));
            indices.map(|(index, _)| index as u16).collect()
        };
        Self {
            idioms_by_protocol: protocols.map(weighted),
            gadgets_by_protocol: protocols.map(usable),
            rows: protocols.map(|protocol| table(&weights, protocol)),
            idiom_costs: idioms.iter().map(SafeGlobal::cost).collect(),
            gadget_costs: gadgets().iter().map(attack::cost).collect(),
            idioms,
        }
    }

    /// Indices of the idioms of a protocol, by weight; empty if there are none.
    pub(crate) fn idioms_of(&self, protocol: u8) -> &[u16] {
        &self.idioms_by_protocol[usize::from(protocol)]
    }

    /// Roughly how many opcodes the idiom of this index takes.
    pub(crate) fn idiom_cost(&self, idiom: usize) -> usize {
        self.idiom_costs[idiom]
    }

    /// Roughly how many opcodes the gadget of this index takes when it is called plainly.
    pub(crate) fn gadget_cost(&self, gadget: usize) -> usize {
        self.gadget_costs[gadget]
    }

    /// Indices of the gadgets of a protocol.
    pub(crate) fn gadgets_of(&self, protocol: u8) -> &[u16] {
        &self.gadgets_by_protocol[usize::from(protocol)]
    }

    /// The opcodes of a protocol and older ones, by weight.
    pub(crate) fn rows_of(&self, protocol: u8) -> &[Opcode] {
        &self.rows[usize::from(protocol)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_opcode_has_a_weight_and_a_slot() {
        let weights = weights().unwrap();
        assert_eq!(weights.len(), 68);
        for profile in Profile::ALL {
            let grammar = Grammar::new(profile, SafeGlobal::all());
            for opcode in Opcode::ALL.into_iter().filter(|opcode| *opcode != Opcode::Stop) {
                assert!(grammar.rows_of(5).contains(&opcode), "{profile:?} {}", opcode.name());
            }
            assert!(!grammar.rows_of(0).contains(&Opcode::EmptyList));
        }
    }

    #[test]
    fn knows_the_old_spellings() {
        let names = |text| -> Vec<GlobalName> {
            let global = GlobalName::parse(text).unwrap();
            python2_names(&global).map(GlobalName::from).collect()
        };
        assert_eq!(names("builtins:eval"), [GlobalName::parse("__builtin__:eval").unwrap()]);
        assert!(names("subprocess:getoutput")[0].module == "commands");
        assert!(names("functools:reduce")[0].module == "__builtin__");
        assert!(names("os:system").is_empty());
    }
}
