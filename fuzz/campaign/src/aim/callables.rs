//! What can be called in the place of a method: attributes that are callable, and where objects
//! that have them are used.
//!
//! Which names code looks up is data (`looked_up.txt`), the same for every policy. A dict over
//! many of them meets a lookup whatever it is for, unless another raises before.

use std::sync::{Arc, LazyLock};

use assay_analyzer::{Append, Contract, Form, Kind, Part, Pattern, Signature, State, Way};
use assay_corpus::{GlobalName, Value};
use assay_generator::{SafeGlobal, Template};

use super::{Idioms, used};

/// Names of methods, attributes and items that libraries look up where a load leads. Those that
/// unpickling itself asks for stay out, as no policy has them: one would spoil a dict over many.
static LOOKED_UP: LazyLock<Arc<[Value]>> = LazyLock::new(|| {
    let names = words().filter(|name| !name.starts_with("__") && !ASKED_FOR.contains(name));
    names.map(|name| Value::Str(name.to_owned())).collect()
});

/// Names that unpickling and C code ask objects for.
const ASKED_FOR: [&str; 12] = [
    "__setstate__",
    "__array__",
    "__array_interface__",
    "__array_struct__",
    "__reduce_ex__",
    "add",
    "append",
    "extend",
    "items",
    "keys",
    "values",
    "args",
];

fn words() -> impl Iterator<Item = &'static str> {
    let lines = include_str!("looked_up.txt").lines().filter(|line| !line.starts_with('#'));
    lines.flat_map(str::split_whitespace)
}

