//! Lookups: callables that no opcode names. Who reads names off GLOBAL and STACK_GLOBAL sees a
//! `getattr` and a text, or only parts of the text.

use assay_corpus::GlobalName;
use assay_pickle::Opcode;

use crate::emitter::Emitter;
use crate::grammar::is_python2_module;
use crate::machine::{Kind, Slot};

/// Opcodes that the longest lookup takes, names in every way and noise included.
const COST: usize = 48;

impl Emitter<'_, '_> {
    /// Pushes a callable: named, as a rule.
    pub(crate) fn callable(&mut self, callable: &GlobalName) {
        if !self.choices.one_in(6) || self.room() <= COST || is_python2_module(&callable.module) {
            self.global_hidden(callable);
            return;
        }
        let dotted = callable.name.contains('.');
        match self.choices.below(9) {
            0 if !dotted => self.by_module_getattribute(callable),
            1 if !dotted => self.by_module_dict(callable),
            2 if !dotted => self.by_getattr(callable),
            3 => self.by_resolve_name(callable),
            4 => self.by_reduce(callable),
            5 if self.protocol >= 2 => self.by_computed_name(callable),
            6 | 7 if self.by_builtins(callable) => {}
            _ => self.by_attrgetter(callable),
        }
        self.machine.retype_top(Slot::new(Kind::Global));
    }

    pub(crate) fn plain(&mut self, module: &str, name: &str) {
        self.global(&GlobalName { module: module.to_owned(), name: name.to_owned() });
    }

    fn module(&mut self, module: &str) {
        self.plain("importlib", "import_module");
        self.tuple_of(1, |e, _| e.string_hidden(module));
        self.op(Opcode::Reduce);
    }

    /// `module.__getattribute__(name)`: a module is an object, and a name in it a method's argument.
    fn by_module_getattribute(&mut self, callable: &GlobalName) {
        self.plain(&callable.module, "__getattribute__");
        self.tuple_of(1, |e, _| e.string_hidden(&callable.name));
        self.op(Opcode::Reduce);
    }

    /// `operator.getitem(module.__dict__, name)`.
    fn by_module_dict(&mut self, callable: &GlobalName) {
        self.plain("operator", "getitem");
        self.tuple_of(2, |e, index| match index {
            0 => e.plain(&callable.module, "__dict__"),
            _ => e.string_hidden(&callable.name),
        });
        self.op(Opcode::Reduce);
    }

    /// `getattr(import_module(module), name)`.
    fn by_getattr(&mut self, callable: &GlobalName) {
        self.plain("builtins", "getattr");
        self.tuple_of(2, |e, index| match index {
            0 => e.module(&callable.module),
            _ => e.string_hidden(&callable.name),
        });
        self.op(Opcode::Reduce);
    }

    /// `operator.attrgetter(name)(import_module(module))`.
    fn by_attrgetter(&mut self, callable: &GlobalName) {
        self.plain("operator", "attrgetter");
        self.tuple_of(1, |e, _| e.string_hidden(&callable.name));
        self.op(Opcode::Reduce);
        self.tuple_of(1, |e, _| e.module(&callable.module));
        self.op(Opcode::Reduce);
    }

    /// `pkgutil.resolve_name("module:name")`.
    fn by_resolve_name(&mut self, callable: &GlobalName) {
        let path = format!("{}:{}", callable.module, callable.name);
        self.plain("pkgutil", "resolve_name");
        self.tuple_of(1, |e, _| e.string_hidden(&path));
        self.op(Opcode::Reduce);
    }

    /// `functools.reduce(getattr, name.split("."), import_module(module))`.
    fn by_reduce(&mut self, callable: &GlobalName) {
        self.plain("functools", "reduce");
        self.tuple_of(3, |e, index| match index {
            0 => e.plain("builtins", "getattr"),
            1 => {
                e.empty_list();
                for part in callable.name.split('.') {
                    e.string_hidden(part);
                    e.op(Opcode::Append);
                }
            }
            _ => e.module(&callable.module),
        });
        self.op(Opcode::Reduce);
    }

    /// STACK_GLOBAL, with a module, a name or both that only exist once something was called.
    fn by_computed_name(&mut self, callable: &GlobalName) {
        let which = self.choices.below(3);
        for (index, text) in [&callable.module, &callable.name].into_iter().enumerate() {
            if which == index || !text.is_ascii() {
                self.string_hidden(text);
            } else {
                self.computed(text);
            }
        }
        self.op(Opcode::StackGlobal);
    }

    /// A string that a call makes of parts.
    fn computed(&mut self, text: &str) {
        let (head, rest) =
            text.split_at(1 + self.choices.below(text.len().max(1)).min(text.len() - 1));
        match self.choices.below(4) {
            0 => {
                self.plain("operator", "mod");
                self.tuple_of(2, |e, index| match index {
                    0 => e.str("%s%s"),
                    _ => e.tuple_of(2, |e, index| e.str([head, rest][index])),
                });
            }
            1 => {
                self.plain("codecs", "decode");
                let turned: String = text.chars().map(rot13).collect();
                self.tuple_of(2, |e, index| e.str([turned.as_str(), "rot13"][index]));
            }
            2 if self.speaks(Opcode::ShortBinBytes) => {
                self.plain("builtins", "str");
                self.tuple_of(2, |e, index| match index {
                    0 => e.bytes_literal(text.as_bytes()),
                    _ => e.str("ascii"),
                });
            }
            _ => {
                self.plain("operator", "concat");
                self.tuple_of(2, |e, index| e.str([head, rest][index]));
            }
        }
        self.op(Opcode::Reduce);
        self.machine.retype_top(Slot::new(Kind::Str));
    }
}

fn rot13(c: char) -> char {
    match c {
        'a'..='m' | 'A'..='M' => (c as u8 + 13) as char,
        'n'..='z' | 'N'..='Z' => (c as u8 - 13) as char,
        _ => c,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rot13_is_its_own_inverse() {
        let turned: String = "os.System_1".chars().map(rot13).collect();
        assert_eq!(turned, "bf.Flfgrz_1");
        assert_eq!(turned.chars().map(rot13).collect::<String>(), "os.System_1");
    }
}
