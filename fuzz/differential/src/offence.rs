//! An *offence*: a touch that the policy does not allow, or an effect nothing may have.
//!
//! Finds the offences of one observation. Who called whom decides about calls made in turn: an
//! allowed callable may use its own helpers, but not hand control to what the pickle supplied.

use assay_oracle::{Effect, EffectKind, Observation, TouchKind, Touched};

use crate::{Permissions, classify};

/// One offence.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Offence {
    /// A touch, with its index in the observation.
    Touch(usize, Touched),
    /// An effect.
    Effect(Effect),
}

/// What tells an offence from others, whatever the payload: names that a pickle can swap for
/// others are left out.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Mechanism {
    /// The unpickler itself did it, in this way.
    Direct(TouchKind),
    /// It came about in the course of a call of this allowed callable.
    InTurn(String),
    /// It was felt outside.
    Felt,
}

impl Offence {
    /// By what mechanism it came about, in the observation it is of.
    pub fn mechanism(&self, seen: &Observation) -> Mechanism {
        match self {
            Self::Touch(i, touched) => {
                root(seen, *i).map_or(Mechanism::Direct(touched.kind), Mechanism::InTurn)
            }
            Self::Effect(_) => Mechanism::Felt,
        }
    }
}

/// Every offence against the policy, in order; touches that follow from an offence are left out.
pub fn against_policy(seen: &Observation, allowed: &dyn Permissions) -> Vec<Offence> {
    let mut out = Vec::new();
    // Whether the touch at an index, or one it came from, is an offence already.
    let mut tainted = vec![false; seen.touched.len()];
    for (i, touched) in seen.touched.iter().enumerate() {
        let parent = parent(seen, i);
        if parent.is_some_and(|parent| tainted[parent]) {
            tainted[i] = true;
            continue;
        }
        if classify::refuses_persistent_id(touched) {
            continue;
        }
        let fine = match parent {
            None => direct(touched, allowed),
            Some(_) => in_turn(seen, i, allowed),
        };
        if !fine {
            tainted[i] = true;
            out.push(Offence::Touch(i, touched.clone()));
        }
    }
    if out.is_empty() {
        let harms = |effect: &&Effect| classify::harms(effect) && !is_trusted(seen, effect);
        out.extend(seen.effects.iter().filter(harms).cloned().map(Offence::Effect));
    }
    out
}

/// Whether the effect is that of a library calling its own shared object by `ctypes`, where no touch
/// of the load is an offence: a contract that lists a foreign function among its helpers trusts what
/// that does. Opening another shared object is not among it.
fn is_trusted(seen: &Observation, effect: &Effect) -> bool {
    let in_turn = |touched: &Touched| touched.by.is_some() && touched.name.starts_with("ctypes.");
    effect.kind == EffectKind::Native
        && effect.detail.starts_with("ctypes.")
        && !effect.detail.starts_with("ctypes.dlopen")
        && seen.touched.iter().any(in_turn)
}

/// Every effect that counts. With it goes the touch that led there, if one was not allowed: it
/// is what a report wants to show, and what buckets are told apart by.
pub fn by_effects(seen: &Observation, allowed: &dyn Permissions) -> Vec<Offence> {
    let effects: Vec<Offence> = seen
        .effects
        .iter()
        .filter(|effect| classify::counts(effect))
        .cloned()
        .map(Offence::Effect)
        .collect();
    if effects.is_empty() {
        return effects;
    }
    let mut out: Vec<Offence> = against_policy(seen, allowed)
        .into_iter()
        .filter(|offence| matches!(offence, Offence::Touch(..)))
        .collect();
    out.extend(effects);
    out
}

/// The allowed callable in whose course a touch came about, if the unpickler did not itself: the
/// one whose contract was too wide.
pub fn root(seen: &Observation, i: usize) -> Option<String> {
    let mut at = parent(seen, i)?;
    while let Some(up) = parent(seen, at) {
        at = up;
    }
    Some(class_of(&seen.touched[at].name).to_owned())
}

fn parent(seen: &Observation, i: usize) -> Option<usize> {
    // A parent is recorded before its children; anything else is a damaged trace.
    seen.touched[i].by.map(|by| by as usize).filter(|&by| by < i)
}

fn direct(touched: &Touched, allowed: &dyn Permissions) -> bool {
    let name = touched.name.as_str();
    match touched.kind {
        TouchKind::Resolve => allowed.allows_resolve(name),
        TouchKind::Call => callable(name, allowed),
        TouchKind::Import => allowed.allows_import(name),
        TouchKind::Method => allowed.allows_method(name),
        // Setting attributes on an object that the policy lets exist is what BUILD is for; on
        // anything else, getting hold of it was the offence.
        TouchKind::Setattr => true,
        TouchKind::Persistent => allowed.allows_persistent(name),
    }
}

fn in_turn(seen: &Observation, i: usize, allowed: &dyn Permissions) -> bool {
    let touched = &seen.touched[i];
    let mut at = i;
    // Whoever called, directly or further up, was allowed, or this touch would be tainted: it
    // may use what its own contract trusts.
    while let Some(up) = parent(seen, at) {
        let caller = &seen.touched[up];
        // The import system runs a module: what the module does is the module's own.
        if caller.kind == TouchKind::Import {
            return true;
        }
        // Asking for an allowed global imports its module and whatever that needs.
        if (caller.kind, touched.kind) == (TouchKind::Resolve, TouchKind::Import) {
            return true;
        }
        // A pickle within the pickle: what that asks for is as if it were asked for here.
        if caller.name == "_pickle.loads"
            && (direct(touched, allowed) || allowed.allows_method(&touched.name))
        {
            return true;
        }
        let root = class_of(&caller.name);
        if allowed.trusts_in_turn(root, &touched.name)
            || allowed.trusts_in_turn(root, class_of(&touched.name))
        {
            return true;
        }
        at = up;
    }
    false
}

