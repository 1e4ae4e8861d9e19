//! An *aim*: pickles that use one global, or its instances, in one way, with one argument free.
//!
//! Says which idioms a campaign is to try when it looks for what the conditions of contracts keep
//! out, or fail to. It takes names and shapes from the policy and hands them to the generator as data,
//! so the generator knows nothing of policies. It must not know what is harmful: the free place
//! takes everything that a pickle can supply.

mod callables;
mod material;

use std::sync::Arc;

use arbitrary::Unstructured;
use assay_analyzer::{
    Condition, Contract, Entries, Form, Item, Kind, Part, Pattern, Policy, Signature, State, Way,
};
use assay_corpus::{GlobalName, Value};
use assay_generator::{SafeGlobal, Template, idiom_pickle};
use assay_pickle::Opcode;

use crate::random::Random;
use material::Material;

/// Random bytes for one pickle: choices of templates and spellings, and of a value for each of many
/// attributes.
const ENTROPY: usize = 4096;

/// What a campaign is aimed at.
#[derive(Clone, Debug)]
pub struct Aim {
    /// The idioms that try each condition; none of them is empty.
    tries: Vec<Vec<SafeGlobal>>,
}

impl Aim {
    /// The aim at what conditions of the policy keep out, each as often as the others.
    pub fn at<'c>(
        policy: &Policy,
        conditions: impl IntoIterator<Item = &'c Condition>,
    ) -> Arc<Self> {
        let material = Material::new(policy);
        let idioms = |condition: &Condition| {
            let contract = policy.contract_with(condition);
            Idioms { policy, material: &material, contract }.of(&condition.part)
        };
        let tries = conditions.into_iter().map(idioms).filter(|idioms| !idioms.is_empty());
        Arc::new(Self { tries: tries.collect() })
    }

    /// One pickle.
    pub fn pickle(&self, random: &mut Random) -> Vec<u8> {
        let mut entropy = [0; ENTROPY];
        random.fill(&mut entropy);
        if self.tries.is_empty() {
            return b"N.".to_vec();
        }
        let idioms = &self.tries[random.below(self.tries.len())];
        let idiom = &idioms[random.below(idioms.len())];
        idiom_pickle(idiom, random.below(6) as u8, &mut Unstructured::new(&entropy))
    }
}

/// Makes the idioms of an aim.
#[derive(Clone, Copy)]
struct Idioms<'p> {
    policy: &'p Policy,
    material: &'p Material<'p>,
    contract: &'p Contract,
}

