//! Conditions: what contracts demand, each by a stable name, and policies that lack one.
//!
//! A contract is tested by deleting one *condition* of it at a time: a campaign must then find
//! that the policy has become unsound, or the condition is not needed. A condition is a part of a
//! contract that refuses something. What a contract *trusts* (helpers, other names of its objects)
//! is no condition: observers ask for it, pickles don't.
//!
//! Names read `PROFILE/MODULE:NAME/PART`, with the first global of the contract:
//! `data/_codecs:encode/call[0]/arg[1]`. This module must not say which conditions matter.

mod part;

use std::sync::Arc;

use super::contract::{Append, Contract, Form, Kind, Returns, State};
use super::pattern::{Contents, Entries, Pattern, Signature};
use super::{Policy, PolicyError};
pub use part::{Part, Way};

/// A condition of a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// Its stable name.
    pub name: String,
    /// What it demands, for people.
    pub demands: String,
    /// What of its contract it is.
    pub part: Part,
    /// The contract, by its place in the policy.
    index: usize,
}

impl Policy {
    /// Every condition of every contract, in the order of the contracts.
    pub fn conditions(&self) -> Vec<Condition> {
        let mut out = Vec::new();
        for (index, contract) in self.contracts.iter().enumerate() {
            // A contract all of whose globals another profile speaks of has no say.
            let Some((module, name)) = contract.globals.iter().find(|(module, name)| {
                self.index.get(module).and_then(|names| names.get(name)) == Some(&index)
            }) else {
                continue;
            };
            for (part, demands) in parts(contract, self.has_instances(contract)) {
                let name = format!("{}/{module}:{name}/{}", contract.profile, part.name());
                out.push(Condition { name, demands, part, index });
            }
        }
        out
    }

    /// The condition of that name.
    ///
    /// # Errors
    /// If the policy has none.
    pub fn condition(&self, name: &str) -> Result<Condition, PolicyError> {
        let found = self.conditions().into_iter().find(|condition| condition.name == name);
        found.ok_or_else(|| PolicyError::Condition(name.to_owned()))
    }

    /// The contract that has the condition.
    pub fn contract_with(&self, condition: &Condition) -> &Contract {
        &self.contracts[condition.index]
    }

    /// The policy without that condition of it: whatever the condition refused is allowed.
    pub fn without(&self, condition: &Condition) -> Self {
        let mut weakened = self.clone();
        let contract = Arc::make_mut(&mut weakened.contracts[condition.index]);
        delete(contract, &condition.part);
        weakened
    }

    /// Whether some allowed use gives an instance of the contract's own.
    fn has_instances(&self, contract: &Contract) -> bool {
        let mut own = contract.call.iter().chain(&contract.new);
        let made = contract.kind == Kind::Class
            && (!contract.new.is_empty() || contract.returns == Returns::Instance)
            && own.any(|form| {
                let returns = form.returns.as_ref().unwrap_or(&contract.returns);
                *returns == Returns::Instance
            });
        let is_own = |returns: &Returns| match returns {
            Returns::InstanceOf(key) => key.split_once(':').is_some_and(|(module, name)| {
                contract.globals.iter().any(|own| own.0 == module && own.1 == name)
            }),
            _ => false,
        };
        made || self.contracts.iter().any(|other| {
            let mut forms = other.call.iter().chain(&other.new).chain(&other.apply);
            is_own(&other.returns) || forms.any(|form| form.returns.as_ref().is_some_and(is_own))
        })
    }
}

