//! What aimed pickles are made of: values that conform to a pattern, and values of every kind.

use std::sync::Arc;

use assay_analyzer::{
    Attributes, Contents, Contract, Entries, Form, Item, Kind, Pattern, Policy, Returns,
};
use assay_corpus::{GlobalName, Value};
use assay_generator::Template;

/// Instances within instances: a time of day in a time zone of an offset.
const DEEPEST: usize = 4;

/// Texts by which something is looked up: codecs, type codes, files, modules, attributes; and
/// such as are parsed: numbers, identifiers, expressions.
const TEXTS: [&str; 30] = [
    "",
    "x",
    "1",
    "-1e9",
    "nan",
    "latin1",
    "utf-8",
    "rot13",
    "hex",
    "zlib",
    "idna",
    "punycode",
    "uu",
    "unicode_escape",
    "raw_unicode_escape",
    "no-such-codec",
    "u",
    "w",
    "d",
    "os",
    "os.system",
    "__class__",
    "__globals__",
    "/etc/passwd",
    "../x",
    "Europe/Paris",
    "[[a]",
    "(a)(?i)b",
    "127.0.0.1",
    "12345678123456781234567812345678",
];

/// Names of attributes that mean something to the interpreter or to libraries.
const ATTRIBUTES: [&str; 14] = [
    "x",
    "data",
    "maps",
    "args",
    "values",
    "__class__",
    "__dict__",
    "__setstate__",
    "__reduce__",
    "__init__",
    "__hash__",
    "__eq__",
    "int",
    "_value_",
];

/// What a policy has to offer.
#[derive(Debug)]
pub(super) struct Material<'p> {
    policy: &'p Policy,
    anything: Template,
}

impl<'p> Material<'p> {
    pub fn new(policy: &'p Policy) -> Self {
        let mut material = Self { policy, anything: Template::Fixed(Value::None) };
        material.anything = Template::Shared(Arc::new(material.everything()));
        material
    }

    /// A value of any kind.
    pub fn anything(&self) -> Template {
        self.anything.clone()
    }

    fn everything(&self) -> Template {
        let atoms = vec![
            Value::None,
            Value::Bool(true),
            Value::Int(0),
            Value::Int(1),
            Value::Int(-1),
            Value::Int(128),
            Value::Int(3),
            Value::Int(70_000),
            Value::BigInt("1".to_owned() + &"0".repeat(40)),
            Value::Float(1.5),
            Value::Float(f64::NAN),
            Value::Bytes(b"x".to_vec()),
            Value::Bytes(vec![7; 10]),
            Value::ByteArray(b"x".to_vec()),
        ];
        let texts: Vec<Value> = TEXTS.iter().map(|text| Value::Str((*text).to_owned())).collect();
        let globals = self.globals();
        let instances: Vec<Value> = self.instances(DEEPEST).collect();
        let mut parts = atoms.clone();
        parts.extend(texts.iter().step_by(3).cloned());
        parts.extend(globals.iter().step_by(7).cloned());
        parts.extend(instances.iter().step_by(3).cloned());
        let part = Template::One(fixed(parts));
        let key = Template::One(fixed(
            ATTRIBUTES.iter().map(|name| Value::Str((*name).to_owned())).collect(),
        ));
        let attributes = Template::DictOf(Box::new((key, part.clone())));
        let containers = Template::One(vec![
            Template::ListOf(Box::new(part.clone())),
            Template::ListOf(Box::new(Template::TupleOf(vec![part.clone(), part.clone()]))),
            Template::TupleOf(Vec::new()),
            Template::TupleOf(vec![part.clone()]),
            Template::TupleOf(vec![part.clone(), part.clone()]),
            Template::TupleOf(vec![part.clone(), part.clone(), part.clone()]),
            Template::DictOf(Box::new((Template::Fixed(Value::Int(1)), part.clone()))),
            Template::Fixed(Value::Set(vec![Value::Int(1)])),
            Template::Fixed(Value::FrozenSet(vec![Value::Int(1)])),
        ]);
        // As BUILD takes the slots of an object.
        let slots = Template::TupleOf(vec![
            Template::One(vec![Template::Fixed(Value::None), attributes.clone()]),
            attributes.clone(),
        ]);
        let mut kinds = vec![
            Template::One(fixed(atoms)),
            Template::One(fixed(texts)),
            Template::One(fixed(globals)),
            containers,
            attributes,
            slots,
        ];
        if !instances.is_empty() {
            kinds.push(Template::One(fixed(instances)));
        }
        Template::One(kinds)
    }

    /// Every global of the policy that the interpreter has, as a value.
    fn globals(&self) -> Vec<Value> {
        let there = self.policy.contracts().filter(|contract| contract.everywhere);
        there.flat_map(|contract| contract.globals.iter().take(4)).map(global).collect()
    }

