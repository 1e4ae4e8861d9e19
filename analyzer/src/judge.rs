//! The judge: holds facts against the policy and keeps the reasons.

mod pattern;
mod report;
mod usage;

pub(crate) use report::Judge;

use crate::fact::Fact;
use crate::loader::Loader;
use crate::machine::{Alive, GlobalId, Machine, Value};
use crate::policy::{Append, Contract, Form, How, Kind, Pattern, Returns};
use crate::verdict::Severity;

impl<'p> Machine<'p, '_> {
    /// Judges a fact; gives the value that the opcode leaves.
    pub(crate) fn fact(&mut self, fact: Fact) -> Value {
        if self.judge.keeps_facts() {
            let text = self.describe_fact(&fact);
            self.judge.keep_fact(text);
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
                let allowed = match atoms {
                    true => |contract: &Contract| contract.append != Append::No,
                    false => |contract: &Contract| contract.append == Append::Any,
                };
                self.judge_method(target, "append", allowed);
                target
            }
            Fact::SetItem(target) => {
                self.judge_method(target, "setitem", |contract| contract.setitem);
                target
            }
            Fact::Add(target) => {
                self.judge_method(target, "add", |contract| contract.add);
                target
            }
            Fact::Hash(value) => {
                self.judge_hash(value);
                value
            }
            Fact::Persistent(id) => {
                if self.loader == Loader::Torch
                    && let Some(storage) = self.judge_storage(id)
                {
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

    /// The storage that `torch.load` reads for a persistent id, if the policy says so.
    fn judge_storage(&mut self, id: Value) -> Option<Value> {
        let policy = self.policy;
        let (form, class) = policy.persistent()?;
        if !self.matches(form, id) {
            return None;
        }
        self.judge.may_stop(Alive::NONE);
        let class = self.globals.of_policy(policy, class)?;
        Some(self.heap.new_instance(class, 1))
    }

    /// A reason against `safe` at an opcode that may raise.
    fn warn(&mut self, rule: &'static str, global: Option<String>, message: &str) {
        self.judge.reason(rule, Severity::Warning, global, message.to_owned());
        self.judge.may_stop(Alive::NONE);
    }

    /// Whether the value is a global that the policy knows as a function.
    pub(crate) fn is_function(&self, value: Value) -> bool {
        self.contract_of(value).is_some_and(|contract| contract.kind == Kind::Function)
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
        let (name, blind) = (global.name.clone(), global.blind);
        let (allowed, denied) = (global.contract.is_some(), global.denied);
        let everywhere = global.contract.is_some_and(|contract| contract.everywhere);
        self.judge.resolved(id, &name);
        if blind {
            return Value::Global(id);
        }
        if let Some(does) = denied {
            let proved = self.judge.alive().any();
            let (severity, condition) = match proved {
                true => (Severity::Error, ""),
                false => (Severity::Warning, ", unless something before it raises"),
            };
            let message = format!("asks for `{name}`, which {does}{condition}");
            self.judge.reason("denied-global", severity, Some(name), message);
            self.judge.may_stop(Alive::NONE);
        } else if !allowed {
            self.note(Value::Global(id), |_| How::Resolved);
            let message = format!("asks for `{name}`, which the policy does not allow");
            self.warn("unlisted-global", Some(name), &message);
        } else if !everywhere {
            self.judge.may_stop(Alive::NONE);
        }
        Value::Global(id)
    }

    fn judge_call(&mut self, callee: Value, args: Option<Vec<Value>>) -> Value {
        if self.is_blind(callee) {
            return Value::Allowed;
        }
        if let (Value::Instance(_), Some(args)) = (callee, &args)
            && let Some(value) = self.apply(callee, args)
        {
            return value;
        }
        let Value::Global(id) = callee else {
            let message = format!("calls {}", self.describe(callee));
            self.warn("call-of-value", None, &message);
            return Value::Unknown;
        };
        let name = self.globals.get(id).name.clone();
        self.judge.called(id, &name);
        let Some(args) = args else {
            let message =
                format!("calls `{name}` with arguments that are no tuple: C raises, Python calls");
            self.warn("arguments", Some(name), &message);
            return Value::Unknown;
        };
        let Some(contract) = self.contract_of(callee) else {
            self.note(callee, |machine| How::Called(machine.signature_of(&args)));
            let message = format!("calls `{name}({})`", self.describe_all(&args));
            self.warn("unlisted-call", Some(name), &message);
            return Value::Unknown;
        };
        let Some(form) = contract.call.iter().find(|form| self.takes(&form.args, &args)) else {
            self.note(callee, |machine| How::Called(machine.signature_of(&args)));
            return self.refuse_call(&name, &args, &contract.call);
        };
        if !contract.total {
            self.judge.may_stop(Alive::NONE);
        }
        self.returned(contract, form, id, &args)
    }

    /// Calls an instance, if its contract allows that.
    fn apply(&mut self, callee: Value, args: &[Value]) -> Option<Value> {
        let contract = self.class_of(callee)?;
        let form = contract.apply.iter().find(|form| self.takes(&form.args, args))?;
        let Value::Instance(id) = callee else { return None };
        let class = self.heap.class(id);
        self.judge.may_stop(Alive::NONE);
        Some(self.returned(contract, form, class, args))
    }

    fn judge_new(&mut self, class: Value, args: Option<Vec<Value>>, keywords: bool) -> Value {
        if self.is_blind(class) {
            return Value::Allowed;
        }
        let Value::Global(id) = class else {
            let message = format!("makes an instance of {}", self.describe(class));
            self.warn("call-of-value", None, &message);
            return Value::Unknown;
        };
        let name = self.globals.get(id).name.clone();
        self.judge.called(id, &name);
        let args = args.filter(|_| !keywords);
        match (self.contract_of(class), args) {
            (Some(contract), Some(args)) if contract.kind == Kind::Class => {
                if let Some(form) = contract.new.iter().find(|form| self.takes(&form.args, &args)) {
                    if !contract.total {
                        self.judge.may_stop(Alive::NONE);
                    }
                    return self.returned(contract, form, id, &args);
                }
                self.note(class, |machine| How::Made(machine.signature_of(&args)));
                self.refuse_call(&name, &args, &contract.new)
            }
            (_, args) => {
                if let Some(args) = &args {
                    self.note(class, |machine| How::Made(machine.signature_of(args)));
                }
                let args = args.map_or("…".to_owned(), |args| self.describe_all(&args));
                let message = format!("makes an instance of `{name}` with ({args})");
                self.warn("unlisted-call", Some(name), &message);
                Value::Unknown
            }
        }
    }

    fn refuse_call(&mut self, name: &str, args: &[Value], forms: &[Form]) -> Value {
        let allowed: Vec<_> = forms.iter().map(|form| format!("({})", form.args)).collect();
        let allowed = match allowed.len() {
            0 => "to be resolved, not called".to_owned(),
            _ => format!("to be called with {} only", allowed.join(" or ")),
        };
        let args = self.describe_all(args);
        let message = format!("calls `{name}({args})`, which the policy allows {allowed}");
        self.warn("arguments", Some(name.to_owned()), &message);
        Value::Unknown
    }

    fn returned(
        &mut self,
        contract: &'p Contract,
        form: &'p Form,
        id: GlobalId,
        args: &[Value],
    ) -> Value {
        let depth = self.heap.deepest(args).saturating_add(1);
        self.check_depth(depth);
        match form.returns.as_ref().unwrap_or(&contract.returns) {
            Returns::Instance => self.heap.new_instance(id, depth),
            Returns::InstanceOfArgument(index) => {
                let class = args.get(*index).copied().unwrap_or(Value::Unknown);
                let made = self.contract_of(class).is_some_and(|contract| !contract.new.is_empty());
                match class {
                    Value::Global(class) if made => self.heap.new_instance(class, depth),
                    _ => {
                        self.note(class, |_| How::Made(String::new()));
                        let message = format!(
                            "makes an instance of {}, which the policy does not allow",
                            self.describe(class)
                        );
                        self.warn("arguments", None, &message);
                        Value::Unknown
                    }
                }
            }
            Returns::InstanceOf(key) => match self.globals.of_policy(self.policy, key) {
                Some(class) => self.heap.new_instance(class, depth),
                None => Value::Allowed,
            },
            Returns::Global(key) => match self.globals.of_policy(self.policy, key) {
                Some(global) => Value::Global(global),
                None => Value::Allowed,
            },
            Returns::Pattern(pattern) => match pattern {
                Pattern::Bytes => match args {
                    [Value::Str(text), Value::Str(_)] => Value::Encoded(*text),
                    _ => Value::SomeBytes,
                },
                Pattern::ByteArray => Value::ByteArray,
                Pattern::List => Value::Allowed,
                Pattern::Set => Value::Set,
                Pattern::FrozenSet => Value::FrozenSet,
                Pattern::Int => Value::BigInt,
                Pattern::Float => Value::Float,
                Pattern::None => Value::None,
                _ => Value::Allowed,
            },
        }
    }

    fn judge_build(&mut self, target: Value, state: Value) -> Value {
        let class = self.class_of(target);
        let mut states = class.iter().flat_map(|contract| &contract.build);
        if states.any(|pattern| self.matches(pattern, state)) {
            self.judge.may_stop(Alive::NONE);
            return target;
        }
        self.note(target, |machine| How::Built(machine.kind_of(state)));
        let message = format!(
            "restores {} with the state {}, which the policy does not allow",
            self.describe(target),
            self.describe(state)
        );
        let global = self.global_name(target);
        self.warn("state", global, &message);
        target
    }

    fn judge_method(&mut self, target: Value, what: &'static str, allowed: fn(&Contract) -> bool) {
        if self.class_of(target).is_some_and(allowed) {
            self.judge.may_stop(Alive::NONE);
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

    fn judge_hash(&mut self, value: Value) {
        let harmless = match value {
            // Where instances can't be hashed (`hash = false`), every engine raises.
            Value::Instance(_) => self.class_of(value).is_some(),
            Value::Allowed => true,
            _ => false,
        };
        self.judge.may_stop(Alive::NONE);
        if !harmless {
            let message = format!("hashes {}", self.describe(value));
            self.warn("hash", None, &message);
        }
    }

    fn global_name(&self, value: Value) -> Option<String> {
        match value {
            Value::Global(id) => Some(self.globals.get(id).name.clone()),
            Value::Instance(id) => Some(self.globals.get(self.heap.class(id)).name.clone()),
            _ => None,
        }
    }
}
