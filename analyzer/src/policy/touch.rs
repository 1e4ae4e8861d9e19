//! What an observer may ask of a policy: whether something that was touched is allowed.
//!
//! Names are dotted, `module.qualname`, as CPython's objects name themselves; where the module
//! ends and the name begins is found by trying.

use super::{Contract, Denied, Entry, Kind, Pattern, Policy, Returns};

/// Every way to split a dotted name into module and name, longest module first.
fn splits(name: &str) -> impl Iterator<Item = (&str, &str)> {
    name.rmatch_indices('.').map(|(dot, _)| (&name[..dot], &name[dot + 1..]))
}

impl Policy {
    /// The entry of a dotted name: the split that has a contract, else one that is denied.
    fn dotted(&self, name: &str) -> Option<Entry<'_>> {
        let entries = || splits(name).map(|(module, name)| self.entry(module, name));
        let allowed = entries().find(|entry| entry.contract.is_some());
        allowed.or_else(|| entries().find(|entry| entry.denied.is_some()))
    }

    fn any_spelling(&self, name: &str) -> Option<Entry<'_>> {
        let direct = self.dotted(name);
        if direct.is_some_and(|entry| entry.contract.is_some()) {
            return direct;
        }
        let renamed = splits(name).find_map(|(module, rest)| {
            let (module, rest) = self.renames.renamed(module, rest)?;
            let entry = self.entry(module, rest);
            (entry.contract.is_some() || entry.denied.is_some()).then_some(entry)
        });
        renamed.or(direct)
    }

    /// Whether a pickle may ask for the global, in Python 2's spelling or Python 3's.
    pub fn allows_resolve(&self, name: &str) -> bool {
        let allowed = |(module, name): (&str, &str)| {
            self.contract(module, name).is_some() && self.may_be_asked(module, name)
        };
        let renamed = |(module, name)| self.renames.renamed(module, name).is_some_and(allowed);
        // A dotted name is walked step by step: each step towards an allowed name is allowed.
        splits(name).any(|split| allowed(split) || renamed(split)) || self.is_step(name)
    }

    fn is_step(&self, name: &str) -> bool {
        self.contracts().flat_map(|contract| &contract.globals).any(|(module, qualified)| {
            qualified.match_indices('.').any(|(dot, _)| {
                name.strip_prefix(module.as_str()).and_then(|rest| rest.strip_prefix('.'))
                    == Some(&qualified[..dot])
            })
        })
    }

    /// Whether the unpickler itself may call the callable of that name.
    pub fn allows_call(&self, name: &str) -> bool {
        let by_contract = self.any_spelling(name).and_then(|entry| entry.contract);
        let contract =
            by_contract.or_else(|| self.contracts().find(|contract| contract.is_also(name)));
        contract.is_some_and(|contract| !contract.call.is_empty() || !contract.new.is_empty())
            || self.applies(name)
            || self.machinery.iter().any(|own| own == name)
    }

    /// Whether it is the call of an instance that may be called.
    fn applies(&self, name: &str) -> bool {
        let class = name.strip_suffix(".__call__").and_then(|class| self.any_spelling(class));
        class.and_then(|entry| entry.contract).is_some_and(|contract| !contract.apply.is_empty())
    }

    /// Whether a pickle may cause the module to be imported.
    pub fn allows_import(&self, module: &str) -> bool {
        let own = |own: &str| {
            own == module || own.starts_with(module) && own[module.len()..].starts_with('.')
        };
        self.index.keys().any(|key| own(key))
    }

    /// Whether the loader may be asked for a persistent object, by its id as Python prints it. How
    /// the id begins is all that is looked at.
    pub fn allows_persistent(&self, id: &str) -> bool {
        let Some((Pattern::TupleOf(form), _)) = &self.persistent else { return false };
        match form.patterns.first() {
            Some(Pattern::StrIs(tag)) => id.starts_with(&format!("('{tag}', ")),
            _ => false,
        }
    }

    /// Whether the unpickler itself may call the method, `module.Type.method`.
    pub fn allows_method(&self, name: &str) -> bool {
        let Some((owner, _)) = name.rsplit_once('.') else { return false };
        let class = self.dotted(owner).and_then(|entry| entry.contract);
        class.is_some_and(|contract| contract.kind == Kind::Class)
            || BUILTIN_CONTAINERS.contains(&owner)
            || self.contracts().any(|contract| contract.is_also(owner))
    }

    /// Whether `callee` may be called, by code of CPython or a library, in the course of a use
    /// of the allowed global `root` (its call, a method of it).
    pub fn trusts_in_turn(&self, root: &str, callee: &str) -> bool {
        if self.opaque.iter().any(|own| own == root) {
            return true;
        }
        let contract = self.contract_of_use(root);
        let method = callee.rsplit_once('.');
        // A class that is a helper by its own name is one with all its methods.
        let class = method.map(|(owner, _)| owner);
        let class = class.filter(|owner| owner.contains('.') && !self.deny.has_module(owner));
        let named = |helper: &String| helper == callee || Some(helper.as_str()) == class;
        let own = contract.iter().flat_map(|contract| &contract.helpers);
        if own.chain(&self.common_helpers).any(named) {
            return true;
        }
        if self.denied(callee) {
            return false;
        }
        // The special methods, which no attribute of an instance can stand in for.
        let special = method.filter(|(_, method)| method.starts_with("__"));
        // `Modules/_abc.c` asks every class there is for its subclasses.
        if special.is_some_and(|(_, method)| method == "__subclasses__") {
            return true;
        }
        let special = special.is_some();
        // Instances of allowed classes may be hashed, compared and iterated by anyone.
        if special && self.allows_method(callee) {
            return true;
        }
        // `copyreg._reconstructor` makes instances of the class it is given.
        let maker = contract
            .is_some_and(|contract| matches!(contract.returns, Returns::InstanceOfArgument(_)));
        if maker && self.allows_call(callee) {
            return true;
        }
        let within = |module: &str| {
            callee.strip_prefix(module).is_some_and(|rest| rest.starts_with('.') || rest.is_empty())
        };
        if self.common_helpers.iter().any(|helper| within(helper)) {
            return true;
        }
        contract.is_some_and(|contract| {
            contract.globals.iter().any(|(module, _)| within(module))
                || contract.helpers.iter().any(|helper| within(helper))
        })
    }

    /// The contract of a use: of a callable by its own name, or of the class whose method it is.
    fn contract_of_use(&self, name: &str) -> Option<&Contract> {
        let owner = name.rsplit_once('.').map(|(owner, _)| owner);
        [Some(name), owner].into_iter().flatten().find_map(|name| {
            let spelled = self.any_spelling(name).and_then(|entry| entry.contract);
            spelled.or_else(|| self.contracts().find(|contract| contract.is_also(name)))
        })
    }

    /// What the deny list says of the global, in Python 2's spelling or Python 3's.
    pub fn why_denied(&self, name: &str) -> Option<&Denied> {
        let renamed = |(module, rest)| {
            let (module, rest) = self.renames.renamed(module, rest)?;
            self.deny.find(module, rest)
        };
        let as_spelled = splits(name).find_map(|(module, rest)| self.deny.find(module, rest));
        as_spelled.or_else(|| splits(name).find_map(renamed))
    }

    /// Whether the global is on the deny list, in Python 2's spelling or Python 3's.
    pub fn denied(&self, name: &str) -> bool {
        self.why_denied(name).is_some()
    }
}