    /// An instance of every class of the policy that can be made by calls so deep.
    fn instances(&self, depth: usize) -> impl Iterator<Item = Value> {
        let classes = self.policy.contracts().filter(|contract| contract.kind == Kind::Class);
        classes
            .filter_map(|contract| contract.globals.first())
            .filter_map(move |(module, name)| self.instance(&format!("{module}:{name}"), depth))
    }

    /// Calls that return an instance of the class.
    pub fn makers(&self, key: &str) -> Vec<(&'p Contract, &'p Form)> {
        let gives = |returns: &Returns| matches!(returns, Returns::InstanceOf(of) if of == key);
        let mut out = Vec::new();
        for contract in self.policy.contracts() {
            for form in &contract.call {
                if gives(form.returns.as_ref().unwrap_or(&contract.returns)) {
                    out.push((contract, form));
                }
            }
        }
        out
    }

    fn instance(&self, key: &str, depth: usize) -> Option<Value> {
        let depth = depth.checked_sub(1)?;
        let (module, name) = key.split_once(':')?;
        let contract = self.policy.contract(module, name)?;
        let own = contract.call.last().filter(|form| {
            contract.everywhere
                && *form.returns.as_ref().unwrap_or(&contract.returns) == Returns::Instance
        });
        if let Some(form) = own {
            return self.call(&(module.to_owned(), name.to_owned()), form, depth);
        }
        if let Some((maker, form)) = self.makers(key).into_iter().next() {
            return self.call(maker.globals.first()?, form, depth);
        }
        // As protocol 0 makes an instance of any class.
        self.policy.contract("copyreg", "_reconstructor")?;
        contract.new.iter().find(|form| form.args.takes(0))?;
        let base = global(&("builtins".to_owned(), "object".to_owned()));
        let class = global(&(module.to_owned(), name.to_owned()));
        let function = name_of(&("copyreg".to_owned(), "_reconstructor".to_owned()));
        Some(Value::Call(function, vec![class, base, Value::None]))
    }

    fn call(&self, callee: &(String, String), form: &Form, depth: usize) -> Option<Value> {
        let patterns = form.args.patterns.iter().take(form.args.required.max(1));
        let args = patterns.map(|pattern| self.values(pattern, depth).into_iter().next());
        Some(Value::Call(name_of(callee), args.collect::<Option<Vec<_>>>()?))
    }

    /// Values that conform to the pattern, as a template.
    pub fn conforming(&self, pattern: &Pattern) -> Template {
        let values = self.values(pattern, DEEPEST);
        match values.is_empty() {
            true => Template::Fixed(Value::None),
            false => Template::One(fixed(values)),
        }
    }