impl Idioms<'_> {
    fn of(&self, part: &Part) -> Vec<SafeGlobal> {
        match part {
            Part::Never(Way::Apply) => self.afterwards(|idiom, args| idiom.applied = Some(args)),
            Part::Never(way) => self.all(*way, self.any_arguments()),
            Part::Argument { way: Way::Apply, form, index, items } => {
                let lists = self.one_free(&self.contract.apply[*form].args, *index, items);
                self.with_each(lists, |idiom, args| idiom.applied = Some(args))
            }
            Part::Argument { way, form, index, items } => {
                let signature = &way.forms(self.contract)[*form].args;
                self.all(*way, self.one_free(signature, *index, items))
            }
            Part::Count(Way::Apply, form) => {
                let lists = self.miscounted(&self.contract.apply[*form].args);
                self.with_each(lists, |idiom, args| idiom.applied = Some(args))
            }
            Part::Count(way, form) => {
                self.all(*way, self.miscounted(&way.forms(self.contract)[*form].args))
            }
            Part::Made(way, form) => {
                let signature = &way.forms(self.contract)[*form].args;
                self.all(*way, self.one_free(signature, 0, &[]))
            }
            Part::NeverBuilt => self.built(&self.material.anything()),
            Part::State { index, items } => {
                self.built(&self.freed(&self.contract.build[*index].pattern, items))
            }
            Part::Uncalled(of) => self.with_callables(of),
            Part::Holds(of) => self.with_contents(of),
            Part::Named => self.with_callable_items(),
            Part::Callable => self.as_attributes(),
            Part::Unhashed => self.as_keys(),
            // Grafts restore one again.
            Part::Unheld => {
                let states = self.contract.build.iter();
                let conforming = |state: &State| self.material.conforming(&state.pattern);
                states.flat_map(|state| self.built(&conforming(state))).collect()
            }
            Part::Data => self.with_objects(),
            Part::Append => self.with(|idiom, any| idiom.items = Some(any)),
            Part::SetItem => self.with(|idiom, any| idiom.pairs = Some((any.clone(), any))),
            Part::Item(free) => self.with(|idiom, any| {
                let patterns = self.contract.setitem.iter().flat_map(|of| &of.patterns);
                let templates = patterns.enumerate().map(|(at, pattern)| match at == *free {
                    true => any.clone(),
                    false => self.material.conforming(pattern),
                });
                let pair: Result<[Template; 2], _> = templates.collect::<Vec<_>>().try_into();
                idiom.pairs = pair.ok().map(|[key, value]| (key, value));
            }),
            Part::Add => self.with(|idiom, any| idiom.members = Some(any)),
            Part::Kept => self.kept(),
            Part::Kind => self.as_classes(),
        }
    }

    /// The globals of the contract.
    fn globals(&self) -> impl Iterator<Item = GlobalName> + '_ {
        let name = |(module, name): &(String, String)| GlobalName {
            module: module.clone(),
            name: name.clone(),
        };
        self.contract.globals.iter().map(name)
    }

    /// Every global of the contract, used so with each list of arguments.
    fn all(&self, way: Way, lists: Vec<Vec<Template>>) -> Vec<SafeGlobal> {
        let mut out = Vec::new();
        for global in self.globals() {
            for args in &lists {
                out.push(used(&global, way, args.clone()));
            }
        }
        out
    }

    /// Instances of the contract, made in every way that is allowed.
    fn instances(&self) -> Vec<SafeGlobal> {
        let mut out = Vec::new();
        for way in [Way::Call, Way::New] {
            for Form { args, .. } in way.forms(self.contract) {
                out.extend(self.all(way, vec![self.conforming(args, args.patterns.len())]));
                out.extend(self.all(way, vec![self.conforming(args, args.required)]));
            }
        }
        if !self.contract.everywhere {
            out.clear();
        }
        for key in self.contract.globals.iter().map(|(module, name)| format!("{module}:{name}")) {
            for (maker, form) in self.material.makers(&key) {
                let args = self.conforming(&form.args, form.args.patterns.len());
                for (module, name) in &maker.globals {
                    let global = GlobalName { module: module.clone(), name: name.clone() };
                    out.push(used(&global, Way::Call, args.clone()));
                }
            }
        }
        out
    }

    fn with(&self, put: impl Fn(&mut SafeGlobal, Template)) -> Vec<SafeGlobal> {
        let mut out = self.instances();
        out.iter_mut().for_each(|idiom| put(idiom, self.material.anything()));
        out
    }

    fn with_each(
        &self,
        lists: Vec<Vec<Template>>,
        put: impl Fn(&mut SafeGlobal, Vec<Template>),
    ) -> Vec<SafeGlobal> {
        let mut out = Vec::new();
        for args in lists {
            for mut idiom in self.instances() {
                put(&mut idiom, args.clone());
                out.push(idiom);
            }
        }
        out
    }

    fn afterwards(&self, put: impl Fn(&mut SafeGlobal, Vec<Template>)) -> Vec<SafeGlobal> {
        self.with_each(self.any_arguments(), put)
    }

    fn built(&self, state: &Template) -> Vec<SafeGlobal> {
        let mut out = self.instances();
        out.iter_mut().for_each(|idiom| idiom.state = Some(state.clone()));
        out
    }

    /// Up to three arguments of any kind, and such as other uses of the global take.
    fn any_arguments(&self) -> Vec<Vec<Template>> {
        let mut out: Vec<Vec<Template>> =
            (0..4).map(|count| vec![self.material.anything(); count]).collect();
        for way in [Way::Call, Way::New, Way::Apply] {
            for Form { args, .. } in way.forms(self.contract) {
                out.push(self.conforming(args, args.patterns.len()));
            }
        }
        out
    }

    fn conforming(&self, signature: &Signature, count: usize) -> Vec<Template> {
        let count = if signature.patterns.is_empty() { 0 } else { count };
        (0..count).map(|index| self.material.conforming(signature.pattern(index))).collect()
    }

    /// Arguments that conform but for one, with as few and as many as may be.
    fn one_free(&self, signature: &Signature, index: usize, items: &[usize]) -> Vec<Vec<Template>> {
        let most = signature.patterns.len() + usize::from(signature.rest);
        let mut counts = vec![signature.required.max(index + 1), most];
        counts.dedup();
        let list = |count| {
            let mut args = self.conforming(signature, count);
            args[index] = self.freed(&signature.patterns[index], items);
            args
        };
        counts.into_iter().map(list).collect()
    }

    /// Fewer arguments than are demanded, and more than are allowed.
    fn miscounted(&self, signature: &Signature) -> Vec<Vec<Template>> {
        let fewer = (0..signature.required).map(|count| self.conforming(signature, count));
        let mut out: Vec<Vec<Template>> = fewer.collect();
        if !signature.rest {
            for more in 1..4 {
                let mut args = self.conforming(signature, signature.patterns.len());
                args.extend(vec![self.material.anything(); more]);
                out.push(args);
            }
        }
        out
    }

    /// Something of the pattern whose part at `items` may be anything.
    fn freed(&self, pattern: &Pattern, items: &[usize]) -> Template {
        self.replaced(pattern, items, &self.material.anything())
    }

    /// Something of the pattern whose part at `items` is what is given.
    fn replaced(&self, pattern: &Pattern, items: &[usize], by: &Template) -> Template {
        match (items.split_first(), pattern) {
            (Some((item, rest)), Pattern::TupleOf(signature)) => {
                let each = signature.patterns.iter().enumerate().map(|(at, pattern)| {
                    if at == *item {
                        self.replaced(pattern, rest, by)
                    } else {
                        self.material.conforming(pattern)
                    }
                });
                Template::TupleOf(each.collect())
            }
            (Some((item, rest)), Pattern::DictOf(Entries { of, .. })) => {
                // Those that need not be there stay away, but for the one that is meant.
                let meant = |at: usize, entry: &Item| at == *item || !entry.optional;
                let there = of.iter().enumerate().filter(|(at, entry)| meant(*at, entry));
                let each = there.map(|(at, Item { key, value, .. })| {
                    let value = match at == *item {
                        true => self.replaced(value, rest, by),
                        false => self.material.conforming(value),
                    };
                    (Value::Str(key.clone()), value)
                });
                Template::Items(each.collect())
            }
            (Some((_, rest)), Pattern::ListEach(of)) => {
                Template::ListOf(Box::new(self.replaced(of, rest, by)))
            }
            (Some((_, rest)), Pattern::DictEach(of)) => {
                Template::Items(vec![(Value::Str("x".into()), self.replaced(of, rest, by))])
            }
            _ => by.clone(),
        }
    }

    /// Objects wherever anything is taken that is data.
    fn with_objects(&self) -> Vec<SafeGlobal> {
        let mut out = Vec::new();
        for way in [Way::Call, Way::New, Way::Apply] {
            for Form { args, .. } in way.forms(self.contract) {
                for (index, pattern) in args.patterns.iter().enumerate() {
                    for items in pattern.general() {
                        let lists = self.one_free(args, index, &items);
                        match way {
                            Way::Apply => out.extend(
                                self.with_each(lists, |idiom, args| idiom.applied = Some(args)),
                            ),
                            _ => out.extend(self.all(way, lists)),
                        }
                    }
                }
            }
        }
        let mut of_items = self.contract.setitem.iter().flat_map(|of| &of.patterns);
        if of_items.any(|pattern| !pattern.general().is_empty()) {
            out.extend(self.with(|idiom, any| idiom.pairs = Some((any.clone(), any))));
        }
        for State { pattern, .. } in &self.contract.build {
            for items in pattern.general() {
                out.extend(self.built(&self.freed(pattern, &items)));
            }
        }
        out
    }

    /// The globals as values of a dict.
    fn kept(&self) -> Vec<SafeGlobal> {
        let name = GlobalName { module: "collections".into(), name: "OrderedDict".into() };
        let globals = self.globals().map(|global| {
            let mut idiom = SafeGlobal::call(name.clone(), Vec::new());
            let key = Template::Fixed(Value::Str("key".into()));
            idiom.pairs = Some((key, Template::Fixed(Value::Global(global))));
            idiom
        });
        globals.collect()
    }

    /// The globals wherever a class is wanted.
    fn as_classes(&self) -> Vec<SafeGlobal> {
        let globals: Vec<Template> =
            self.globals().map(|global| Template::Fixed(Value::Global(global))).collect();
        let mut out = Vec::new();
        for taker in self.policy.contracts() {
            for way in [Way::Call, Way::New] {
                for Form { args, .. } in way.forms(taker) {
                    for index in
                        (0..args.patterns.len()).filter(|&at| wants_class(&args.patterns[at]))
                    {
                        let mut list = self.conforming(args, args.required.max(index + 1));
                        list[index] = Template::One(globals.clone());
                        for (module, name) in &taker.globals {
                            let global = GlobalName { module: module.clone(), name: name.clone() };
                            out.push(used(&global, way, list.clone()));
                        }
                    }
                }
            }
        }
        if self.contract.kind == Kind::Function {
            // A function in the place of a class makes nothing by NEWOBJ, but it may be asked to.
            out.extend(self.all(Way::New, self.any_arguments()));
        }
        out
    }
}

