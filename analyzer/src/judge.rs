//! The judge: holds facts against the policy and keeps the reasons.

mod call;
mod constant;
mod data;
mod describe;
mod elements;
mod entry;
mod expression;
mod given;
mod lightgbm;
mod nodes;
mod pattern;
mod record;
mod ubjson;
mod usage;
mod xgboost;

pub(crate) use record::Record;

use std::cell::{Cell, RefCell};

use crate::domain::{Alive, GlobalId, Globals, Heap, Room, Value};
use crate::fact::Fact;
use crate::limits::Limits;
use crate::policy::{Append, Contract, How, Kind, Policy, Signature, State};
use crate::verdict::{Severity, Storage};

/// Values that going through one tuple may look at: a tuple that holds another twice, and so on,
/// makes a pickle of a hundred bytes hash for ever.
pub(crate) const MAX_WEIGHT: u32 = 1 << 20;

/// Said of what is denied where it is not proved that it is reached.
const UNLESS_RAISED: &str = ", unless something before it raises";

/// The judge, in the middle of a stream.
pub(crate) struct Judge<'p, 'a> {
    pub(crate) policy: &'p Policy,
    pub(crate) heap: Heap,
    pub(crate) globals: Globals<'p>,
    pub(crate) record: Record,
    input: &'a [u8],
    /// How deeply values may be nested without doubt.
    nesting: u32,
    /// Steps that are left: none, if negative.
    steps: Cell<i64>,
    /// Lists and dicts on whose contents the last match relied.
    relied: RefCell<Vec<Value>>,
    /// Whether what is matched is stored only, so that it need not be data.
    stored: Cell<bool>,
    /// Whether the last match took something for data with all that it holds.
    took_data: Cell<bool>,
    /// Whether a match failed at objects where data was asked for, since one succeeded.
    met_objects: Cell<bool>,
    ordinary: entry::Ordinary,
}

impl<'p, 'a> Judge<'p, 'a> {
    #[inline(always)]
    pub(crate) fn new(policy: &'p Policy, input: &'a [u8], room: Room, limits: &Limits) -> Self {
        Self {
            policy,
            heap: Heap::within(room),
            globals: Globals::default(),
            record: Record::default(),
            input,
            nesting: limits.nesting(),
            steps: Cell::new(limits.steps_for(input.len()).try_into().unwrap_or(i64::MAX)),
            relied: RefCell::default(),
            stored: Cell::default(),
            took_data: Cell::default(),
            met_objects: Cell::default(),
            ordinary: entry::Ordinary::default(),
        }
    }

    /// Takes a step for an opcode; whether one was left.
    pub(crate) fn step(&self) -> bool {
        let left = self.steps.get() - 1;
        self.steps.set(left);
        left >= 0
    }

    /// Whether any step is left.
    pub(crate) fn has_steps(&self) -> bool {
        self.steps.get() > 0
    }

    /// Takes steps for what an opcode looks at beyond its own bytes.
    pub(crate) fn spend(&self, steps: u64) {
        self.steps.set(self.steps.get().saturating_sub_unsigned(steps).max(0));
    }

    /// Doubts values so deep that using or freeing them may exhaust the C stack.
    pub(crate) fn check_depth(&mut self, depth: u32) {
        if depth > self.nesting {
            let message = "values nested this deep may crash the interpreter";
            self.record.doubt("nesting", message, Alive::NONE);
        }
    }

    /// Doubts tuples that share others so often that what goes through them all, as hashing does,
    /// may take for ever. What allowed code does with its arguments is not known so exactly, so any
    /// tuple counts that may be within them; but none that takes as many bytes as it has values.
    pub(crate) fn check_weight(&mut self, args: &[Value]) {
        let weight = self.heap.heaviest();
        if weight > MAX_WEIGHT
            && weight as usize > self.input.len()
            && !args.iter().all(|value| value.is_atom())
        {
            let message = "going through values that share others this often may take for ever";
            self.record.doubt("nesting", message, Alive::NONE);
        }
    }

    /// Whether hashing a value nested so deep is beyond doubt.
    pub(crate) fn is_shallow(&self, depth: u32) -> bool {
        depth <= self.nesting
    }
}