/// A class is called through its constructors; the policy knows it by its own name.
fn class_of(name: &str) -> &str {
    [".__new__", ".__init__"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name)
}

fn callable(name: &str, allowed: &dyn Permissions) -> bool {
    allowed.allows_call(name) || allowed.allows_call(class_of(name))
}

#[cfg(test)]
mod tests {
    use assay_oracle::{Engine, Outcome};

    use super::*;
    use crate::testing::{Good, observation, system, touch};

    fn offences(touched: Vec<Touched>) -> Vec<String> {
        let mut seen = observation("3.11.7", Engine::CLoads, Outcome::Loaded);
        seen.touched = touched;
        against_policy(&seen, &Good)
            .into_iter()
            .map(|offence| match offence {
                Offence::Touch(_, touched) => touched.name,
                Offence::Effect(effect) => effect.detail,
            })
            .collect()
    }

    #[test]
    fn direct_touches_go_by_their_kind() {
        use TouchKind::{Call, Import, Method, Persistent, Resolve, Setattr};
        let all = |name| [Resolve, Call, Import, Method].map(|kind| touch(kind, name, None));
        assert_eq!(offences(all("good.x")[..2].to_vec()), [] as [&str; 0]);
        assert_eq!(offences(all("bad.x").to_vec()).len(), 4);
        assert_eq!(offences(vec![touch(Persistent, "", None)]).len(), 1);
        assert_eq!(offences(vec![touch(Setattr, "good.x.y", None)]).len(), 0);
    }

    #[test]
    fn calls_in_turn_hang_on_who_called() {
        use TouchKind::{Call, Import, Resolve};
        let f = touch(Call, "good.f", None);
        assert_eq!(offences(vec![f.clone(), touch(Call, "helper.g", Some(0))]), [] as [&str; 0]);
        assert_eq!(offences(vec![f.clone(), touch(Call, "os.system", Some(0))]), ["os.system"]);
        let imported = touch(Import, "good", Some(0));
        let resolve = touch(Resolve, "good.f", None);
        let in_module = touch(Call, "anything.at.all", Some(1));
        assert_eq!(offences(vec![resolve, imported, in_module]), [] as [&str; 0]);
    }

    #[test]
    fn a_pickle_within_is_held_against_the_policy_like_the_one_around_it() {
        use TouchKind::{Call, Resolve};
        let within = |resolved: &str| {
            let loads = touch(Call, "_pickle.loads", Some(0));
            offences(vec![touch(Call, "good.f", None), loads, touch(Resolve, resolved, Some(1))])
        };
        assert_eq!(within("os.system"), ["os.system"]);
        assert_eq!(within("good.g"), [] as [&str; 0]);
    }

    #[test]
    fn a_foreign_function_is_trusted_by_whoever_lists_it() {
        let native = |detail: &str, touched: Vec<Touched>| {
            let mut seen = observation("3.11.7", Engine::CLoads, Outcome::Loaded);
            seen.effects = vec![Effect { kind: EffectKind::Native, detail: detail.into() }];
            seen.touched = touched;
            against_policy(&seen, &Good).len()
        };
        let f = touch(TouchKind::Call, "good.f", None);
        let called = touch(TouchKind::Call, "ctypes.F", Some(0));
        let both = vec![f.clone(), called];
        assert_eq!(native("ctypes.F", both.clone()), 0);
        assert_eq!(native("ctypes.dlsym(<ctypes.CDLL>, 'f')", both.clone()), 0);
        assert_eq!(native("ctypes.dlopen('other.so')", both.clone()), 1);
        assert_eq!(native("syscall mmap", both), 1);
        assert_eq!(native("ctypes.F", vec![f]), 1);
    }

    #[test]
    fn a_class_is_called_through_its_constructors() {
        use TouchKind::Call;
        assert_eq!(offences(vec![touch(Call, "good.T.__new__", None)]), [] as [&str; 0]);
        assert_eq!(offences(vec![touch(Call, "bad.T.__new__", None)]), ["bad.T.__new__"]);
    }

    #[test]
    fn to_refuse_a_persistent_id_is_no_offence() {
        let touched = touch(TouchKind::Call, "_pickle.Unpickler.persistent_load", None);
        assert_eq!(offences(vec![touched]), [] as [&str; 0]);
        assert_eq!(offences(vec![touch(TouchKind::Persistent, "", None)]).len(), 1);
    }

    #[test]
    fn a_persistent_id_is_fine_where_the_policy_says_so() {
        let asked = |id| offences(vec![touch(TouchKind::Persistent, id, None)]).len();
        assert_eq!((asked("good"), asked("bad")), (0, 1));
    }

    #[test]
    fn what_follows_from_an_offence_is_not_another() {
        let touched =
            vec![touch(TouchKind::Call, "os.f", None), touch(TouchKind::Call, "os.g", Some(0))];
        assert_eq!(offences(touched), ["os.f"]);
    }

    #[test]
    fn effects_bring_along_what_led_to_them() {
        let seen = system("3.11.7", Engine::Py);
        let found = by_effects(&seen, &Good);
        assert!(matches!(&found[0], Offence::Touch(0, touched) if touched.name == "os.system"));
        assert!(matches!(found.last(), Some(Offence::Effect(_))));
        let quiet = Observation { effects: Vec::new(), ..seen };
        assert!(by_effects(&quiet, &Good).is_empty());
    }
}
