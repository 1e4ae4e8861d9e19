//! The laws of minimising and bucketing, by the real oracle, on pickles of the labelled set.

use std::path::{Path, PathBuf};
use std::time::Duration;

use assay_analyzer::Policy;
use assay_differential::labelled::Labelled;
use assay_differential::minimise::Budget;
use assay_differential::{Bench, Class, Hunt, Traced, is_whole};
use assay_oracle::{Engine, Oracle, OracleConfig, Python};
use assay_pickle::Program;
use assay_subjects::SubjectSpec;

/// Causes that are quick to follow, of several classes.
const CAUSES: [&str; 8] = [
    "inst-not-read",
    "gives-up-is-safe",
    "pop-mark-not-followed",
    "list-lacks-name",
    "contract-array-of-anything",
    "build-flagged",
    "dies-of-frozen-sets",
    "arguments-in-a-list",
];

fn dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("labelled")
}

/// Follows the pickle on these interpreters, and says of each program with one opcode less
/// whether it shows the same class.
fn follow(pythons: &[Python], spec: &str, judge: Option<&str>, class: Class, file: &str) -> Traced {
    let pickle = std::fs::read(dir().join("pickles").join(file)).unwrap();
    let policy = Policy::load(&["stdlib"]).unwrap();
    let spec: SubjectSpec = spec.replace("{dir}", &dir().to_string_lossy()).parse().unwrap();
    let by = judge.map_or(spec.judge_mode(), |judge| judge.parse().unwrap());
    let mut subject = spec.start(&policy, Duration::from_secs(30)).unwrap();
    let mut config = OracleConfig::new(pythons.to_vec());
    config.preload = policy.modules();
    let mut oracle = Oracle::new(config).unwrap();
    let mut bench = Bench {
        subject: &mut *subject,
        witness: &mut oracle,
        allowed: &policy,
        by,
        engines: &Engine::ALL,
    };
    let checked = bench.check(&pickle, Hunt::All).unwrap();
    let found = checked.discrepancies.iter().find(|found| found.class == class).unwrap();
    let traced = bench.trace(&pickle, &checked, found, Budget::default()).unwrap().unwrap();
    let again = bench.trace(&pickle, &checked, found, Budget::default()).unwrap().unwrap();
    assert_eq!((&traced.minimized, &traced.bucket), (&again.minimized, &again.bucket), "{file}");
    // 1-minimal: no single opcode can go. A whole pickle counts with those that are whole.
    let program = Program::parse(&traced.minimized);
    for i in 0..program.codes.len() {
        let mut without = program.clone();
        let gone = without.codes.remove(i);
        let without = without.to_bytes();
        if is_whole(&traced.minimized) && !is_whole(&without) || class == Class::Divergence {
            continue;
        }
        let checked = bench.check(&without, Hunt::All).unwrap();
        let shows = checked.discrepancies.iter().any(|found| found.class == class);
        assert!(!shows, "{file}: {gone:?} of {:?} can go", traced.minimized);
    }
    traced
}

#[test]
fn minimised_pickles_are_1_minimal_and_ids_hang_on_no_version() {
    let set = Labelled::read(&dir()).unwrap();
    let all = assay_oracle::discover();
    let few: Vec<Python> = all.iter().rev().take(1).cloned().collect();
    for label in CAUSES {
        let cause = set.causes.iter().find(|cause| cause.label == label).unwrap();
        let shown = &cause.shown[0];
        let judge = shown.judge.as_deref();
        let ids: Vec<String> = [(&all, 0), (&few, 0), (&few, 3)]
            .map(|(pythons, i)| {
                let file = &shown.pickles[i].file;
                follow(pythons, &shown.analyzer, judge, cause.class, file).bucket
            })
            .into();
        assert!(ids.iter().all(|id| *id == ids[0]), "{label}: {ids:?}");
    }
}
