//! Replays the catalogue of divergences: each pickle still divides the engines, each cause has
//! the bucket that it is said to have, and no two share one.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use assay_analyzer::Policy;
use assay_differential::minimise::Budget;
use assay_differential::{Bench, Class, Hunt};
use assay_oracle::{Engine, Observation, Oracle, OracleConfig, Outcome};
use assay_subjects::{JudgeBy, Subject, SubjectSpec};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Catalogue {
    divergence: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: String,
    cause: String,
    r#where: String,
    bucket: String,
    issue: Option<String>,
    /// What each engine does.
    engines: BTreeMap<String, String>,
}

fn dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../corpus/divergences")
}

fn catalogue() -> Vec<Entry> {
    let text = std::fs::read_to_string(dir().join("divergences.toml")).unwrap();
    toml::from_str::<Catalogue>(&text).unwrap().divergence
}

#[test]
fn every_cause_has_a_pickle_and_a_bucket_of_its_own() {
    let all = catalogue();
    assert!(all.len() >= 22, "{}", all.len());
    let buckets: BTreeSet<&str> = all.iter().map(|entry| &*entry.bucket).collect();
    assert_eq!(buckets.len(), all.len());
    let files = std::fs::read_dir(dir()).unwrap().map(|file| file.unwrap().path());
    let pickles: BTreeSet<String> = files
        .filter(|path| path.extension().is_some_and(|extension| extension == "pkl"))
        .map(|path| path.file_stem().unwrap().to_string_lossy().into_owned())
        .collect();
    assert_eq!(pickles, all.iter().map(|entry| entry.name.clone()).collect());
    for entry in &all {
        assert!(
            !entry.cause.is_empty() && entry.r#where.contains(".py") | entry.r#where.contains(".c")
        );
        let ours = "https://github.com/python/cpython/issues/";
        assert!(entry.issue.as_ref().is_none_or(|issue| issue.starts_with(ours)));
    }
}

/// Our analyser beside one CPython.
struct Fixture {
    policy: Policy,
    subject: Box<dyn Subject>,
    oracle: Oracle,
}

impl Fixture {
    fn new() -> Self {
        let policy = Policy::load(&["stdlib"]).unwrap();
        let spec: SubjectSpec = "assay".parse().unwrap();
        let subject = spec.start(&policy, Duration::from_secs(30)).unwrap();
        let python = assay_oracle::discover().into_iter().next();
        let mut config = OracleConfig::new(vec![python.expect("a CPython of 3.9 or later")]);
        config.allow = policy.globals();
        config.preload = policy.modules();
        Self { policy, subject, oracle: Oracle::new(config).unwrap() }
    }

    /// What was seen of a pickle, and the bucket of its divergence, if there is one.
    fn trace(&mut self, pickle: &[u8]) -> (Vec<Observation>, Option<String>) {
        let mut bench = Bench {
            subject: &mut *self.subject,
            witness: &mut self.oracle,
            allowed: &self.policy,
            by: JudgeBy::Policy,
            engines: &Engine::ALL,
        };
        let checked = bench.check(pickle, Hunt::Divergence).unwrap();
        let found = checked.discrepancies.iter().find(|found| found.class == Class::Divergence);
        let bucket = found.and_then(|found| {
            let traced = bench.trace(pickle, &checked, found, Budget::default()).unwrap();
            traced.map(|traced| traced.bucket)
        });
        (checked.observations, bucket)
    }
}

#[test]
fn every_pickle_still_divides_the_engines_as_it_is_said_to() {
    let (mut fixture, mut wrong) = (Fixture::new(), Vec::new());
    for entry in catalogue() {
        let pickle = std::fs::read(dir().join(format!("{}.pkl", entry.name))).unwrap();
        let (observations, bucket) = fixture.trace(&pickle);
        for seen in &observations {
            let said = &entry.engines[seen.engine.name()];
            let accepts = said == "accepts" || said.starts_with("gives ");
            if accepts != (seen.outcome == Outcome::Loaded) {
                wrong.push(format!("{}: {} {:?}", entry.name, seen.engine.name(), seen.outcome));
            }
        }
        if bucket.as_ref() != Some(&entry.bucket) {
            wrong.push(format!("{}: {bucket:?}, expected {}", entry.name, entry.bucket));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// All refuse these in the end; one has asked for a name by then that the other never read.
#[test]
fn what_is_touched_beyond_a_refusal_has_the_cause_of_the_refusal() {
    let name = b"cbuiltins\nlist\n".as_slice();
    let cases: [(&[u8], &str); 3] = [
        (b"F1e999\n", "float-overflow"),
        (b"\x95\x02\0\0\0\0\0\0\0M\x01\x02", "frame-ends-within-an-opcode"),
        (b"I010\n", "c-reads-octal"),
    ];
    let (mut fixture, all) = (Fixture::new(), catalogue());
    for (before, cause) in cases {
        let entry = all.iter().find(|entry| entry.name == cause).unwrap();
        let (observations, bucket) = fixture.trace(&[before, name, b"]NNs"].concat());
        assert!(observations.iter().all(|seen| seen.outcome != Outcome::Loaded), "{cause}");
        assert_eq!(bucket.as_ref(), Some(&entry.bucket), "{cause}");
    }
}
