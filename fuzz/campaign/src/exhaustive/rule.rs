//! The *rules* by which cases are pruned, each with the reason why nothing is lost by it.

use serde::{Deserialize, Serialize};

/// A rule of pruning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rule {
    /// Two programs differ only in which memo index is called 0.
    MemoRenaming,
    /// A load mode differs only in options that the program never consults.
    UnusedOptions,
    /// A prefix of the program ends the load.
    EndedPrefix,
    /// The program does nothing but resolve allowed globals.
    NothingActs,
}

impl Rule {
    /// Every rule, in the order in which they are applied: a case pruned by one is not counted
    /// for a later one.
    pub const ALL: [Self; 4] =
        [Self::MemoRenaming, Self::UnusedOptions, Self::EndedPrefix, Self::NothingActs];

    /// Whether a case that it prunes is not loaded at all. The others are loaded in the deny
    /// tier, and not watched.
    pub fn spares_the_load(self) -> bool {
        self != Self::NothingActs
    }

    /// The name in reports and in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::MemoRenaming => "memo-renaming",
            Self::UnusedOptions => "unused-options",
            Self::EndedPrefix => "ended-prefix",
            Self::NothingActs => "nothing-acts",
        }
    }

    /// Why a case that it prunes cannot differ from the one that is loaded in its place.
    pub fn justification(self) -> &'static str {
        match self {
            Self::MemoRenaming => {
                "Nothing but the opcodes with a memo index and MEMOIZE looks at an index. A \
                 program without MEMOIZE and FRAME, whose arguments are all complete and whose \
                 indices are all a plainly spelled 0 or 1, does the same with the two exchanged. \
                 Both are judged; only if every analyser says the same of both is one loaded for \
                 the two."
            }
            Self::UnusedOptions => {
                "An unpickler consults `encoding` in STRING, BINSTRING and SHORT_BINSTRING only, \
                 `fix_imports` where it looks up a global (GLOBAL, INST, STACK_GLOBAL, EXT1, EXT2, \
                 EXT4), `buffers` in NEXT_BUFFER, `persistent_load` in PERSID and BINPERSID. A \
                 program in which the bytes of these opcodes do not occur anywhere, not even in \
                 an argument, cannot execute them, however it is read."
            }
            Self::EndedPrefix => {
                "Asked of each engine, in each mode, of each prefix whose symbols all hold their \
                 whole argument and in which no FRAME announces more: such a prefix is read to its \
                 end before any byte behind it is looked at. NONE STOP is accepted in every state \
                 of an unpickler (by `dis` after enough POPs), so if prefix + NONE STOP is rejected, \
                 the prefix itself raised; if prefix + a byte that is no opcode is accepted, the \
                 load was over by a STOP in the prefix. In both cases nothing behind it is read."
            }
            Self::NothingActs => {
                "Spares the watched load only. The program's symbols all hold their whole \
                 argument, none is a FRAME, so that it is read as it is written; and none is an \
                 opcode that calls, hashes, fills or sets anything, asks for a persistent object \
                 or an extension code. Such a program can touch nothing but the globals that it \
                 asks for, and the deny tier saw each of them, all allowed."
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_json() {
        for rule in Rule::ALL {
            assert_eq!(serde_json::to_value(rule).unwrap(), rule.name());
            assert!(rule.justification().len() > 100);
        }
    }
}
