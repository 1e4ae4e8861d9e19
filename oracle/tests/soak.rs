//! The pool under load, in short: no answer is lost, nothing is left, nothing grows.

#[path = "common/soak.rs"]
mod soak;

#[test]
fn twenty_thousand_pickles_leave_nothing_behind() {
    let seen = soak::run(20_000, 7, |_| {}).unwrap();
    assert_eq!(seen.violations(), Vec::<String>::new(), "{seen:?}");
    assert_eq!(seen.answered, 20_000);
    for kind in ["deny Loaded", "deny Raised", "full Loaded", "full Raised", "filter Loaded"] {
        assert!(seen.outcomes.contains_key(kind), "{kind} is missing: {:?}", seen.outcomes);
    }
}
