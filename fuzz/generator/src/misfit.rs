//! Misfits: an opcode given operands at the edge of what it takes.
//!
//! Handlers of one opcode check its operands in different ways, or not at all: for their type,
//! for being there, for being true, for coming in pairs. So each operand is drawn from values of
//! every type, the empty ones above all, and now and then one is missing.

use assay_corpus::GlobalName;
use assay_pickle::{Opcode, StackItem};

use crate::emitter::Emitter;

/// Opcodes whose handlers do something with their operands.
const OPCODES: [Opcode; 20] = [
    Opcode::Reduce,
    Opcode::Build,
    Opcode::Build,
    Opcode::NewObj,
    Opcode::NewObjEx,
    Opcode::NewObjEx,
    Opcode::Obj,
    Opcode::Inst,
    Opcode::Append,
    Opcode::Appends,
    Opcode::SetItem,
    Opcode::SetItems,
    Opcode::AddItems,
    Opcode::Dict,
    Opcode::FrozenSet,
    Opcode::StackGlobal,
    Opcode::ReadonlyBuffer,
    Opcode::Tuple2,
    Opcode::Dup,
    Opcode::Memoize,
];

/// Classes that every policy for the standard library allows, and that take no arguments.
const CLASSES: [(&str, &str); 4] = [
    ("builtins", "set"),
    ("collections", "OrderedDict"),
    ("builtins", "bytearray"),
    ("builtins", "frozenset"),
];

impl Emitter<'_, '_> {
    /// Writes an opcode and operands that suit it more or less.
    pub(crate) fn misfit(&mut self) {
        let opcode = *self.choices.pick(&OPCODES);
        let lacking = self.choices.one_in(12);
        for (place, item) in opcode.info().before.iter().enumerate() {
            match item {
                _ if lacking && place == 0 => {}
                StackItem::Mark => self.op(Opcode::Mark),
                StackItem::Slice => {
                    for _ in 0..self.choices.below(4) {
                        self.edge();
                    }
                }
                _ if place == 0 && self.choices.one_in(2) => self.class(),
                _ => self.edge(),
            }
        }
        if opcode == Opcode::Inst {
            let (module, name) = *self.choices.pick(&CLASSES);
            self.op_name(opcode, module, name);
        } else {
            self.op(opcode);
        }
    }

    fn class(&mut self) {
        let (module, name) = *self.choices.pick(&CLASSES);
        self.global(&GlobalName { module: module.to_owned(), name: name.to_owned() });
    }

    /// Pushes a value of any type, most often an empty one.
    fn edge(&mut self) {
        match self.choices.below(14) {
            0 => self.op(Opcode::None),
            1 => self.tuple_of(0, |_, _| {}),
            2 => self.empty_list(),
            3 => self.empty_dict(),
            4 => self.int(0),
            5 => self.str(""),
            6 => self.bool(false),
            7 => self.class(),
            8 => self.tuple_of(1, |emitter, _| emitter.op(Opcode::None)),
            9 => self.tuple_of(2, |emitter, _| emitter.op(Opcode::None)),
            10 => self.tuple_of(2, |emitter, place| match place {
                0 => emitter.op(Opcode::None),
                _ => emitter.empty_dict(),
            }),
            11 => {
                self.class();
                self.tuple_of(0, |_, _| {});
                self.op(Opcode::Reduce);
            }
            12 => {
                self.empty_list();
                self.op(Opcode::None);
                self.op(Opcode::Append);
            }
            _ => self.scalar(),
        }
    }
}

#[cfg(test)]
mod tests {
    use arbitrary::Unstructured;
    use assay_pickle::Program;

    use crate::choices::Choices;
    use crate::config::SafeGlobal;
    use crate::emitter::Emitter;
    use crate::grammar::Grammar;
    use crate::{Profile, random::Xoshiro};

    #[test]
    fn every_opcode_comes_with_operands_of_many_kinds() {
        let grammar = Grammar::new(Profile::Divergent, SafeGlobal::all());
        let mut seen = std::collections::HashSet::new();
        for index in 0..2000 {
            let mut bytes = [0; 256];
            Xoshiro::new(5, index).fill(&mut bytes);
            let mut entropy = Unstructured::new(&bytes);
            let mut out = Vec::new();
            let mut emitter = Emitter::new(Choices::new(&mut entropy), &grammar, 60, &mut out);
            emitter.protocol = 4;
            emitter.misfit();
            drop(emitter);
            let program = Program::parse(&out);
            assert!(program.tail.is_empty(), "{}", out.escape_ascii());
            let last: Vec<_> = program.codes.iter().rev().take(2).map(|c| c.opcode()).collect();
            seen.insert((last.first().copied(), last.get(1).copied()));
        }
        assert!(seen.len() > 100, "{}", seen.len());
    }
}