    fn values(&self, pattern: &Pattern, depth: usize) -> Vec<Value> {
        let text = |text: &str| Value::Str(text.to_owned());
        let pair = || Value::Tuple(vec![text("x"), Value::Int(1)]);
        match pattern {
            Pattern::Any | Pattern::Free => {
                vec![Value::Int(1), text("x"), Value::Tuple(vec![Value::Int(1)])]
            }
            Pattern::None => vec![Value::None],
            Pattern::Bool => vec![Value::Bool(true), Value::Bool(false)],
            Pattern::Int => vec![Value::Int(1), Value::Int(7)],
            Pattern::IntIn(low, high) => {
                let mut values = vec![Value::Int(*low), Value::Int(*high)];
                values.dedup();
                values
            }
            Pattern::Float => vec![Value::Float(1.5)],
            Pattern::Str | Pattern::Str8 => vec![text("x"), text("1")],
            Pattern::StrIs(is) => vec![text(is)],
            Pattern::StrNumbered(prefix) => vec![text(&format!("{prefix}4"))],
            Pattern::Zone => vec![text("Europe/Paris")],
            Pattern::Ratio => vec![text("-3/4")],
            Pattern::Regex => vec![text("a+")],
            Pattern::Bytes => vec![Value::Bytes(vec![7; 4]), Value::Bytes(vec![7; 10])],
            Pattern::BytesIs(bytes) => vec![Value::Bytes(bytes.clone())],
            Pattern::BytesOfLength(length) => vec![Value::Bytes(vec![0; *length])],
            Pattern::Nodes => {
                let leaf: Vec<u8> = [-1_i64, 0, 0, 0, 0, 0, 0, 0, 0]
                    .into_iter()
                    .flat_map(i64::to_le_bytes)
                    .collect();
                vec![Value::Bytes(leaf)]
            }
            // Models are made by the library that reads them.
            Pattern::LightgbmModel | Pattern::XgboostModel => Vec::new(),
            Pattern::ByteArray => vec![Value::ByteArray(vec![7; 4])],
            // Only callers supply buffers.
            Pattern::Buffer => Vec::new(),
            Pattern::List | Pattern::ListOf(Contents::Any) => {
                vec![Value::List(vec![Value::Int(1)]), Value::List(Vec::new())]
            }
            Pattern::ListOf(Contents::Pairs) => vec![Value::List(vec![pair()])],
            Pattern::ListOver(_) | Pattern::ScalarsOver(_) | Pattern::ListOf(_) => {
                vec![Value::List(vec![Value::Int(1)])]
            }
            Pattern::Attributes(Attributes { names, holds, .. }) if !names.is_empty() => {
                let value = match holds {
                    Contents::Atoms => Value::Int(1),
                    _ => Value::Dict(Vec::new()),
                };
                let pairs = names.iter().map(|name| (text(name), value.clone()));
                vec![Value::Dict(pairs.collect())]
            }
            Pattern::Dict | Pattern::DictUncalled | Pattern::Attributes(_) => {
                vec![Value::Dict(vec![(text("x"), Value::Int(1))]), Value::Dict(Vec::new())]
            }
            Pattern::DictOf(entries) => self.dicts(entries, depth),
            Pattern::ListEach(of) => {
                let each = self.values(of, depth).into_iter().map(|value| Value::List(vec![value]));
                each.chain([Value::List(Vec::new())]).collect()
            }
            Pattern::DictEach(of) => {
                let each = self.values(of, depth).into_iter();
                let each = each.map(|value| Value::Dict(vec![(text("x"), value)]));
                each.chain([Value::Dict(Vec::new())]).collect()
            }
            Pattern::Shape => vec![Value::Tuple(vec![Value::Int(1)])],
            Pattern::Hashed => vec![text("x"), Value::Int(1), Value::None],
            Pattern::FieldsWithin(_) => vec![Value::Dict(Vec::new())],
            // No value of a kind knows its bytes.
            Pattern::PartsWithin(_) => Vec::new(),
            Pattern::Set => vec![Value::Set(vec![Value::Int(1)])],
            Pattern::FrozenSet => vec![Value::FrozenSet(vec![Value::Int(1)])],
            Pattern::Tuple | Pattern::TupleHashed => {
                vec![Value::Tuple(vec![Value::Int(1)]), Value::Tuple(Vec::new())]
            }
            Pattern::TupleOf(signature) => {
                let patterns = signature.patterns.iter().take(signature.required);
                let items = patterns.map(|pattern| self.values(pattern, depth).into_iter().next());
                items.collect::<Option<Vec<_>>>().map(Value::Tuple).into_iter().collect()
            }
            Pattern::ClassCalled => {
                let called = |contract: &&Contract| {
                    contract.kind == Kind::Class
                        && contract.everywhere
                        && contract.call.iter().any(|form| form.args.takes(0))
                };
                let classes = self.policy.contracts().filter(called);
                classes.filter_map(|contract| contract.globals.first()).map(global).collect()
            }
            Pattern::Class => {
                let classes = self.policy.contracts().filter(|contract| {
                    contract.kind == Kind::Class && contract.everywhere && !contract.new.is_empty()
                });
                classes.filter_map(|contract| contract.globals.first()).map(global).collect()
            }
            Pattern::Instance => self.instances(depth).take(3).collect(),
            Pattern::InstanceOf(key) | Pattern::InstanceLike(key) | Pattern::InstanceFlat(key) => {
                self.instance(key, depth).into_iter().collect()
            }
            Pattern::GlobalIs(key) => key
                .split_once(':')
                .map(|(m, n)| global(&(m.into(), n.into())))
                .into_iter()
                .collect(),
            Pattern::AnyOf(patterns) => {
                patterns.iter().flat_map(|pattern| self.values(pattern, depth)).collect()
            }
        }
    }
}

impl Material<'_> {
    /// Dicts of all that must be there, each with every value of one key.
    fn dicts(&self, entries: &Entries, depth: usize) -> Vec<Value> {
        let needed = entries.of.iter().filter(|entry| !entry.optional);
        let Some(each) = needed
            .map(|Item { key, value, .. }| {
                let values = self.values(value, depth);
                (!values.is_empty()).then(|| (Value::Str(key.clone()), values))
            })
            .collect::<Option<Vec<_>>>()
        else {
            return Vec::new();
        };
        let most = each.iter().map(|(_, values)| values.len()).max().unwrap_or(1);
        let dict = |at: usize| {
            let item = |(key, values): &(Value, Vec<Value>)| {
                (key.clone(), values[at.min(values.len() - 1)].clone())
            };
            Value::Dict(each.iter().map(item).collect())
        };
        (0..most).map(dict).collect()
    }
}

fn fixed(values: Vec<Value>) -> Vec<Template> {
    values.into_iter().map(Template::Fixed).collect()
}

fn name_of((module, name): &(String, String)) -> GlobalName {
    GlobalName { module: module.clone(), name: name.clone() }
}

fn global(name: &(String, String)) -> Value {
    Value::Global(name_of(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An exception that may hold any instance may hold itself.
    #[test]
    fn what_may_hold_itself_is_made_only_so_deep() {
        let policy = Policy::load(&["celery"]).unwrap();
        let material = Material::new(&policy);
        let retry = material.instance("celery.exceptions:Retry", DEEPEST);
        assert!(retry.is_some());
        assert_eq!(material.values(&Pattern::Instance, DEEPEST).len(), 3);
        assert!(material.values(&Pattern::Instance, 0).is_empty());
    }
}