/// Every condition of a contract, with what it demands.
fn parts(contract: &Contract, instances: bool) -> Vec<(Part, String)> {
    let mut out = Vec::new();
    for way in Way::ALL {
        let possible = match way {
            // What is no global of anywhere can't be asked for.
            Way::Call => contract.everywhere,
            Way::New => contract.everywhere && contract.kind == Kind::Class,
            Way::Apply => instances,
        };
        let forms = way.forms(contract);
        if forms.is_empty() && possible {
            out.push((Part::Never(way), "not allowed".to_owned()));
        }
        for (form, Form { args, returns }) in forms.iter().enumerate() {
            for (index, pattern) in args.patterns.iter().enumerate() {
                for (items, pattern) in within(pattern) {
                    let part = Part::Argument { way, form, index, items };
                    out.extend(of_attributes(&part, pattern));
                    out.push((part, pattern.to_string()));
                }
            }
            if args.required > 0 || !args.rest {
                out.push((Part::Count(way, form), format!("({args})")));
            }
            if let Returns::InstanceOfArgument(index) =
                returns.as_ref().unwrap_or(&contract.returns)
            {
                let demands = format!("argument {index} may be made without arguments");
                out.push((Part::Made(way, form), demands));
            }
        }
    }
    if instances {
        if contract.build.is_empty() {
            out.push((Part::NeverBuilt, "not allowed".to_owned()));
        }
        for (index, State { pattern, .. }) in contract.build.iter().enumerate() {
            for (items, pattern) in within(pattern) {
                let part = Part::State { index, items };
                out.extend(of_attributes(&part, pattern));
                out.push((part, pattern.to_string()));
            }
        }
        if contract.append != Append::Any {
            let what = if contract.append == Append::No { "not allowed" } else { "plain values" };
            out.push((Part::Append, what.to_owned()));
        }
        if contract.setitem.is_some() && contract.named {
            out.push((Part::Named, "items that can't be called".to_owned()));
        }
        if contract.unhashed {
            out.push((Part::Unhashed, "not to be hashed".to_owned()));
        }
        if contract.unheld && !contract.build.is_empty() {
            out.push((Part::Unheld, "restored once, before anything holds it".to_owned()));
        }
        if contract.callable {
            out.push((Part::Callable, "no attribute of anything".to_owned()));
        }
        for (item, pattern) in contract.setitem.iter().flat_map(|of| of.patterns.iter().enumerate())
        {
            if *pattern != Pattern::Any {
                out.push((Part::Item(item), pattern.to_string()));
            }
        }
        let allowed = [(contract.setitem.is_some(), Part::SetItem), (contract.add, Part::Add)];
        for (allowed, part) in allowed {
            if !allowed {
                out.push((part, "not allowed".to_owned()));
            }
        }
    }
    if !contract.stores && contract.takes_objects() {
        out.push((Part::Data, "data where no kind of object is asked for".to_owned()));
    }
    if !contract.kept {
        out.push((Part::Kept, "not to be kept as a value".to_owned()));
    }
    // A class is wanted that can be made, or called, without arguments.
    let wanted = !contract.new.is_empty() || contract.call.iter().any(|form| form.args.takes(0));
    if contract.kind != Kind::Class && wanted {
        out.push((Part::Kind, "no class".to_owned()));
    }
    out
}

/// What a pattern demands of attributes, each by itself.
fn of_attributes(part: &Part, pattern: &Pattern) -> Vec<(Part, String)> {
    let mut out = Vec::new();
    if pattern.alternatives().iter().any(|one| let_callables(&mut one.clone())) {
        let demands = "attributes that can't be called".to_owned();
        out.push((Part::Uncalled(Box::new(part.clone())), demands));
    }
    if pattern.alternatives().iter().any(|one| let_hold_anything(&mut one.clone())) {
        out.push((Part::Holds(Box::new(part.clone())), pattern.to_string()));
    }
    out
}

/// Lets attributes be called; whether that changes anything.
fn let_callables(pattern: &mut Pattern) -> bool {
    match pattern {
        Pattern::DictUncalled => *pattern = Pattern::Dict,
        Pattern::Attributes(attributes)
            if !attributes.callables && attributes.holds != Contents::Atoms =>
        {
            attributes.callables = true;
        }
        Pattern::DictOf(Entries { others: Some(attributes), .. })
            if !attributes.callables && attributes.holds != Contents::Atoms =>
        {
            attributes.callables = true;
        }
        _ => return false,
    }
    true
}

/// Lets attributes of any name hold anything that can't be called; whether that changes anything.
fn let_hold_anything(pattern: &mut Pattern) -> bool {
    match pattern {
        Pattern::Attributes(attributes) if attributes.holds == Contents::NoArgs => {
            attributes.holds = Contents::Any;
            true
        }
        _ => false,
    }
}

/// From so many items on those that are alike are one.
const MANY: usize = 16;

/// The pattern and those of the items of tuples, lists and dicts in it, each with the way to it, but for such as
/// take anything.
fn within(pattern: &Pattern) -> Vec<(Vec<usize>, &Pattern)> {
    let mut out = Vec::new();
    if *pattern != Pattern::Any {
        out.push((Vec::new(), pattern));
    }
    let parts: Vec<&Pattern> = match pattern {
        Pattern::TupleOf(signature) => signature.patterns.iter().collect(),
        Pattern::DictOf(Entries { of, .. }) => of.iter().map(|entry| &entry.value).collect(),
        Pattern::ListEach(of) | Pattern::DictEach(of) => vec![of],
        _ => Vec::new(),
    };
    for (item, pattern) in parts.iter().enumerate() {
        // The lengths of a shape are one condition.
        if parts.len() >= MANY && item > 0 && parts[item - 1] == *pattern {
            continue;
        }
        out.extend(within(pattern).into_iter().map(|(mut items, pattern)| {
            items.insert(0, item);
            (items, pattern)
        }));
    }
    out
}