impl Idioms<'_> {
    /// Uses of the contract in which attributes can be called, at that argument or state.
    pub(super) fn with_callables(&self, of: &Part) -> Vec<SafeGlobal> {
        self.with_attributes_at(of, self.callable())
    }

    /// Uses of the contract whose attributes at that argument or state may be anything.
    pub(super) fn with_contents(&self, of: &Part) -> Vec<SafeGlobal> {
        let anything = self.material.anything();
        let args = Template::Fixed(Value::Str("args".to_owned()));
        let args = Template::DictOf(Box::new((args, anything.clone())));
        let mut out = self.with_attributes_at(of, anything);
        if let Part::State { index, items } = of {
            out.extend(self.built(&self.replaced(
                &self.contract.build[*index].pattern,
                items,
                &args,
            )));
        }
        out
    }

    fn with_attributes_at(&self, of: &Part, value: Template) -> Vec<SafeGlobal> {
        let at = |pattern: &Pattern, items: &[usize]| {
            let keys = pattern.within(items).alternatives().iter().find_map(names);
            let keys = keys.unwrap_or_else(|| Arc::clone(&LOOKED_UP));
            self.replaced(pattern, items, &self.over(keys, value.clone()))
        };
        let made = match of {
            Part::State { index, items } => {
                self.built(&at(&self.contract.build[*index].pattern, items))
            }
            Part::Argument { way: way @ (Way::Call | Way::New), form, index, items } => {
                let signature = &way.forms(self.contract)[*form].args;
                let mut args = self.conforming(signature, signature.required.max(index + 1));
                args[*index] = at(&signature.patterns[*index], items);
                self.all(*way, vec![args])
            }
            _ => Vec::new(),
        };
        self.used_everywhere(made)
    }

    /// Instances with items that can be called, and then restored.
    pub(super) fn with_callable_items(&self) -> Vec<SafeGlobal> {
        let text = |name: &str| Value::Str(name.to_owned());
        let every: Arc<[Value]> = words().chain(ASKED_FOR).map(text).collect();
        let values = vec![self.callable(), self.callable(), self.material.anything()];
        let mut made = self.instances();
        made.iter_mut().for_each(|idiom| idiom.over = Some((Arc::clone(&every), values.clone())));
        // One that unpickling asks for, by itself.
        let asked_for = ASKED_FOR.map(text).map(Template::Fixed).to_vec();
        let pair = (Template::One(asked_for), self.callable());
        made.extend(
            self.instances()
                .into_iter()
                .map(|idiom| SafeGlobal { pairs: Some(pair.clone()), ..idiom }),
        );
        for State { pattern, .. } in &self.contract.build {
            let state = self.material.conforming(pattern);
            let restored =
                |idiom: &SafeGlobal| SafeGlobal { state: Some(state.clone()), ..idiom.clone() };
            made.extend(made.clone().iter().map(restored));
        }
        self.used_everywhere(made)
    }

    /// Instances of the contract, restored or not, as keys.
    pub(super) fn as_keys(&self) -> Vec<SafeGlobal> {
        let mut made = self.instances();
        for State { pattern, .. } in &self.contract.build {
            made.extend(self.built(&self.material.conforming(pattern)));
        }
        vec![keyed(one_made(made))]
    }

    /// Attributes that are instances of the contract, of every object that may have any.
    pub(super) fn as_attributes(&self) -> Vec<SafeGlobal> {
        let own = one_made(self.instances());
        let mut out = Vec::new();
        for contract in self.policy.contracts() {
            let other = Self { contract, ..*self };
            let patterns = contract.build.iter().map(|state| &state.pattern);
            for pattern in patterns.filter(|pattern| attributes(pattern).is_some()) {
                let state = other.with_attributes(pattern, &self.over_names(own.clone()));
                out.extend(few(other.built(&state)));
            }
        }
        out
    }

    /// Objects by themselves; hashed and compared; as attributes, items and arguments of others.
    fn used_everywhere(&self, made: Vec<SafeGlobal>) -> Vec<SafeGlobal> {
        if made.is_empty() {
            return made;
        }
        let object = one_made(made.clone());
        let mut out = made;
        self.filled_afterwards(&mut out);
        if self.contract.hash {
            out.push(keyed(object.clone()));
        }
        for contract in self.policy.contracts() {
            Self { contract, ..*self }.holding(&object, self.contract, &mut out);
        }
        out
    }

    /// Objects that are given items when they have their attributes.
    fn filled_afterwards(&self, out: &mut Vec<SafeGlobal>) {
        let any = || self.material.anything();
        let mut filled = Vec::new();
        for idiom in out.iter().filter(|idiom| idiom.state.is_some()) {
            let idiom = SafeGlobal { late: true, ..idiom.clone() };
            if self.contract.setitem.is_some() {
                filled.push(SafeGlobal { pairs: Some((any(), any())), ..idiom.clone() });
            }
            if self.contract.append != Append::No {
                filled.push(SafeGlobal { items: Some(any()), ..idiom.clone() });
            }
            if self.contract.add {
                filled.push(SafeGlobal { members: Some(any()), ..idiom });
            }
        }
        out.extend(filled);
    }

    /// Uses of the contract that are given the object, wherever it conforms.
    fn holding(&self, object: &Template, of: &Contract, out: &mut Vec<SafeGlobal>) {
        for State { pattern, .. } in &self.contract.build {
            if attributes(pattern).is_some() {
                let state = self.with_attributes(pattern, &self.over_names(object.clone()));
                out.extend(few(self.built(&state)));
            }
            if pattern.alternatives().contains(&Pattern::Dict) {
                let within = self.over_names(self.over_names(object.clone()));
                out.extend(few(self.built(&within)));
            }
        }
        for way in [Way::Call, Way::New] {
            for Form { args: signature, .. } in way.forms(self.contract) {
                for index in 0..signature.patterns.len() {
                    if let Some(given) = given(&signature.patterns[index], object, of) {
                        let count = signature.required.max(index + 1);
                        let mut args = self.conforming(signature, count);
                        args[index] = given;
                        out.extend(
                            self.globals().take(2).map(|name| used(&name, way, args.clone())),
                        );
                    }
                }
            }
        }
    }

    /// Something of the pattern with those attributes.
    fn with_attributes(&self, pattern: &Pattern, dict: &Template) -> Template {
        match attributes(pattern) {
            Some(items) => self.replaced(pattern, &items, dict),
            None => self.material.conforming(pattern),
        }
    }

    /// A dict of many attributes: the value is some of them, others are anything.
    fn over_names(&self, value: Template) -> Template {
        self.over(Arc::clone(&LOOKED_UP), value)
    }

    fn over(&self, names: Arc<[Value]>, value: Template) -> Template {
        shared(Template::DictOver(names, vec![value.clone(), value, self.material.anything()]))
    }

    /// Something that can be called: functions above all, whose calls observers tell apart.
    fn callable(&self) -> Template {
        let kept = |kind: Kind| {
            let contracts = self.policy.contracts().filter(move |contract| {
                contract.kind == kind && contract.kept && contract.everywhere && !contract.uncalled
            });
            let globals = contracts.filter_map(|contract| contract.globals.first());
            let values = globals.map(|(module, name)| {
                let global = GlobalName { module: module.clone(), name: name.clone() };
                Template::Fixed(Value::Global(global))
            });
            Template::One(values.collect())
        };
        let functions = kept(Kind::Function);
        shared(Template::One(vec![
            functions.clone(),
            functions.clone(),
            functions,
            kept(Kind::Class),
        ]))
    }
}