impl<'p> Judge<'p, '_> {
    /// Judges a fact; gives the value that the opcode leaves.
    pub(crate) fn fact(&mut self, fact: Fact) -> Value {
        if self.record.keeps_facts() {
            let text = self.describe_fact(&fact);
            self.record.keep_fact(text);
        }
        match fact {
            Fact::Resolve(id) => self.judge_resolve(id),
            Fact::ResolveComputed => {
                self.warn(
                    "computed-global",
                    None,
                    "asks for a global whose name is not a constant",
                );
                Value::Unknown
            }
            Fact::Call { callee, args } => self.judge_call(callee, args),
            Fact::New { class, args, keywords } => self.judge_new(class, args, keywords),
            Fact::Build { target, state } => self.judge_build(target, state),
            Fact::Append { target, atoms } => {
                let allowed = self.class_of(target).is_some_and(|contract| match atoms {
                    true => contract.append != Append::No,
                    false => contract.append == Append::Any,
                });
                self.judge_method(target, "append", allowed);
                target
            }
            Fact::SetItem { target, items } => {
                self.judge_items(target, &items);
                target
            }
            Fact::Add(target) => {
                let allowed = self.class_of(target).is_some_and(|contract| contract.add);
                self.judge_method(target, "add", allowed);
                target
            }
            Fact::Hash(value) => {
                self.judge_hash(value);
                value
            }
            Fact::Persistent(id) => {
                if let Some(storage) = self.judge_storage(id) {
                    return storage;
                }
                let message = "hands a persistent id to the loader's `persistent_load`";
                self.warn("persistent-id", None, message);
                Value::Unknown
            }
            Fact::Extension(code) => {
                let message = format!("asks the extension registry for code {code}");
                self.warn("extension", None, &message);
                Value::Unknown
            }
            Fact::Keep(id) => {
                let name = self.globals.get(id).name.clone();
                let message = format!("keeps `{name}`, which the policy allows to be called only");
                self.warn("unlisted-global", Some(name), &message);
                Value::Global(id)
            }
            Fact::View(_) => {
                self.warn("buffer", None, "makes a read-only view of something that is no buffer");
                Value::Unknown
            }
        }
    }

    /// What the loader gives for a persistent id, if the policy says so: the storage that
    /// `torch.load` reads. A plain `pickle.load` raises there.
    fn judge_storage(&mut self, id: Value) -> Option<Value> {
        let policy = self.policy;
        let (form, class) = policy.persistent()?;
        self.start_match(None);
        if !self.matches(form, id) {
            return None;
        }
        self.record.may_stop(Alive::NONE);
        let storage = self.storage_of(id);
        self.record.storage(storage);
        let class = self.globals.of_policy(policy, class)?;
        Some(self.heap.new_instance(class, 1, 1))
    }

    /// What a persistent id says of a storage: `('storage', class, key, device, elements)`.
    fn storage_of(&self, id: Value) -> Storage {
        let parts = match id {
            Value::Tuple(id) => self.heap.tuple(id),
            _ => &[],
        };
        let mut storage = Storage::default();
        if let [_, Value::Global(class), key, _, elements, ..] = parts {
            storage.class.clone_from(&self.globals.get(*class).key);
            let key = self.text_of(*key);
            storage.key = key.and_then(|key| String::from_utf8(key.into_owned()).ok());
            if let Value::Int(elements) = elements {
                storage.elements = u64::try_from(*elements).ok();
            }
        }
        storage
    }

    /// A reason against `safe` at an opcode that may raise.
    fn warn(&mut self, rule: &'static str, global: Option<String>, message: &str) {
        self.record.reason(rule, Severity::Warning, global, message.to_owned());
        self.record.may_stop(Alive::NONE);
    }

    /// A message, if one more is kept.
    fn words(&self, message: impl FnOnce(&Self) -> String) -> String {
        if self.record.is_full() { String::new() } else { message(self) }
    }

    /// Whether the value is a global that the policy knows as a function.
    pub(crate) fn is_function(&self, value: Value) -> bool {
        self.contract_of(value).is_some_and(|contract| contract.kind == Kind::Function)
    }

    /// Whether the value may be called by whoever takes it for a method.
    pub(crate) fn may_be_called(&self, value: Value) -> bool {
        match value {
            Value::Unknown | Value::Allowed(_) => true,
            Value::Instance(_) => {
                self.class_of(value).is_none_or(|class| class.callable || !class.apply.is_empty())
            }
            Value::Global(_) => self.contract_of(value).is_none_or(|contract| !contract.uncalled),
            _ => false,
        }
    }

    /// Whether the value is a scalar, or a tuple of such.
    pub(crate) fn is_scalar_or_some(&self, value: Value) -> bool {
        match value {
            Value::Tuple(id) => {
                let elements = self.heap.tuple(id);
                self.spend(elements.len() as u64);
                elements.iter().all(|element| self.is_scalar(*element))
            }
            value => self.is_scalar(value),
        }
    }

    fn is_scalar(&self, value: Value) -> bool {
        match value {
            Value::Instance(_) => self.class_of(value).is_some_and(|class| class.scalar),
            // A class may have a metaclass that answers for it.
            Value::Global(_) => self.contract_of(value).is_some_and(|contract| contract.uncalled),
            value => value.is_atom(),
        }
    }

    /// Whether the value may be a `str`: what a module holds may be one.
    pub(crate) fn may_be_str(&self, value: Value) -> bool {
        match value {
            Value::Str(_) | Value::Str8(_) | Value::Unknown | Value::Allowed(_) => true,
            Value::Instance(id) => self.globals.get(self.heap.class(id)).key == "builtins:str",
            Value::Global(_) => {
                self.contract_of(value).is_none_or(|contract| contract.kind == Kind::Value)
            }
            _ => false,
        }
    }

    /// Whether the value is an instance that the policy knows to refer to no other object.
    pub(crate) fn is_plain(&self, value: Value) -> bool {
        self.class_of(value).is_some_and(|contract| contract.plain)
    }

    /// The contract of a global itself.
    fn contract_of(&self, value: Value) -> Option<&'p Contract> {
        match value {
            Value::Global(id) => self.globals.get(id).contract,
            _ => None,
        }
    }

    /// The contract of the class of an instance.
    fn class_of(&self, value: Value) -> Option<&'p Contract> {
        match value {
            Value::Instance(id) => self.globals.get(self.heap.class(id)).contract,
            _ => None,
        }
    }

    fn is_blind(&self, value: Value) -> bool {
        matches!(value, Value::Global(id) if self.globals.get(id).blind)
    }

    fn judge_resolve(&mut self, id: GlobalId) -> Value {
        let global = self.globals.get(id);
        let (allowed, denied) = (global.contract.is_some(), global.denied);
        let everywhere = global.contract.is_some_and(|contract| contract.everywhere);
        self.record.resolved(global.first, &global.name);
        if global.blind || denied.is_none() && allowed && everywhere {
            return Value::Global(id);
        }
        let (first, name) = (global.first, global.name.clone());
        if let Some(does) = denied {
            let proved = self.record.alive().any();
            if proved {
                self.record.proved(first);
            }
            let (severity, condition) = match proved {
                true => (Severity::Error, ""),
                false => (Severity::Warning, UNLESS_RAISED),
            };
            let message = format!("asks for `{name}`, which {does}{condition}");
            self.record.reason("denied-global", severity, Some(name), message);
            self.record.may_stop(Alive::NONE);
        } else if !allowed {
            self.note(Value::Global(id), |_| How::Resolved);
            let message =
                self.words(|_| format!("asks for `{name}`, which the policy does not allow"));
            self.warn("unlisted-global", Some(name), &message);
        } else {
            self.record.may_stop(Alive::NONE);
        }
        Value::Global(id)
    }

    fn judge_build(&mut self, target: Value, state: Value) -> Value {
        self.heap.hold_one(state);
        let held = self.heap.is_held(target);
        let class = self.class_of(target).filter(|class| {
            !(class.unheld && held) && (!class.elements || self.is_of_its_size(target, state))
        });
        let accepted = class.and_then(|class| {
            let accepts = |form: &&State| self.accepts_state(class, &form.pattern, state);
            Some((class, class.build.iter().find(accepts)?))
        });
        if let Some((class, form)) = accepted {
            self.give_what_was_checked(Some(class), &[state]);
            self.record.may_stop(Alive::NONE);
            self.check_weight(&[state]);
            if let Value::Instance(id) = target {
                self.heap.hold(id, &[state]);
                self.pass_on(target, &[state]);
                let becomes = form.becomes.as_ref();
                if let Some(class) =
                    becomes.and_then(|key| self.globals.of_policy(self.policy, key))
                {
                    self.heap.become_one_of(id, class);
                }
                if class.unheld {
                    // Once, and never again.
                    self.heap.hold_one(target);
                }
                self.check_depth(self.heap.depth(target));
                if class.elements {
                    self.measure_restored(id, state);
                }
            }
            return target;
        }
        if let Value::Instance(id) = target {
            self.heap.forget_size(id);
        }
        self.note(target, |judge| How::Built(judge.kind_of(state)));
        self.note_objects(target, &[state]);
        let message = self.words(|judge| {
            format!(
                "restores {} with the state {}, which the policy does not allow{}",
                judge.describe(target),
                judge.describe(state),
                judge.hint_at_objects(),
            )
        });
        let global = self.global_name(target);
        self.warn("state", global, &message);
        target
    }

    fn judge_items(&mut self, target: Value, items: &[Value]) {
        let contract = self.class_of(target);
        self.start_match(contract);
        let takes = |contract: &Contract, signature: &Signature| {
            items.chunks_exact(2).all(|pair| {
                self.takes(signature, pair) && (!contract.named || self.may_be_attribute(pair))
            })
        };
        let allowed = contract.is_some_and(|contract| {
            contract.setitem.as_ref().is_some_and(|signature| takes(contract, signature))
        });
        self.give_what_was_checked(contract, items);
        self.judge_method(target, "setitem", allowed);
    }

    fn judge_method(&mut self, target: Value, what: &'static str, allowed: bool) {
        if allowed {
            self.record.may_stop(Alive::NONE);
            return;
        }
        self.note(target, |_| match what {
            "append" => How::Appended,
            "setitem" => How::ItemsSet,
            _ => How::Added,
        });
        let verb = match what {
            "append" => "appends to",
            "setitem" => "sets items of",
            _ => "adds to",
        };
        let message = format!("{verb} {}, which the policy does not allow", self.describe(target));
        let global = self.global_name(target);
        self.warn(what, global, &message);
    }

    fn global_name(&self, value: Value) -> Option<String> {
        match value {
            Value::Global(id) => Some(self.globals.get(id).name.clone()),
            Value::Instance(id) => Some(self.globals.get(self.heap.class(id)).name.clone()),
            _ => None,
        }
    }
}
