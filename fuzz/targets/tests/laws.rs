//! Laws of the analyser and of mutation, for generated pickles. They stand here and not with the
//! analyser, which must not know the generator.

use arbitrary::Unstructured;
use assay_analyzer::{Policy, Verdict, analyze};
use assay_generator::{Pickle, Profile, any_pickle, mutate, pickles};
use assay_pickle::Program;
use assay_targets::{Analyze, Target};
use proptest::prelude::*;

fn policy(names: &[&str]) -> Policy {
    Policy::load(names).expect("a built-in profile")
}

/// How safe a verdict is.
fn rank(verdict: Verdict) -> u8 {
    match verdict {
        Verdict::Dangerous => 0,
        Verdict::Unproven => 1,
        Verdict::Safe => 2,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(400) })]

    #[test]
    fn the_same_bytes_have_the_same_verdict(pickle in any_pickle()) {
        let policy = policy(&["stdlib"]);
        prop_assert_eq!(analyze(&pickle, &policy).verdict, analyze(&pickle, &policy).verdict);
    }

    #[test]
    fn a_wider_policy_takes_nothing_back(pickle in pickles(Profile::Mixed, None)) {
        let verdict = |names: &[&str]| analyze(&pickle, &policy(names)).verdict;
        if verdict(&["data"]) == Verdict::Safe {
            prop_assert_eq!(verdict(&["stdlib"]), Verdict::Safe);
        }
    }

    #[test]
    fn a_stream_is_no_safer_than_its_parts(one in any_pickle(), other in any_pickle()) {
        let policy = policy(&["stdlib"]);
        let verdict = |bytes: &[u8]| analyze(bytes, &policy).verdict;
        let ends = |pickle: &Pickle| pickle.ends_with(b".") && Program::parse(pickle).tail.is_empty();
        prop_assume!(ends(&one));
        let both: Vec<u8> = one.iter().chain(other.iter()).copied().collect();
        prop_assert!(rank(verdict(&both)) <= rank(verdict(&one)));
    }

    #[test]
    fn what_keeps_the_meaning_makes_nothing_safe(pickle in any_pickle()) {
        let mut target = Analyze::new();
        let found = target.run(&pickle);
        prop_assert!(found.is_ok(), "{:?}", found);
    }

    #[test]
    fn every_mutant_is_judged(pickle in any_pickle(), entropy in prop::collection::vec(any::<u8>(), 64)) {
        let mutant = mutate::mutate(&pickle, None, &mut Unstructured::new(&entropy));
        analyze(&mutant, &policy(&["stdlib"]));
    }
}
