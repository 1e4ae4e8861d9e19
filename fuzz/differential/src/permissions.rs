//! What a load may touch: the questions that comparing asks of a policy.
//!
//! A trait, so that hand-made observations can be compared under hand-made policies. An
//! implementor must answer from the policy alone, never from what an analyser made of a pickle.

use assay_analyzer::Policy;

/// Answers for one name at a time; names are dotted, `module.qualname`, in any spelling.
pub trait Permissions {
    /// May `find_class` be asked for it?
    fn allows_resolve(&self, name: &str) -> bool;
    /// May the unpickler call it? By the name that the callable has itself.
    fn allows_call(&self, name: &str) -> bool;
    /// May this module be executed?
    fn allows_import(&self, module: &str) -> bool;
    /// May the loader be asked for a persistent object of this id, as Python prints it?
    fn allows_persistent(&self, id: &str) -> bool;
    /// May the unpickler call this method, `module.Type.method`?
    fn allows_method(&self, name: &str) -> bool;
    /// May `callee` be called in the course of an allowed touch of `root`?
    fn trusts_in_turn(&self, root: &str, callee: &str) -> bool;
    /// Is it on the deny list?
    fn denied(&self, name: &str) -> bool;
}

impl Permissions for Policy {
    fn allows_resolve(&self, name: &str) -> bool {
        Policy::allows_resolve(self, name)
    }

    fn allows_call(&self, name: &str) -> bool {
        Policy::allows_call(self, name)
    }

    fn allows_import(&self, module: &str) -> bool {
        Policy::allows_import(self, module)
    }

    fn allows_persistent(&self, id: &str) -> bool {
        Policy::allows_persistent(self, id)
    }

    fn allows_method(&self, name: &str) -> bool {
        Policy::allows_method(self, name)
    }

    fn trusts_in_turn(&self, root: &str, callee: &str) -> bool {
        Policy::trusts_in_turn(self, root, callee)
    }

    fn denied(&self, name: &str) -> bool {
        Policy::denied(self, name)
    }
}
