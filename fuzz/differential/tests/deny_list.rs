//! How much of the gadget data the deny list covers: two lists by different hands, held against
//! each other.
//!
//! What is missing is reported, and never filled in from here: a deny list made of the gadgets
//! would have no gaps that the gadgets could show.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use assay_analyzer::Policy;
use assay_corpus::{Gadget, gadgets};

fn denies(policy: &Policy, gadget: &Gadget) -> bool {
    let globals = gadget.globals();
    globals.iter().any(|global| policy.denied(&format!("{}.{}", global.module, global.name)))
}

/// Covered and all, by effect, and what is not covered.
fn coverage(policy: &Policy) -> (BTreeMap<&str, (usize, usize)>, Vec<&str>) {
    let mut by_effect = BTreeMap::new();
    let mut missing = Vec::new();
    for gadget in gadgets() {
        let (covered, all) = by_effect.entry(gadget.effect.as_str()).or_default();
        *all += 1;
        if denies(policy, gadget) {
            *covered += 1;
        } else {
            missing.push(gadget.id.as_str());
        }
    }
    missing.sort_unstable();
    (by_effect, missing)
}

#[test]
fn the_deny_list_covers_so_much_of_the_gadgets() {
    let policy = Policy::load(&["stdlib"]).unwrap();
    let (by_effect, missing) = coverage(&policy);
    let mut report = String::new();
    for (effect, (covered, all)) in &by_effect {
        writeln!(report, "{effect}: {covered} of {all}").unwrap();
    }
    let (covered, all) = by_effect.values().fold((0, 0), |sum, of| (sum.0 + of.0, sum.1 + of.1));
    writeln!(report, "all: {covered} of {all}\nnot covered: {}", missing.join(", ")).unwrap();
    insta::assert_snapshot!(report);
}

#[test]
fn the_deny_list_has_sources_of_its_own() {
    let policy = Policy::load(&["stdlib"]).unwrap();
    for gadget in gadgets() {
        let name = format!("{}.{}", gadget.global.module, gadget.global.name);
        if let Some(denied) = policy.why_denied(&name) {
            assert_ne!(denied.source, gadget.reference, "{name} is denied for its gadget");
            assert!(!denied.source.contains("corpus/"), "{name}: {}", denied.source);
        }
    }
}
