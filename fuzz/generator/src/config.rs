//! What to generate, and the benign idioms to generate it from.

use std::sync::{Arc, LazyLock};

use assay_corpus::{GlobalName, Value};
use assay_pickle::Opcode;
use serde::Deserialize;

use crate::machine::{Kind, Slot};
use crate::template::Template;
use crate::{Error, Profile, Result};

/// What to generate.
#[derive(Clone, Debug)]
pub struct Config {
    /// What the pickles are meant to try.
    pub profile: Profile,
    /// The protocol; any if `None`.
    pub protocol: Option<u8>,
    /// The most opcodes of a program. What has been begun is written whole, so a program may
    /// come out up to two dozen longer; what trails after it does not count.
    pub max_opcodes: usize,
    /// The benign idioms.
    pub safe_globals: Arc<[SafeGlobal]>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            profile: Profile::Mixed,
            protocol: None,
            max_opcodes: 60,
            safe_globals: SafeGlobal::all(),
        }
    }
}

/// An idiom by which a pickler rebuilds an object of the standard library.
#[derive(Clone, Debug, PartialEq)]
pub struct SafeGlobal {
    /// What is called or named.
    pub global: GlobalName,
    /// The opcode that calls it: REDUCE, NEWOBJ or NEWOBJ_EX; GLOBAL if it is only named.
    pub how: Opcode,
    /// The arguments.
    pub args: Vec<Template>,
    /// Keyword arguments of NEWOBJ_EX.
    pub kwargs: Option<Template>,
    /// State, by BUILD.
    pub state: Option<Template>,
    /// What each item is, by APPEND or APPENDS.
    pub items: Option<Template>,
    /// Key and value of each item, by SETITEM or SETITEMS.
    pub pairs: Option<(Template, Template)>,
    /// Items of some of these keys, each with one of the values, which they share.
    pub over: Option<(Arc<[Value]>, Vec<Template>)>,
    /// What each member is, by ADDITEMS.
    pub members: Option<Template>,
    /// Whether items come after the state; picklers write them before.
    pub late: bool,
    /// With what the object is called in its turn, after all that.
    pub applied: Option<Vec<Template>>,
    /// What it leaves on the stack.
    pub result: Slot,
    /// The least protocol in which picklers write it.
    pub min_protocol: u8,
    /// The highest.
    pub max_protocol: u8,
    /// How often, in relation to the others.
    pub weight: usize,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    idiom: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    module: String,
    name: String,
    how: Option<String>,
    #[serde(default)]
    args: Vec<toml::Value>,
    kwargs: Option<toml::Value>,
    state: Option<toml::Value>,
    items: Option<toml::Value>,
    pairs: Option<[toml::Value; 2]>,
    members: Option<toml::Value>,
    applied: Option<Vec<toml::Value>>,
    result: Option<String>,
    min_protocol: Option<u8>,
    max_protocol: Option<u8>,
    weight: Option<usize>,
}

impl Entry {
    fn read(self) -> Result<SafeGlobal, String> {
        let one = |toml: Option<&toml::Value>| toml.map(Template::from_toml).transpose();
        let result = match self.result.as_deref() {
            None => Slot { kind: Kind::Object, hashable: false },
            Some("hashable") => Slot { kind: Kind::Object, hashable: true },
            Some("bytes") => Slot::new(Kind::Bytes),
            Some("bytearray") => Slot::new(Kind::ByteArray),
            Some("set") => Slot::new(Kind::Set),
            Some("frozenset") => Slot::new(Kind::FrozenSet),
            Some(other) => return Err(format!("no result `{other}`")),
        };
        Ok(SafeGlobal {
            how: match self.how.as_deref() {
                None | Some("reduce") => Opcode::Reduce,
                Some("newobj") => Opcode::NewObj,
                Some("newobj_ex") => Opcode::NewObjEx,
                Some("global") => Opcode::Global,
                Some(other) => return Err(format!("no way of calling `{other}`")),
            },
            args: self.args.iter().map(Template::from_toml).collect::<Result<_, _>>()?,
            kwargs: one(self.kwargs.as_ref())?,
            state: one(self.state.as_ref())?,
            items: one(self.items.as_ref())?,
            pairs: match &self.pairs {
                Some([key, value]) => {
                    Some((Template::from_toml(key)?, Template::from_toml(value)?))
                }
                None => None,
            },
            members: one(self.members.as_ref())?,
            over: None,
            late: false,
            applied: match &self.applied {
                Some(args) => Some(args.iter().map(Template::from_toml).collect::<Result<_, _>>()?),
                None => None,
            },
            result,
            min_protocol: self.min_protocol.unwrap_or(0),
            max_protocol: self.max_protocol.unwrap_or(5),
            weight: self.weight.unwrap_or(1),
            global: GlobalName { module: self.module, name: self.name },
        })
    }
}

