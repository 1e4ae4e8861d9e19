//! The escape suite: hostile pickles in the full tier of real CPythons.
//!
//! After each: the host is unchanged, the outcome is the right one, the pool goes on, and a
//! benign pickle gives its usual answer. What watches the host watches its whole process, so the
//! suite runs itself again for each: several at a time, and lesser systems as another user or
//! without some of the kernel's calls. A scenario that cannot be played here says so and passes.

#![allow(clippy::print_stderr, reason = "a scenario that is not played says so")]

mod cases;
#[path = "../common/mod.rs"]
mod common;
mod host;
mod scenarios;

use std::time::Duration;

use assay_oracle::{Engine, Observation, Oracle, OracleConfig, Outcome, Python};
use cases::Case;
use host::Host;

/// Time enough for what ends, on a busy machine.
const PATIENT: Duration = Duration::from_secs(20);
/// Time for what does not end.
const HASTY: Duration = Duration::from_millis(500);

/// The pools under attack, one by how long they wait.
struct Pools {
    patient: Oracle,
    hasty: Oracle,
}

impl Pools {
    fn new(python: &Python) -> Self {
        let oracle = |timeout| {
            let mut config = OracleConfig::new(vec![python.clone()]);
            config.limits.timeout = timeout;
            Oracle::new(config).unwrap()
        };
        Self { patient: oracle(PATIENT), hasty: oracle(HASTY) }
    }
}

/// A load that uses what pickles spoil: imports, calls, sets, output, a file, an exception.
fn benign() -> Vec<u8> {
    common::exec(
        "import os, colorsys, collections, pickle, builtins
x = collections.OrderedDict(a={1, 2})
print(colorsys.rgb_to_hsv(1, 0, 0), len(builtins.open.__name__), sorted(os.environ), x)
print(pickle.loads(pickle.dumps(257)), os.getcwd(), __import__('sys').getrecursionlimit())
try: print(os.listdir('.'), open('/tmp/left').read())
except OSError as error: print(error)
print('x' * 3000)
os.stat('/nonexistent')",
    )
}

/// What is compared: everything but the time.
fn answer(oracle: &mut Oracle, engine: Engine, pickle: &[u8]) -> Observation {
    let mut seen = oracle.full(0, engine.into(), pickle).unwrap();
    seen.time_us = 0;
    seen
}

/// Has every case played against one interpreter.
fn play(python: &Python, cases: &[Case], engines: &[Engine]) {
    let mut host = Host::new();
    let mut pools = Pools::new(python);
    let benign = benign();
    let mut wrong = Vec::new();
    for &engine in engines {
        let usual =
            [&mut pools.patient, &mut pools.hasty].map(|oracle| answer(oracle, engine, &benign));
        assert_eq!(usual[0].outcome, Outcome::Raised);
        assert!(usual[0].exception.as_deref().unwrap().starts_with("FileNotFound"), "{usual:?}");
        for case in cases {
            let (oracle, usual) = match case.endless {
                false => (&mut pools.patient, &usual[0]),
                true => (&mut pools.hasty, &usual[1]),
            };
            let seen = answer(oracle, engine, &case.pickle(&host));
            let mut said = host.changes();
            if !case.outcomes.contains(&seen.outcome) {
                said.push(format!("ended {:?}, not {:?}", seen.outcome, case.outcomes));
            }
            let ended = seen.exception.as_deref().unwrap_or_default();
            if seen.outcome == Outcome::Raised && !case.raises(ended) {
                said.push(format!("raised {ended}, not {}", case.exceptions));
            }
            for effect in case.effects {
                if !seen.effects.iter().any(|found| found.kind == *effect) {
                    said.push(format!("no effect {effect:?} was seen"));
                }
            }
            if answer(oracle, engine, &benign) != *usual {
                said.push("the benign pickle gave another answer".to_owned());
            }
            if !said.is_empty() {
                let (version, engine) = (&python.version, engine.name());
                wrong.push(format!("{} ({version} {engine}): {said:?}", case.name));
            }
        }
    }
    assert!(wrong.is_empty(), "{} cases:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn there_are_enough_cases_and_none_twice() {
    let cases = cases::all();
    let names: std::collections::BTreeSet<_> = cases.iter().map(|case| case.name).collect();
    assert_eq!(names.len(), cases.len());
    assert!(cases.len() >= 60, "{}", cases.len());
}

#[test]
#[ignore = "run by the scenarios, in a process of its own"]
fn plays_the_newest() {
    let python = common::pythons().into_iter().max_by_key(|python| python.number).unwrap();
    play(&python, &cases::all(), &[Engine::CLoads]);
}

#[test]
#[ignore = "run by the scenarios, in a process of its own"]
fn plays_the_oldest() {
    let python = common::pythons().into_iter().min_by_key(|python| python.number).unwrap();
    play(&python, &cases::all(), &[Engine::CLoads]);
}

#[test]
#[ignore = "run by the scenarios, as another user or on a lesser system"]
fn plays_the_default() {
    let lacks = std::env::var(scenarios::LACKS).unwrap_or_default();
    let mut cases = cases::all();
    // Where landlock is absent, what the user can read outside of /tmp can be read, not told.
    cases.retain(|case| lacks != "landlock" || !case.reads());
    // Waiting is the supervisor's affair, not the system's.
    cases.retain(|case| !case.endless || case.name.ends_with("bomb"));
    play(&common::pythons()[0], &cases, &[Engine::CLoads]);
}

/// The other interpreters and engines, on a few cases of each kind.
#[test]
#[ignore = "run by the scenarios, in a process of its own"]
fn plays_the_others() {
    let mut cases = cases::all();
    let few = [
        "write over a file",
        "rename",
        "unlink",
        "symlink",
        "os.system",
        "fork",
        "daemonise",
        "thread",
        "signal everyone",
        "connect",
        "listen",
        "user namespace",
        "mount",
        "trace the parent",
        "bytes of 16 GiB",
        "spin",
        "segfault",
        "exit 0 at once",
        "close every descriptor",
        "garbage on every descriptor",
        "replace the unpickler",
        "forget all modules",
        "leave files in every temporary directory",
    ];
    cases.retain(|case| few.contains(&case.name));
    assert_eq!(cases.len(), few.len());
    let mut pythons = common::pythons();
    pythons.sort_by_key(|python| python.number);
    for python in pythons.iter().skip(1).rev().skip(1) {
        play(python, &cases, &[Engine::CLoads]);
    }
    play(&pythons[0], &cases, &[Engine::CFile, Engine::CReuse, Engine::Py]);
}
