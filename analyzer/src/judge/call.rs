//! Judges calls: of globals, of instances, and of classes by `__new__`.

use super::{Judge, UNLESS_RAISED};
use crate::domain::{Alive, GlobalId, NOWHERE, Value};
use crate::policy::{Contract, Form, How, Kind, Pattern, Returns};
use crate::verdict::Severity;

impl<'p> Judge<'p, '_> {
    pub(super) fn judge_call(&mut self, callee: Value, args: Option<Vec<Value>>) -> Value {
        if self.is_blind(callee) {
            return self.heap.new_allowed(args.as_deref().unwrap_or_default());
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
        let global = self.globals.get(id);
        self.record.called(global.first, &global.name);
        let Some(args) = args else {
            let name = global.name.clone();
            let message =
                format!("calls `{name}` with arguments that are no tuple: C raises, Python calls");
            self.warn("arguments", Some(name), &message);
            return Value::Unknown;
        };
        let Some(contract) = self.contract_of(callee) else {
            self.note(callee, |judge| How::Called(judge.signature_of(&args)));
            self.note_objects(callee, &args);
            return self.unknown_call(id, &args);
        };
        let Some(form) =
            contract.call.iter().find(|form| self.accepts(contract, &form.args, &args))
        else {
            self.note(callee, |judge| How::Called(judge.signature_of(&args)));
            self.note_objects(callee, &args);
            return self.refuse_call(id, &args, &contract.call);
        };
        if !contract.total {
            self.record.may_stop(Alive::NONE);
        }
        self.returned(contract, form, id, &args)
    }

    /// Calls an instance, if its contract allows that.
    fn apply(&mut self, callee: Value, args: &[Value]) -> Option<Value> {
        let contract = self.class_of(callee)?;
        let form = contract.apply.iter().find(|form| self.accepts(contract, &form.args, args))?;
        let Value::Instance(id) = callee else { return None };
        let class = self.heap.class(id);
        self.record.may_stop(Alive::NONE);
        Some(self.returned(contract, form, class, args))
    }

    pub(super) fn judge_new(
        &mut self,
        class: Value,
        args: Option<Vec<Value>>,
        keywords: bool,
    ) -> Value {
        if self.is_blind(class) {
            return self.heap.new_allowed(args.as_deref().unwrap_or_default());
        }
        let Value::Global(id) = class else {
            let message = format!("makes an instance of {}", self.describe(class));
            self.warn("call-of-value", None, &message);
            return Value::Unknown;
        };
        let global = self.globals.get(id);
        self.record.called(global.first, &global.name);
        let args = args.filter(|_| !keywords);
        match (self.contract_of(class), args) {
            (Some(contract), Some(args)) if contract.kind == Kind::Class => {
                if let Some(form) =
                    contract.new.iter().find(|form| self.accepts(contract, &form.args, &args))
                {
                    if !contract.total {
                        self.record.may_stop(Alive::NONE);
                    }
                    return self.returned(contract, form, id, &args);
                }
                self.note(class, |judge| How::Made(judge.signature_of(&args)));
                self.note_objects(class, &args);
                self.refuse_call(id, &args, &contract.new)
            }
            (_, args) => {
                if let Some(args) = &args {
                    self.note(class, |judge| How::Made(judge.signature_of(args)));
                    self.note_objects(class, args);
                }
                let name = self.globals.get(id).name.clone();
                let message = self.words(|judge| {
                    let args = args.map_or("…".to_owned(), |args| judge.describe_all(&args));
                    format!("makes an instance of `{name}` with ({args})")
                });
                self.warn("unlisted-call", Some(name), &message);
                Value::Unknown
            }
        }
    }

    /// A call of a global that the policy does not know.
    fn unknown_call(&mut self, id: GlobalId, args: &[Value]) -> Value {
        let global = self.globals.get(id);
        let (first, denied, name) = (global.first, global.denied, global.name.clone());
        let call = self.words(|judge| format!("`{name}({})`", judge.describe_all(args)));
        match denied {
            Some(does) => {
                // That it was asked for is the proof; the call says what for.
                let (severity, condition) = match self.record.is_proved(first) {
                    true => (Severity::Error, ""),
                    false => (Severity::Warning, UNLESS_RAISED),
                };
                let message = format!("runs {call}, which {does}{condition}");
                self.record.reason("denied-call", severity, Some(name), message);
                self.record.may_stop(Alive::NONE);
            }
            None => self.warn("unlisted-call", Some(name), &format!("calls {call}")),
        }
        Value::Unknown
    }

    fn refuse_call(&mut self, id: GlobalId, args: &[Value], forms: &[Form]) -> Value {
        let name = self.globals.get(id).name.clone();
        let message = self.words(|judge| {
            let allowed: Vec<_> = forms.iter().map(|form| format!("({})", form.args)).collect();
            let allowed = match allowed.len() {
                0 => "to be resolved, not called".to_owned(),
                _ => format!("to be called with {} only", allowed.join(" or ")),
            };
            let objects = judge.hint_at_objects();
            let args = judge.describe_all(args);
            format!("calls `{name}({args})`, which the policy allows {allowed}{objects}")
        });
        self.warn("arguments", Some(name), &message);
        Value::Unknown
    }

    fn returned(
        &mut self,
        contract: &'p Contract,
        form: &'p Form,
        id: GlobalId,
        args: &[Value],
    ) -> Value {
        self.give_what_was_checked(Some(contract), args);
        self.heap.hold_all(args);
        let depth = self.heap.deepest(args).saturating_add(1);
        self.check_depth(depth);
        self.check_weight(args);
        let weight = self.heap.weigh(args);
        match form.returns.as_ref().unwrap_or(&contract.returns) {
            Returns::Instance => self.measured(id, depth, weight, args),
            Returns::InstanceOfArgument(index) => {
                let class = args.get(*index).copied().unwrap_or(Value::Unknown);
                let made = self.contract_of(class).is_some_and(|contract| !contract.new.is_empty());
                match class {
                    Value::Global(class) if made => self.measured(class, depth, weight, args),
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
            Returns::Argument(index) => args.get(*index).copied().unwrap_or(Value::Unknown),
            Returns::InstanceOf(key) => match self.globals.of_policy(self.policy, key) {
                Some(class) => self.measured(class, depth, weight, args),
                None => self.heap.new_allowed(args),
            },
            Returns::Global(key) => match self.globals.of_policy(self.policy, key) {
                Some(global) => Value::Global(global),
                None => self.heap.new_allowed(args),
            },
            Returns::Pattern(pattern) => match pattern {
                Pattern::Bytes => match args {
                    [Value::Str(text), codec @ Value::Str(_)] if self.is_latin(*codec) => {
                        Value::Encoded(*text)
                    }
                    _ => Value::SomeBytes,
                },
                Pattern::ByteArray => match args {
                    [Value::Bytes(at) | Value::Encoded(at) | Value::ByteArray(at)] => {
                        Value::ByteArray(*at)
                    }
                    [Value::Str(text), codec] if self.is_latin(*codec) => Value::ByteArray(*text),
                    _ => Value::ByteArray(NOWHERE),
                },
                Pattern::Set | Pattern::FrozenSet => {
                    let set = match pattern {
                        Pattern::Set => self.heap.new_set(args),
                        _ => self.heap.new_frozenset(args),
                    };
                    self.pass_on(set, args);
                    set
                }
                Pattern::Int => Value::BigInt,
                Pattern::Float => Value::Float,
                Pattern::None => Value::None,
                _ => self.heap.new_allowed(args),
            },
        }
    }

    /// An instance, and its size if it is a type of elements.
    fn measured(&mut self, class: GlobalId, depth: u32, weight: u32, args: &[Value]) -> Value {
        let made = self.heap.new_instance(class, depth, weight);
        self.measure_named(made, args);
        self.pass_on(made, args);
        made
    }

    /// Whether the codec gives a byte for each character.
    fn is_latin(&self, codec: Value) -> bool {
        let latin: [&[u8]; 4] = [b"latin1", b"latin-1", b"iso-8859-1", b"ascii"];
        self.text_of(codec).is_some_and(|codec| latin.contains(&&*codec))
    }
}
