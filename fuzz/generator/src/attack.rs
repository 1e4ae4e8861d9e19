//! Attacks: the call of a gadget by any opcode that calls, chained if it needs to be.

use assay_corpus::{Gadget, GlobalName, How, Value, gadgets};
use assay_pickle::Opcode;

use crate::emitter::Emitter;
use crate::machine::{Kind, Slot};
use crate::style::{CARRIERS, CLASSES, CONSUMERS, HELD, ITERATORS, STYLES, Style};

impl Emitter<'_, '_> {
    fn named(&mut self, module: &str, name: &str) {
        self.global_hidden(&GlobalName { module: module.to_owned(), name: name.to_owned() });
    }

    fn arguments(&mut self, args: &[Value]) {
        self.tuple_of(args.len(), |e, index| e.value(&args[index], true));
    }

    /// Pushes a list of one value.
    fn listed(&mut self, value: &Value) {
        self.empty_list();
        self.append_items(1, |e| e.value(value, true));
    }

    /// Pushes `map(callable, [first], [second], …)`, by `how`.
    fn lazy_map(&mut self, callable: &GlobalName, args: &[Value], how: Opcode) {
        self.named("builtins", "map");
        self.tuple_of(args.len() + 1, |e, index| match index.checked_sub(1) {
            None => e.callable(callable),
            Some(index) => e.listed(&args[index]),
        });
        self.call_by(how);
    }

    /// Calls what is below the tuple at the top, by REDUCE, NEWOBJ or NEWOBJ_EX.
    fn call_by(&mut self, how: Opcode) {
        if how == Opcode::NewObjEx {
            self.empty_dict();
        }
        self.op(how);
    }

    /// Calls `callable` by having a type consume a lazy map over it, all by the same opcode: who
    /// overlooks that one sees no call at all.
    fn consumed(&mut self, callable: &GlobalName, args: &[Value], how: Opcode) {
        let consumer = *self.choices.pick(&CONSUMERS);
        self.named("builtins", consumer);
        self.tuple_of(1, |e, _| e.lazy_map(callable, args, how));
        self.call_by(how);
    }

    /// Pushes an object with an attribute that is a callable.
    fn carrier(&mut self, attribute: &str, callable: &GlobalName) {
        let (module, name) = *self.choices.pick(&CARRIERS);
        self.named(module, name);
        self.tuple_of(0, |_, _| {});
        let new = self.speaks(Opcode::NewObj) && self.choices.one_in(2);
        self.op(if new { Opcode::NewObj } else { Opcode::Reduce });
        self.empty_dict();
        self.set_items(1, |e| {
            e.str(attribute);
            e.callable(callable);
        });
        self.op(Opcode::Build);
    }

    /// Pushes `partial(callable, *args)`, which takes whatever else it is called with behind them.
    fn bound(&mut self, callable: &GlobalName, args: &[Value]) {
        self.named("functools", "partial");
        self.tuple_of(args.len() + 1, |e, index| match index.checked_sub(1) {
            None => e.callable(callable),
            Some(index) => e.value(&args[index], true),
        });
        self.op(Opcode::Reduce);
    }

    /// Pushes an instance of a class that was given an attribute.
    fn instance(&mut self, attribute: &str, value: &dyn Fn(&mut Self)) {
        let (module, name) = *self.choices.pick(&CLASSES);
        // State that is a pair sets attributes, and a class has those, too.
        self.named(module, name);
        self.tuple_of(2, |e, index| {
            if index == 0 {
                e.op(Opcode::None);
                return;
            }
            e.empty_dict();
            e.set_items(1, |e| {
                e.str(attribute);
                value(e);
            });
        });
        self.op(Opcode::Build);
        self.tuple_of(0, |_, _| {});
        let new = self.speaks(Opcode::NewObj);
        self.op(if new { Opcode::NewObj } else { Opcode::Reduce });
    }

    /// Makes a dict or a set of the key at the top.
    fn as_key(&mut self) {
        let index = self.set_aside();
        let way = self.choices.below(5);
        match way {
            0 => self.empty_dict(),
            1 if self.protocol >= 1 => {
                self.empty_dict();
                self.op(Opcode::Mark);
            }
            2 if self.protocol >= 4 => {
                self.op(Opcode::EmptySet);
                self.op(Opcode::Mark);
            }
            _ => self.op(Opcode::Mark),
        }
        self.recall(index);
        match way {
            2 if self.protocol >= 4 => self.op(Opcode::AddItems),
            3 if self.protocol >= 4 => self.op(Opcode::FrozenSet),
            0 => {
                self.op(Opcode::None);
                self.op(Opcode::SetItem);
            }
            1 if self.protocol >= 1 => {
                self.op(Opcode::None);
                self.op(Opcode::SetItems);
            }
            _ => {
                self.op(Opcode::None);
                self.op(Opcode::Dict);
            }
        }
    }