fn wants_class(pattern: &Pattern) -> bool {
    match pattern {
        Pattern::Class => true,
        Pattern::AnyOf(patterns) => patterns.iter().any(wants_class),
        _ => false,
    }
}

fn used(global: &GlobalName, way: Way, args: Vec<Template>) -> SafeGlobal {
    let mut idiom = SafeGlobal::call(global.clone(), args);
    if way == Way::New {
        idiom.how = Opcode::NewObj;
    }
    idiom.min_protocol = if way == Way::New { 2 } else { 0 };
    idiom
}

#[cfg(test)]
mod tests {
    use assay_analyzer::{Verdict, analyze};

    use super::*;

    /// Pickles that are tried for one condition: what it takes that the rarest of them is met.
    const TRIES: usize = 20_000;

    fn passes(policy: &Policy, weakened: &Policy, aim: &Aim) -> bool {
        let mut random = Random::at(1, &[1]);
        (0..TRIES).any(|_| {
            let pickle = aim.pickle(&mut random);
            analyze(&pickle, weakened).verdict == Verdict::Safe
                && analyze(&pickle, policy).verdict != Verdict::Safe
        })
    }

    #[test]
    fn aims_hit_what_their_condition_keeps_out() {
        let policy = Policy::load(&["stdlib"]).unwrap();
        let conditions = policy.conditions();
        let missed: Vec<&str> = conditions
            .iter()
            .filter(|condition| {
                let weakened = policy.without(condition);
                !passes(&policy, &weakened, &Aim::at(&policy, [*condition]))
            })
            .map(|condition| condition.name.as_str())
            .collect();
        assert!(missed.is_empty(), "{} of {}: {missed:#?}", missed.len(), conditions.len());
    }
}