fn delete(contract: &mut Contract, part: &Part) {
    match part {
        Part::Never(way) => {
            way.forms_mut(contract).push(Form { args: Signature::free(), returns: None });
        }
        Part::Argument { way, form, index, items } => {
            let every = contract.returns.clone();
            let form = &mut way.forms_mut(contract)[*form];
            free(&mut form.args.patterns[*index], items);
            // That instances of it can be made is demanded of the same argument once more.
            if *form.returns.as_ref().unwrap_or(&every) == Returns::InstanceOfArgument(*index) {
                form.returns = Some(Returns::Pattern(Pattern::Any));
            }
        }
        Part::Count(way, form) => {
            let args = &mut way.forms_mut(contract)[*form].args;
            args.required = 0;
            if !args.rest {
                args.patterns.push(Pattern::Free);
                args.rest = true;
            }
        }
        Part::Made(way, form) => {
            let of_any_class = Returns::Pattern(Pattern::Any);
            way.forms_mut(contract)[*form].returns = Some(of_any_class);
        }
        Part::NeverBuilt => contract.build.push(State { pattern: Pattern::Free, becomes: None }),
        Part::State { index, items } => free(&mut contract.build[*index].pattern, items),
        Part::Uncalled(of) => each_of(contract, of, let_callables),
        Part::Holds(of) => each_of(contract, of, let_hold_anything),
        Part::Named => contract.named = false,
        Part::Callable => contract.callable = false,
        Part::Unhashed => contract.unhashed = false,
        Part::Unheld => contract.unheld = false,
        Part::Data => contract.stores = true,
        Part::Append => contract.append = Append::Any,
        Part::SetItem => contract.setitem = Some(Signature::free()),
        Part::Item(item) => {
            if let Some(of) = &mut contract.setitem {
                of.patterns[*item] = Pattern::Free;
            }
        }
        Part::Add => contract.add = true,
        Part::Kept => contract.kept = true,
        Part::Kind => contract.kind = Kind::Class,
    }
}

/// Makes the pattern, or that of an item within, take anything.
fn free(pattern: &mut Pattern, items: &[usize]) {
    *at(pattern, items) = Pattern::Free;
}

/// Changes each alternative of what the contract demands of that argument or state.
fn each_of(contract: &mut Contract, part: &Part, change: impl Fn(&mut Pattern) -> bool) {
    let (pattern, items) = match part {
        Part::Argument { way, form, index, items } => {
            (&mut way.forms_mut(contract)[*form].args.patterns[*index], items)
        }
        Part::State { index, items } => (&mut contract.build[*index].pattern, items),
        _ => return,
    };
    for one in at(pattern, items).alternatives_mut() {
        change(one);
    }
}

/// The pattern of an item within.
fn at<'p>(pattern: &'p mut Pattern, items: &[usize]) -> &'p mut Pattern {
    match (items.split_first(), pattern) {
        (Some((item, rest)), Pattern::TupleOf(signature)) => {
            at(&mut signature.patterns[*item], rest)
        }
        (Some((item, rest)), Pattern::DictOf(entries)) => at(&mut entries.of[*item].value, rest),
        (Some((_, rest)), Pattern::ListEach(of) | Pattern::DictEach(of)) => at(of, rest),
        (_, pattern) => pattern,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Verdict, analyze};

    fn judged(condition: &str, pickle: &[u8]) -> (Verdict, Verdict) {
        let policy = Policy::load(&["stdlib"]).unwrap();
        let weakened = policy.without(&policy.condition(condition).unwrap());
        (analyze(pickle, &policy).verdict, analyze(pickle, &weakened).verdict)
    }

    #[test]
    fn each_kind_of_condition_can_be_deleted() {
        for (condition, pickle) in [
            ("data/_codecs:encode/call[0]/arg[1]", &b"c_codecs\nencode\n(Vx\nVrot13\ntR."[..]),
            ("data/_codecs:encode/call[0]/count", b"c_codecs\nencode\n(Vx\ntR."),
            ("stdlib/uuid:UUID/call", b"cuuid\nUUID\n(Vx\ntR."),
            ("stdlib/uuid:UUID/build[0]", b"cuuid\nUUID\n)\x81]b."),
            ("stdlib/builtins:range/build", b"cbuiltins\nrange\n(I1\ntR]b."),
            ("stdlib/random:Random/build[0]/item[0]", b"crandom\nRandom\n)R(VX\n)Ntb."),
            ("stdlib/operator:itemgetter/apply", b"coperator\nitemgetter\n(I0\ntR(NtR."),
            (
                "stdlib/types:SimpleNamespace/build[0]/uncalled",
                b"ctypes\nSimpleNamespace\n)R}Vx\ncuuid\nUUID\nsb.",
            ),
            ("stdlib/array:array/append", b"carray\narray\n(Vb\ntR]a."),
            ("stdlib/collections:deque/setitem", b"ccollections\ndeque\n)RNNs."),
            ("stdlib/collections:deque/add", b"\x80\x04ccollections\ndeque\n)R(K\x01\x90."),
        ] {
            assert_eq!(
                judged(condition, pickle),
                (Verdict::Unproven, Verdict::Safe),
                "{condition}"
            );
        }
    }

    #[test]
    fn names_are_distinct_and_lead_back() {
        for (profile, _) in Policy::builtin() {
            let policy = Policy::load(&[profile]).unwrap();
            let conditions = policy.conditions();
            let mut names: Vec<&str> = conditions.iter().map(|c| c.name.as_str()).collect();
            names.sort_unstable();
            names.dedup();
            assert_eq!(names.len(), conditions.len(), "{profile}");
            for condition in conditions.iter().step_by(17) {
                assert_eq!(policy.condition(&condition.name).unwrap(), *condition);
            }
        }
        let policy = Policy::load(&["data"]).unwrap();
        assert!(policy.condition("data/_codecs:encode/call[9]").is_err());
    }
}