    /// Pushes the result of a call of `callable`.
    fn called(&mut self, callable: &GlobalName, args: &[Value], style: Style) {
        match style {
            Style::Reduce => {
                self.callable(callable);
                self.arguments(args);
                self.noise();
                self.op(Opcode::Reduce);
            }
            Style::Inst => {
                self.op(Opcode::Mark);
                args.iter().for_each(|arg| self.value(arg, true));
                self.noise();
                let name = self.other_name(callable);
                self.op_name(Opcode::Inst, &name.module, &name.name);
            }
            Style::Obj => {
                self.op(Opcode::Mark);
                self.callable(callable);
                args.iter().for_each(|arg| self.value(arg, true));
                self.op(Opcode::Obj);
            }
            Style::NewObj => self.consumed(callable, args, Opcode::NewObj),
            Style::NewObjEx => self.consumed(callable, args, Opcode::NewObjEx),
            Style::SetState => {
                self.carrier("__setstate__", callable);
                args.iter().for_each(|arg| self.value(arg, true));
                self.op(Opcode::Build);
            }
            Style::ClassSetState => {
                self.instance("__setstate__", &|e| e.callable(callable));
                args.iter().for_each(|arg| self.value(arg, true));
                self.op(Opcode::Build);
            }
            Style::Append => {
                self.carrier("append", callable);
                if self.protocol >= 1 && self.choices.one_in(2) {
                    self.op(Opcode::Mark);
                    args.iter().for_each(|arg| self.value(arg, true));
                    self.op(Opcode::Appends);
                } else {
                    args.iter().for_each(|arg| self.value(arg, true));
                    self.op(Opcode::Append);
                }
            }
            Style::Add => {
                self.carrier("add", callable);
                self.op(Opcode::Mark);
                args.iter().for_each(|arg| self.value(arg, true));
                self.op(Opcode::AddItems);
            }
            Style::Partial => {
                self.bound(callable, args);
                self.memo();
                self.tuple_of(0, |_, _| {});
                self.op(Opcode::Reduce);
            }
            Style::Map => {
                let (module, name) = *self.choices.pick(&ITERATORS);
                self.named(module, name);
                self.tuple_of(1, |e, _| e.lazy_map(callable, args, Opcode::Reduce));
                self.op(Opcode::Reduce);
            }
            Style::Starmap => {
                let (module, name) = *self.choices.pick(&ITERATORS);
                self.named(module, name);
                self.tuple_of(1, |e, _| {
                    e.named("itertools", "starmap");
                    e.tuple_of(2, |e, index| {
                        if index == 0 {
                            e.callable(callable);
                            return;
                        }
                        e.empty_list();
                        e.append_items(1, |e| e.arguments(args));
                    });
                    e.op(Opcode::Reduce);
                });
                self.op(Opcode::Reduce);
            }
            Style::Fold => {
                self.named("functools", "reduce");
                self.tuple_of(3, |e, index| match index {
                    0 => e.callable(callable),
                    1 => e.listed(&args[1]),
                    _ => e.value(&args[0], true),
                });
                self.op(Opcode::Reduce);
            }
            Style::Factory => {
                self.named("operator", "getitem");
                self.tuple_of(2, |e, index| {
                    if index == 1 {
                        e.scalar();
                        return;
                    }
                    e.named("collections", "defaultdict");
                    e.tuple_of(1, |e, _| e.bound(callable, args));
                    e.op(Opcode::Reduce);
                });
                self.op(Opcode::Reduce);
            }
            Style::SetItem => {
                self.instance("__setitem__", &|e| e.bound(callable, &[]));
                let many = self.protocol >= 1 && self.choices.one_in(2);
                if many {
                    self.op(Opcode::Mark);
                }
                args.iter().for_each(|arg| self.value(arg, true));
                self.op(if many { Opcode::SetItems } else { Opcode::SetItem });
            }
            Style::Key => {
                self.instance("__hash__", &|e| e.bound(callable, args));
                self.as_key();
            }
            Style::ModuleGetattr => {
                let (holder, attribute, module) = *self.choices.pick(&HELD);
                let global = |module: &str, name: &str| GlobalName {
                    module: module.to_owned(),
                    name: name.to_owned(),
                };
                self.global(&global(holder, attribute));
                self.empty_dict();
                self.set_items(1, |e| {
                    e.str("__getattr__");
                    e.callable(callable);
                });
                self.op(Opcode::Build);
                self.op(Opcode::Pop);
                if let [Value::Str(text)] = args {
                    self.global(&global(module, text));
                }
            }
        }
        self.machine.retype_top(Slot { kind: Kind::Object, hashable: true });
    }

