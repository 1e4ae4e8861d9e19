//! Reaching: callables that are had from the attributes of something harmless.
//!
//! A function written in Python carries the globals of its module and the builtins as attributes,
//! so whoever lets attributes of an allowed name pass, or `getattr` of it, lets everything pass
//! (github.com/mmaitre314/picklescan/issues/66; "The Art of Hide and Seek", arXiv 2508.19774).

use assay_corpus::GlobalName;
use assay_pickle::Opcode;

use crate::emitter::Emitter;

/// Functions written in Python, in modules whose objects are pickled: module, and the path from it.
const FUNCTIONS: [(&str, &str); 12] = [
    ("copyreg", "_reconstructor"),
    ("collections", "Counter.__init__"),
    ("collections", "UserDict.__init__"),
    ("collections", "ChainMap.__init__"),
    ("collections", "UserString.__init__"),
    ("uuid", "UUID.__init__"),
    ("fractions", "Fraction.__new__"),
    ("ipaddress", "IPv4Address.__init__"),
    ("pathlib", "PurePosixPath.__reduce__"),
    ("statistics", "NormalDist.__init__"),
    ("string", "Template.__init__"),
    ("re", "_compile"),
];

/// How attributes are had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// By a dotted name, which one opcode resolves.
    Dotted,
    /// By a call of `getattr` for each.
    Getattr,
}

impl Way {
    /// Roughly how many opcodes a chain takes, memoising and noise left out.
    fn cost(self) -> usize {
        match self {
            Self::Dotted => 24,
            Self::Getattr => 44,
        }
    }
}

/// What the memo holds of a function's builtins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Held {
    /// Their `get`, bound.
    Get(usize),
    /// Themselves.
    Dict(usize),
}

impl Emitter<'_, '_> {
    /// Pushes a callable that is found in the builtins of a function, or in a module that the
    /// builtins' own `__import__` gives. False, and nothing is written, if there is no room or a
    /// name has dots, which neither of them takes.
    pub(crate) fn by_builtins(&mut self, callable: &GlobalName) -> bool {
        // Unpicklers split names at dots from protocol 4 on.
        let dotted = self.protocol >= 4 && self.choices.one_in(2);
        let way = if dotted { Way::Dotted } else { Way::Getattr };
        let has_dots = callable.name.contains('.') || callable.module.contains('.');
        if has_dots || self.room() <= way.cost() {
            return false;
        }
        let held = self.hold_builtins(way);
        if callable.module == "builtins" {
            self.builtin(&callable.name, held);
            return true;
        }
        self.builtin("getattr", held);
        self.tuple_of(2, |e, index| {
            if index == 1 {
                e.string_hidden(&callable.name);
                return;
            }
            e.builtin("__import__", held);
            e.tuple_of(1, |e, _| e.string_hidden(&callable.module));
            e.op(Opcode::Reduce);
        });
        self.op(Opcode::Reduce);
        true
    }

    /// Leaves the builtins of a function in the memo.
    fn hold_builtins(&mut self, way: Way) -> Held {
        let (module, path) = *self.choices.pick(&FUNCTIONS);
        // Functions have `__builtins__` since CPython 3.10; their globals have always had it.
        if self.choices.one_in(2) {
            self.attribute(module, &format!("{path}.__builtins__.get"), way);
            return Held::Get(self.set_aside());
        }
        if way == Way::Getattr {
            self.plain("builtins", "getattr");
            self.op(Opcode::Mark);
        }
        self.attribute(module, &format!("{path}.__globals__.get"), way);
        self.tuple_of(1, |e, _| e.str("__builtins__"));
        self.op(Opcode::Reduce);
        if way == Way::Dotted {
            return Held::Dict(self.set_aside());
        }
        self.str("get");
        self.op(Opcode::Tuple);
        self.op(Opcode::Reduce);
        Held::Get(self.set_aside())
    }

    /// Pushes what the builtins hold under a name.
    fn builtin(&mut self, name: &str, held: Held) {
        match held {
            Held::Get(get) => {
                self.recall(get);
                self.tuple_of(1, |e, _| e.string_hidden(name));
            }
            Held::Dict(dict) => {
                self.plain("builtins", "dict.get");
                self.tuple_of(2, |e, index| match index {
                    0 => e.recall(dict),
                    _ => e.string_hidden(name),
                });
            }
        }
        self.op(Opcode::Reduce);
    }

    /// Pushes what is found along a path of attributes from a module.
    fn attribute(&mut self, module: &str, path: &str, way: Way) {
        let last = path.rsplit_once('.').filter(|_| way == Way::Getattr);
        let Some((before, last)) = last else {
            self.plain(module, path);
            return;
        };
        self.plain("builtins", "getattr");
        self.tuple_of(2, |e, index| match index {
            0 => e.attribute(module, before, way),
            _ => e.str(last),
        });
        self.op(Opcode::Reduce);
    }
}

#[cfg(test)]
mod tests {
    use crate::{Config, Generator, Profile, generate_seeded};

    #[test]
    fn attacks_reach_builtins_in_every_way() {
        let generator = Generator::new(Config { profile: Profile::Attack, ..Config::default() });
        let mut pickle = Vec::new();
        let ways: [&[u8]; 3] = [b".__builtins__.get", b".__globals__.get", b"dict.get"];
        let mut seen = [false; 3];
        let mut by_getattr = false;
        for index in 0..20_000 {
            generate_seeded(&generator, 1, index, &mut pickle);
            let has = |text: &[u8]| pickle.windows(text.len()).any(|window| window == text);
            for (seen, way) in seen.iter_mut().zip(ways) {
                *seen |= has(way);
            }
            by_getattr |=
                has(b"__builtins__") && has(b"getattr") && !ways.iter().any(|way| has(way));
        }
        assert_eq!((seen, by_getattr), ([true; 3], true));
    }
}
