//! Replays the curated corpus through analyser and oracle: seeds of real CPythons are safe and
//! show no discrepancy, regressions keep the verdict they were given.

use std::collections::BTreeSet;
use std::time::Duration;

use assay_analyzer::Policy;
use assay_differential::{Bench, Class, Hunt};
use assay_oracle::{Engine, Oracle, OracleConfig, discover};
use assay_subjects::{JudgeBy, Judged, SubjectSpec};

const ENGINES: [Engine; 3] = [Engine::CLoads, Engine::CStream, Engine::Py];

/// Judges and loads each pickle on the default interpreter; gives the judgement and the summary
/// of every discrepancy.
fn check<'a>(
    policy: &str,
    pickles: impl IntoIterator<Item = (&'a str, &'a [u8])>,
    mut each: impl FnMut(&str, Judged, Vec<(Class, String)>),
) {
    let policy = Policy::load(&[policy]).expect("the profile is built in");
    let python = discover().into_iter().next();
    let python = python.expect("the tests need a CPython of 3.9 or later as `python3`");
    let mut config = OracleConfig::new(vec![python]);
    config.allow = policy.globals();
    config.preload = policy.modules();
    let mut oracle = Oracle::new(config).expect("the sandbox works: see `assay doctor`");
    let spec: SubjectSpec = "assay".parse().expect("the built-in analyser");
    let mut subject = spec.start(&policy, Duration::from_secs(5)).expect("it needs nothing");
    for (name, bytes) in pickles {
        let verdict = subject.judge(bytes).verdict;
        // What is claimed of no load needs none; among the regressions are some that hang.
        if verdict == Judged::Unproven {
            each(name, verdict, Vec::new());
            continue;
        }
        let mut bench = Bench {
            subject: subject.as_mut(),
            witness: &mut oracle,
            allowed: &policy,
            by: JudgeBy::Policy,
            engines: &ENGINES,
        };
        let checked = bench.check(bytes, Hunt::Soundness).expect("the oracle answers");
        let found = checked.discrepancies.iter().map(|found| (found.class, found.summary.clone()));
        each(name, checked.judgement.verdict, found.collect());
    }
}

#[test]
fn seeds_of_the_policys_types_are_safe_and_show_no_discrepancy() {
    let seeds = assay_corpus::seeds().iter();
    let stdlib: Vec<_> = seeds.filter(|seed| seed.policy == "stdlib").collect();
    assert!(stdlib.len() > 500, "{} seeds", stdlib.len());
    let mut wrong = Vec::new();
    check("stdlib", stdlib.iter().map(|seed| (seed.name, seed.bytes)), |name, verdict, found| {
        if verdict != Judged::Safe || !found.is_empty() {
            wrong.push(format!("{name}: {verdict:?} {found:?}"));
        }
    });
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn other_seeds_are_never_unsound() {
    let seeds = assay_corpus::seeds().iter().filter(|seed| seed.policy != "stdlib");
    let mut wrong = Vec::new();
    check("stdlib", seeds.map(|seed| (seed.name, seed.bytes)), |name, _, found| {
        if found.iter().any(|(class, _)| *class == Class::Unsound) {
            wrong.push(format!("{name}: {found:?}"));
        }
    });
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

/// Of those of libraries that are not there, only the verdict shows.
#[test]
fn regressions_keep_their_verdict() {
    let regressions = assay_corpus::regressions();
    let policies: BTreeSet<&str> = regressions.iter().map(|r| r.policy.as_str()).collect();
    let mut wrong = Vec::new();
    for policy in policies {
        let pickles = regressions.iter().filter(|regression| regression.policy == policy);
        check(policy, pickles.map(|r| (r.name.as_str(), r.bytes)), |name, verdict, found| {
            let expected = regressions.iter().find(|regression| regression.name == name);
            let expected = expected.expect("it was given").expect.as_str();
            let verdict = match verdict {
                Judged::Safe => "safe",
                Judged::Dangerous => "dangerous",
                Judged::Unproven => "unproven",
                Judged::Error => "error",
            };
            let grave =
                found.iter().any(|(class, _)| matches!(class, Class::Unsound | Class::NoWitness));
            if expected != "any" && verdict != expected || grave {
                wrong.push(format!("{name}: {verdict}, expected {expected} {found:?}"));
            }
        });
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}