    /// Has the unpickler call a method of the object at the top.
    fn call_method(&mut self, method: &str, operands: &[Value]) {
        let many = self.protocol >= 1 && self.choices.one_in(2);
        if method == "setstate" {
            operands.iter().for_each(|operand| self.value(operand, true));
            self.op(Opcode::Build);
            return;
        }
        if many || method == "add" || method == "extend" {
            self.op(Opcode::Mark);
        }
        operands.iter().for_each(|operand| self.value(operand, true));
        self.op(match method {
            "add" => Opcode::AddItems,
            "setitem" if many => Opcode::SetItems,
            "setitem" => Opcode::SetItem,
            "extend" => Opcode::Appends,
            _ if many => Opcode::Appends,
            _ => Opcode::Append,
        });
    }

    /// Pushes what comes of a gadget, in one of the ways that its effect can be had.
    pub(crate) fn gadget(&mut self, gadget: &Gadget) {
        match (&gadget.how, &gadget.args) {
            (How::Resolve | How::Import, _) | (How::Call, None) => {
                self.global_hidden(&gadget.global);
            }
            (How::Method(method), args) => {
                match args {
                    Some(args) => self.called(&gadget.global, args, Style::Reduce),
                    None => self.global_hidden(&gadget.global),
                }
                self.call_method(method, &gadget.operands);
            }
            (How::Call, Some(args)) => {
                let style = *self.choices.pick(&STYLES);
                // What is called again must be the result, so only the plain ways will do.
                let plain = matches!(style, Style::Reduce | Style::Inst | Style::Obj);
                let fits = style.fits(args, self.protocol);
                let usable = fits && (plain || gadget.then.is_empty()) && self.room() > 24;
                self.called(&gadget.global, args, if usable { style } else { Style::Reduce });
            }
        }
        for args in &gadget.then {
            self.memo();
            self.noise();
            self.arguments(args);
            self.op(Opcode::Reduce);
        }
        self.memo();
    }

    /// A gadget that fits the protocol and the room that is left.
    pub(crate) fn any_gadget(&mut self) -> Option<&'static Gadget> {
        let usable = self.grammar.gadgets_of(self.protocol);
        for _ in 0..4 {
            let index = usize::from(*self.choices.pick(usable));
            if self.grammar.gadget_cost(index) <= self.room() {
                return Some(&gadgets()[index]);
            }
        }
        // What attacks are about, if nothing else fits.
        gadgets().iter().find(|gadget| gadget.id == "os-system")
    }

    /// Registers an extension for a gadget's callable and calls it by the code.
    pub(crate) fn extension_attack(&mut self, gadget: &Gadget) {
        let code = 0xe0 + self.choices.below(16) as i64;
        self.named("copyreg", "add_extension");
        let GlobalName { module, name } = &gadget.global;
        self.tuple_of(3, |e, index| match index {
            0 => e.str(module),
            1 => e.str(name),
            _ => e.int(code),
        });
        self.op(Opcode::Reduce);
        self.op(Opcode::Pop);
        self.extension(code as u8);
        self.machine.retype_top(Slot::new(Kind::Global));
        if let Some(args) = &gadget.args {
            self.arguments(args);
            self.op(Opcode::Reduce);
        }
    }

    fn extension(&mut self, code: u8) {
        match self.choices.below(3) {
            0 => self.op_supplied(Opcode::Ext1, &[code]),
            1 => self.op_supplied(Opcode::Ext2, &[code, 0]),
            _ => self.op_supplied(Opcode::Ext4, &[code, 0, 0, 0]),
        }
    }
}

/// Roughly how many opcodes a gadget takes when it is called plainly.
pub(crate) fn cost(gadget: &Gadget) -> usize {
    let values = |values: &[Value]| -> usize { values.iter().map(|v| v.size() * 3).sum() };
    8 + gadget.args.as_deref().map_or(0, values)
        + values(&gadget.operands)
        + gadget.then.iter().map(|args| 2 + values(args)).sum::<usize>()
        + gadget.globals().len() * 4
}