/// A dict whose keys they are.
fn keyed(key: Template) -> SafeGlobal {
    let name = GlobalName { module: "collections".into(), name: "OrderedDict".into() };
    let mut dict = SafeGlobal::call(name, Vec::new());
    dict.pairs = Some((key, Template::Fixed(Value::None)));
    dict
}

/// Some of many that are alike, lest they crowd out others.
fn few(idioms: Vec<SafeGlobal>) -> impl Iterator<Item = SafeGlobal> {
    let step = idioms.len().div_ceil(4).max(1);
    idioms.into_iter().step_by(step)
}

fn shared(template: Template) -> Template {
    Template::Shared(Arc::new(template))
}

fn one_made(idioms: Vec<SafeGlobal>) -> Template {
    shared(Template::One(idioms.into_iter().map(|idiom| Template::Made(Box::new(idiom))).collect()))
}

/// The names that attributes must have, if the pattern says so.
fn names(pattern: &Pattern) -> Option<Arc<[Value]>> {
    match pattern {
        Pattern::Attributes(of) if !of.names.is_empty() => {
            Some(of.names.iter().cloned().map(Value::Str).collect())
        }
        _ => None,
    }
}

/// Where in a state attributes of any name are taken: items of items.
fn attributes(pattern: &Pattern) -> Option<Vec<usize>> {
    let any_name = |one: &Pattern| matches!(one, Pattern::Attributes(of) if of.names.is_empty());
    if pattern.alternatives().iter().any(any_name) {
        return Some(Vec::new());
    }
    let Pattern::TupleOf(Signature { patterns, .. }) = pattern else { return None };
    patterns.iter().enumerate().find_map(|(at, pattern)| {
        let mut items = attributes(pattern)?;
        items.insert(0, at);
        Some(items)
    })
}

/// The object as the pattern takes it, itself or within a container.
fn given(pattern: &Pattern, object: &Template, of: &Contract) -> Option<Template> {
    let object = || object.clone();
    pattern.alternatives().iter().find_map(|one| match one {
        Pattern::Any | Pattern::Instance => Some(object()),
        Pattern::InstanceOf(key) | Pattern::InstanceLike(key) | Pattern::InstanceFlat(key) => {
            let same = of.globals.iter().any(|(module, name)| format!("{module}:{name}") == *key);
            same.then(object)
        }
        Pattern::List => Some(Template::ListOf(Box::new(object()))),
        Pattern::Tuple => Some(Template::TupleOf(vec![object(), object()])),
        _ => None,
    })
}