impl SafeGlobal {
    /// The call of a global with these arguments, by REDUCE, and nothing else.
    pub fn call(global: GlobalName, args: Vec<Template>) -> Self {
        Self {
            global,
            how: Opcode::Reduce,
            args,
            kwargs: None,
            state: None,
            items: None,
            pairs: None,
            over: None,
            members: None,
            late: false,
            applied: None,
            result: Slot { kind: Kind::Object, hashable: false },
            min_protocol: 0,
            max_protocol: 5,
            weight: 1,
        }
    }

    /// The idioms that come with this crate, from `data/benign.toml`.
    ///
    /// # Panics
    /// If that file is broken, which a test excludes.
    pub fn all() -> Arc<[Self]> {
        static ALL: LazyLock<Arc<[SafeGlobal]>> = LazyLock::new(|| {
            let text = include_str!("../data/benign.toml");
            SafeGlobal::parse("benign.toml", text).expect("a test reads it").into()
        });
        Arc::clone(&ALL)
    }

    /// Reads idioms.
    ///
    /// # Errors
    /// If the text is not of the right shape; the message names the idiom.
    pub fn parse(file: &str, text: &str) -> Result<Vec<Self>> {
        let fail = |message: String| Error::Data { file: file.to_owned(), message };
        let parsed: File = toml::from_str(text).map_err(|error| fail(error.to_string()))?;
        let read = |entry: Entry| {
            let name = format!("{}.{}", entry.module, entry.name);
            entry.read().map_err(|message| fail(format!("{name}: {message}")))
        };
        parsed.idiom.into_iter().map(read).collect()
    }

    /// Roughly how many opcodes it takes.
    pub fn cost(&self) -> usize {
        let pair = |pair: &(Template, Template)| pair.0.cost() + pair.1.cost();
        6 + self.args.iter().map(Template::cost).sum::<usize>()
            + self.kwargs.as_ref().map_or(0, Template::cost)
            + self.state.as_ref().map_or(0, Template::cost)
            + self.items.as_ref().map_or(0, |item| 3 * item.cost())
            + self.pairs.as_ref().map_or(0, |items| 3 * pair(items))
            + self.members.as_ref().map_or(0, |member| 3 * member.cost())
            + self.applied.iter().flatten().map(Template::cost).sum::<usize>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_idioms_that_come_with_it_are_readable() {
        let all = SafeGlobal::all();
        assert!(all.len() > 50, "{}", all.len());
        for protocol in 0..=5 {
            let usable = all
                .iter()
                .filter(|idiom| (idiom.min_protocol..=idiom.max_protocol).contains(&protocol));
            assert!(usable.count() > 30, "protocol {protocol}");
        }
    }

    #[test]
    fn names_the_idiom_at_fault() {
        let text = "[[idiom]]\nmodule = 'a'\nname = 'b'\nargs = [{ any = 'thing' }]\n";
        let error = SafeGlobal::parse("f", text).unwrap_err().to_string();
        assert!(error.contains("a.b") && error.contains("thing"), "{error}");
    }
}