/// Containers whose methods the unpickler calls on its own account.
const BUILTIN_CONTAINERS: [&str; 5] =
    ["builtins.list", "builtins.dict", "builtins.set", "builtins.frozenset", "builtins.tuple"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn helpers_are_trusted_by_name_and_classes_with_their_methods() {
        let text = "summary = 'x'\n[[contract]]\nglobals = ['a:f']\ncall = ['']\n\
                    helpers = ['_thread.RLock', 'b', 'os']\nsource = 'x'\n";
        let policy = Policy::from_text("x", text).unwrap();
        for trusted in ["_thread.RLock", "_thread.RLock.acquire", "b.c.d", "a.g"] {
            assert!(policy.trusts_in_turn("a.f", trusted), "{trusted}");
        }
        for other in ["_thread.lock.acquire", "_thread.start_new_thread", "os.system", "c.b"] {
            assert!(!policy.trusts_in_turn("a.f", other), "{other}");
        }
        assert!(!policy.trusts_in_turn("b.f", "_thread.RLock.__enter__"));
    }

    #[test]
    fn what_is_common_is_trusted_by_name_and_what_is_opaque_with_all_it_calls() {
        let text = "summary = 'x'\nhelpers = ['builtins.__import__']\nopaque = ['b.show']\n\
                    [[contract]]\nglobals = ['a:f']\ncall = ['']\nsource = 'x'\n";
        let policy = Policy::from_text("x", text).unwrap();
        assert!(policy.trusts_in_turn("a.f", "builtins.__import__"));
        assert!(!policy.trusts_in_turn("a.f", "builtins.exec"));
        assert!(policy.trusts_in_turn("b.show", "io.open"));
        assert!(
            !policy.trusts_in_turn("a.f", "b.show") && !policy.trusts_in_turn("a.f", "io.open")
        );
    }

    #[test]
    fn what_cython_compiled_goes_by_its_own_name() {
        let policy = Policy::load(&["numpy"]).unwrap();
        assert!(policy.allows_call("numpy.random._pickle.__bit_generator_ctor"));
        assert!(!policy.allows_call("_cython_3_0_11.cython_function_or_method.__call__"));
        assert!(!policy.trusts_in_turn(
            "collections.deque",
            "_cython_3_0_11.cython_function_or_method.__call__"
        ));
    }
}
